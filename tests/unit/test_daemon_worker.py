"""The worker on trackers in memory: what one run's end means for the next, and for the other connections."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncer.connector import Budget, Lead, Place
from syncer.daemon.desk import Kind
from syncer.daemon.worker import Worker, halting, pause
from syncer.errors import UnavailableError
from syncer.model import Address, Page, Ref
from syncer.opening import Wiring
from syncer.sdk.memory import MemoryConnector, Tracker
from syncer.store import Store, leads, pulse, standing
from syncer.store.lease import lease
from syncer.web.metrics import Metrics
from tests.properties.board import Board, board

pytestmark = pytest.mark.anyio

EVERY = 120.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Diary:
    """A timetable that is only written in."""

    postponed: list[float] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    asked: list[tuple[str, Kind, float]] = field(default_factory=list)
    due: datetime | None = None

    def next_at(self, sync: str) -> datetime | None:
        return self.due

    def postpone(self, sync: str, seconds: float) -> None:
        self.postponed.append(seconds)

    def resume(self, sync: str) -> None:
        self.resumed.append(sync)

    def again(self, sync: str, kind: Kind, seconds: float) -> None:
        self.asked.append((sync, kind, seconds))


@dataclass
class Shift:
    """A worker with one sync "s" of the connections a, b and c."""

    board: Board
    store: Store
    diary: Diary = field(default_factory=Diary)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.worker = Worker(self.store, Metrics("1"), self.diary, clock=self.board.clock, lease_wait=0.3)
        self.wire(self.board.wiring())

    def wire(self, wiring: Wiring, every: float | None = EVERY) -> None:
        self.worker.rewire({"s": wiring}, {"s": every})

    def connect(self, name: str, by: Callable[[Tracker], MemoryConnector]) -> None:
        """Have *by* stand between the sync and one of its trackers."""
        wiring = self.board.wiring()
        spokes = [
            replace(s, connect=lambda setting: _named(by(self.board.trackers[name]), setting)) if s.name == name else s
            for s in wiring.spokes
        ]
        self.wire(replace(wiring, spokes=tuple(spokes)))

    def halt(self, *, yes: bool = True) -> None:
        """Tell runs to stop, from now on, without a reload."""
        self.worker.wirings["s"] = replace(self.board.wiring(), halted=lambda: yes)

    async def do(self, kind: Kind = "poll", after: float = 1.0) -> dict[str, list[str]]:
        """Perform, some seconds later; return what each tracker was asked."""
        self.board.clock.pass_(seconds=after)
        for tracker in self.board.trackers.values():
            tracker.calls.clear()
        await self.worker.perform("s", kind)
        return {n: list(t.calls) for n, t in self.board.trackers.items()}

    def note(self, at: str, record: str, stamp: datetime | None = None) -> None:
        """Have a webhook name a record."""
        lead = Lead(Address(Ref(at, "issue", record), self.board.trackers[at].row(record).key), at=stamp)
        with self.store.write() as tx:
            leads.note(tx, ["s"], at, [str(self.board.clock())], [lead], self.board.clock())

    def waiting(self) -> int:
        with self.store.read() as tx:
            return len(leads.pending(tx, "s"))

    def runs(self) -> int:
        with self.store.read() as tx:
            return len(standing.newest(tx, "s"))

    def said(self, name: str) -> Mapping[str, Any] | None:
        with self.store.read() as tx:
            found = pulse.heard(tx, "s", name)
        return None if found is None else found[1]

    def titles(self, name: str) -> set[str]:
        return {str(r.fields["headline"]) for r in self.board.trackers[name].rows()}


def _named(connector: MemoryConnector, setting: Any) -> MemoryConnector:
    connector.connection, connector.meter = setting.connection, setting.meter
    return connector


@pytest.fixture
async def shift(tmp_path: Path) -> AsyncIterator[Shift]:
    """A sync in step, with one item."""
    made = Shift(board(), Store.open(f"sqlite:///{tmp_path / 'syncer.db'}?timeout=0.1"))
    made.board.trackers["a"].add("One")
    await made.do()
    await made.do()
    made.diary.postponed.clear()
    yield made
    made.store.close()


# -- connections that fail -------------------------------------------------------------------


async def test_a_failing_connection_is_asked_nothing_while_it_rests_and_the_others_go_on(shift: Shift) -> None:
    shift.board.trackers["a"].down = True
    await shift.do()
    shift.board.trackers["b"].add("Two")

    asked = await shift.do(after=20.0)

    assert asked["a"] == []
    assert "Two" in shift.titles("c")


async def test_it_comes_back_by_itself(shift: Shift) -> None:
    shift.board.trackers["a"].down = True
    await shift.do()
    shift.board.trackers["b"].add("Two")
    shift.board.trackers["a"].down = False

    await shift.do(after=31.0)

    assert "Two" in shift.titles("a")


async def test_it_rests_longer_each_time_and_from_the_beginning_once_it_was_well(shift: Shift) -> None:
    tracker = shift.board.trackers["a"]

    async def rests() -> bool:
        return not (await shift.do(after=0.1))["a"]

    tracker.down = True
    await shift.do()
    after_one = [await rests(), bool((await shift.do(after=30.0))["a"])]
    after_two = [await rests(), not (await shift.do(after=30.0))["a"], bool((await shift.do(after=30.0))["a"])]
    tracker.down = False
    await shift.do(after=121.0)
    tracker.down = True
    await shift.do()
    anew = [await rests(), bool((await shift.do(after=30.0))["a"])]

    assert (after_one, after_two, anew) == ([True] * 2, [True] * 3, [True] * 2)


class Busy(MemoryConnector):
    """Its tracker asks to be left alone for ten minutes."""

    async def open(self) -> Place:
        self.tracker.calls.append("open")
        raise UnavailableError("busy", connection=self.connection, retry_after=600.0, sent=False)


async def test_it_rests_for_as_long_as_its_tracker_asks(shift: Shift) -> None:
    shift.connect("a", lambda tracker: Busy(tracker, "a"))
    await shift.do()

    assert (await shift.do(after=590.0))["a"] == []
    assert (await shift.do(after=10.0))["a"] == ["open"]


async def test_a_connection_at_rest_is_told_once(shift: Shift) -> None:
    shift.board.trackers["a"].down = True

    with capture_logs() as logs:
        await shift.do()
        await shift.do()
        await shift.do()

    assert [e["connection"] for e in logs if e["event"] == "connection.resting"] == ["a"]


async def test_a_reload_forgets_rests_and_has_the_sync_run_at_once(shift: Shift) -> None:
    shift.board.trackers["a"].down = True
    await shift.do()
    shift.board.trackers["a"].down = False

    shift.wire(shift.board.wiring())

    assert shift.diary.asked == [("s", "poll", 0.0)]
    assert (await shift.do())["a"]


async def test_a_reload_ends_a_back_off(shift: Shift) -> None:
    for tracker in shift.board.trackers.values():
        tracker.down = True
    shift.diary.due = shift.board.clock()
    await shift.do()

    shift.wire(shift.board.wiring())
    shift.worker.tell_next("s")
    await shift.do()

    assert shift.diary.resumed == ["s"]
    assert shift.diary.postponed == [240.0, 240.0]


async def test_a_reload_of_what_is_well_asks_for_nothing(shift: Shift) -> None:
    shift.wire(shift.board.wiring())

    assert shift.diary.asked == []


async def test_a_reload_that_says_cron_is_told_as_such(shift: Shift) -> None:
    shift.diary.due = shift.board.clock()

    shift.wire(shift.board.wiring(), every=None)
    shift.worker.tell_next("s")

    assert (shift.said("next") or {})["why"] == "cron"


async def test_once_forgiven_a_connection_is_asked_again(shift: Shift) -> None:
    """After a jump of the clock: set back, it would rest for hours."""
    shift.board.trackers["a"].down = True
    await shift.do()
    shift.board.clock.pass_(hours=-3)

    shift.worker.forgive()

    assert (await shift.do())["a"]


async def test_an_audit_leaves_a_connection_at_rest_alone(shift: Shift) -> None:
    shift.board.trackers["a"].down = True
    await shift.do()

    asked = await shift.do("audit")

    assert (asked["a"], asked["b"] != []) == ([], True)
    assert (shift.said("audit") or {})["down"] == ["a"]


# -- runs that fail --------------------------------------------------------------------------


class Odd(MemoryConnector):
    """It stumbles, as a mistake of ours would have it."""

    async def open(self) -> Place:
        raise KeyError("trouble")


async def test_a_run_that_stumbles_is_told_with_its_kind_and_tried_less_often(shift: Shift) -> None:
    shift.connect("a", lambda tracker: Odd(tracker, "a"))

    with capture_logs() as logs:
        await shift.do()
        await shift.do()

    assert [(e["event"], e["reason"]) for e in logs if e["event"] == "run.crashed"] == [("run.crashed", "KeyError")] * 2
    assert shift.diary.postponed == [240.0, 480.0]


async def test_a_config_that_a_run_refuses_is_told_and_tried_less_often(shift: Shift) -> None:
    shift.board.trackers["b"].private = True
    shift.board.trackers["a"].private = False

    with capture_logs() as logs:
        await shift.do()

    assert [e["event"] for e in logs if e["log_level"] == "error"] == ["run.failed"]
    assert shift.diary.postponed == [240.0]


async def test_a_database_that_cannot_be_written_is_told_and_tried_less_often(shift: Shift) -> None:
    assert shift.store.path is not None
    with sqlite3.connect(shift.store.path) as other, capture_logs() as logs:
        other.execute("BEGIN EXCLUSIVE")
        await shift.do()
        await shift.do("leads")
        other.rollback()
    other.close()

    assert [e["event"] for e in logs if e["log_level"] == "error"] == ["run.failed"] * 2
    assert shift.diary.postponed == [240.0, 480.0]


async def test_a_sync_without_any_connection_left_backs_off(shift: Shift) -> None:
    for tracker in shift.board.trackers.values():
        tracker.down = True

    for _ in range(3):
        await shift.do()

    assert shift.diary.postponed == [240.0, 480.0, 960.0]


async def test_one_connection_away_is_no_reason_to_back_off(shift: Shift) -> None:
    shift.board.trackers["a"].down = True

    await shift.do()

    assert shift.diary.postponed == []


async def test_a_sync_by_cron_backs_off_too(shift: Shift) -> None:
    wiring = shift.board.wiring()
    shift.wire(wiring, every=None)
    for tracker in shift.board.trackers.values():
        tracker.down = True

    await shift.do()

    assert shift.diary.postponed == [120.0]


@pytest.mark.parametrize("kind", ["poll", "sweep", "leads"])
async def test_a_run_that_goes_well_ends_the_back_off(shift: Shift, kind: Kind) -> None:
    for tracker in shift.board.trackers.values():
        tracker.down = True
    await shift.do()
    for tracker in shift.board.trackers.values():
        tracker.down = False
    shift.note("a", shift.board.trackers["a"].rows()[0].id)
    shift.diary.due = shift.board.clock()

    await shift.do(kind, after=31.0)
    why = (shift.said("next") or {})["why"]
    await shift.do()

    assert why == "every"
    assert shift.diary.resumed == ["s"]


async def test_a_run_told_to_stop_is_neither_a_success_nor_a_failure(shift: Shift) -> None:
    """What failed before it still counts, and what had to wait in it does not rest."""
    for tracker in shift.board.trackers.values():
        tracker.down = True
    await shift.do()
    shift.halt()
    await shift.do(after=31.0)
    shift.halt(yes=False)

    asked = await shift.do()

    assert asked["a"]
    assert shift.diary.postponed == [240.0, 480.0]


async def test_what_nobody_configured_is_not_run(shift: Shift) -> None:
    before = shift.runs()

    await shift.worker.perform("gone", "poll")

    assert shift.runs() == before


# -- somebody else's run ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["poll", "sweep", "leads"])
async def test_while_somebody_else_runs_the_sync_the_same_is_asked_again_soon(shift: Shift, kind: Kind) -> None:
    shift.note("a", shift.board.trackers["a"].rows()[0].id)

    async with lease(shift.store, "s", wait=0.0):
        await shift.do(kind)

    assert shift.diary.asked == [("s", kind, 0.3)]
    assert shift.diary.postponed == []


# -- leads -----------------------------------------------------------------------------------


async def test_a_lead_is_followed_by_a_run_that_reads_nothing_else(shift: Shift) -> None:
    for n in range(20):
        shift.board.trackers["a"].add(f"More {n}")
    await shift.do()
    await shift.do()
    one = shift.board.trackers["a"].rows()[0].id
    shift.board.trackers["a"].edit(one, headline="One, edited")
    shift.note("a", one)

    asked = await shift.do("leads")

    assert asked["a"] == ["open", "get"]
    assert not any("changes" in calls for calls in asked.values())
    assert "One, edited" in shift.titles("b")
    assert shift.waiting() == 0


async def test_an_echo_of_our_own_write_leads_to_no_run(shift: Shift) -> None:
    echo = shift.board.trackers["b"].rows()[0]
    shift.note("b", echo.id, stamp=echo.updated)
    before = shift.runs()

    asked = await shift.do("leads")

    assert asked == {"a": [], "b": [], "c": []}
    assert (shift.runs(), shift.waiting()) == (before, 0)


async def test_leads_survive_a_failing_connection_and_are_followed_when_it_has_rested(shift: Shift) -> None:
    one = shift.board.trackers["a"].rows()[0].id
    shift.board.trackers["a"].edit(one, headline="One, edited")
    shift.board.trackers["a"].down = True
    shift.note("a", one)
    await shift.do("leads")
    survived = shift.waiting()
    [(name, kind, seconds)] = shift.diary.asked
    shift.board.trackers["a"].down = False

    await shift.do("leads", after=seconds)

    assert (name, kind, survived) == ("s", "leads", 1)
    assert seconds == pytest.approx(30.0, abs=1.0)
    assert "One, edited" in shift.titles("b")


async def test_a_run_that_followed_its_leads_asks_for_no_more(shift: Shift) -> None:
    shift.note("a", shift.board.trackers["a"].rows()[0].id)

    await shift.do("leads")

    assert shift.diary.asked == []


# -- budgets ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Metered(MemoryConnector):
    """Its tracker tells at each look what is `left` of a thousand, until in forty minutes."""

    left: list[int] = field(default_factory=list)

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        self.meter.budget(Budget(1000, self.left[-1], self.tracker.clock() + timedelta(minutes=40)))
        async for page in MemoryConnector.changes(self, cursor):
            yield page


async def test_a_scarce_budget_postpones_polls_and_a_renewed_one_lets_them_come(shift: Shift) -> None:
    left = [200]
    shift.diary.due = shift.board.clock()
    shift.connect("a", lambda tracker: Metered(tracker, "a", left=left))
    await shift.do()
    scarce = (shift.said("next") or {})["why"]
    left.append(1000)

    await shift.do()

    assert shift.diary.postponed == [pytest.approx(2400.0, abs=1.0)]
    assert (scarce, shift.diary.resumed) == ("saving budget", ["s"])
    assert (shift.said("next") or {})["why"] == "every"


async def test_a_budget_is_saved_by_polls_alone_so_that_leads_never_put_them_off(shift: Shift) -> None:
    shift.connect("a", lambda tracker: Metered(tracker, "a", left=[200]))
    await shift.do()

    for _ in range(3):
        shift.note("a", shift.board.trackers["a"].rows()[0].id)
        await shift.do("leads")

    assert len(shift.diary.postponed) == 1


async def test_what_polls_cost_stretches_the_interval(shift: Shift) -> None:
    """Two requests a poll, and three to spend in forty minutes."""
    shift.connect("a", lambda tracker: Metered(tracker, "a", left=[203]))

    asked = await shift.do()

    assert len(asked["a"][1:]) == 2
    assert shift.diary.postponed == [pytest.approx(1600.0, rel=0.01)]


# -- audits ----------------------------------------------------------------------------------


async def test_an_audit_is_told(shift: Shift) -> None:
    with capture_logs() as logs:
        await shift.do("audit")

    assert [e["event"] for e in logs if e["event"].startswith(("audit", "sync"))] == ["audit.finished"]
    assert (shift.said("audit") or {})["checked"] == 1


async def test_what_an_audit_asks_is_counted(shift: Shift) -> None:
    before = requests(shift)

    await shift.do("audit")

    assert requests(shift) > before


def requests(shift: Shift) -> float:
    names = [s.name for s in shift.worker.wirings["s"].spokes]
    sent = [shift.worker.metrics.registry.get_sample_value("syncer_requests_total", {"connection": n}) for n in names]
    return sum(n or 0.0 for n in sent)


async def test_an_audit_that_was_told_to_stop_says_nothing(shift: Shift) -> None:
    shift.halt()

    await shift.do("audit")

    assert shift.said("audit") is None


# -- told to stop ----------------------------------------------------------------------------


async def test_a_wait_ends_the_moment_we_are_told_to_stop() -> None:
    halt = asyncio.Event()
    waiting = asyncio.create_task(pause(3600.0, halt))
    await asyncio.sleep(0)

    halt.set()

    with pytest.raises(UnavailableError) as caught:
        await asyncio.wait_for(waiting, 1.0)
    assert not caught.value.sent


async def test_a_wait_that_nobody_ends_takes_its_time() -> None:
    await pause(0.01, asyncio.Event())


async def test_a_run_waits_and_stops_as_it_is_told() -> None:
    halt = asyncio.Event()
    wiring = halting(board().wiring(), halt)
    before = wiring.halted()

    halt.set()

    assert (before, wiring.halted()) == (False, True)
    with pytest.raises(UnavailableError):
        await wiring.sleep(3600.0)
