"""When a job is due next, for APScheduler: intervals and cron lines that pass over what was missed.

APScheduler's own triggers name every missed time, one by one, and only then coalesce them. A machine without a
battery begins in 1970; once its clock is set, "every 2m" has missed fifteen million times, and the loop stands still.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from syncer.errors import ConfigError


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler takes nothing else, and ships no types
    """So many seconds after the last start, and up to *jitter* seconds more."""

    def __init__(self, seconds: float, jitter: float) -> None:
        self.seconds = seconds
        self.jitter = jitter

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        # In UTC: two times of one zone are added and compared by what its clocks show, wrong when those change.
        now = now.astimezone(UTC)
        then = (previous or now).astimezone(UTC) + timedelta(seconds=self.seconds)
        if then <= now:
            then = now + timedelta(seconds=self.seconds)
        return then + timedelta(seconds=random.uniform(0.0, self.jitter))  # noqa: S311 -- jitter, not a secret


class Cron(BaseTrigger):  # type: ignore[misc]  # the same
    """The times of a cron line in *zone*, and up to *jitter* seconds later."""

    def __init__(self, line: str, zone: tzinfo, jitter: float) -> None:
        minute, hour, day, month, weekday = line.lower().split()
        self._times = CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=weekday,
            jitter=jitter or None,
            timezone=zone,
        )

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        then: datetime | None = self._times.get_next_fire_time(previous, now)
        if previous is not None and then is not None and then.astimezone(UTC) <= now.astimezone(UTC):
            then = self._times.get_next_fire_time(None, now)
        return then


def zone_of(name: str | None) -> tzinfo:
    """Return the time zone of that name, the machine's for None. Raises `ConfigError` where the machine's is not known.

    A name that the config was checked for is one.
    """
    if name is not None:
        return ZoneInfo(name)
    try:
        machine: tzinfo = CronTrigger().timezone
    except (LookupError, OSError, ValueError) as error:
        raise ConfigError(
            "the time zone of this machine cannot be told.",
            key="daemon.timezone",
            fix='Say timezone = "Europe/Berlin", or whichever it is.',
        ) from error
    return machine
