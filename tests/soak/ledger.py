"""The book of human edits: what people made of each field of each copy, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from syncer.model import SET_FIELDS, Value, fold
from tests.properties.wishes import fate_of_element
from tests.soak.words import alike, tokens

Entry = Mapping[str, Any]
"""A line of the audit trail."""
TIMELESS = "the edits cannot be told apart in time"


class Spot(NamedTuple):
    """A field of a thing as it stands on a tracker; of a set a single element."""

    thing: str
    field: str
    at: str
    element: str = ""


@dataclass(slots=True)
class Edit:
    """What a person made of a spot that nobody has answered for yet.

    `before` is what it said when they began. `mark`: how long the item's trail was then. `joining`:
    the copy had not been compared with the others yet (DESIGN §4, rule 11).
    """

    seq: int
    spot: Spot
    before: Value
    now: Value
    when: datetime
    mark: int
    joining: bool = False

    def undone(self) -> bool:
        return self.before == self.now

    def stands(self, value: Value) -> bool:
        """Say whether a field that means *value* has the edit: of a text its new lines, and none it took out."""
        name = self.spot.field
        if name in SET_FIELDS:
            return (self.spot.element in _set(value)) == (self.now == "+")
        if name != "body":
            return value == self.now
        was, will, have = _set(self.before), _set(self.now), _set(value)
        return will - was <= have and not (was - will) & have

    def fate(self, agreed: Value, entries: Sequence[Entry], ref: str) -> str | None:
        """Return what became of it, as the agreed value and the trail say; None where nothing does."""
        name, told = self.spot.field, entries[self.mark :]
        if name in SET_FIELDS:
            return fate_of_element(name, self.spot.element, str(self.now), agreed, told, ref)
        if self.stands(agreed):
            return "agreed"
        for entry in (e for e in told if e["field"] == name):
            if entry["act"] in {"edit", "resolved"} and self.stands(said(name, entry["to"])):
                return "taken"
            overruled = entry["act"] == "overruled" and entry["ref"] == ref and said(name, entry["from"]) == self.now
            if overruled and "to" in entry and entry["why"]:
                return str(entry["why"])
        return None


@dataclass(slots=True)
class Ledger:
    """`voiced`: all that people ever said of a field of a thing: (number, tracker, value); of sets
    the signed elements. `fates`: what became of each, by its number."""

    pending: dict[Spot, Edit] = field(default_factory=dict)
    voiced: dict[tuple[str, str], list[tuple[int, str, Value]]] = field(default_factory=dict)
    fates: dict[int, str] = field(default_factory=dict)
    edits: int = 0
    said: int = 0

    def born(self, thing: str, name: str, at: str, value: Value) -> None:
        """Note what a record said when its author filed it."""
        for one in [f"+{e}" for e in sorted(_set(value))] if name in SET_FIELDS else [value]:
            self.fates[self._voice(thing, name, at, one)] = "born"

    def note(self, spot: Spot, before: Value, now: Value, when: datetime, mark: int, *, joining: bool = False) -> bool:
        """Note what a person made of a field; say whether that was anything at all."""
        if spot.field in SET_FIELDS:
            was, will = _set(before), _set(now)
            for element in sorted(was ^ will):
                sign = "+" if element in will else "-"
                self._put(spot._replace(element=element), "-" if sign == "+" else "+", sign, when, mark, joining)
            return was != will
        if before == now:
            return False
        self._put(spot, before, now, when, mark, joining)
        return True

    def _put(self, spot: Spot, before: Value, now: Value, when: datetime, mark: int, joining: bool) -> None:  # noqa: FBT001 -- as it came
        self.edits += 1
        seq = self._voice(spot.thing, spot.field, spot.at, f"{now}{spot.element}" if spot.element else now)
        old = self.pending.get(spot)
        if old is not None:
            self.fates[old.seq] = "somebody changed their mind"
            before, joining = old.before, joining and old.joining
        self.pending[spot] = Edit(seq, spot, before, now, when, mark, joining)

    def _voice(self, thing: str, name: str, at: str, value: Value) -> int:
        self.said += 1
        self.voiced.setdefault((thing, name), []).append((self.said, at, value))
        return self.said

    def close(self, edit: Edit, fate: str) -> None:
        self.fates[edit.seq] = fate
        del self.pending[edit.spot]

    def put_away(self, thing: str, at: str) -> None:
        """Forget what was said on a copy that people took away: nobody is to read it any more."""
        for edit in [e for s, e in self.pending.items() if (s.thing, s.at) == (thing, at)]:
            self.close(edit, "put away")

    # -- at the end -----------------------------------------------------------------------------

    def unheard(self, thing: str, name: str, agreed: Value, entries: Sequence[Entry]) -> Iterator[str]:
        """Yield why *agreed* is not what people last said of a field, as far as time tells what was last."""
        voiced = self.voiced.get((thing, name), [])
        if name == "body":
            if not _set(agreed) <= {w for _, _, v in voiced for w in _set(v)}:
                yield f"{thing}: the body has a line that nobody wrote"
            return
        if name in SET_FIELDS:
            added = {str(v)[1:] for _, _, v in voiced if str(v).startswith("+")}
            if not _set(agreed) <= added:
                yield f"{thing} has {name} that nobody added: {_set(agreed) - added}"
            return
        if not voiced:
            return
        if agreed not in [v for _, _, v in voiced]:
            yield f"{thing} {name} is {agreed!r}, which nobody said: {voiced}"
        seq, _, last = voiced[-1]
        ruled = any(e["act"] == "overruled" and e["why"].startswith(TIMELESS) for e in entries if e["field"] == name)
        if self.fates.get(seq) in {"born", "agreed", "taken"} and agreed != last and not ruled:
            yield f"{thing} {name}: the last word {last!r} ({self.fates[seq]}) gave way to {agreed!r}: {voiced}"

    def misruled(self) -> Iterator[str]:
        """Yield edits that gave way to a newer one, though nobody said anything later elsewhere."""
        for (thing, name), voiced in self.voiced.items():
            for seq, at, value in voiced:
                overruled = self.fates.get(seq) == "the newest edit wins"
                if overruled and not any(s > seq and t != at for s, t, _ in voiced):
                    yield f"{thing} {name}: {value!r} on {at} was overruled as older, but nothing is newer: {voiced}"

    def echoes(self, thing: str, entries: Sequence[Entry]) -> Iterator[str]:
        """Yield edits of the trail that were nobody's."""
        for name in ("title", "status", "priority", "due", "estimate"):
            words = [v for _, _, v in self.voiced.get((thing, name), [])]
            found = [said(name, e["to"]) for e in entries if e["act"] == "edit" and e["field"] == name]
            for value in set(found):
                if found.count(value) > words.count(value):
                    yield f"{thing} {name} became {value!r} {found.count(value)} times; people said {words}"


def said(name: str, value: object) -> Value:
    """Return a value of the trail, or an agreed one, as the book has it."""
    return tokens(value) if name == "body" else alike(value)  # type: ignore[return-value]  # JSON of a value


def _set(value: object) -> frozenset[str]:
    return frozenset(fold(str(v)) for v in value) if isinstance(value, frozenset) else frozenset()
