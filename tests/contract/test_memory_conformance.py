"""The in-memory connector keeps the promises of the contract, whatever its tracker is like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from syncer.connector import Connector
from syncer.errors import RejectedError, UnavailableError
from syncer.model import Address, Delta, Draft, Edited, Missing, Ref, State, client_id
from syncer.sdk.memory import BOT, NATIVES, Crash, Fault, FaultKind, MemoryConnector, MemoryPlugin, Paging, Tracker
from syncer.sdk.testing import Clock, Conformance, Counter, Mishap, Samples, Subject

WRITES = "create|update|archive|comment|edit_comment|delete_comment"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class MemorySubject:
    """Keys are those of the tracker; its records are reached by id inside."""

    tracker: Tracker
    clock: Clock
    paging: Paging
    split: bool = False
    connection: str = "memory"
    samples: Samples = field(default_factory=lambda: Samples(people=("u-ann",)))
    meter: Counter = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)
    born: dict[str, str] = field(default_factory=dict)
    """Key at birth -> id, of what people added: a record that left keeps being the same."""

    @property
    def abilities(self) -> frozenset[str]:
        return MemoryPlugin.abilities if self.tracker.archives else MemoryPlugin.abilities - {"archive"}

    @property
    def token(self) -> str:
        return self.tracker.token

    def connector(self, *, token: str | None = None) -> Connector:
        return MemoryConnector(
            self.tracker,
            self.connection,
            paging=self.paging,
            split=self.split,
            token=token or self.token,
            meter=self.meter,
        )

    def add(self, title: str, **fields: Any) -> str:
        self.clock.forward(1)
        native = self._native(fields)
        record = self.tracker.add(title, **native)
        self.born[self.tracker.row(record).key] = record
        return self.tracker.row(record).key

    def edit(self, key: str, **fields: Any) -> None:
        self.clock.forward(1)
        self.tracker.edit(self._id(key), **self._native(fields))

    def say(self, key: str, body: str, *, restricted: bool = False) -> str:
        self.clock.forward(1)
        return self.tracker.say(self._id(key), body, restricted=restricted)

    def reword(self, comment: str, body: str) -> None:
        self.clock.forward(1)
        self.tracker.edit_comment(comment, body)

    def unsay(self, comment: str) -> None:
        self.clock.forward(1)
        self.tracker.delete_comment(comment)

    def restrict(self, comment: str) -> None:
        self.clock.forward(1)
        self.tracker.restrict(comment)

    def remove(self, key: str) -> None:
        self.clock.forward(1)
        self.tracker.remove(self._id(key))

    def archive(self, key: str) -> None:
        self.clock.forward(1)
        self.tracker.archive(self._id(key))

    def restore(self, key: str) -> None:
        self.clock.forward(1)
        if self.tracker.purges and self.tracker.row(self._id(key)).state is State.GONE:
            raise TypeError("deleted for good")
        self.tracker.restore(self._id(key))

    def move(self, key: str) -> str:
        self.clock.forward(1)
        return self.tracker.move(self._id(key))

    def hide(self, key: str) -> None:
        self.clock.forward(1)
        self.tracker.hide(self._id(key))

    def show(self, key: str) -> Mapping[str, Any]:
        record = self._id(key)
        native = self.tracker.row(record).fields
        shown = {name: native[own] for name, own in NATIVES.items() if own in native}
        return {**shown, "comments": [{"body": s.body} for s in self.tracker.comments(record)]}

    def keys(self) -> Sequence[str]:
        return [r.key for r in self.tracker.rows()]

    def go_wrong(self, how: Mishap, *, writes: bool = False, times: int = 1) -> bool:
        if not writes or how not in {"before", "after"}:
            return False  # nothing is waited for, and there is no wire to cut
        kind: FaultKind = "sent" if how == "before" else "after"
        self.tracker.faults.append(Fault(kind, WRITES, times))
        return True

    def served(self) -> int:
        return sum(call != "open" for call in self.tracker.calls)

    def _id(self, key: str) -> str:
        return self.born.get(key) or next(r.id for r in self.tracker.rows() if r.key == key)

    def _native(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        native = {NATIVES[name]: value for name, value in fields.items()}
        if native.get("above"):
            native["above"] = self._id(native["above"])
        return native


def plain(clock: Clock) -> MemorySubject:
    return MemorySubject(Tracker("plain", clock=clock), clock, Paging())


def like_linear(clock: Clock) -> MemorySubject:
    tracker = Tracker("linear", clock=clock, client_ids=True, single_assignee=True, private=True, tombstones=True)
    return MemorySubject(tracker, clock, Paging(newest_first=True))


def like_jira(clock: Clock) -> MemorySubject:
    tracker = Tracker(
        "jira",
        clock=clock,
        late={"status"},
        resolution=timedelta(minutes=1),
        bare={"create", "update"},
        spaced_labels=False,
        comments_with_records=True,
        comments_touch=True,
        purges=True,
        moves={
            "Inbox": ["Next"],
            "Someday": ["Next"],
            "Next": ["Someday", "Doing", "Inbox"],
            "Doing": ["Checking", "Next"],
            "Checking": ["Doing", "Shipped", "Dropped"],
            "Shipped": ["Next"],
            "Dropped": ["Next"],
        },
    )
    return MemorySubject(tracker, clock, Paging(size=100, shuffle=7), split=True)


def like_github(clock: Clock) -> MemorySubject:
    tracker = Tracker(
        "github",
        clock=clock,
        statuses={"Next": "new", "Shipped": "over"},
        fields={"title", "body", "status", "labels", "assignees"},
        resolution=timedelta(seconds=1),
        folds_labels=True,
        rewrites=lambda text: text.replace("\n", "\r\n"),
        keeps_history=False,
        comments_touch=True,
        archives=False,
    )
    return MemorySubject(tracker, clock, Paging(size=30, repeats=True))


def askew(clock: Clock) -> MemorySubject:
    """Has a clock that is late, and habits nobody has together."""
    tracker = Tracker(
        "askew",
        clock=clock,
        skew=timedelta(seconds=-90),
        comments_with_records=True,
        comments_touch=True,
        bare={"archive"},
    )
    return MemorySubject(tracker, clock, Paging(size=40, newest_first=True))


class TestMemory(Conformance):
    @pytest.fixture(params=[plain, like_linear, like_jira, like_github, askew], ids=lambda make: make.__name__)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        make: Callable[[Clock], Subject] = request.param
        return make(Clock())


def test_our_account_is_nobody_else() -> None:
    assert BOT.id not in Tracker("any", clock=Clock()).people


# -- what only this connector can do: go wrong on purpose --------------------------------------


@dataclass
class Bench:
    """A tracker, its connector, and a draft to create."""

    tracker: Tracker
    clock: Clock
    connector: MemoryConnector

    @property
    def draft(self) -> Draft:
        return Draft("issue", {"headline": "Ours"}, MARKER, client_id(MARKER))

    def address(self, record: str) -> Address:
        return Address(Ref("memory", "issue", record), self.tracker.row(record).key)

    async def listed(self, cursor: str | None = None) -> list[str]:
        pages = [page async for page in self.connector.changes(cursor)]
        return [r.ref.id for page in pages for r in page.records]


def bench(paging: Paging | None = None, **tracker: Any) -> Bench:
    clock = Clock()
    made = Tracker("bench", clock=clock, **tracker)
    return Bench(made, clock, MemoryConnector(made, "memory", paging=paging or Paging()))


MARKER = "Lmemory.0123456789abcdef01234567"


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "kept"), [("crash_before", 0), ("crash_after", 1)])
async def test_a_crash_is_caught_by_nobody(kind: FaultKind, kept: int) -> None:
    there = bench(faults=[Fault(kind, "create")])

    with pytest.raises(Crash):
        await there.connector.create(there.draft)

    assert not issubclass(Crash, Exception)
    assert len(there.tracker.rows()) == there.tracker.creates == kept


@pytest.mark.anyio
async def test_a_create_sent_twice_makes_two_records_where_ids_are_not_ours() -> None:
    there = bench()

    await there.connector.create(there.draft)
    await there.connector.create(there.draft)

    assert there.tracker.creates == len(there.tracker.rows()) == 2


@pytest.mark.anyio
async def test_a_field_can_be_dropped_without_a_word() -> None:
    there = bench(faults=[Fault("drop", "update", field="tags")])
    record = there.tracker.add("Old")

    receipt = await there.connector.update(
        there.address(record), {"headline": "New", "tags": Delta(frozenset({"a"}))}, {}
    )

    assert receipt.record is not None
    assert (receipt.record.fields["headline"], receipt.record.fields["tags"]) == ("New", [])


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "sent"), [("before", False), ("sent", True), ("after", True)])
async def test_what_may_have_happened_is_told_honestly(kind: FaultKind, *, sent: bool) -> None:
    there = bench(faults=[Fault(kind, "create")])

    with pytest.raises(UnavailableError) as caught:
        await there.connector.create(there.draft)

    assert caught.value.sent is sent
    assert there.tracker.creates == (kind == "after")


@pytest.mark.anyio
async def test_a_tracker_that_is_down_says_so_to_every_call() -> None:
    there = bench()
    there.tracker.down = True

    for call in (there.connector.open(), there.connector.create(there.draft), there.listed()):
        with pytest.raises(UnavailableError) as caught:
            await call
        assert not caught.value.sent


@pytest.mark.anyio
@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_listing_that_lags_shows_a_record_later_and_loses_none(*, newest_first: bool) -> None:
    there = bench(Paging(size=2, newest_first=newest_first), lag=timedelta(seconds=30))
    first = there.tracker.add("First")
    there.clock.forward(40)
    second = there.tracker.add("Second")

    pages = [page async for page in there.connector.changes(None)]
    there.clock.forward(31)
    later = await there.listed(pages[-1].cursor)

    assert [r.ref.id for page in pages for r in page.records] == [first]
    assert second in later


@pytest.mark.anyio
async def test_a_path_through_the_workflow_can_break_half_way() -> None:
    moves = {"Next": ["Doing"], "Doing": ["Checking"], "Checking": ["Shipped"]}
    there = bench(moves=moves, faults=[Fault("crash_before", "transition", skip=1)])
    record = there.tracker.add("Moved", stage="Next")

    with pytest.raises(Crash):
        await there.connector.update(there.address(record), {"stage": "Shipped"}, {})

    assert there.tracker.row(record).fields["stage"] == "Checking"


@pytest.mark.anyio
async def test_a_word_without_a_way_to_it_is_rejected() -> None:
    there = bench(moves={"Next": ["Doing"]})
    record = there.tracker.add("Stuck", stage="Next")

    with pytest.raises(RejectedError):
        await there.connector.update(there.address(record), {"stage": "Shipped"}, {})

    assert there.tracker.row(record).fields["stage"] == "Next"


@pytest.mark.anyio
async def test_history_says_who_and_when() -> None:
    there = bench()
    record = there.tracker.add("Old")
    there.clock.forward(10)
    there.tracker.edit(record, by="u-bob", headline="New")

    edited = await there.connector.history(there.address(record), frozenset({"title", "body"}))

    assert edited == {"title": Edited(there.clock(), "u-bob")}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("act", "state"),
    [("remove", State.GONE), ("move", State.MOVED), ("hide", State.UNREACHABLE)],
)
async def test_what_is_not_here_says_why_and_leaves_the_listing(act: str, state: State) -> None:
    there = bench()
    record = there.tracker.add("Leaving")
    getattr(there.tracker, act)(record)

    [found] = (await there.connector.get([there.address(record)])).values()

    assert found.state is state
    assert isinstance(found, Missing)
    assert await there.listed() == []


def test_stamps_are_as_coarse_as_the_tracker() -> None:
    there = bench(resolution=timedelta(minutes=1))

    row = there.tracker.row(there.tracker.add("Stamped"))

    assert (row.updated.second, row.updated.microsecond) == (0, 0)
    assert there.clock() - row.updated < timedelta(minutes=1)


def test_the_first_spelling_of_a_label_is_everybodys() -> None:
    there = bench(folds_labels=True)
    there.tracker.add("First", tags=["Bug"])

    second = there.tracker.add("Second", tags=["bug", "BUG", "web"])

    assert there.tracker.row(second).fields["tags"] == ["Bug", "web"]
