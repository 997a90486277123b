"""What the in-memory tracker keeps, and what can go wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

from syncer.model import Edited, Native, State

_V = TypeVar("_V")

KEPT = 4
"""Versions kept of each thing where listings do not lag: the present one, and what stale pages show."""

FaultKind = Literal["before", "sent", "after", "reject", "drop", "crash_before", "crash_after"]


class Crash(BaseException):
    """The process dies here: nothing in the program may catch this."""


@dataclass(slots=True)
class Fault:
    """Go wrong on the next *times* calls whose name matches, after letting *skip* of them pass.

    `before`: certainly not sent. `sent`: no effect, but nobody can know. `after`: effect, and
    the answer is lost. `reject`: refused. `drop`: succeeds, but the native *field* stays as it was.
    `crash_before`, `crash_after`: the process dies before or after the effect. Call names: open,
    check, changes, get, find, create, update, transition, archive, comment, find_comment, comments,
    edit_comment, delete_comment, history.
    """

    kind: FaultKind
    call: str = ".*"
    times: int = 1
    skip: int = 0
    field: str = ""

    def wants(self, call: str) -> bool:
        if self.times <= 0 or not re.fullmatch(self.call, call):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(frozen=True, slots=True)
class Row:
    """One version of one record, as the tracker's own database has it."""

    id: str
    key: str
    created: datetime
    updated: datetime
    author: str
    fields: Native
    state: State = State.HERE
    marker: str | None = None
    synced_by: str | None = None
    history: Mapping[str, Edited] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """One version of one comment."""

    id: str
    item: str
    body: str
    author: str
    created: datetime
    updated: datetime
    marker: str | None = None
    restricted: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Versions(Generic[_V]):
    """Things by id, each with its last versions and when they were written."""

    held: dict[str, list[tuple[datetime, _V]]] = field(default_factory=dict)

    def __contains__(self, id_: object) -> bool:
        return id_ in self.held

    def put(self, id_: str, version: _V, at: datetime, *, all_kept: bool) -> None:
        versions = self.held.setdefault(id_, [])
        versions.append((at, version))
        if not all_kept:
            del versions[:-KEPT]

    def last(self, id_: str) -> _V:
        """Return the present version. Raises KeyError where there never was one."""
        return self.held[id_][-1][1]

    def present(self) -> Iterator[_V]:
        return (versions[-1][1] for versions in self.held.values())

    def past(self, id_: str) -> list[_V]:
        """Return the versions before the present one, as far as they are kept, oldest first."""
        return [version for _, version in self.held[id_][:-1]]

    def as_of(self, at: datetime) -> Iterator[_V]:
        for versions in self.held.values():
            seen = [version for written, version in versions if written <= at]
            if seen:
                yield seen[-1]
