"""What the trail of one item tells about one run: what it wrote, and what has moved since. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from syncer.engine import sets
from syncer.model import SET_FIELDS, Ref, Value

TURNS: Final = frozenset({"edit", "resolved", "undo"})
"""Entries that say that the agreed value of a field moved."""


def because_of(run: str) -> str:
    """Return the reason that an undo of *run* gives in the trail."""
    return f"undo of {run}"


@dataclass(frozen=True, slots=True)
class Written:
    """What a run made of one field of one copy. Values are as the trail keeps them."""

    ref: Ref
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Turned:
    """How a run moved the agreed value of a field. `known`: the trail says from what."""

    before: Any
    after: Any
    known: bool = True


@dataclass(frozen=True, slots=True)
class Later:
    """What moved the agreed value of a field after the run wrote it; `elements` of a set it touched."""

    spot: str
    run: str
    elements: frozenset[str] = frozenset()


@dataclass(slots=True)
class Told:
    """One run in the trail of one item."""

    writes: dict[tuple[Ref, str], Written] = field(default_factory=dict)
    turned: dict[str, Turned] = field(default_factory=dict)
    later: dict[str, Later] = field(default_factory=dict)
    created: list[Ref] = field(default_factory=list)
    archived: list[Ref] = field(default_factory=list)
    spoken: dict[Ref, Any] = field(default_factory=dict)


def told(entries: Sequence[Mapping[str, Any]], run: str) -> Told:
    """Return what *entries*, the whole trail of an item, tell about *run*.

    What a run wrote into records it made itself is part of the making.
    """
    found = Told()
    for entry in entries:
        act, name = str(entry["act"]), str(entry["field"])
        ref = Ref.parse(entry["ref"]) if str(entry["ref"]).count(":") > 1 else None
        if entry["run"] != run:
            if act in TURNS and entry["why"] != because_of(run):
                _move_on(found, entry)
            continue
        if act in TURNS:
            _turn(found, name, entry)
        elif ref is not None:
            _note(found, ref, entry)
    found.writes = {spot: w for spot, w in found.writes.items() if w.ref not in found.created}
    return found


def _note(found: Told, ref: Ref, entry: Mapping[str, Any]) -> None:
    name = str(entry["field"])
    match entry["act"]:
        case "create":
            found.created += [ref] if ref not in found.created else []
        case "archive":
            found.archived.append(ref)
        case "comment":
            found.spoken[ref] = entry["to"]
        case "update" | "close" as act:
            old = found.writes.get((ref, name))
            found.writes[ref, name] = Written(ref, name, old.before if old else entry["from"], entry["to"])
            found.later.pop(name, None)
            if act == "close":
                found.turned.setdefault(name, Turned(None, entry["to"], known=False))


def _turn(found: Told, name: str, entry: Mapping[str, Any]) -> None:
    old = found.turned.get(name)
    known = old is None or old.known
    found.turned[name] = Turned(old.before if old and old.known else entry["from"], entry["to"], known)
    found.later.pop(name, None)


def _move_on(found: Told, entry: Mapping[str, Any]) -> None:
    """Note that the agreed value of a field moved; it counts only where the run has written it before."""
    name = str(entry["field"])
    touched: frozenset[str] = frozenset()
    if name in SET_FIELDS:
        before, after = sets.as_set(value_of(entry["from"])), sets.as_set(value_of(entry["to"]))
        touched = sets.union(sets.difference(before, after), sets.difference(after, before))
        if name in found.later:
            touched = sets.union(touched, found.later[name].elements)
    found.later[name] = Later(str(entry["ref"]).partition(":")[0], str(entry["run"]), touched)


def erased(value: Any) -> bool:  # noqa: ANN401 -- any JSON
    """Say whether the trail has only the hash of a text left."""
    return isinstance(value, Mapping)


def value_of(said: Any) -> Value:  # noqa: ANN401 -- any JSON
    """Return a value as the engine knows it, from how the trail tells it."""
    if isinstance(said, list):
        return frozenset(str(n) for n in said)
    return said if isinstance(said, str | int | float) else None
