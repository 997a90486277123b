"""What of a run can be put back: one copy's fields against what the trail says the run made of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncer.engine import sets
from syncer.engine.plan import Move
from syncer.engine.state import Rules
from syncer.engine.views import Reader
from syncer.errors import SyncerError, WaitingError
from syncer.links import Copy, Link
from syncer.model import ABSENT, SET_FIELDS, Absent, Delta, Value
from syncer.undoing.told import Later, Told, Written, erased, value_of


@dataclass(slots=True)
class Verdict:
    """`moves` put fields back; `back` are so already; `left` says why a field stays."""

    moves: dict[str, Move] = field(default_factory=dict)
    back: set[str] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)


def verdict(
    link: Link,
    copy: Copy,
    reader: Reader,
    rules: Rules,
    told: Told,
    writes: Mapping[str, Written],
    held: frozenset[str],
) -> Verdict:
    """Return what becomes of each field that the run wrote to *copy*."""
    found = Verdict()
    for name, write in writes.items():
        try:
            answer = _field(link, copy, reader, rules, told, write, held)
        except WaitingError:
            answer = "what it referred to has no copy there"
        except SyncerError as error:
            answer = str(error)
        match answer:
            case Move():
                found.moves[name] = answer
            case None:
                found.back.add(name)
            case _:
                found.left[name] = answer
    return found


def _field(
    link: Link, copy: Copy, reader: Reader, rules: Rules, told: Told, write: Written, held: frozenset[str]
) -> Move | str | None:
    """Return the move that puts a field back, None where it is back already, or why it is left."""
    name = write.field
    if not reader.has(name) or rules.rule(name).skip or rules.withholds(name, reader.connection):
        return "the field is no longer synced there"
    if erased(write.before) or erased(write.after):
        return "its text was erased from the audit trail"
    if name in SET_FIELDS:
        return _elements(link, copy, reader, rules, told, write, held)
    before, after = value_of(write.before), value_of(write.after)
    now = reader.mapper.read(name, copy.seen)
    if means(reader, copy, name, before):
        return None
    waits = _waiting(link, reader.connection, name, held)
    if waits is not None:
        return waits
    if name in told.later:
        return _since(told.later[name])
    if not means(reader, copy, name, after) and not reader.mapper.satisfied(name, after, copy.seen):
        return "it was edited there since"
    if reader.mapper.patch(name, before, copy.seen) is ABSENT:
        return "its tracker has no word for the old value"
    return None if reader.mapper.satisfied(name, before, copy.seen) else Move(_known(now), before)


def _elements(
    link: Link, copy: Copy, reader: Reader, rules: Rules, told: Told, write: Written, held: frozenset[str]
) -> Move | str | None:
    """Take out what the run put in and is still there; put in what it took out and is still not there."""
    name, rule = write.field, rules.rule(write.field)
    before, after = sets.as_set(value_of(write.before)), sets.as_set(value_of(write.after))
    now = sets.as_set(_known(reader.mapper.read(name, copy.seen, after)))
    debt = Delta(
        add=sets.allowed(sets.difference(sets.difference(before, after), now), rule),
        remove=sets.allowed(sets.intersection(now, sets.difference(after, before)), rule),
    )
    if not debt or reader.mapper.satisfied(name, _after(now, debt), copy.seen, debt):
        return None
    waits = _waiting(link, reader.connection, name, held)
    if waits is not None:
        return waits
    later = told.later.get(name)
    touched = later.elements if later is not None else frozenset()
    rest = Delta(sets.difference(debt.add, touched), sets.difference(debt.remove, touched))
    if later is not None and not rest:
        return _since(later)
    return Move(now, _after(now, rest), rest)


def _after(now: frozenset[str], debt: Delta) -> frozenset[str]:
    return sets.union(sets.difference(now, debt.remove), debt.add)


def _waiting(link: Link, connection: str, name: str, held: frozenset[str]) -> str | None:
    if name in held:
        return "it is held: a person decides (syncer held)"
    if name in link.owed.get(connection, {}):
        return "the next run writes something newer there"
    return None


def _since(later: Later) -> str:
    where = f" on {later.spot}" if later.spot else ""
    return f"it was changed{where} since{f' (run {later.run})' if later.run else ''}"


def means(reader: Reader, copy: Copy, name: str, value: Value) -> bool:
    """Say whether the copy exactly means *value* now."""
    return reader.mapper.read(name, copy.seen) == value


def _known(value: Value | Absent) -> Value:
    return None if isinstance(value, Absent) else value


# -- what was agreed -------------------------------------------------------------------------


def agreed_before(
    link: Link, name: str, told: Told, copies: Mapping[str, Copy], readers: Mapping[str, Reader]
) -> tuple[Value, str] | None:
    """Return what is agreed again on a field put back on *copies*, and the copy that says so.

    None where the agreed value stays: the run did not move it, or it has moved since.
    """
    turned = told.turned.get(name)
    if turned is None or not copies or erased(turned.after):
        return None
    if name in SET_FIELDS:
        return _elements_before(link, name, told, copies, readers)
    if name in told.later or link.agreed.get(name) != value_of(turned.after):
        return None
    said: dict[str, Value] = {}
    for connection, copy in copies.items():
        value = readers[connection].mapper.read(name, copy.seen)
        if not isinstance(value, Absent):
            said[connection] = value
    if not said:
        return None
    exact = (c for c, v in said.items() if turned.known and v == value_of(turned.before))
    spot = next(exact, next(iter(said)))
    return said[spot], spot


def _elements_before(
    link: Link, name: str, told: Told, copies: Mapping[str, Copy], readers: Mapping[str, Reader]
) -> tuple[Value, str] | None:
    turned, later = told.turned[name], told.later.get(name)
    touched = later.elements if later is not None else frozenset()
    before, after = sets.as_set(value_of(turned.before)), sets.as_set(value_of(turned.after))
    said = [sets.as_set(_known(readers[c].mapper.read(name, copy.seen, before))) for c, copy in copies.items()]
    out = sets.difference(sets.difference(after, before), touched)
    back = sets.difference(sets.difference(before, after), touched)
    # An element counts as put back where every copy put back shows it so.
    out = frozenset(n for n in out if not any(sets.intersection({n}, s) for s in said))
    back = frozenset(n for n in back if all(sets.intersection({n}, s) for s in said))
    agreed = sets.as_set(link.agreed.get(name))
    value = sets.union(sets.difference(agreed, out), back)
    if sets.elements(value).keys() == sets.elements(agreed).keys():
        return None
    return value, next(iter(copies))
