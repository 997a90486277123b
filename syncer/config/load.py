"""config.toml and the environment -> `Config`; every mistake with its file, key and line."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from syncer import plugins
from syncer.config import references
from syncer.config.connections import Connection, PluginLookup, check_reference, connection
from syncer.config.document import Document, document
from syncer.config.faults import valid
from syncer.config.settings import Daemon, Log, Store, Sync
from syncer.errors import ConfigError
from syncer.log import hide
from syncer.mapping.source import choice

VARIABLE = "SYNCER_CONFIG"
DEFAULT = "config.toml"

_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a person configured. `base` is the folder that paths are relative to."""

    file: Path
    base: Path
    store: Store
    connections: Mapping[str, Connection]
    people: Mapping[str, Mapping[str, str]]
    syncs: Mapping[str, Sync]
    daemon: Daemon
    log: Log
    source: Document = field(repr=False)

    def unlocked(
        self, names: Collection[str] | None = None, *, hooks: bool = False, environ: Mapping[str, str] | None = None
    ) -> Config:
        """Return the config with the secrets of connections *names* (all for None) resolved; with *hooks* also those
        that sign webhooks, which only who takes or registers them needs.

        Raises `ConfigError` with file and key, never a value, for a secret that cannot be had.
        """
        wanted = self.connections if names is None else names
        opened = {n: self._opened(c, environ, hooks=hooks) if n in wanted else c for n, c in self.connections.items()}
        return dataclasses.replace(self, connections=opened)

    def secret(self, reference: str, *at: str, environ: Mapping[str, str] | None = None) -> SecretStr:
        """Return what *reference*, said at the keys *at*, refers to.

        Raises `ConfigError` with file and key, never a value, where it cannot be had.
        """
        try:
            return references.resolve(reference, base=self.base, environ=environ)
        except ConfigError as error:
            raise self.source.error(at, error.message, error.fix) from None

    def _opened(self, connection: Connection, environ: Mapping[str, str] | None, *, hooks: bool) -> Connection:
        secrets: dict[str, SecretStr] = {}
        at = ("connections", connection.name)
        for option, reference in connection.references.items():
            secrets[option] = self.secret(reference, *at, option, environ=environ)
        options = connection.options.model_copy(update=secrets)
        opened = dataclasses.replace(connection, options=options, references={})
        if not hooks:
            return opened
        found = [self.secret(r, *at, "webhook_secret", environ=environ) for r in connection.hook_references]
        return dataclasses.replace(opened, hook_secrets=(*connection.hook_secrets, *found), hook_references=())


def find(given: Path | None, *, environ: Mapping[str, str] | None = None, cwd: Path = Path()) -> Path:
    """Return the config file: *given*, else $SYNCER_CONFIG, else config.toml in *cwd*.

    Raises `ConfigError`, saying what to type next, where there is no such file.
    """
    said = (os.environ if environ is None else environ).get(VARIABLE)
    path = given or (Path(said) if said else cwd / DEFAULT)
    if path.is_file():
        return path
    raise ConfigError(
        "there is no such file.",
        file=str(path),
        fix="Copy config.example.toml to config.toml and edit it, or type `syncer demo`, which needs none.",
    )


def load(
    path: Path,
    *,
    environ: Mapping[str, str] | None = None,
    secrets: bool = True,
    plugin: PluginLookup = plugins.plugin,
) -> Config:
    """Return the settings in *path*, overridden by *environ* (the process's own for None).

    With *secrets* false no token is looked up, only the shape of its reference is checked. Raises
    `ConfigError` on the first mistake. Nothing is asked of a network.
    """
    environ = os.environ if environ is None else environ
    merged = document(path, environ)
    connections: dict[str, Connection] = {}
    for name, table in merged.tables("connections"):
        _check_name(merged, ("connections", name))
        connections[name] = connection(merged, path.parent, name, table, plugin)
    config = Config(
        file=path,
        base=path.parent,
        store=_store(merged, path.parent),
        connections=connections,
        people=_people(merged, connections),
        syncs=_syncs(merged, connections),
        daemon=_daemon(merged),
        log=valid(Log, merged.table("log"), merged, ("log",)),
        source=merged,
    )
    return config.unlocked(hooks=True, environ=environ) if secrets else config


def _store(merged: Document, base: Path) -> Store:
    store = valid(Store, merged.table("store"), merged, ("store",))
    if store.key is not None:
        check_reference(store.key, merged, ("store", "key"))
    if secret := urlsplit(store.url).password:
        hide(secret)
    return store.model_copy(update={"url": _database(store.url, base, merged)})


def _daemon(merged: Document) -> Daemon:
    daemon = valid(Daemon, merged.table("daemon"), merged, ("daemon",))
    if daemon.alerts.url is not None:
        check_reference(daemon.alerts.url, merged, ("daemon", "alerts", "url"))
    return daemon


def _database(url: str, base: Path, merged: Document) -> str:
    """Return *url* as SQLAlchemy takes it, a SQLite path made relative to the config file."""
    scheme, _, rest = url.partition("://")
    if scheme in {"postgresql", "postgres", "postgresql+psycopg"}:
        return f"postgresql+psycopg://{rest}"
    if scheme != "sqlite" or not rest.startswith("/"):
        fix = 'Write "sqlite:///syncer.db" or "postgresql+psycopg://user@host/db".'
        raise merged.error(("store", "url"), "not a database we can use.", fix)
    path, query, options = rest[1:].partition("?")
    if path in {"", ":memory:"}:
        return url
    return f"sqlite:///{(base / Path(path).expanduser()).resolve()}{query}{options}"


def _people(merged: Document, connections: Mapping[str, Connection]) -> dict[str, Mapping[str, str]]:
    people: dict[str, Mapping[str, str]] = {}
    for person, accounts in merged.tables("people"):
        for name, account in accounts.items():
            at = ("people", person, name)
            if name not in connections:
                raise merged.error(at, f'no connection "{name}".', choice(name, connections))
            if not isinstance(account, str) or not account:
                raise merged.error(at, "must be an account, as text.")
        people[person] = accounts
    return people


def _syncs(merged: Document, connections: Mapping[str, Connection]) -> dict[str, Sync]:
    syncs: dict[str, Sync] = {}
    for name, table in merged.tables("syncs"):
        at = ("syncs", name)
        _check_name(merged, at)
        if "name" in table:
            raise merged.error((*at, "name"), 'unknown key "name".', "The table's own name is the name.")
        sync = valid(Sync, {"name": name, **table}, merged, at)
        missing = next((c for c in sync.connections if c not in connections), None)
        if missing is not None:
            fix = choice(missing, connections)
            raise merged.error((*at, "connections"), f'no connection "{missing}".', fix)
        fault = next(sync.faults(), None)
        if fault is not None:
            key, message, fault_fix = fault
            raise merged.error((*at, *key), message, fault_fix)
        syncs[name] = sync
    for one, other in itertools.combinations(syncs.values(), 2):
        shared = [c for c in one.connections if c in other.connections]
        if len(shared) > 1:
            raise merged.error(
                ("syncs", other.name, "connections"),
                f"{shared[0]} and {shared[1]} are in step by sync {one.name} already.",
                "Two syncs over the same two connections would fight: join them.",
            )
    return syncs


def _check_name(merged: Document, at: tuple[str, str]) -> None:
    if not _NAME.fullmatch(at[1]):
        raise merged.error(at, "a name is made of letters, digits, _ and -.")
