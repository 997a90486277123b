"""The rules one sync runs by."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One entry of `fields = {...}` in the config."""

    owner: str | None = None
    set_once: str | None = None
    skip: bool = False
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    conflicts: str | None = None

    def allows(self, element: str) -> bool:
        """Say whether a set element is ours to move."""
        if any(fnmatch.fnmatchcase(element.casefold(), p.casefold()) for p in self.ignore):
            return False
        return not self.only or any(fnmatch.fnmatchcase(element.casefold(), p.casefold()) for p in self.only)


FREE = FieldRule()


@dataclass(frozen=True, slots=True)
class Limits:
    """Per connection and run; `flaps` within ten runs."""

    creates: int = 200
    updates: int = 500
    closes: int = 20
    archives: int = 20
    flaps: int = 4


@dataclass(frozen=True, slots=True)
class Scope:
    """`where`: which unlinked records may be linked or copied. Empty means all."""

    kind: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    status: frozenset[str] = frozenset()
    priority: frozenset[str] = frozenset()
    assignees: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What may leave for the public connections in `to`."""

    to: frozenset[str] = frozenset()
    comments: bool = False
    labels: bool = False
    attachments: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """One sync, as the engine needs it. `connections` are in the order of the config."""

    sync: str
    connections: tuple[str, ...]
    conflicts: str = "newest"
    on_link: str = "oldest"
    on_gone: Literal["keep", "close", "archive"] = "keep"
    create_from: frozenset[str] = frozenset()
    create_in: frozenset[str] = frozenset()
    match: Literal["marker", "title"] = "marker"
    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    limits: Limits = Limits()
    scope: Scope = Scope()
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    comments: bool = True
    backfill: bool = True
    deletions: Literal["follow", "keep"] = "follow"
    public: frozenset[str] = frozenset()
    disclosure: Disclosure | None = None

    def rule(self, name: str) -> FieldRule:
        return self.fields.get(name, FREE)

    def policy(self, name: str) -> str:
        return self.rule(name).conflicts or self.conflicts

    def rank(self, connection: str) -> int:
        return self.connections.index(connection)

    def withholds(self, field_name: str, connection: str) -> bool:
        """Say whether *field_name* must not leave for the public *connection*."""
        if connection not in self.public or self.disclosure is None:
            return False
        if field_name == "labels":
            return not self.disclosure.labels
        return field_name == "comments" and not self.disclosure.comments
