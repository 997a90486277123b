"""What a daemon adds to the days of a company: webhooks, runs told to stop, connections left to rest."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from syncer.connector import Lead
from syncer.errors import UnavailableError
from syncer.model import Address, Ref
from syncer.store import leads
from tests.properties.talk import Talk
from tests.properties.world import World


class Webhooks(World):
    """Trackers tell where to look: of some records and not of others, twice, late, of things long known or of none."""

    @precondition(lambda self: self.things)
    @rule(data=st.data(), run=st.sampled_from([True, True, False]))
    def hear(self, data: st.DataObject, *, run: bool) -> None:
        for _ in range(data.draw(st.integers(1, 3), "deliveries")):
            self._deliver(data)
        if run:
            self.run_once(leads=True, trigger="webhook")

    def _deliver(self, data: st.DataObject) -> None:
        thing = self.things[data.draw(st.sampled_from(sorted(self.things)), "thing")]
        at, row = data.draw(st.sampled_from(sorted(self.copies(thing).items())), "copy")
        said = data.draw(st.booleans(), "says when")
        address = Address(Ref(at, "issue", row.id), row.key)
        found = [Lead(address, at=row.updated if said else None)]
        if isinstance(self, Talk):
            found += [Lead(address, r.id) for r in self.remarks if r.thing == thing.name and r.at == at][:2]
        if data.draw(st.sampled_from([False, False, True]), "a stranger"):
            found.append(Lead(Address(Ref(at, "issue", "nobody"), "X-0")))
        self.number += 1
        with self.b.store.write() as tx:
            leads.note(tx, [self.b.rules.sync], at, [f"delivery {self.number}"], found, self.b.clock())


class Halts(World):
    """A run is told to stop, at whatever safe point it comes to first; a connection is left alone for a run."""

    @rule(looks=st.integers(0, 12), on_leads=st.booleans())
    def run_and_stop(self, looks: int, *, on_leads: bool) -> None:
        self.b.patience = looks
        self.run_once(leads=on_leads, trigger="webhook" if on_leads else "manual")
        self.b.patience = None

    @rule(data=st.data())
    def run_with_one_at_rest(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from(self.names), "at rest")
        self.run_once(resting={at: UnavailableError("resting", connection=at, sent=False)})
