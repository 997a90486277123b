"""The desk: asks wait here, and one worker for each sync takes all that wait at once.

Whoever asks (the clock, a webhook) never runs anything: shutting down the clock or the web cuts no run in half, and
a sync never runs beside itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

import structlog

log = structlog.get_logger()

Kind = Literal["leads", "poll", "sweep", "audit"]
"""What may be asked of a sync, from the least to the most; `audit` stands beside the others."""

RUNS: tuple[Kind, ...] = ("sweep", "poll", "leads")
"""The most that was asked for is done; it does the lesser ones too."""

Perform = Callable[[str, Kind], Awaitable[None]]


@dataclass(slots=True)
class _Seat:
    """One sync at the desk: what was asked for, and who works on it."""

    asked: set[Kind] = field(default_factory=set)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    worker: asyncio.Task[None] | None = None
    busy: bool = False
    leaving: bool = False


@dataclass(slots=True)
class Desk:
    """`perform` does one thing for one sync. It should raise nothing; no worker ends because it does."""

    perform: Perform
    _seats: dict[str, _Seat] = field(default_factory=dict)
    _draining: bool = False

    def seat(self, syncs: Collection[str]) -> None:
        """Have a worker for each of *syncs* and for no other; one at work finishes what it does."""
        for name in syncs:
            seat = self._seats.get(name)
            if seat is None:
                seat = self._seats[name] = _Seat()
                seat.worker = asyncio.create_task(self._work(name, seat), name=f"sync {name}")
            seat.leaving = False
        for name, seat in self._seats.items():
            if name not in syncs:
                seat.leaving = True
                seat.bell.set()

    def ask(self, sync: str, kind: Kind) -> None:
        """Ask for something; what already waits is not done twice. Nobody is asked while draining."""
        seat = self._seats.get(sync)
        if seat is None or seat.leaving or self._draining:
            return
        seat.asked.add(kind)
        seat.bell.set()

    def busy(self) -> list[str]:
        """Return the syncs at work."""
        return sorted(name for name, seat in self._seats.items() if seat.busy)

    async def drain(self, within: float) -> bool:
        """Take no new work; wait up to *within* seconds for what is being done. Say whether all is done."""
        self._draining = True
        workers = [seat.worker for seat in self._seats.values() if seat.worker is not None]
        for seat in self._seats.values():
            seat.bell.set()
        if not workers:
            return True
        _, late = await asyncio.wait(workers, timeout=within)
        return not late

    async def cut(self) -> None:
        """Stop everybody now; the journal tells the next start what was on its way."""
        workers = [seat.worker for seat in self._seats.values() if seat.worker is not None]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, name: str, seat: _Seat) -> None:
        while True:
            await seat.bell.wait()
            seat.bell.clear()
            asked, seat.asked = seat.asked, set()
            seat.busy = True
            try:
                for kind in _due(asked):
                    if not self._draining:
                        await self._do(name, kind)
            finally:
                seat.busy = False
            if self._draining or (seat.leaving and not seat.asked):
                if self._seats.get(name) is seat and seat.leaving:
                    del self._seats[name]
                return

    async def _do(self, name: str, kind: Kind) -> None:
        try:
            await self.perform(name, kind)
        except Exception as error:
            log.exception("run.crashed", sync=name, reason=type(error).__name__)


def _due(asked: Collection[Kind]) -> list[Kind]:
    """Return what to do, in order: one run, then the audit."""
    runs = [kind for kind in RUNS if kind in asked][:1]
    return [*runs, *(["audit"] if "audit" in asked else [])]  # type: ignore[list-item]  # a literal, widened
