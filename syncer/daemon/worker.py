"""What a worker does for one sync: a run or an audit, and what its end means for the next one."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from syncer import drift
from syncer.connector import Budget
from syncer.daemon import pace
from syncer.daemon.desk import Kind
from syncer.errors import ConnectorError, LeaseBusyError, StoreError, SyncerError, UnavailableError
from syncer.log import redact
from syncer.opening import Request, Wiring
from syncer.report import when
from syncer.run import GOOD, Report, sync
from syncer.store import Store, leads, pulse
from syncer.web.metrics import Metrics

log = structlog.get_logger()

TRIGGERS: Final[Mapping[Kind, str]] = {"leads": "webhook", "poll": "schedule", "sweep": "sweep"}

HELD_BACK: Final = frozenset({"backing off", "saving budget"})

LEASE_WAIT: Final = 10.0
"""Seconds a run waits for somebody's `syncer sync`; past that it comes later."""


class Timetable(Protocol):
    """When polls come, and how a run's end moves that; `Clock` says more."""

    def next_at(self, sync: str) -> datetime | None: ...

    def postpone(self, sync: str, seconds: float) -> None: ...

    def resume(self, sync: str) -> None: ...

    def again(self, sync: str, kind: Kind, seconds: float) -> None: ...


@dataclass(slots=True)
class _Book:
    """What is remembered of a sync between runs: failures in a row, what decided when the next poll comes, and what
    polls cost."""

    why: pace.Why
    failures: int = 0
    spent: dict[str, deque[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Rest:
    """A connection that failed: how often in a row, until when it is left alone, and why."""

    failures: int
    until: datetime
    error: ConnectorError


@dataclass(slots=True)
class Worker:
    """Runs what is asked for. `wirings`: every sync, ready to run; `every`: seconds between its polls, None by cron."""

    store: Store
    metrics: Metrics
    timetable: Timetable
    wirings: dict[str, Wiring] = field(default_factory=dict)
    every: dict[str, float | None] = field(default_factory=dict)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    lease_wait: float = LEASE_WAIT
    _books: dict[str, _Book] = field(default_factory=dict)
    _rests: dict[str, _Rest] = field(default_factory=dict)
    _budgets: dict[str, Budget] = field(default_factory=dict)

    def rewire(self, wirings: Mapping[str, Wiring], every: Mapping[str, float | None]) -> None:
        """Go by another config from the next run on; what was refused under the old one is tried again, now."""
        self.wirings, self.every = dict(wirings), dict(every)
        self._books = {n: b for n, b in self._books.items() if n in wirings}
        for name, wiring in wirings.items():
            book = self._book(name)
            if book.failures or any(s.name in self._rests for s in wiring.spokes):
                self.timetable.again(name, "poll", 0.0)
            book.failures = 0
            if book.why == "backing off":
                self.timetable.resume(name)
            if book.why != "saving budget":
                book.why = self._usual(name)
        self.forgive()

    def forgive(self) -> None:
        """Leave no connection alone any more: the config that failed, or the clock that says how long, is another."""
        self._rests.clear()

    async def perform(self, name: str, kind: Kind) -> None:
        """Do what was asked; whatever goes wrong is told and remembered, never raised."""
        wiring = self.wirings.get(name)
        if wiring is None:
            return
        try:
            if kind == "audit":
                await self._audit(name, wiring)
                return
            if kind == "leads" and not self._led(name):
                return
            await self._run(name, kind, wiring)
        except LeaseBusyError as error:
            log.info("run.waiting", sync=name, reason=str(error))
            self.timetable.again(name, kind, self.lease_wait)
        except SyncerError as error:
            log.error("run.failed", sync=name, reason=redact(str(error)))  # noqa: TRY400 -- it says what to do
            self._failed(name)
        except Exception as error:
            log.exception("run.crashed", sync=name, reason=type(error).__name__)
            self._failed(name)

    def _led(self, name: str) -> bool:
        """Say whether a lead goes somewhere that was not read since."""
        with self.store.write() as tx:
            leads.drop_known(tx, name)
            return leads.oldest(tx, name) is not None

    async def _run(self, name: str, kind: Kind, wiring: Wiring) -> None:
        resting = self._resting(wiring)
        request = Request(
            trigger=TRIGGERS[kind], full=kind == "sweep", leads=kind == "leads", wait=self.lease_wait, resting=resting
        )
        report = await sync(self.store, wiring, request)
        self.metrics.run_ended(report)
        for connection, seconds in report.waited.items():
            self.metrics.throttled(connection, seconds)
        if report.stopped:
            return
        self._budgets |= report.budgets
        self._note_rests(report, resting)
        self._note_end(name, kind, report)
        self._look_again(name, report)

    async def _audit(self, name: str, wiring: Wiring) -> None:
        found = await drift.audit(self.store, wiring, self._resting(wiring))
        self.metrics.asked(found.requests)
        if wiring.halted():
            return
        doc = {
            "divergences": len(found.divergences),
            "away": len(found.away),
            "strays": len(found.strays),
            "checked": found.checked,
            "down": sorted(found.down),
        }
        with self.store.write() as tx:
            pulse.say(tx, name, "audit", doc, self.clock())
        log.info("audit.finished", sync=name, **doc)
        if not found.in_step():
            log.warning("sync.diverged", sync=name, **doc)

    # -- what the end of a run means -------------------------------------------------------------

    def _failed(self, name: str) -> None:
        book = self._book(name)
        book.failures += 1
        self._plan(name, book)

    def _note_end(self, name: str, kind: Kind, report: Report) -> None:
        book = self._book(name)
        if report.outcome == "failed":
            book.failures += 1
        elif report.outcome in GOOD or report.requests:
            book.failures = 0
        if kind == "poll":
            for connection, requests in report.requests.items():
                book.spent.setdefault(connection, deque(maxlen=pace.RECENT)).append(requests)
        if kind != "leads" or book.failures or book.why == "backing off":
            self._plan(name, book)

    def _plan(self, name: str, book: _Book) -> None:
        """Move the next poll where failures or a budget ask for it, back where they no longer do, and tell when
        it is."""
        mine = {s.name for s in self.wirings[name].spokes} if name in self.wirings else set[str]()
        budgets = {c: b for c, b in self._budgets.items() if c in mine}
        spent = {c: tuple(s) for c, s in book.spent.items()}
        every = self.every.get(name)
        then = pace.next_start(every, self.clock(), failures=book.failures, spent=spent, budgets=budgets)
        before, book.why = book.why, then.why
        if before in HELD_BACK and before != then.why:
            self.timetable.resume(name)
        if then.why in HELD_BACK:
            self.timetable.postpone(name, then.seconds)
            if before != then.why:
                log.info("sync.slowed", sync=name, seconds=round(then.seconds), why=then.why)
        self.tell_next(name)

    def tell_next(self, name: str) -> None:
        """Let others know when the next poll comes, and what decided that; they can do without."""
        at = self.timetable.next_at(name)
        with contextlib.suppress(StoreError), self.store.write() as tx:
            if at is None:
                pulse.unsay(tx, name, "next")
            else:
                pulse.say(tx, name, "next", {"at": when(at), "why": self._book(name).why}, self.clock())

    def _book(self, name: str) -> _Book:
        return self._books.setdefault(name, _Book(self._usual(name)))

    def _usual(self, name: str) -> pace.Why:
        return "every" if self.every.get(name) is not None else "cron"

    # -- connections that fail -------------------------------------------------------------------

    def _look_again(self, name: str, report: Report) -> None:
        """Have leads that this run could not follow be followed once their connection has rested."""
        with self.store.read() as tx:
            left = leads.oldest(tx, name)
        if left is None or left >= report.started:
            return
        now = self.clock()
        ends = [r.until for c, r in self._rests.items() if c in report.down]
        wait = (min(ends) - now).total_seconds() if ends else pace.FIRST_REST
        self.timetable.again(name, "leads", max(1.0, wait))

    def _resting(self, wiring: Wiring) -> Mapping[str, ConnectorError]:
        now = self.clock()
        names = {s.name for s in wiring.spokes}
        return {c: r.error for c, r in self._rests.items() if c in names and r.until > now}

    def _note_rests(self, report: Report, resting: Mapping[str, ConnectorError]) -> None:
        for connection, error in report.down.items():
            if connection in resting:
                continue
            failures = self._rests[connection].failures + 1 if connection in self._rests else 1
            asked = error.retry_after if isinstance(error, UnavailableError) else None
            until = self.clock() + pace.rest(failures, asked)
            self._rests[connection] = _Rest(failures, until, error)
            log.warning("connection.resting", connection=connection, until=when(until), failures=failures)
        for connection, requests in report.requests.items():
            if requests and connection not in report.down:
                self._rests.pop(connection, None)


async def pause(seconds: float, halt: asyncio.Event) -> None:
    """Sleep, unless told to stop meanwhile. Raises `UnavailableError`: what waited was not sent."""
    try:
        await asyncio.wait_for(halt.wait(), seconds)
    except TimeoutError:
        return
    raise UnavailableError("told to stop while waiting", sent=False)


def halting(wiring: Wiring, halt: asyncio.Event) -> Wiring:
    """Return *wiring* with its runs stopping, at their next safe point, once *halt* is set."""

    async def sleep(seconds: float) -> None:
        await pause(seconds, halt)

    return replace(wiring, halted=halt.is_set, sleep=sleep)
