"""Items on a board, people who wish, runs that answer: what all machines share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from hypothesis.stateful import RuleBasedStateMachine

from syncer.engine.state import Limits
from syncer.errors import UnmappedValueError
from syncer.model import ABSENT, FIELDS, JSON, SET_FIELDS, Absent, Ref, State, Value, link_id, marker_for
from syncer.run import Report
from syncer.sdk.memory import NATIVES, Crash
from syncer.sdk.memory_values import Row
from tests.properties.board import Board
from tests.properties.books import Books, Look
from tests.properties.wishes import Mark, Spot, Wish, Wishes, folded

START = datetime(2031, 3, 3, 9, tzinfo=UTC)
"""Later than today: who resolves a hold looks at the wall clock."""
UNLIMITED = Limits(creates=10_000, updates=10_000, closes=10_000, archives=10_000, flaps=10_000)
NAMED = {native: name for name, native in NATIVES.items()}


@dataclass(frozen=True, slots=True)
class Thing:
    """An item as people know it: by the record it began with."""

    name: str
    home: str
    record: str


class World(RuleBasedStateMachine):
    """The board, the items on it, and the book of wishes. Rules and promises come from subclasses.

    `stirred`: the spots that some deed of a person gives a run reason to write. `books`: the store as
    the last run left it. `said_natively`: every native value that people ever gave a spot.
    """

    ITEMS = 3
    """Few, so that edits meet on the same item."""

    def __init__(self) -> None:
        super().__init__()
        self.b: Board
        self.things: dict[str, Thing] = {}
        self.wishes = Wishes()
        self.said_natively: dict[Spot, list[JSON]] = {}
        self.stirred: set[Spot] = set()
        self.number = 0
        self.runs = 0
        self.running = False
        self.last_deed = START
        self.books = Books({}, {}, {}, (), (), {})

    @property
    def names(self) -> Sequence[str]:
        return self.b.rules.connections

    # -- who is where ---------------------------------------------------------------------------

    def link(self, thing: Thing) -> str:
        return link_id(self.b.store.key, self.b.rules.sync, Ref(thing.home, "issue", thing.record))

    def copies(self, thing: Thing) -> dict[str, Row]:
        """Return the records of an item by connection, whatever became of them, as the marks on them say."""
        found = {thing.home: self.b.trackers[thing.home].row(thing.record)}
        for name in self.names:
            mark = marker_for(self.b.store.key, self.link(thing), name)
            ours = [r for r in self.b.trackers[name]._rows.present() if r.marker == mark]
            assert len(ours) <= (name != thing.home), f"{thing.name} has a duplicate on {name}"
            if ours:
                found[name] = ours[0]
        return found

    def native(self, spot: Spot) -> JSON:
        return self.copies(self.things[spot.thing])[spot.at].fields[NATIVES[spot.field]]

    def thing_of(self, at: str, record: object) -> Thing | None:
        found = (t for t in self.things.values() if (c := self.copies(t).get(at)) is not None and c.id == record)
        return next(found, None)

    # -- what words mean ------------------------------------------------------------------------

    def has(self, name: str, at: str) -> bool:
        return name in self.b.trackers[at].fields

    def meaning(self, name: str, at: str, native: JSON) -> Value | Absent:
        """Return what a native value means today; ABSENT where it has no meaning we know."""
        if name == "parent":
            above = self.thing_of(at, native) if native is not None else None
            return ABSENT if native is not None and above is None else self.link(above) if above else None
        try:
            return self.b.mapper(at).read(name, {NATIVES[name]: native})
        except UnmappedValueError:
            return ABSENT

    def outside(self, spot: Spot) -> bool:
        """Say whether the rules leave the spot out of the merge."""
        rule = self.b.rules.rule(spot.field)
        return rule.skip or rule.set_once == spot.at

    # -- what people do -------------------------------------------------------------------------

    def born(self, at: str, **native: Any) -> Thing:
        """Let a person make a record; everything it says is wished for."""
        self.number += 1
        self.b.clock.pass_(seconds=2)
        name = f"Item {self.number}"
        record = self.b.trackers[at].add(name, **native)
        thing = self.things[name] = Thing(name, at, record)
        self.last_deed = self.b.clock.now
        for field in FIELDS:
            if not self.b.rules.rule(field).skip:
                self.stirred |= {Spot(name, field, other) for other in self.names}
            if self.has(field, at):
                spot = Spot(name, field, at)
                said = self.native(spot)
                self.said_natively[spot] = [said]
                value = self.meaning(field, at, said)
                for one in [("+", e) for e in folded(value)] if field in SET_FIELDS else [value]:
                    self.wishes.voice(spot, one)
        return thing

    def edit(self, thing: Thing, at: str, name: str, now: JSON) -> bool:
        """Let a person change a field of a copy; say whether there was anything to change."""
        row = self.copies(thing).get(at)
        if row is None or not self.has(name, at) or row.state is not State.HERE:
            return False
        spot = Spot(thing.name, name, at)
        before = self.native(spot)
        if before == now:
            return False
        if not self.running:
            self.b.clock.pass_(seconds=2)
        words: dict[str, Any] = {NATIVES[name]: now}
        self.b.trackers[at].edit(row.id, **words)
        self._note(spot, before, self.native(spot))
        return True

    def _note(self, spot: Spot, before: JSON, now: JSON) -> None:
        """Write into the book what a person made of a spot."""
        self._stir(spot)
        self.last_deed = self.b.clock.now
        self.said_natively.setdefault(spot, []).append(now)
        if spot.field in SET_FIELDS:
            self._note_elements(spot, before, now)
            return
        seq = self.wishes.voice(spot, self.meaning(spot.field, spot.at, now))
        old = self.wishes.pending.get(spot)
        joining = self._joining(spot)
        if old is not None:
            before, joining = old.before, joining and old.joining
        self.wishes.pending[spot] = Wish(before, now, self.b.clock.now, seq, self._mark(spot), self.running, joining)

    def _note_elements(self, spot: Spot, before: JSON, now: JSON) -> None:
        was, will = (folded(self.meaning(spot.field, spot.at, v)) for v in (before, now))
        for element in sorted(was ^ will):
            if not self.b.rules.rule(spot.field).allows(element):
                continue
            sign: Literal["+", "-"] = "+" if element in will else "-"
            seq = self.wishes.voice(spot, (sign, element))
            old = self.wishes.elements.pop((spot, element), None)
            if old is None or old.sign == sign:
                mark = Mark(sign, self.b.clock.now, seq, self._mark(spot), self.running, self._joining(spot))
                self.wishes.elements[spot, element] = mark

    def _mark(self, spot: Spot) -> int:
        """Return how long the item's trail is."""
        return len(self.books.trails.get(self.link(self.things[spot.thing]), ()))

    def _joining(self, spot: Spot) -> bool:
        """Say whether the sync has nothing to compare the spot with: rule 11 speaks of it."""
        thing = self.things[spot.thing]
        row = self.books.rows.get(self.link(thing), {}).get(spot.at)
        return spot.at != thing.home and (row is None or spot.field not in row.copy.base)

    def _stir(self, spot: Spot) -> None:
        """Give a run reason to write the other copies; this one too where another's word is open, or rules."""
        rule = self.b.rules.rule(spot.field)
        if self.outside(spot):
            return
        others = [n for n in self.names if n not in {spot.at, rule.set_once}]
        self.stirred |= {spot._replace(at=n) for n in others}
        if rule.owner not in {None, spot.at} or self.wishes.open_on(spot.thing, spot.field):
            self.stirred.add(spot)

    # -- runs -----------------------------------------------------------------------------------

    def run_once(self, **request: Any) -> Report | None:
        """Run, and hold the run to its promises; None where the process died of it."""
        before = Look.at_board(self.b, self.books)
        self.running = True
        try:
            report = self.b.sync(**request)
        except Crash:
            report = None
        self.running = False
        self.runs += 1
        self.b.store.revive()
        after = Look.at_board(self.b)
        self.books = after.books
        self.after_run(before, after, report)
        for tracker in self.b.trackers.values():
            # What did not go wrong in this run shall not in a later one: mishaps stay where they were drawn.
            tracker.faults.clear()
        return report

    def after_run(self, before: Look, after: Look, report: Report | None) -> None:
        """Check what holds after every run. Subclasses add their own."""

    # -- the end --------------------------------------------------------------------------------

    def teardown(self) -> None:
        if hasattr(self, "b"):
            self.calm_down()
            self.at_end()

    def calm_down(self) -> None:
        """People stop, and nothing goes wrong any more."""
        for tracker in self.b.trackers.values():
            tracker.down = False
            tracker.faults.clear()
        self.b.store.revive()

    def at_end(self) -> None:
        """Check what holds once people have stopped. Subclasses add their own."""
