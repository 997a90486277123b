"""The books of one merge: what it starts from, what it comes to, and the entries it makes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncer.engine.state import Rules
from syncer.engine.views import Reader, View
from syncer.links import Copy, Hold, Link, Origin, Owed
from syncer.model import Edited, Native, State, Value

FLAP_RUNS = 10


@dataclass(frozen=True, slots=True)
class Changed:
    """A field whose agreed value moved, and why."""

    field: str
    before: Value
    after: Value
    origin: Origin
    because: str


@dataclass(frozen=True, slots=True)
class Overruled:
    """An edit or a first value that gave way to a named rule."""

    field: str
    connection: str
    value: Value
    agreed: Value
    because: str


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field of one copy that cannot be read: left out of the merge, the rest moves."""

    connection: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Merged:
    """A link after its merge. `unclear`: (connection, field) whose history would settle a conflict;
    nothing of such a field has been decided yet."""

    link: Link
    copies: Mapping[str, Copy]
    changed: tuple[Changed, ...] = ()
    overruled: tuple[Overruled, ...] = ()
    holds: tuple[Hold, ...] = ()
    errors: tuple[FieldError, ...] = ()
    unclear: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a merge needs besides the link: rules, mappers, open holds, and the facts of this run.

    `times` holds the histories asked so far; a None says the tracker keeps none for that field.
    `single`: the connections, also those away, that can hold no two assignees. `defaults`: the
    (connection, field) whose tracker says that nobody ever changed it.
    """

    rules: Rules
    readers: Mapping[str, Reader]
    holds: Mapping[str, Hold]
    now: datetime
    run: int
    digest: str
    times: Mapping[tuple[str, str], Edited | None] = field(default_factory=dict)
    single: frozenset[str] = frozenset()
    defaults: frozenset[tuple[str, str]] = frozenset()


@dataclass(slots=True)
class Ledger:
    """The books of one merge, kept field by field."""

    link: Link
    copies: dict[str, Copy]
    agreed: dict[str, Value]
    origin: dict[str, Origin]
    owed: dict[str, dict[str, Owed]]
    trail: dict[str, tuple[tuple[int, str], ...]]
    changed: list[Changed] = field(default_factory=list)
    overruled: list[Overruled] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)
    unclear: set[tuple[str, str]] = field(default_factory=set)

    def owe(self, connection: str, name: str, what: Owed) -> None:
        self.owed.setdefault(connection, {})[name] = what

    def acquit(self, connection: str, name: str) -> None:
        self.owed.get(connection, {}).pop(name, None)

    def rebase(self, view: View) -> None:
        copy = self.copies[view.connection]
        base: Mapping[str, Native] = {**copy.base, view.field: view.slice}
        self.copies[view.connection] = replace(copy, base=base)


def agree(
    books: Ledger,
    name: str,
    value: Value,
    origin: Origin,
    because: str,
    views: Sequence[View],
    at: Circumstances,
    same: Sequence[str] = (),
) -> None:
    """Make *value* agreed: owed to every copy but those that said it themselves."""
    before = books.agreed.get(name)
    if name not in books.agreed or before != value:
        books.agreed[name] = value
        books.origin[name] = origin
        books.changed.append(Changed(name, before, value, origin, because))
        books.trail[name] = turned_over(books.trail.get(name, ()), before, value, at)
        for connection in addressees(books, name, at):
            books.owe(connection, name, None)
    for connection in same:
        books.acquit(connection, name)


def addressees(books: Ledger, name: str, at: Circumstances) -> list[str]:
    """Return the copies a change of *name* is owed to; one that is down keeps its debts."""
    once = at.rules.rule(name).set_once
    return [c for c in books.copies if c != once and (c not in at.readers or at.readers[c].has(name))]


def turned_over(
    trail: Sequence[tuple[int, str]], before: Value, value: Value, at: Circumstances
) -> tuple[tuple[int, str], ...]:
    recent = [t for t in trail if t[0] > at.run - FLAP_RUNS] or [(at.run, _print(before))]
    return (*recent, (at.run, _print(value)))


def _print(value: Value) -> str:
    said = sorted(value) if isinstance(value, frozenset) else value
    return hashlib.blake2b(repr(said).encode(), digest_size=6).hexdigest()


def flaps(books: Ledger, name: str, value: Value, at: Circumstances) -> bool:
    turns = [p for _, p in turned_over(books.trail.get(name, ()), books.agreed.get(name), value, at)]
    reversals = sum(1 for i in range(2, len(turns)) if turns[i] == turns[i - 2] != turns[i - 1])
    return reversals > at.rules.limits.flaps


def owner_of(books: Ledger, name: str, at: Circumstances) -> str | None:
    """Return the connection that owns the field, where the item has a copy there: also while it is down."""
    owner = at.rules.rule(name).owner
    copy = books.copies.get(owner or "")
    if owner is None or copy is None or copy.state in {State.GONE, State.MOVED}:
        return None
    return owner if owner not in at.readers or at.readers[owner].has(name) else None


def edited_by(origin: Origin, name: str) -> str:
    who = f" ({origin.who})" if origin.who else ""
    when = f" at {origin.at:%Y-%m-%d %H:%M:%SZ}" if origin.at else ""
    return f"{name} was changed on {origin.connection}{who}{when}"


def put_on_hold(books: Ledger, name: str, views: Sequence[View], at: Circumstances, reason: str) -> None:
    """Stop the field where it stands: agreed, bases and debts stay, nothing of it is written."""
    source = views[0].copy.ref
    books.holds.append(
        Hold(
            id=hold_id(books.link.id, name),
            link=books.link.id,
            field=name,
            ref=source,
            base=books.agreed.get(name),
            values={v.connection: v.value for v in views},
            since=at.now,
            reason=reason,
        )
    )


def hold_id(link: str, name: str) -> str:
    return "H" + hashlib.blake2b(f"{link}\0{name}".encode(), digest_size=5).hexdigest()
