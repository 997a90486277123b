"""The clock: APScheduler says when a sync is due. Its jobs only ask; they never run anything."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from syncer.config import Daemon, Sync
from syncer.daemon.desk import Kind

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
    _polls: dict[str, tuple[Sync, float]] = field(default_factory=dict, init=False)
    _zone: tzinfo | None = field(default=None, init=False)

    def start(self, syncs: Mapping[str, Sync], settings: Daemon) -> None:
        """Start ticking. Every sync is asked for at once, a moment apart."""
        self._scheduler = AsyncIOScheduler(
            timezone=ZoneInfo(settings.timezone) if settings.timezone else None,
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._scheduler.start()
        self.keep(syncs, settings)

    def keep(self, syncs: Mapping[str, Sync], settings: Daemon) -> None:
        """Follow a new timetable: what did not change in it keeps its times."""
        zone = ZoneInfo(settings.timezone) if settings.timezone else self._scheduler.timezone
        for name in [n for n in self._polls if n not in syncs]:
            self._forget(name)
        daily = {"sweep": settings.sweep, "audit": settings.audit}
        for name, sync in syncs.items():
            jitter = _jitter(sync, settings)
            if self._polls.get(name) != (sync, jitter):
                self._plan(name, "poll", _poll(sync, jitter, zone), self._soon(jitter))
                self._polls[name] = (sync, jitter)
            for kind, line in daily.items():
                self._plan(name, kind, _cron(line, zone, SPREAD if len(syncs) > 1 else 0.0), None)

    def postpone(self, sync: str, seconds: float) -> None:
        """Let the next poll of *sync* come no sooner than in so many seconds."""
        job = self._job(sync)
        if job is None:
            return
        then = datetime.now(UTC) + timedelta(seconds=seconds)
        if _is_interval(job) or job.next_run_time is None or job.next_run_time < then:
            job.modify(next_run_time=then)

    def next_at(self, sync: str) -> datetime | None:
        job = self._job(sync)
        return None if job is None else job.next_run_time

    def set_right(self) -> None:
        """After the wall clock jumped: count every interval from now, every daily time by the new clock.

        Set forward, what was due meanwhile is asked for once, a moment apart. Set back, nothing waits for
        the old time to come round again.
        """
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            if _is_interval(job):
                _, jitter = self._polls[job.args[0]]
                job.modify(next_run_time=self._soon(jitter))
            elif job.next_run_time is not None and job.next_run_time > now:
                job.modify(next_run_time=job.trigger.get_next_fire_time(None, now))
        self._scheduler.wakeup()

    def stop(self) -> None:
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    # -- jobs ------------------------------------------------------------------------------------

    def _soon(self, jitter: float) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=random.uniform(0.0, jitter if self._polls else 0.0))  # noqa: S311 -- jitter, not a secret

    def _plan(self, name: str, kind: str, trigger: BaseTrigger, first: datetime | None) -> None:
        more = {} if first is None else {"next_run_time": first}
        self._scheduler.add_job(
            self._tick, trigger, args=(name, kind), id=f"{kind} {name}", replace_existing=True, **more
        )

    async def _tick(self, name: str, kind: Kind) -> None:
        self.ask(name, kind)

    def _forget(self, name: str) -> None:
        del self._polls[name]
        for kind in ("poll", "sweep", "audit"):
            self._scheduler.remove_job(f"{kind} {name}")

    def _job(self, sync: str) -> Any:  # noqa: ANN401 -- APScheduler 3 ships no types
        return self._scheduler.get_job(f"poll {sync}")


def _is_interval(job: Any) -> bool:  # noqa: ANN401 -- APScheduler 3 ships no types
    return isinstance(job.trigger, IntervalTrigger)


def _jitter(sync: Sync, settings: Daemon) -> float:
    if settings.jitter is not None:
        return settings.jitter
    return min(MOST_JITTER, (sync.every or 0.0) / 10)


def _poll(sync: Sync, jitter: float, zone: tzinfo) -> BaseTrigger:
    if sync.cron is not None:
        return _cron(sync.cron, zone, jitter)
    return IntervalTrigger(seconds=sync.every, jitter=jitter or None, timezone=zone)


def _cron(line: str, zone: tzinfo, jitter: float) -> CronTrigger:
    minute, hour, day, month, weekday = line.lower().split()
    return CronTrigger(
        minute=minute,
        hour=hour,
        day=day,
        month=month,
        day_of_week=weekday,
        jitter=jitter or None,
        timezone=zone,
    )
