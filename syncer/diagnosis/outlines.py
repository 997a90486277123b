"""Configs, runs and statuses as a bug report may show them. What is not named here does not get in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from syncer.config import Config, Connection, Sync, Where
from syncer.diagnosis.masks import Mask, bare
from syncer.status import Status
from syncer.status import document as status_document

_WRITTEN_OUT: Final = "[written out]"
_OF_RUNS: Final = ("run", "sync", "trigger", "outcome", "started", "finished", "stopped", "waited", "budgets")
_OF_ACTIONS: Final = ("do", "link", "connection", "ref", "key", "state")
_OF_HOLDS: Final = ("id", "link", "ref", "field", "since")
_OF_PARKED: Final = ("id", "link", "connection", "ref", "field", "kind", "attempts", "next_try")
_OF_GUARDS: Final = ("connection", "flag", "number", "limit")


# -- config ----------------------------------------------------------------------------------


def settings(config: Config, mask: Mask) -> dict[str, Any]:
    """Return the config as understood: secrets as their references, people as their number."""
    return {
        "file": config.file.name,
        "store": {**config.store.model_dump(mode="json"), "url": bare(config.store.url)},
        "connections": {name: _connection(c, mask) for name, c in config.connections.items()},
        "people": len(config.people),
        "syncs": {name: _sync(s) for name, s in config.syncs.items()},
        "daemon": {**config.daemon.model_dump(mode="json"), "url": config.daemon.url and bare(config.daemon.url)},
        "log": config.log.model_dump(mode="json"),
        "from_environment": sorted(variable_name(v) for v in config.source.variables.values()),
    }


def _connection(connection: Connection, mask: Mask) -> dict[str, Any]:
    secrets = [*connection.hook_references, *(_WRITTEN_OUT for _ in connection.hook_secrets)]
    return {
        "connector": connection.connector,
        "options": {name: _option(connection, name, mask) for name in type(connection.options).model_fields},
        "webhook_secret": secrets,
        "mapping": connection.mapping.name if connection.mapping is not None else None,
        "map": connection.map,
        "where": _where(connection.where),
    }


def _option(connection: Connection, name: str, mask: Mask) -> object:
    if name in connection.references:
        return connection.references[name]
    value = getattr(connection.options, name)
    if isinstance(value, SecretStr):
        return _WRITTEN_OUT
    if isinstance(value, str):
        return bare(value) if name == "url" else mask.told(value)
    if isinstance(value, BaseModel) or not isinstance(value, int | float | None):
        return f"[{type(value).__name__}]"
    return value


def _sync(sync: Sync) -> dict[str, Any]:
    doc = sync.model_dump(mode="json", by_alias=True)
    if sync.disclose is not None:
        doc["disclose"]["redact"] = len(sync.disclose.redact)
    return {**doc, "where": _where(sync.where)}


def _where(where: Where) -> dict[str, Any]:
    doc = where.model_dump(mode="json")
    return doc | {name: len(doc[name]) for name in ("authors", "assignees") if doc[name] is not None}


# -- environment -----------------------------------------------------------------------------


def variables(config: Config | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return whether each variable that means something to syncer is set; never what to."""
    names = {n for n in environ if n.startswith("SYNCER_")}
    return {variable_name(n): "set" if environ.get(n) else "not set" for n in sorted(names | referred(config))}


def referred(config: Config | None) -> set[str]:
    """Return the variables that secrets refer to."""
    said = references(config) if config is not None else []
    return {r.removeprefix("env:") for r in said if r.startswith("env:")}


def references(config: Config) -> list[str]:
    """Return every reference to a secret."""
    of_connections = [r for c in config.connections.values() for r in (*c.references.values(), *c.hook_references)]
    return [*of_connections, *(r for r in (config.store.key, config.daemon.alerts.url) if r is not None)]


def variable_name(name: str) -> str:
    """Return the name of a variable without the people in it."""
    return "SYNCER_PEOPLE__[name]" if name.upper().startswith("SYNCER_PEOPLE__") else name


def values_of_secrets(config: Config | None, environ: Mapping[str, str]) -> list[str]:
    """Return the values of the variables that may be secrets, to be kept out of everything."""
    words = ("TOKEN", "SECRET", "KEY", "PASSWORD", "URL")
    ours = {n for n in environ if n.startswith("SYNCER_") and any(w in n.upper() for w in words)}
    return [environ[n].strip() for n in referred(config) | ours if environ.get(n, "").strip()]


# -- runs and status -------------------------------------------------------------------------


def run(doc: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """Return a run by its ids, counts and outcomes: no titles, no values."""
    return {
        **_only(doc, _OF_RUNS),
        "error": mask.told(doc.get("error")),
        "tally": doc.get("tally", {}),
        "down": {name: mask.told(error) for name, error in (doc.get("down") or {}).items()},
        "guards": [_only(g, _OF_GUARDS) for g in doc.get("guards") or ()],
        "actions": [{**_only(a, _OF_ACTIONS), "fields": sorted(a.get("fields", {}))} for a in doc.get("actions") or ()],
        "held": [{**_only(h, _OF_HOLDS), "reason": mask.told(h.get("reason"))} for h in doc.get("held") or ()],
        "parked": [{**_only(p, _OF_PARKED), "error": mask.told(p.get("error"))} for p in doc.get("parked") or ()],
    }


def standing(status: Status, mask: Mask) -> dict[str, Any]:
    doc = status_document(status)
    for one in doc["syncs"]:
        one["last"] = run(one["last"], mask) if one["last"] is not None else None
        for connection in one["connections"]:
            connection["down"] = mask.told(connection["down"])
    return doc


def _only(doc: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: doc[name] for name in names if name in doc}
