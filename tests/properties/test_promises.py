"""DESIGN §4's promises under edits, lost answers, outages and crashes, found by Hypothesis."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from syncer.engine.state import Limits
from syncer.model import Ref
from syncer.sdk.memory import NATIVES, Crash, Paging
from syncer.sdk.memory_tracker import Fault
from syncer.store import items
from syncer.store.records import trail
from tests.properties.board import Board, board

NAMES = ("a", "b", "c")
NAMED = {native: name for name, native in NATIVES.items()}
FIRST_LINK = {"the item was agreed already", "the oldest record wins"}
ITEMS = 3
"""Few, so that edits meet on the same item."""
SCALARS: Mapping[str, tuple[str | None, ...]] = {
    "headline": (),
    "stage": ("Inbox", "Next", "Doing", "Checking", "Shipped", "Dropped"),
    "rank": ("P1", "P2", "P3", "P4"),
    "deadline": ("2027-01-01", "2027-02-02", None),
}
LOSSY = {"Next": "new", "Shipped": "over"}
RULES = Limits(creates=10_000, updates=10_000, closes=10_000, archives=10_000, flaps=10_000)

connections = st.sampled_from(NAMES)
faults = st.sampled_from(["before", "sent", "after", "crash_before", "crash_after"])
calls = st.sampled_from(["create", "update", "comment", "get", "changes"])


class Promises(RuleBasedStateMachine):
    """People and mishaps on three trackers; one of them knows only two statuses."""

    def __init__(self) -> None:
        super().__init__()
        self.b: Board
        self.expected: dict[tuple[str, str], object] = {}
        self.labels: dict[str, set[str]] = {}
        self.home: dict[str, tuple[str, str]] = {}
        self.said = 0
        self.number = 0

    @initialize(
        bare=st.booleans(),
        newest=st.booleans(),
        client_ids=st.booleans(),
        late=st.booleans(),
        coarse=st.booleans(),
        lag=st.sampled_from([0, 20]),
    )
    def begin(self, *, bare: bool, newest: bool, client_ids: bool, late: bool, coarse: bool, lag: int) -> None:
        options = {
            "a": {"bare": ("create", "update") if bare else (), "late": ("status",) if late else ()},
            "b": {"statuses": LOSSY, "resolution": timedelta(seconds=1) if coarse else timedelta(milliseconds=1)},
            "c": {"client_ids": client_ids, "single_assignee": True},
        }
        self.b = board(NAMES, options=options, limits=RULES)
        self.b.paging = {"c": Paging(size=3, newest_first=newest, repeats=True), "a": Paging(size=2)}
        self.b.split = frozenset({"a"})
        if lag:
            for name in ("a", "b"):
                self.b.trackers[name].lag = timedelta(seconds=lag)
            self.b.lagging = frozenset({"a", "b"})

    # -- people --------------------------------------------------------------------------------

    @precondition(lambda self: len(self.home) < ITEMS)
    @rule(at=connections)
    def add(self, at: str) -> None:
        self.number += 1
        title = f"Item {self.number}"
        self.b.clock.pass_(seconds=2)
        self.home[title] = (at, self.b.trackers[at].add(title))
        self.labels[title] = set()

    def _copies(self, title: str) -> dict[str, str]:
        at, record = self.home[title]
        found = {at: record}
        for name in NAMES:
            if name != at:
                try:
                    found[name] = self.b.counterpart(at, record, name)
                except (AssertionError, KeyError):
                    continue
        return found

    @precondition(lambda self: self.home)
    @rule(data=st.data(), at=connections, field=st.sampled_from(sorted(SCALARS)))
    def edit(self, data: st.DataObject, at: str, field: str) -> None:
        self._edit(data, data.draw(st.sampled_from(sorted(self.home))), at, field)

    @precondition(lambda self: self.home)
    @rule(data=st.data(), field=st.sampled_from(sorted(SCALARS)))
    def collide(self, data: st.DataObject, field: str) -> None:
        """People change one field of one item on all sides before the next poll."""
        title = data.draw(st.sampled_from(sorted(self.home)))
        for at in data.draw(st.permutations(NAMES)):
            self._edit(data, title, at, field)

    def _edit(self, data: st.DataObject, title: str, at: str, field: str) -> None:
        record = self._copies(title).get(at)
        if record is None:
            return
        tracker = self.b.trackers[at]
        self.number += 1
        choices = [w for w in SCALARS[field] if field != "stage" or w in tracker.statuses] or [f"Title {self.number}"]
        value = data.draw(st.sampled_from(choices))
        if tracker.row(record).fields.get(field) == value:
            return
        self.b.clock.pass_(seconds=2)
        tracker.edit(record, **{field: value})
        self.expected[title, field] = value

    @precondition(lambda self: self.home)
    @rule(data=st.data(), at=connections)
    def label(self, data: st.DataObject, at: str) -> None:
        title = data.draw(st.sampled_from(sorted(self.home)))
        record = self._copies(title).get(at)
        if record is None:
            return
        self.number += 1
        tracker, tag = self.b.trackers[at], f"tag{self.number}"
        self.b.clock.pass_(seconds=2)
        tracker.edit(record, tags=[*tracker.row(record).fields.get("tags", ()), tag])
        self.labels[title].add(tag)

    @precondition(lambda self: self.home)
    @rule(data=st.data(), at=connections)
    def unlabel(self, data: st.DataObject, at: str) -> None:
        title = data.draw(st.sampled_from(sorted(self.home)))
        record = self._copies(title).get(at)
        tags = list(self.b.trackers[at].row(record).fields.get("tags", ())) if record else []
        if not tags:
            return
        tag = data.draw(st.sampled_from(tags))
        self.b.clock.pass_(seconds=2)
        self.b.trackers[at].edit(record, tags=[t for t in tags if t != tag])
        self.labels[title].discard(tag)

    @precondition(lambda self: self.home)
    @rule(data=st.data(), at=connections)
    def speak(self, data: st.DataObject, at: str) -> None:
        title = data.draw(st.sampled_from(sorted(self.home)))
        record = self._copies(title).get(at)
        if record is not None:
            self.said += 1
            self.b.clock.pass_(seconds=2)
            self.b.trackers[at].say(record, f"Words {self.said}")

    # -- mishaps -------------------------------------------------------------------------------

    @rule(at=connections, kind=faults, call=calls, skip=st.integers(0, 3))
    def mishap(self, at: str, kind: str, call: str, skip: int) -> None:
        self.b.trackers[at].faults.append(Fault(kind, call, skip=skip))  # type: ignore[arg-type]  # drawn from its words

    @rule(at=connections)
    def outage(self, at: str) -> None:
        self.b.trackers[at].down = not self.b.trackers[at].down

    @rule(full=st.booleans())
    def run(self, *, full: bool) -> None:
        try:
            self.b.sync(full=full)
        except Crash:
            return

    # -- the promises --------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "b"):
            return
        for tracker in self.b.trackers.values():
            tracker.down = False
            tracker.faults.clear()
        last = self.b.settle(runs=4)
        self._no_duplicate()
        self._convergence(last)
        self._no_lost_edit()
        before = self.b.writes()
        assert self.b.sync().outcome == "in_step"
        assert self.b.writes() == before, "a run with nothing new wrote"

    def _no_duplicate(self) -> None:
        for name, tracker in self.b.trackers.items():
            assert len(tracker.records()) == len(self.home), f"{name} has a record too many or too few"
            assert len(tracker.comments()) == self.said, f"{name} has a comment too many or too few"

    def _convergence(self, last: object) -> None:
        assert not last.parked, last.parked  # type: ignore[attr-defined]  # a Report
        assert not last.held  # type: ignore[attr-defined]  # a Report
        for title in self.home:
            copies = self._copies(title)
            a, c = (self.b.trackers[n].row(copies[n]).fields for n in ("a", "c"))
            assert {k: a.get(k) for k in SCALARS} == {k: c.get(k) for k in SCALARS}

    def _overruled_on_joining(self, title: str) -> set[str]:
        """Return fields where an edit of a copy never read before gave way to what was agreed (rule 11)."""
        at, record = self.home[title]
        with self.b.store.read() as tx:
            link = items.link_of(tx, self.b.rules.sync, Ref(at, "issue", record)) or ""
            return {e["field"] for e in trail(tx, link) if e["act"] == "overruled" and e["why"] in FIRST_LINK}

    def _no_lost_edit(self) -> None:
        # An edit that a lagging listing does not show yet cannot be seen before writing (DESIGN §4).
        seen = {} if self.b.lagging else self.expected
        for (title, field), value in seen.items():
            record = self._copies(title)["a"]
            if NAMED[field] in self._overruled_on_joining(title):
                continue
            assert self.b.trackers["a"].row(record).fields.get(field) == value, (title, field)
        for title, tags in self.labels.items():
            for name, record in self._copies(title).items():
                have = set(self.b.trackers[name].row(record).fields.get("tags", ()))
                assert have == tags, (title, name)


TestPromises = Promises.TestCase
TestPromises.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    # The same walk every time; `make soak` takes new ones.
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate] if os.environ.get("SYNCER_QUICK") else list(Phase),
    database=None,
)
