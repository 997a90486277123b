"""A TOML file with the environment laid over it, and where each of its keys came from."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource

from syncer.errors import ConfigError
from syncer.mapping.source import Source, choice

_AT_LINE = re.compile(r"^(?P<what>.*) \(at line (?P<line>\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Document:
    """The merged configuration, and which environment variable said what in it."""

    data: Mapping[str, Any]
    source: Source
    variables: Mapping[tuple[str, ...], str]

    def error(self, keys: Sequence[str], message: str, fix: str | None = None) -> ConfigError:
        variable = next((v for path, v in self.variables.items() if path == tuple(keys[: len(path)])), None)
        source = self.source if variable is None else Source(f"environment variable {variable}")
        return source.error(keys, message, fix)

    def tables(self, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the tables under a top-level *key*, by name."""
        for name, table in self.table(key).items():
            if not isinstance(table, dict):
                raise self.error((key, name), f"must be a table: [{key}.{name}].")
            yield name, table

    def table(self, key: str) -> dict[str, Any]:
        table = self.data.get(key, {})
        if not isinstance(table, dict):
            raise self.error((key,), f"must be a table: [{key}].")
        return table


def read(path: Path) -> Source:
    """Return a parsed TOML file. Raises `ConfigError` with the line where it is not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
        return Source(str(path), tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        match = _AT_LINE.match(str(error))
        what, line = (match["what"], int(match["line"])) if match else (str(error), None)
        raise ConfigError(f"this is not TOML: {what}.", file=str(path), line=line) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot be read: {reason}.", file=str(path)) from None


class _Environment(
    BaseSettings, env_prefix="SYNCER_", env_nested_delimiter="__", enable_decoding=False, extra="ignore"
):
    """The sections that SYNCER_<SECTION>__<NAME>__<KEY> may override."""

    store: dict[str, Any] = {}
    daemon: dict[str, Any] = {}
    log: dict[str, Any] = {}
    connections: dict[str, Any] = {}
    people: dict[str, Any] = {}
    syncs: dict[str, Any] = {}


def document(path: Path, environ: Mapping[str, str]) -> Document:
    """Return *path* overridden by *environ*. Raises `ConfigError` on unknown sections."""
    source = read(path)
    variables: dict[tuple[str, ...], str] = {}
    data: dict[str, Any] = dict(source.data)
    for name in sorted(environ):
        section, _, rest = name.removeprefix("SYNCER_").partition("__")
        if not name.startswith("SYNCER_") or not rest:
            continue
        if section.lower() not in _Environment.model_fields:
            known = [s.upper() for s in _Environment.model_fields]
            where = f"environment variable {name}"
            raise ConfigError(f'there is no section "{section}".', file=where, fix=choice(section, known))
        said = _said({name.lower(): environ[name]})
        data, at = _over(data, said, ())
        variables[at] = name
    merged = Document(data, source, variables)
    for key in data:
        if key not in _Environment.model_fields:
            raise merged.error((key,), f'unknown key "{key}".', choice(key, _Environment.model_fields))
    return merged


def _said(variable: dict[str, str | None]) -> dict[str, Any]:
    """Return one lower-cased variable as nested tables."""
    reader = EnvSettingsSource(_Environment)
    reader.env_vars = variable
    return reader()


def _over(
    data: Mapping[str, Any], said: Mapping[str, Any], at: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return *data* with the one value in *said* put in its place, and the keys of that place.

    Variables know no case and no dashes: a key of the file that reads the same is the one meant.
    """
    (name, value), *_ = said.items()
    key = next((k for k in data if k.casefold().replace("-", "_") == name), name)
    if not isinstance(value, dict):
        return {**data, key: _decoded(value)}, (*at, key)
    below = data.get(key)
    table, path = _over(below if isinstance(below, dict) else {}, value, (*at, key))
    return {**data, key: table}, path


def _decoded(said: object) -> object:
    """Lists and tables are said as JSON; everything else stays text for its own type to read."""
    if isinstance(said, str) and said.lstrip().startswith(("[", "{")):
        try:
            return json.loads(said)
        except json.JSONDecodeError:
            return said
    return said
