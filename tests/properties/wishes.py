"""What people made of each field of each copy, and what became of it: the book kept against lost edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from syncer.model import JSON, Value, fold
from tests.properties.books import Entry


class Spot(NamedTuple):
    """One field of one item as it stands on one connection."""

    thing: str
    field: str
    at: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What people last made of a spot, and what it was before they began; in the tracker's own words.

    `mark`: how long the item's trail was then. `during`: made while a run was going on. `first`: the
    record had just been made, and the sync did not know of it.
    """

    before: JSON
    now: JSON
    when: datetime
    seq: int
    mark: int
    during: bool = False
    joining: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """One element that people put into a set, or took out of it."""

    sign: Literal["+", "-"]
    when: datetime
    seq: int
    mark: int
    during: bool = False
    joining: bool = False


@dataclass(slots=True)
class Wishes:
    """`pending`, `elements`: what no run has answered for yet. `voiced`: all that was ever said, by
    (thing, field); of a set its signed elements. `fates`: what became of each, by its number."""

    pending: dict[Spot, Wish] = field(default_factory=dict)
    elements: dict[tuple[Spot, str], Mark] = field(default_factory=dict)
    voiced: dict[tuple[str, str], list[tuple[int, str, object]]] = field(default_factory=dict)
    fates: dict[int, tuple[int, str]] = field(default_factory=dict)
    said: int = 0

    def voice(self, spot: Spot, value: object) -> int:
        self.said += 1
        self.voiced.setdefault((spot.thing, spot.field), []).append((self.said, spot.at, value))
        return self.said

    def open_on(self, thing: str, name: str) -> list[str]:
        """Return the connections whose wish about a field of an item nobody has answered for yet."""
        scalars = [s.at for s in self.pending if (s.thing, s.field) == (thing, name)]
        return scalars + [s.at for s, _ in self.elements if (s.thing, s.field) == (thing, name)]

    def close(self, key: Spot | tuple[Spot, str], run: int, fate: str) -> None:
        wish: Wish | Mark
        wish = self.pending.pop(key) if isinstance(key, Spot) else self.elements.pop(key)
        self.fates[wish.seq] = (run, fate)


def fate_of(name: str, value: Value, before: Value, agreed: Value, entries: Sequence[Entry], ref: str) -> str | None:
    """Return what became of an edit from *before* to *value*: None where nothing says so.

    *entries* are those of the item's trail since the edit was made.
    """
    if taken(name, value, before, agreed):
        return "agreed"
    for entry in entries:
        if entry["field"] != name:
            continue
        if entry["act"] in {"edit", "resolved"} and taken(name, value, before, entry["to"]):
            return "taken"
        if entry["act"] == "overruled" and entry["ref"] == ref and entry["from"] == value:
            assert "to" in entry, entry
            assert entry["why"], entry
            return str(entry["why"])
    return None


def taken(name: str, value: Value, before: Value, agreed: Value) -> bool:
    """Say whether *agreed* has the edit: of a text, every line added and none removed."""
    if name != "body" or value == agreed:
        return value == agreed
    have, was, will = lines(agreed), lines(before), lines(value)
    return will - was <= have and not (was - will) & have


def lines(text: object) -> set[str]:
    return {line for line in text.split("\n") if line} if isinstance(text, str) else set()


def fate_of_element(
    name: str, element: str, sign: str, agreed: Value, entries: Sequence[Entry], ref: str
) -> str | None:
    """Return what became of one element added or removed: None where nothing says so."""
    if (element in folded(agreed)) == (sign == "+"):
        return "agreed"
    for entry in entries:
        if entry["field"] != name:
            continue
        if entry["act"] == "edit" and (element in folded(entry["to"])) == (sign == "+"):
            return "taken"
        if entry["act"] == "overruled" and entry["ref"] == ref and element in signed(entry["from"], sign):
            assert entry["why"], entry
            return str(entry["why"])
        if entry["act"] == "resolved":
            return "resolved by a person"
    return None


def folded(value: object) -> set[str]:
    return {fold(str(v)) for v in value} if isinstance(value, frozenset | set | list | tuple) else set()


def signed(said: object, sign: str) -> set[str]:
    """Return the elements of one sign in an audit row's value: its words are "+red -blue sky"."""
    if not isinstance(said, str):
        return set()
    words = f" {said}".replace(" +", "\0+").replace(" -", "\0-").split("\0")
    return {fold(w[1:]) for w in words if w.startswith(sign)}
