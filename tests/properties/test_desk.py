"""The desk under any order of asks, ends, reloads and signals: what was asked is done, and never beside itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from syncer.daemon.desk import Desk, Kind

SYNCS = ("a", "b", "c")
KINDS: tuple[Kind, ...] = ("leads", "poll", "sweep", "audit")
DOES: Mapping[Kind, Collection[Kind]] = {
    "leads": {"leads"},
    "poll": {"leads", "poll"},
    "sweep": {"leads", "poll", "sweep"},
    "audit": {"audit"},
}
"""What is done along with what."""
TURNS = 8
"""Turns of the loop after which whoever can begin has begun."""


class Office(RuleBasedStateMachine):
    """`owed`: what was asked of a sync and not begun since. A run lasts until `finish` ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.desk = Desk(self.perform)
        self.seated: set[str] = set()
        self.owed: dict[str, set[Kind]] = {name: set() for name in SYNCS}
        self.running: dict[str, asyncio.Future[None]] = {}
        self.asked: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()
        self.draining: asyncio.Task[bool] | None = None
        self.word_out = False
        self.over = False
        self.faults: list[str] = []

    async def perform(self, name: str, kind: Kind) -> None:
        if name in self.running:
            self.faults.append(f"{name} runs beside itself")
        if self.word_out:
            self.faults.append(f"{name} began while draining")
        more = self.owed[name] - {"audit"} - set(DOES[kind])
        if more and kind != "audit":
            self.faults.append(f"{kind} was done where {more} had been asked")
        self.owed[name] -= set(DOES[kind])
        self.begun[name] += 1
        ended = self.running[name] = self.loop.create_future()
        try:
            await ended
        finally:
            del self.running[name]

    def turn(self, times: int) -> None:
        for _ in range(times):
            self.loop.run_until_complete(asyncio.sleep(0))

    # -- what happens ------------------------------------------------------------------------

    @rule(names=st.sets(st.sampled_from(SYNCS)))
    def take_up(self, names: set[str]) -> None:
        if self.draining is None and not self.over:
            self.loop.run_until_complete(self._seat(names))
            self.seated = names

    async def _seat(self, names: set[str]) -> None:
        self.desk.seat(names)

    @rule(name=st.sampled_from(SYNCS), kind=st.sampled_from(KINDS))
    def ask(self, name: str, kind: Kind) -> None:
        self.desk.ask(name, kind)
        if name in self.seated and not self.word_out and not self.over:
            self.owed[name].add(kind)
            self.asked[name] += 1

    @precondition(lambda self: self.running)
    @rule(data=st.data(), fails=st.booleans())
    def finish(self, data: st.DataObject, fails: bool) -> None:  # noqa: FBT001 -- Hypothesis passes by name
        self._end(data.draw(st.sampled_from(sorted(self.running))), fails=fails)

    def _end(self, name: str, *, fails: bool) -> None:
        ended = self.running[name]
        if ended.done():
            return
        if fails:
            ended.set_exception(OSError("trouble"))
        else:
            ended.set_result(None)

    @rule(times=st.integers(1, 3))
    def pass_a_moment(self, times: int) -> None:
        self.turn(times)

    @rule()
    def pass_a_while(self) -> None:
        """Whoever was asked and is not at work begins, however long the others take."""
        self.turn(TURNS)
        if self.draining is None and not self.over:
            late = {n for n in SYNCS if self.owed[n] and (n not in self.running or self.running[n].done())}
            assert not late, "asked, free, and does not begin"

    @precondition(lambda self: self.draining is None and not self.over and self.begun)
    @rule()
    def drain(self) -> None:
        self.draining = self.loop.create_task(self._drain())

    async def _drain(self) -> bool:
        self.word_out = True
        return await self.desk.drain(1e6)

    @precondition(lambda self: not self.over and self.begun)
    @rule()
    def cut(self) -> None:
        self.over = True
        self.loop.run_until_complete(self.desk.cut())
        assert not self.running

    # -- what always holds -------------------------------------------------------------------

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert not self.faults

    @invariant()
    def nothing_is_done_unasked(self) -> None:
        assert all(self.begun[n] <= self.asked[n] for n in SYNCS)

    def teardown(self) -> None:
        try:
            if not self.over:
                self.wind_up()
        finally:
            self.loop.run_until_complete(self.desk.cut())
            if self.draining is not None:
                self.draining.cancel()
                self.loop.run_until_complete(asyncio.gather(self.draining, return_exceptions=True))
            self.loop.close()

    def wind_up(self) -> None:
        """Everything that runs ends; then all that was asked is done, and nobody is left who has no sync."""
        self.turn(TURNS)
        while self.running:
            for name in list(self.running):
                self._end(name, fails=False)
            self.turn(TURNS)
        self.nothing_went_wrong()
        self.nothing_is_done_unasked()
        if self.draining is not None:
            assert self.draining.done()
            assert self.draining.result()
            return
        assert not any(self.owed.values()), "asked, and never done"
        assert len(asyncio.all_tasks(self.loop)) == len(self.seated), "a worker without a sync, or a sync without one"


TestOffice = Office.TestCase
TestOffice.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
