"""The [connections.*] tables: options as the plugin types them, secrets by reference, words laid over."""

from __future__ import annotations

import importlib.resources
import ipaddress
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from syncer.config import references
from syncer.config.document import Document, read
from syncer.config.faults import types_in, valid
from syncer.config.settings import Where
from syncer.connector import Plugin
from syncer.errors import ConfigError
from syncer.log import hide
from syncer.mapping.load import load as load_tables
from syncer.mapping.schema import Tables
from syncer.mapping.source import Source

PluginLookup: TypeAlias = Callable[[str], Plugin]

_OURS = ("connector", "mapping", "map", "where", "webhook_secret")


@dataclass(frozen=True, slots=True)
class Connection:
    """One configured place. `options` is an instance of its plugin's own settings class.

    `references` are the secrets among the options, by option name. Until `unlocked`, such an option
    holds its reference in place of the secret. `hook_secrets`: any of them may have signed a webhook, the
    first signs what `hooks install` registers.
    """

    name: str
    connector: str
    options: BaseModel
    tables: Tables
    where: Where = field(default_factory=Where)
    mapping: Path | None = None
    map: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    hook_references: tuple[str, ...] = ()
    hook_secrets: tuple[SecretStr, ...] = ()


def connection(document: Document, base: Path, name: str, table: Mapping[str, Any], plugin: PluginLookup) -> Connection:
    """Return one connection, its secrets not yet resolved. Raises `ConfigError`."""
    at = ("connections", name)
    connector = table.get("connector")
    if not isinstance(connector, str):
        raise document.error((*at, "connector"), "connector is missing.", 'Like connector = "jira".')
    try:
        settings = plugin(connector).settings
    except ConfigError as error:
        raise document.error((*at, "connector"), error.message, error.fix) from error
    said = {k: v for k, v in table.items() if k not in _OURS}
    _check_urls(document, at, said)
    found = _references(document, at, settings, said)
    if "connector" in settings.model_fields:
        said["connector"] = connector
    mapping = _mapping_path(document, at, base, table)
    return Connection(
        name=name,
        connector=connector,
        options=valid(settings, said, document, at, also=_OURS),
        tables=_tables(document, at, connector, mapping, table),
        where=valid(Where, table.get("where", {}), document, (*at, "where")),
        mapping=mapping,
        map=table.get("map", {}),
        references=found,
        **_hook_secrets(document, at, table),
    )


def _check_urls(document: Document, at: tuple[str, ...], said: Mapping[str, Any]) -> None:
    for option, value in said.items():
        if not isinstance(value, str) or not (option == "url" or value.startswith("http://")):
            continue
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise document.error((*at, option), "not an http(s) URL.")
        if parts.scheme == "http" and not is_loopback(value):
            raise document.error((*at, option), "plain http only to loopback.", "Write https://.")
        if parts.password or parts.username:
            raise document.error((*at, option), "credentials do not belong in a URL.", "Use token.")


def is_loopback(url: str) -> bool:
    """Say whether *url* leads to this machine itself."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _references(
    document: Document, at: tuple[str, ...], settings: type[BaseModel], said: Mapping[str, Any]
) -> dict[str, str]:
    """Return the secret options that are references; written-out secrets pass only to loopback."""
    url = said.get("url")
    sandboxed = isinstance(url, str) and is_loopback(url)
    found: dict[str, str] = {}
    for option, info in settings.model_fields.items():
        value = said.get(info.alias or option)
        if SecretStr not in types_in(info.annotation) or not isinstance(value, str):
            continue
        if sandboxed and not references.is_reference(value):
            hide(value)
            continue
        check_reference(value, document, (*at, info.alias or option))
        found[option] = value
    return found


def _hook_secrets(document: Document, at: tuple[str, ...], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the secrets that sign webhooks: references to be resolved, and what was written out for loopback."""
    said, key = table.get("webhook_secret", []), (*at, "webhook_secret")
    listed = [said] if isinstance(said, str) else said
    if not isinstance(listed, list) or not all(isinstance(s, str) and s for s in listed):
        raise document.error(key, "must be a reference, or a list of them.", 'Like "env:JIRA_WEBHOOK_SECRET".')
    url = table.get("url")
    sandboxed = isinstance(url, str) and is_loopback(url)
    plain = [s for s in listed if sandboxed and not references.is_reference(s)]
    for secret in plain:
        hide(secret)
    rest = [s for s in listed if s not in plain]
    for reference in rest:
        check_reference(reference, document, key)
    return {"hook_references": tuple(rest), "hook_secrets": tuple(SecretStr(s) for s in plain)}


def check_reference(said: str, document: Document, keys: tuple[str, ...]) -> None:
    """Raise `ConfigError` at *keys* if *said* is not a reference to a secret."""
    try:
        references.check(said)
    except ConfigError as error:
        raise document.error(keys, error.message, error.fix) from None


def shipped_mapping(connector: str) -> Source | None:
    """Return the mapping that came with us for *connector*; a stranger's plugin may have none."""
    name = f"{connector}.toml"
    inside = importlib.resources.files("syncer") / "_mappings"
    if inside.is_dir():
        resource = inside / name
        if not resource.is_file():
            return None
        text = resource.read_text(encoding="utf-8")
        return Source(f"the shipped {name}", tomllib.loads(text), text)
    checkout = Path(__file__).parents[2] / "mappings" / name
    return read(checkout) if checkout.is_file() else None


def _mapping_path(document: Document, at: tuple[str, ...], base: Path, table: Mapping[str, Any]) -> Path | None:
    said = table.get("mapping")
    if said is None:
        return None
    if not isinstance(said, str):
        raise document.error((*at, "mapping"), "must be the path of a mapping file.")
    path = base / Path(said).expanduser()
    if not path.is_file():
        raise document.error((*at, "mapping"), f"there is no file {path}.", "Paths start at the config file.")
    return path


def _tables(
    document: Document, at: tuple[str, ...], connector: str, mapping: Path | None, table: Mapping[str, Any]
) -> Tables:
    inline = table.get("map", {})
    if not isinstance(inline, dict):
        raise document.error((*at, "map"), f"must be a table: [{'.'.join(at)}.map.fields.status].")
    file = document.source
    layers = [
        shipped_mapping(connector),
        read(mapping) if mapping else None,
        Source(file.name, inline, file.text, (*at, "map")) if inline else None,
    ]
    edit = str(mapping) if mapping else f"[{'.'.join(at)}.map] in {file.name}"
    return load_tables([layer for layer in layers if layer], file=edit)
