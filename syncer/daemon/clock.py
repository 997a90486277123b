"""The clock: APScheduler says when a sync is due. Its jobs only ask; they never run anything."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from syncer.config import Daemon, Sync
from syncer.daemon.desk import Kind
from syncer.daemon.timetable import Cron, Every, zone_of

MOST_JITTER = 10.0
"""Seconds; a tenth of an interval, up to this, keeps syncs of one config from starting in step."""

SPREAD = 600.0
"""Seconds over which daily work of several syncs is spread."""

Ask = Callable[[str, Kind], None]


@dataclass(slots=True)
class Clock:
    """One timetable: polls of every sync, its daily sweep and its daily audit.

    What was missed (the machine slept, a run took long) is asked for once, not once for each time it was missed.
    """

    ask: Ask
    _scheduler: Any = field(default=None, init=False)
    _plans: dict[str, tuple[object, ...]] = field(default_factory=dict, init=False)
    """By job, what it was planned by: one that did not change is left alone."""
    _wishes: dict[tuple[str, Kind], asyncio.TimerHandle] = field(default_factory=dict, init=False)

    def start(self, syncs: Mapping[str, Sync], settings: Daemon) -> None:
        """Start ticking. Every sync is asked for at once, a moment apart."""
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        self._scheduler.start()
        self.keep(syncs, settings)

    def keep(self, syncs: Mapping[str, Sync], settings: Daemon) -> None:
        """Follow a new timetable: what did not change in it keeps its times."""
        zone = zone_of(settings.timezone)
        for job in [j for j in self._plans if _sync_of(j) not in syncs]:
            self._forget(job)
        spread = SPREAD if len(syncs) > 1 else 0.0
        for name, sync in syncs.items():
            jitter = _jitter(sync, settings)
            plan = (sync, jitter, zone if sync.cron is not None else None)
            if self._plans.get(_job_of(name, "poll")) != plan:
                first = self._soon(jitter if self._plans else 0.0)
                self._plan(name, "poll", plan, _poll(sync, jitter, zone), first)
            for kind, line in (("sweep", settings.sweep), ("audit", settings.audit)):
                if self._plans.get(_job_of(name, kind)) != (line, zone):
                    self._plan(name, kind, (line, zone), Cron(line, zone, spread), None)

    def postpone(self, sync: str, seconds: float) -> None:
        """Let the next poll of *sync* come no sooner than in so many seconds; by cron, at its first time after that.

        It never comes sooner for it.
        """
        job = self._poll_of(sync)
        if job is None or job.next_run_time is None:
            return
        then = datetime.now(UTC) + timedelta(seconds=seconds)
        if job.next_run_time < then:
            job.modify(next_run_time=then if _is_interval(job) else job.trigger.get_next_fire_time(None, then))

    def resume(self, sync: str) -> None:
        """Let the next poll of *sync* come by its timetable, as if it had not been postponed."""
        job = self._poll_of(sync)
        if job is None or job.next_run_time is None:
            return
        usual = job.trigger.get_next_fire_time(None, datetime.now(UTC))
        if usual < job.next_run_time:
            job.modify(next_run_time=usual)

    def again(self, sync: str, kind: Kind, seconds: float) -> None:
        """Ask once more in so many seconds, whatever the timetable says; of several such wishes the first counts."""
        loop = asyncio.get_running_loop()
        before = self._wishes.get((sync, kind))
        if before is not None and loop.time() < before.when() <= loop.time() + seconds:
            return
        if before is not None:
            before.cancel()
        self._wishes[sync, kind] = loop.call_later(seconds, self.ask, sync, kind)

    def next_at(self, sync: str) -> datetime | None:
        job = self._poll_of(sync)
        return None if job is None else job.next_run_time

    def set_right(self) -> None:
        """After the wall clock jumped: every interval begins anew, daily times go by the new clock.

        Set forward, what was due meanwhile is asked for once, a moment apart. Set back, nothing waits for
        the old time to come round again.
        """
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            if _is_interval(job):
                job.modify(next_run_time=self._soon(job.trigger.jitter))
                continue
            usual = job.trigger.get_next_fire_time(None, now)
            # Not later: one that is due, or was drawn to be a little late today, is not put off to tomorrow.
            if usual is not None and usual < job.next_run_time:
                job.modify(next_run_time=usual)
        self._scheduler.wakeup()

    def stop(self) -> None:
        for wish in self._wishes.values():
            wish.cancel()
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    # -- jobs ------------------------------------------------------------------------------------

    def _soon(self, jitter: float) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=random.uniform(0.0, jitter))  # noqa: S311 -- jitter, not a secret

    def _plan(
        self, name: str, kind: str, plan: tuple[object, ...], trigger: BaseTrigger, first: datetime | None
    ) -> None:
        job = _job_of(name, kind)
        more = {} if first is None else {"next_run_time": first}
        self._scheduler.add_job(self._tick, trigger, args=(name, kind), id=job, replace_existing=True, **more)
        self._plans[job] = plan

    async def _tick(self, name: str, kind: Kind) -> None:
        self.ask(name, kind)

    def _forget(self, job: str) -> None:
        del self._plans[job]
        with contextlib.suppress(JobLookupError):  # a cron line without another time has no job any more
            self._scheduler.remove_job(job)

    def _poll_of(self, sync: str) -> Any:  # noqa: ANN401 -- APScheduler 3 ships no types
        return self._scheduler.get_job(_job_of(sync, "poll"))


def _job_of(sync: str, kind: str) -> str:
    return f"{kind} {sync}"


def _sync_of(job: str) -> str:
    return job.partition(" ")[2]


def _is_interval(job: Any) -> bool:  # noqa: ANN401 -- APScheduler 3 ships no types
    return isinstance(job.trigger, Every)


def _jitter(sync: Sync, settings: Daemon) -> float:
    if settings.jitter is not None:
        return settings.jitter
    return min(MOST_JITTER, (sync.every or 0.0) / 10)


def _poll(sync: Sync, jitter: float, zone: tzinfo) -> BaseTrigger:
    if sync.cron is not None:
        return Cron(sync.cron, zone, jitter)
    return Every(sync.every or 0.0, jitter)
