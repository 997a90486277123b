"""Points a person at what is wrong in a TOML text: the file, the dotted key, the line, the likely word."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from syncer.errors import ConfigError

_HEADER = re.compile(r"^\s*\[\[?(?P<path>[^=]+?)\]?\]\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*(?P<path>(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed table and where it stands: *name* of its file, the *text* its lines are counted in,
    and the keys (*at*) under which the table is found there."""

    name: str
    data: Mapping[str, object] = field(default_factory=dict)
    text: str = ""
    at: tuple[str, ...] = ()

    def error(self, keys: Sequence[str], message: str, fix: str | None = None) -> ConfigError:
        """Return the error for what stands under *keys* of this table."""
        path = (*self.at, *keys)
        return ConfigError(message, file=self.name, key=dotted(path) or None, line=line_of(self.text, path), fix=fix)


def dotted(keys: Sequence[str]) -> str:
    """Return *keys* as TOML spells them: `people."jane@acme.example".jira`."""
    return ".".join(k if _BARE.fullmatch(k) else f'"{k}"' for k in keys)


def line_of(text: str, keys: Sequence[str]) -> int | None:
    """Return the number of the line that says *keys*, or the nearest table around them."""
    best: tuple[int, int | None] = (0, None)
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _HEADER.match(line):
            path = table = _split(match["path"])
        elif match := _KEY.match(line):
            path = (*table, *_split(match["path"]))
        else:
            continue
        # A table further in ([fields.status] when asked for `fields`) is as near as any.
        same = min(len(path), len(keys))
        if path[:same] == tuple(keys[:same]) and same > best[0]:
            best = (same, number)
    return best[1]


def _split(path: str) -> tuple[str, ...]:
    try:
        table: object = tomllib.loads(f"[{path}]")
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(table, dict) and table:
        keys.append(next(iter(table)))
        table = table[keys[-1]]
    return tuple(keys)


def meant(word: str, known: Iterable[str]) -> str | None:
    """Return `Did you mean "..."?` for the known word nearest to *word*, None where none is near."""
    words = {k.casefold(): k for k in known}
    near = difflib.get_close_matches(word.casefold(), words, n=1, cutoff=0.6)
    return f'Did you mean "{words[near[0]]}"?' if near else None


def choice(word: str, known: Iterable[str]) -> str:
    """Return advice for an unknown *word*: the nearest known one, else all of them."""
    words = tuple(known)
    if not words:
        return "There are none yet."
    return meant(word, words) or f"Known: {', '.join(words)}."
