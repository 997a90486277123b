"""What is remembered of every item: links, copies, and the fields that wait for a person. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from syncer.model import JSON, Delta, Native, Ref, State, Value

Owed = Delta | None
"""What a copy still lacks of a field: single elements of a set, or (None) the whole value."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The copy whose edit set a field's agreed value, between `since` (None: unknown) and `at`."""

    connection: str
    at: datetime | None = None
    who: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A field waiting for a person; `values` is every copy's own value, by connection."""

    id: str
    link: str
    field: str
    ref: Ref | None
    base: Value
    values: Mapping[str, Value]
    since: datetime
    reason: str = "conflict"


@dataclass(frozen=True, slots=True)
class Link:
    """One item and what its copies should mean.

    `owed`: connection -> field -> what is lacking. `wants`: connections where a copy is to be made.
    `born`: the connection the item came from. `trail`: per field, the runs that turned its value and
    the values they turned it to, for the flap breaker. `digest`: the mapping it was last read under.
    `buried`: connections whose copy is gone and has been answered by `on_gone`; `ending`: those whose
    copy is to be archived for it. `reach`: the connections it was last looked at for; one that joins
    the sync later gets a copy too.
    """

    id: str
    born: str
    title: str
    created: datetime
    agreed: Mapping[str, Value] = field(default_factory=dict)
    origin: Mapping[str, Origin] = field(default_factory=dict)
    owed: Mapping[str, Mapping[str, Owed]] = field(default_factory=dict)
    wants: frozenset[str] = frozenset()
    trail: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    digest: str = ""
    buried: frozenset[str] = frozenset()
    ending: frozenset[str] = frozenset()
    reach: frozenset[str] = frozenset()

    def owes(self) -> bool:
        return bool(self.wants) or bool(self.ending) or any(self.owed.values())


@dataclass(frozen=True, slots=True)
class Copy:
    """An item as it stands on one connection.

    `base`: per field, the native slice as last agreed. `seen`: the native fields as last read.
    `read_at`: when that was, by our clock; `known_until`: the read before the newest change was
    noticed, so an edit lies between the two. `made`: we created it, for this very link.
    """

    ref: Ref
    key: str
    url: str
    created: datetime
    updated: datetime
    seen: Native
    read_at: datetime
    known_until: datetime | None = None
    base: Mapping[str, Native] = field(default_factory=dict)
    state: State = State.HERE
    own: bool = False
    made: bool = False


@dataclass(frozen=True, slots=True)
class Intent:
    """A write on disk before it is sent. `doc` is what was to be sent, by kind of write; `asked` are
    the times the tracker was asked whether it arrived."""

    id: str
    run: str
    link: str
    connection: str
    do: str
    created: datetime
    doc: Mapping[str, JSON]
    asked: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Parked:
    """A failure waiting for its next attempt. `kind`: write, settling or unmapped; `digest`
    tells a retry of the same from a newer wish."""

    id: str
    link: str
    connection: str
    ref: str
    field: str
    kind: str
    error: str
    attempts: int
    next_try: datetime
    digest: str = ""
