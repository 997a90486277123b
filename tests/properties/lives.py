"""What becomes of whole records: deleted, archived, hidden, moved away, and brought back."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from syncer.engine.plan import BURIAL
from syncer.links import Link
from syncer.model import FIELDS, State
from syncer.run import Report
from tests.properties.books import Books, Look
from tests.properties.promises import Promises
from tests.properties.wishes import Spot
from tests.properties.world import Thing

AWAY: Mapping[State, str] = {
    State.ARCHIVED: "archive",
    State.GONE: "remove",
    State.MOVED: "move",
    State.UNREACHABLE: "hide",
}


class Lives(Promises):
    """People delete records, put away, hide and move out others, and bring them back.

    The first item stays where it is, so that no connection suddenly lists nothing at all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[str] = set()
        """Items of which a copy was ever deleted."""
        self.strayed: set[str] = set()
        """Items of which a copy was ever away."""

    @precondition(lambda self: len(self.things) > 1)
    @rule(data=st.data(), state=st.sampled_from(sorted(AWAY)))
    def send_away(self, data: st.DataObject, state: State) -> None:
        thing = self.things[data.draw(st.sampled_from(sorted(self.things)[1:]), "thing")]
        at = data.draw(st.sampled_from(sorted(self.copies(thing))), "at")
        row = self.copies(thing)[at]
        if row.state is not State.HERE:
            return
        self.b.clock.pass_(seconds=2)
        getattr(self.b.trackers[at], AWAY[state])(row.id)
        self.strayed.add(thing.name)
        if state is State.GONE:
            self.ended.add(thing.name)
            self._close_others(thing, at)

    def _close_others(self, thing: Thing, at: str) -> None:
        """Note what `on_gone` may do to the other copies."""
        if self.b.rules.on_gone != "keep":
            self.wishes.voice(Spot(thing.name, "status", at), "canceled")
            self.stirred |= {Spot(thing.name, "status", n) for n in self.names}

    @precondition(lambda self: self.away())
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        """Bring back what was put away, hidden, moved out or (out of the bin) deleted."""
        self._restore(*data.draw(st.sampled_from(self.away()), "record"))

    def _restore(self, thing: str, at: str) -> None:
        """What comes back is owed what it missed."""
        self.stirred |= {Spot(thing, name, at) for name in FIELDS}
        self.b.clock.pass_(seconds=2)
        self.b.trackers[at].restore(self.copies(self.things[thing])[at].id)

    def away(self) -> list[tuple[str, str]]:
        rows = [(t.name, at, r.state) for t in self.things.values() for at, r in self.copies(t).items()]
        return sorted((name, at) for name, at, state in rows if state is not State.HERE)

    # -- what must hold ---------------------------------------------------------------------------

    def after_run(self, before: Look, after: Look, report: Report | None) -> None:
        super().after_run(before, after, report)
        self._nothing_is_believed_that_no_tracker_said(before, after)
        self._only_as_on_gone_says(before)
        self._only_once(before, after)
        self._ends_to_come(after)

    def _ends_to_come(self, after: Look) -> None:
        """A deletion that no complete listing has shown yet gives reason to write when one does."""
        for name in self.ended:
            thing = self.things[name]
            link = after.books.links.get(self.link(thing))
            dead = {at for at, row in self.copies(thing).items() if row.state is State.GONE}
            if self.b.rules.on_gone != "keep" and dead - (link.buried if link is not None else frozenset()):
                self.stirred |= {Spot(name, "status", n) for n in self.names}

    def _only_once(self, before: Look, after: Look) -> None:
        """`on_gone` answers every end once: who opens the others again is not contradicted."""
        for id_, link in after.books.links.items():
            known = before.books.links.get(id_)
            if known is None or link.agreed.get("status") == known.agreed.get("status"):
                continue
            if link.origin["status"].who == BURIAL:
                assert link.buried - known.buried, f"closed once more: {link}"

    def _nothing_is_believed_that_no_tracker_said(self, before: Look, after: Look) -> None:
        for link, rows in after.books.rows.items():
            for at, row in rows.items():
                known = before.books.rows.get(link, {}).get(at)
                state = self.b.trackers[at].row(row.copy.ref.id).state
                if state is State.GONE and self.b.trackers[at].purges:
                    state = State.UNREACHABLE
                told = known is not None and row.copy.state is not known.copy.state
                if told and not self.b.trackers[at].lag:
                    assert row.copy.state is state, f"{row.copy.ref} is {state}, believed {row.copy.state}"

    def _only_as_on_gone_says(self, before: Look) -> None:
        for name, tracker in self.b.trackers.items():
            for call, record in tracker.effects[before.writes[name] :]:
                if call == "archive":
                    thing = self.thing_of(name, record)
                    assert thing is not None
                    assert thing.name in self.ended, f"{thing} was archived, and no copy of it was deleted"
                    assert self.b.rules.on_gone == "archive"
                    self.strayed.add(thing.name)

    def at_end(self) -> None:
        super().at_end()
        for thing, at in self.away():
            if self.copies(self.things[thing])[at].state is not State.GONE:
                self._restore(thing, at)
        super().at_end()

    def nothing_is_open(self, last: Report, books: Books) -> None:
        assert not last.down, last.down
        assert not books.parked, books.parked
        assert not books.holds, books.holds
        assert not books.intents, books.intents
        for link in books.links.values():
            here = {c for c, row in books.rows[link.id].items() if row.copy.state is State.HERE}
            assert not {c for c in here if link.owed.get(c)}, f"something is still owed: {link}"
            assert not link.wants or self._thing(link).name in self.strayed, f"a copy is still wanted: {link}"

    def _thing(self, link: Link) -> Thing:
        return next(t for t in self.things.values() if self.link(t) == link.id)

    def all_there(self, thing: Thing) -> bool:
        return thing.name not in self.strayed and super().all_there(thing)

    def answered(self, spot: Spot) -> bool:
        row = self.copies(self.things[spot.thing]).get(spot.at)
        return row is not None and row.state is State.HERE and super().answered(spot)

    def last_word_stands(self, thing: Thing, name: str, link: Link) -> None:
        if thing.name not in self.ended or name != "status":
            super().last_word_stands(thing, name, link)
