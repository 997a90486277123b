"""What must hold after every run: no edit lost, no write unexplained, nothing held moved, nobody doubled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from syncer.links import Link
from syncer.model import SET_FIELDS, Absent, Ref, State, Value
from syncer.run import Report
from syncer.sdk.memory import BOT, NATIVES
from tests.properties.books import Entry, Look
from tests.properties.wishes import Mark, Spot, Wish, fate_of, fate_of_element, folded
from tests.properties.world import NAMED, World

Key = Spot | tuple[Spot, str]


class Answers(World):
    """Every run answers for every wish it could see, and writes only where somebody gave it reason to."""

    def after_run(self, before: Look, after: Look, report: Report | None) -> None:
        super().after_run(before, after, report)
        for thing in self.things.values():
            self.copies(thing)  # which finds duplicates
        self._explained(before)
        self._held_fields_stand_still(before, after)
        for spot, wish in list(self.wishes.pending.items()):
            self._answer(spot, wish, before, after, report)
        for (spot, element), mark in list(self.wishes.elements.items()):
            self._answer_element(spot, element, mark, before, after, report)
        self._down_is_not_gone(before, after, report)
        self._calm(before, after, report)

    # -- no lost edit ---------------------------------------------------------------------------

    def _answer(self, spot: Spot, wish: Wish, before: Look, after: Look, report: Report | None) -> None:
        """A wish is agreed, or overruled with both values, or held, or still there to be seen."""
        value = self.meaning(spot.field, spot.at, wish.now)
        was = self.meaning(spot.field, spot.at, wish.before)
        if isinstance(value, Absent) or self.outside(spot):
            return
        if value == was:
            self.wishes.close(spot, self.runs, "undone")
            return
        link, entries, ref = self._told(spot, wish, after)
        if link is not None and spot.field in link.agreed:
            past = None if isinstance(was, Absent) else was
            fate = fate_of(spot.field, value, past, link.agreed[spot.field], entries, ref)
            if fate is None and wish.joining and self._empty(value):
                fate = "empty gave way"
            if fate is not None and not self._by_chance(spot, fate, report):
                self.wishes.close(spot, self.runs, fate)
                self.by_which_rule(spot, wish, fate)
                return
        written_over = self.meaning(spot.field, spot.at, self.native(spot)) != value
        self._not_lost(spot, spot, wish, before, after, report, written_over=written_over)

    def _answer_element(
        self, spot: Spot, element: str, mark: Mark, before: Look, after: Look, report: Report | None
    ) -> None:
        if self.outside(spot):
            return
        link, entries, ref = self._told(spot, mark, after)
        if link is not None and spot.field in link.agreed:
            fate = fate_of_element(spot.field, element, mark.sign, link.agreed[spot.field], entries, ref)
            if fate is None and mark.joining and mark.sign == "-":
                fate = "sets unite"
            if fate is not None and not self._by_chance(spot, fate, report):
                self.wishes.close((spot, element), self.runs, fate)
                by_rule = fate not in {"agreed", "taken", "sets unite", "a person resolved it", "resolved by a person"}
                owner = self.b.rules.rule(spot.field).owner
                # On the same element an add beats a remove: nothing but an owner takes an addition back.
                assert not by_rule or mark.sign == "-" or owner not in {None, spot.at}, f"{spot} +{element}: {fate}"
                return
        here = folded(self.meaning(spot.field, spot.at, self.native(spot)))
        written_over = (element in here) != (mark.sign == "+")
        self._not_lost((spot, element), spot, mark, before, after, report, written_over=written_over)

    def _by_chance(self, spot: Spot, fate: str, report: Report | None) -> bool:
        """Say whether others wished the same, and the run had no eyes for the copy: its word is still to come."""
        return fate in {"agreed", "taken"} and (report is None or spot.at in report.down)

    def _told(self, spot: Spot, wish: Wish | Mark, after: Look) -> tuple[Link | None, Sequence[Entry], str]:
        """Return the item's link, what its trail says since the wish, and the ref of the copy."""
        thing = self.things[spot.thing]
        link = self.link(thing)
        ref = Ref(spot.at, "issue", self.copies(thing)[spot.at].id)
        return after.books.links.get(link), after.books.trails.get(link, ())[wish.mark :], str(ref)

    def _empty(self, value: Value) -> bool:
        return value in {None, "", "none"}

    def _not_lost(
        self,
        key: Key,
        spot: Spot,
        wish: Wish | Mark,
        before: Look,
        after: Look,
        report: Report | None,
        *,
        written_over: bool,
    ) -> None:
        """A wish without an answer must still be there to be seen, and be answered by a run that could see it."""
        if (self.link(self.things[spot.thing]), spot.field) in after.books.holds:
            return
        if written_over:
            assert self.hidden(spot, wish, before), f"lost edit: {key} {wish}"
            self.wishes.close(key, self.runs, "could not be seen")
            return
        seen = report is not None and self.visible(spot, wish, before, after, report)
        assert not seen, f"an edit was not noticed: {key} {wish}"

    def hidden(self, spot: Spot, wish: Wish | Mark, before: Look) -> bool:
        """Say whether DESIGN lets the edit be overwritten: it was made after the last read, or listings lag."""
        lag = self.b.trackers[spot.at].lag
        return wish.during or (bool(lag) and before.at - wish.when < lag + timedelta(seconds=10))

    def visible(self, spot: Spot, wish: Wish | Mark, before: Look, after: Look, report: Report) -> bool:
        """Say whether the run just over had to see the edit, whatever else went wrong in it."""
        tracker = self.b.trackers[spot.at]
        row = after.books.rows.get(self.link(self.things[spot.thing]), {}).get(spot.at)
        return (
            report.outcome != "refused"
            and not report.stopped
            and report.trigger != "webhook"
            and spot.at not in report.down
            and before.at - wish.when > tracker.lag
            and wish.when <= before.at
            and row is not None
            and row.copy.state is State.HERE
            and tracker.row(row.copy.ref.id).state is State.HERE
        )

    def exact(self) -> bool:
        """Say whether stamps of different trackers can be compared."""
        return not any(t.skew for t in self.b.trackers.values())

    def by_which_rule(self, spot: Spot, wish: Wish, fate: str) -> None:
        """The newest edit wins over an older one, never over a newer."""
        if fate != "the newest edit wins" or not self.exact():
            return
        later = [s for s, at, _ in self.wishes.voiced[spot.thing, spot.field] if at != spot.at and s > wish.seq]
        trail = self.books.trails[self.link(self.things[spot.thing])]
        told = [e for e in trail[wish.mark :] if e["field"] == spot.field]
        assert later, f"{spot} {wish} was overruled as older, but nobody wished anything later: {told}"

    # -- nothing unexplained --------------------------------------------------------------------

    def _written(self, before: Look) -> Iterator[Spot]:
        """Yield the spots that our account changed, of copies that were there before."""
        for thing in self.things.values():
            for at, row in self.copies(thing).items():
                was = before.natives.get((at, row.id), row.fields)
                for native, edited in row.history.items():
                    if was[native] != row.fields[native] and edited.who == BOT.id:
                        yield Spot(thing.name, NAMED[native], at)

    def _explained(self, before: Look) -> None:
        for spot in self._written(before):
            assert spot in self.stirred, f"a copy owed nothing was written: {spot}"

    def _held_fields_stand_still(self, before: Look, after: Look) -> None:
        wrote = {(self.link(self.things[s.thing]), s.field) for s in self._written(before)}
        for (link, name), hold in after.books.holds.items():
            if name not in NATIVES:
                continue
            # An edit that no listing showed, or made amid the run, may have come after a write.
            late = self.last_deed > before.at or any(t.lag for t in self.b.trackers.values())
            known = (link, name) in before.books.holds
            assert (link, name) not in wrote or (late and not known), f"a held field was written: {hold}"
            if known:
                was, now = (x.books.links[link].agreed.get(name) for x in (before, after))
                assert was == now, f"a held field moved: {hold}"

    def _down_is_not_gone(self, before: Look, after: Look, report: Report | None) -> None:
        """Of a connection that is down nothing is gone, and no debt is forgotten."""
        for name in (n for n in self.names if self.b.trackers[n].down):
            for link in before.books.links:
                was, now = (x.books.rows.get(link, {}).get(name) for x in (before, after))
                assert was is None or (now is not None and now.copy.state is was.copy.state), f"{name} is only down"
                # A debt of elements may be undone meanwhile: added here, and taken off again.
                had, has = (x.books.links[link].owed.get(name, {}).keys() - SET_FIELDS for x in (before, after))
                assert had <= has, f"{name} is down, and is no longer owed {had - has}"

    def _calm(self, before: Look, after: Look, report: Report | None) -> None:
        """Forget what gave reason to write, once nothing of it is left to be written."""
        lag = max(t.lag for t in self.b.trackers.values())
        # What lagging listings still hide may show step by step, also what was undone meanwhile.
        hidden = bool(lag) and before.at - self.last_deed < lag + timedelta(seconds=10)
        if report is None or after.books.intents or hidden:
            return
        for spot in list(self.stirred):
            link = self.link(self.things[spot.thing])
            known = after.books.links.get(link)
            if known is None or known.wants or spot.at not in after.books.rows[link]:
                continue
            waits = (link, spot.field) in after.books.holds or self.wishes.open_on(spot.thing, spot.field)
            if not waits and spot.field not in known.owed.get(spot.at, {}):
                self.stirred.discard(spot)
