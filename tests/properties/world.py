"""Items on a board, people who wish, runs that answer: what all machines share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis.stateful import RuleBasedStateMachine

from syncer.engine.state import Limits
from syncer.errors import UnmappedValueError
from syncer.model import ABSENT, FIELDS, JSON, SET_FIELDS, Absent, Ref, State, Value, fold, link_id, marker_for
from syncer.run import Report
from syncer.sdk.memory import BOT, NATIVES, Crash
from syncer.sdk.memory_tracker import Row
from tests.properties.board import Board
from tests.properties.books import Books, Entry, Look
from tests.properties.wishes import Mark, Spot, Wish, Wishes, fate_of, fate_of_element, folded

START = datetime(2031, 3, 3, 9, tzinfo=UTC)
"""Later than today: `resolve` looks at the wall clock."""
UNLIMITED = Limits(creates=10_000, updates=10_000, closes=10_000, archives=10_000, flaps=10_000)
NAMED = {native: name for name, native in NATIVES.items()}
Stir = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Thing:
    """An item as people know it: by the record it began with."""

    name: str
    home: str
    record: str


class World(RuleBasedStateMachine):
    """The board, the items on it, and the book of wishes. Rules and promises come from subclasses.

    `stirred`: (thing, field, connection) that some deed of a person gives a run reason to write.
    """

    ITEMS = 3
    """Few, so that edits meet on the same item."""

    def __init__(self) -> None:
        super().__init__()
        self.b: Board
        self.things: dict[str, Thing] = {}
        self.wishes = Wishes()
        self.said_natively: dict[tuple[str, str, str], list[JSON]] = {}
        self.stirred: set[Stir] = set()
        self.number = 0
        self.runs = 0
        self.running = False
        self.books = Books({}, {}, {}, (), (), {})
        """As the last run left them."""

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

    # -- what people do -------------------------------------------------------------------------

    def born(self, at: str, **native: JSON) -> Thing:
        """Let a person make a record; everything it says is wished for."""
        self.number += 1
        self.b.clock.pass_(seconds=2)
        name = f"Item {self.number}"
        record = self.b.trackers[at].add(name, **native)
        thing = self.things[name] = Thing(name, at, record)
        for field_ in FIELDS:
            if not self.b.rules.rule(field_).skip:
                self.stirred |= {(name, field_, other) for other in self.names}
            if self.has(field_, at):
                said = self.b.trackers[at].row(record).fields[NATIVES[field_]]
                self.said_natively[name, field_, at] = [said]
                value = self.meaning(field_, at, said)
                for one in [("+", e) for e in folded(value)] if field_ in SET_FIELDS else [value]:
                    self.wishes.voice(Spot(name, field_, at), one)
        return thing

    def edit(self, thing: Thing, at: str, name: str, now: JSON) -> bool:
        """Let a person change a field of a copy; say whether there was anything to change."""
        row = self.copies(thing).get(at)
        if row is None or not self.has(name, at) or row.state is not State.HERE:
            return False
        native = NATIVES[name]
        before = row.fields[native]
        if before == now:
            return False
        if not self.running:
            self.b.clock.pass_(seconds=2)
        self.b.trackers[at].edit(row.id, **{native: now})
        self.note(thing, at, name, before, self.b.trackers[at].row(row.id).fields[native])
        return True

    def note(self, thing: Thing, at: str, name: str, before: JSON, now: JSON) -> None:
        spot = Spot(thing.name, name, at)
        link = self.link(thing)
        mark = len(self.books.trails.get(link, ()))
        row = self.books.rows.get(link, {}).get(at)
        joining = at != thing.home and (row is None or name not in row.copy.base)
        self._stir(spot)
        when = self.b.clock.now
        if name in SET_FIELDS:
            self._note_elements(spot, before, now, when, mark, joining=joining)
            return
        self.said_natively.setdefault((thing.name, name, at), []).append(now)
        value = self.meaning(name, at, now)
        seq = self.wishes.voice(spot, value)
        old = self.wishes.pending.get(spot)
        if old is not None:
            before, joining = old.before, joining and old.joining
        self.wishes.pending[spot] = Wish(before, now, when, seq, mark, during=self.running, joining=joining)

    def _note_elements(self, spot: Spot, before: JSON, now: JSON, when: datetime, mark: int, *, joining: bool) -> None:
        was, will = (folded(self.meaning(spot.field, spot.at, v)) for v in (before, now))
        for element in sorted(was ^ will):
            if not self.b.rules.rule(spot.field).allows(element):
                continue
            sign = "+" if element in will else "-"
            seq = self.wishes.voice(spot, (sign, element))
            key = (spot, element)
            old = self.wishes.elements.pop(key, None)
            if old is None or old.sign == sign:
                self.wishes.elements[key] = Mark(sign, when, seq, mark, during=self.running, joining=joining)  # type: ignore[arg-type]  # one of two

    def _stir(self, spot: Spot) -> None:
        rule = self.b.rules.rule(spot.field)
        if self.outside(spot):
            return
        others = [n for n in self.names if n not in {spot.at, rule.set_once}]
        self.stirred |= {(spot.thing, spot.field, n) for n in others}
        owner = rule.owner
        if owner not in {None, spot.at} or self.wishes.open_on(spot.thing, spot.field):
            self.stirred.add((spot.thing, spot.field, spot.at))

    # -- runs -----------------------------------------------------------------------------------

    def run_once(self, *, full: bool = False) -> Report | None:
        """Run, and hold the run to its promises; None where the process died of it."""
        before = Look.at_board(self.b, self.books)
        self.running = True
        try:
            report = self.b.sync(full=full)
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
        for thing in self.things.values():
            self.copies(thing)
        self._nothing_unexplained_was_written(before, after, report)
        self._held_fields_stand_still(before, after)
        self._account(after, report, before)
        self._calm(after, report)

    # -- no lost edit ---------------------------------------------------------------------------

    def _account(self, after: Look, report: Report | None, before: Look) -> None:
        """Answer for every open wish: it is agreed, or overruled with both values, or held, or still to be seen."""
        for spot, wish in list(self.wishes.pending.items()):
            value = self.meaning(spot.field, spot.at, wish.now)
            was = self.meaning(spot.field, spot.at, wish.before)
            if value is ABSENT or self.outside(spot):
                continue
            if value == was:
                self.wishes.close(spot, self.runs, "undone")
                continue
            thing, entries, ref = self._told(spot, wish.mark, after.books)
            link = after.books.links.get(self.link(thing))
            agreed = link.agreed.get(spot.field) if link is not None else None
            known = link is not None and spot.field in link.agreed
            past = None if isinstance(was, Absent) else was
            fate = None
            if known:
                assert not isinstance(value, Absent)
                fate = fate_of(spot.field, value, past, agreed, entries, ref)
            if fate is not None:
                self.wishes.close(spot, self.runs, fate)
                self._ruled(spot, wish, fate)
                continue
            if (self.link(thing), spot.field) in after.books.holds:
                continue
            if wish.joining and known and value in {None, "", "none"}:
                self.wishes.close(spot, self.runs, "empty gave way")
                continue
            here = self.copies(thing)[spot.at]
            written_over = self.meaning(spot.field, spot.at, here.fields[NATIVES[spot.field]]) != value
            self._not_lost(spot, wish, after, report, before, written_over=written_over)

    def _account_elements(self, after: Look, report: Report | None, before: Look) -> None:
        for (spot, element), mark in list(self.wishes.elements.items()):
            if self.outside(spot) or not self.b.rules.rule(spot.field).allows(element):
                continue
            thing, entries, ref = self._told(spot, mark.mark, after.books)
            link = after.books.links.get(self.link(thing))
            if link is not None and spot.field in link.agreed:
                fate = fate_of_element(spot.field, element, mark.sign, link.agreed[spot.field], entries, ref)
                if fate is None and mark.joining and mark.sign == "-":
                    fate = "sets unite"
                if fate is not None:
                    self.wishes.close((spot, element), self.runs, fate)
                    continue
            if (self.link(thing), spot.field) in after.books.holds:
                continue
            here = folded(self.meaning(spot.field, spot.at, self.copies(thing)[spot.at].fields[NATIVES[spot.field]]))
            written_over = (element in here) != (mark.sign == "+")
            self._not_lost(spot, mark, after, report, before, written_over=written_over, element=element)

    def _told(self, spot: Spot, mark: int, books: Books) -> tuple[Thing, Sequence[Entry], str]:
        thing = self.things[spot.thing]
        record = self.copies(thing)[spot.at].id
        return thing, books.trails.get(self.link(thing), ())[mark:], str(Ref(spot.at, "issue", record))

    def _not_lost(
        self,
        spot: Spot,
        wish: Wish | Mark,
        after: Look,
        report: Report | None,
        before: Look,
        *,
        written_over: bool,
        element: str | None = None,
    ) -> None:
        """A wish without an answer must still be there to be seen, and be seen by a run that could see it."""
        key = spot if element is None else (spot, element)
        if written_over:
            assert self.hidden(spot, wish, after), f"lost edit: {key} {wish}"
            self.wishes.close(key, self.runs, "could not be seen")
            return
        if report is not None and self.visible(spot, wish, after, report, before):
            raise AssertionError(f"an edit was not noticed: {key} {wish} {report.outcome}")

    def hidden(self, spot: Spot, wish: Wish | Mark, after: Look) -> bool:
        """Say whether DESIGN lets the edit be overwritten: it was made after the last read, or listings lag."""
        lag = self.b.trackers[spot.at].lag
        return wish.during or (bool(lag) and after.at - wish.when < lag + timedelta(seconds=60))

    def visible(self, spot: Spot, wish: Wish | Mark, after: Look, report: Report, before: Look) -> bool:
        """Say whether the run just over had to see the edit."""
        tracker = self.b.trackers[spot.at]
        thing = self.things[spot.thing]
        row = after.books.rows.get(self.link(thing), {}).get(spot.at)
        return (
            report.outcome != "refused"
            and spot.at not in report.down
            and wish.when <= before.at
            and after.at - wish.when > tracker.lag + timedelta(seconds=1)
            and row is not None
            and row.copy.state is State.HERE
            and tracker.row(row.copy.ref.id).state is State.HERE
        )

    def outside(self, spot: Spot) -> bool:
        """Say whether the rules leave the spot out of the merge."""
        rule = self.b.rules.rule(spot.field)
        return rule.skip or rule.set_once == spot.at

    def exact(self) -> bool:
        """Say whether stamps of different trackers can be compared."""
        return not any(t.skew for t in self.b.trackers.values())

    def _ruled(self, spot: Spot, wish: Wish, fate: str) -> None:
        """The newest edit wins over an older one, never over a newer."""
        if fate != "the newest edit wins" or not self.exact():
            return
        later = [s for s, at, _ in self.wishes.voiced[spot.thing, spot.field] if at != spot.at and s > wish.seq]
        told = [
            e for e in self.books.trails[self.link(self.things[spot.thing])][wish.mark :] if e["field"] == spot.field
        ]
        assert later, f"{spot} {wish} was overruled as older, but nobody wished anything later: {told}"

    # -- nothing unexplained --------------------------------------------------------------------

    def _bot_wrote(self, before: Look) -> Iterator[Stir]:
        """Yield (thing, field, connection) of the fields that our account changed on copies that were there."""
        for thing in self.things.values():
            for at, row in self.copies(thing).items():
                was = before.natives.get((at, row.id))
                for native in NATIVES.values() if was is not None else ():
                    edited = row.history.get(native)
                    if was is None or was.get(native) == row.fields.get(native) or edited is None:
                        continue
                    if edited.who == BOT.id:
                        yield thing.name, NAMED[native], at

    def _nothing_unexplained_was_written(self, before: Look, after: Look, report: Report | None) -> None:
        for spot in self._bot_wrote(before):
            assert spot in self.stirred, f"a copy owed nothing was written: {spot}"

    def _held_fields_stand_still(self, before: Look, after: Look) -> None:
        wrote = {(self.link(self.things[t]), f) for t, f, _ in self._bot_wrote(before)}
        for (link, name), hold in after.books.holds.items():
            if name in {"twin", "maybe"}:
                continue
            assert (link, name) not in wrote, f"a held field was written: {hold}"
            if (link, name) in before.books.holds:
                was, now = (x.books.links[link].agreed.get(name) for x in (before, after))
                assert was == now, f"a held field moved: {hold}"

    def _calm(self, after: Look, report: Report | None) -> None:
        """Forget what gave reason to write, once nothing of it is left to be written."""
        self._account_elements(after, report, after)
        if report is None or after.books.intents:
            return
        for thing, name, at in list(self.stirred):
            link = self.link(self.things[thing])
            known = after.books.links.get(link)
            if known is None or known.wants or at not in after.books.rows[link] or (link, name) in after.books.holds:
                continue
            if name in known.owed.get(at, {}) or self.wishes.open_on(thing, name):
                continue
            self.stirred.discard((thing, name, at))

    # -- at the end -----------------------------------------------------------------------------

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


def same_labels(a: object, b: object) -> bool:
    return folded(a) == folded(b)


__all__ = ["FIELDS", "START", "UNLIMITED", "Spot", "Thing", "World", "fold", "same_labels"]
