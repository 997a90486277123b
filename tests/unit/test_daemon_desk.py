"""The desk: one worker a sync, who takes all that waits at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from syncer.daemon.desk import Desk, Kind

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Work:
    """What the desk has done: `done` in order. A sync in `slow` takes until it is let go, one in `bad` fails."""

    desk: Desk = field(init=False)
    done: list[tuple[str, Kind]] = field(default_factory=list)
    slow: dict[str, asyncio.Event] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.desk = Desk(self.perform)

    async def perform(self, name: str, kind: Kind) -> None:
        self.done.append((name, kind))
        if name in self.slow:
            await self.slow[name].wait()
        if name in self.bad:
            raise OSError("trouble")

    def hold(self, name: str) -> asyncio.Event:
        held = self.slow[name] = asyncio.Event()
        return held


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    made = Work()
    made.desk.seat(["a", "b"])
    yield made
    await made.desk.cut()


async def a_while() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_asks_that_wait_are_done_once(work: Work) -> None:
    for _ in range(3):
        work.desk.ask("a", "poll")

    await a_while()

    assert work.done == [("a", "poll")]


async def test_the_most_that_was_asked_is_done_and_then_the_audit(work: Work) -> None:
    for kind in ("audit", "leads", "sweep", "poll"):
        work.desk.ask("a", kind)  # type: ignore[arg-type]  # literals, widened by the loop

    await a_while()

    assert work.done == [("a", "sweep"), ("a", "audit")]


async def test_what_is_asked_during_a_run_is_done_after_it(work: Work) -> None:
    held = work.hold("a")
    work.desk.ask("a", "leads")
    await a_while()
    work.desk.ask("a", "leads")
    work.desk.ask("a", "leads")
    await a_while()
    before = list(work.done)

    held.set()
    await a_while()

    assert before == [("a", "leads")]
    assert work.done == [("a", "leads")] * 2


async def test_a_slow_sync_holds_up_no_other(work: Work) -> None:
    work.hold("a")
    work.desk.ask("a", "poll")
    work.desk.ask("b", "poll")

    await a_while()

    assert work.done == [("a", "poll"), ("b", "poll")]
    assert work.desk.busy() == ["a"]


async def test_a_failing_sync_is_told_and_its_worker_goes_on(work: Work) -> None:
    work.bad.add("a")
    work.desk.ask("a", "poll")
    with capture_logs() as logs:
        await a_while()

    work.desk.ask("a", "poll")
    await a_while()

    assert [(e["event"], e["sync"], e["reason"]) for e in logs] == [("run.crashed", "a", "OSError")]
    assert work.done == [("a", "poll")] * 2


async def test_whoever_has_no_seat_is_not_asked(work: Work) -> None:
    work.desk.ask("c", "poll")

    await a_while()

    assert work.done == []


async def test_draining_lets_what_runs_finish_and_begins_nothing(work: Work) -> None:
    held = work.hold("a")
    work.desk.ask("a", "poll")
    await a_while()
    work.desk.ask("a", "audit")
    drained = asyncio.create_task(work.desk.drain(60.0))
    await a_while()
    work.desk.ask("b", "poll")
    await a_while()
    early = drained.done()

    held.set()

    assert await drained
    assert not early
    assert work.done == [("a", "poll")]


async def test_draining_between_a_run_and_its_audit_leaves_the_audit_out(work: Work) -> None:
    held = work.hold("a")
    work.desk.ask("a", "poll")
    work.desk.ask("a", "audit")
    await a_while()
    drained = asyncio.create_task(work.desk.drain(60.0))
    await a_while()

    held.set()

    assert await drained
    assert work.done == [("a", "poll")]


async def test_draining_says_when_it_took_too_long(work: Work) -> None:
    work.hold("a")
    work.desk.ask("a", "poll")
    await a_while()

    assert not await work.desk.drain(0.01)
    assert work.desk.busy() == ["a"]


async def test_a_desk_without_syncs_is_drained_at_once() -> None:
    assert await Desk(Work().perform).drain(0.0)


async def test_cut_stops_what_runs(work: Work) -> None:
    work.hold("a")
    work.desk.ask("a", "poll")
    await a_while()

    await work.desk.cut()

    assert work.desk.busy() == []


async def test_a_sync_taken_out_finishes_its_run_and_its_worker_ends(work: Work) -> None:
    held = work.hold("a")
    work.desk.ask("a", "poll")
    await a_while()
    work.desk.seat(["b"])
    await a_while()
    meanwhile = work.desk.busy()

    held.set()
    await a_while()

    assert meanwhile == ["a"]
    assert "sync a" not in {t.get_name() for t in asyncio.all_tasks()}


async def test_a_sync_taken_out_and_put_back_during_its_run_works_again(work: Work) -> None:
    held = work.hold("a")
    work.desk.ask("a", "poll")
    await a_while()
    work.desk.seat(["b"])
    await a_while()
    work.desk.seat(["a", "b"])
    work.desk.ask("a", "audit")

    held.set()
    await a_while()

    assert work.done == [("a", "poll"), ("a", "audit")]
    assert [t.get_name() for t in asyncio.all_tasks()].count("sync a") == 1


async def test_a_sync_put_back_after_its_worker_left_has_a_new_one(work: Work) -> None:
    work.desk.seat(["b"])
    await a_while()
    work.desk.seat(["a", "b"])
    work.desk.ask("a", "poll")

    await a_while()

    assert work.done == [("a", "poll")]
