"""What becomes of whole records: deleted, archived, hidden, moved away, and brought back."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from syncer.model import CLOSED, State
from syncer.run import Report
from syncer.sdk.memory import NATIVES
from tests.properties.books import Books, Look
from tests.properties.promises import Promises
from tests.properties.wishes import Spot
from tests.properties.world import Thing

AWAY = {State.ARCHIVED: "archive", State.GONE: "remove", State.MOVED: "move", State.UNREACHABLE: "hide"}


class Lives(Promises):
    """People delete records for good, and put away, hide, move out and bring back others."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: set[tuple[str, str]] = set()
        """(thing, connection) deleted by people: never seen again."""
        self.ended: set[str] = set()
        """Items of which a copy was ever found gone."""

    @precondition(lambda self: self.things)
    @rule(data=st.data(), state=st.sampled_from([State.ARCHIVED, State.GONE, State.MOVED, State.UNREACHABLE]))
    def send_away(self, data: st.DataObject, state: State) -> None:
        thing = self.things[data.draw(st.sampled_from(sorted(self.things)), "thing")]
        at = data.draw(st.sampled_from(sorted(self.copies(thing))), "at")
        row = self.copies(thing)[at]
        if row.state is not State.HERE:
            return
        self.b.clock.pass_(seconds=2)
        getattr(self.b.trackers[at], AWAY[state])(row.id)
        if state is State.GONE:
            self.dead.add((thing.name, at))

    @precondition(lambda self: self.things)
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        """Bring back what was put away, hidden, moved out or (out of the bin) deleted."""
        thing = self.things[data.draw(st.sampled_from(sorted(self.things)), "thing")]
        for at, row in sorted(self.copies(thing).items()):
            if row.state is not State.HERE:
                self.b.clock.pass_(seconds=2)
                self.b.trackers[at].restore(row.id)
                self.dead.discard((thing.name, at))

    # -- what must hold ---------------------------------------------------------------------------

    def calm_down(self) -> None:
        super().calm_down()
        self.ways = {t: {at: r.state for at, r in self.copies(self.things[t]).items()} for t in self.things}

    def after_run(self, before: Look, after: Look, report: Report | None) -> None:
        super().after_run(before, after, report)
        for link, rows in after.books.rows.items():
            for at, row in rows.items():
                state = self.b.trackers[at].row(row.copy.ref.id).state
                known = before.books.rows.get(link, {}).get(at)
                if known is not None and row.copy.state is not known.copy.state:
                    assert row.copy.state is state, f"{at} {row.copy.ref} is {state}, believed {row.copy.state}"
            if any(r.copy.state is State.GONE for r in rows.values()):
                self.ended |= {t.name for t in self.things.values() if self.link(t) == link}
