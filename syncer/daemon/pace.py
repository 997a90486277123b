"""When to run next: pure decisions about back-off and budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from syncer.connector import Budget

Why = Literal["every", "cron", "backing off", "saving budget"]

RESERVE = 0.2
"""The share of a tracker's limit that is left to people and other tools."""

LONGEST = 3600.0
"""Seconds a failing sync waits at most, unless its own interval is longer."""

FIRST_REST = 30.0
LONGEST_REST = 900.0
"""Seconds a failing connection is left alone: at first, and at most, unless its tracker asks for more."""

RECENT = 5
ENOUGH = 3
"""So many polls say what a poll costs; from fewer nothing is concluded, a first one reads everything."""


@dataclass(frozen=True, slots=True)
class Next:
    """Seconds from now to the next start, and what decided that."""

    seconds: float
    why: Why


def next_start(
    every: float, now: datetime, *, failures: int, spent: Mapping[str, Sequence[int]], budgets: Mapping[str, Budget]
) -> Next:
    """Return when to poll again. *spent*: requests of recent polls, by connection; *failures*: runs in a row that
    came to nothing."""
    if failures:
        return Next(min(every * 2.0**failures, max(every, LONGEST)), "backing off")
    waits = [affordable(every, now, spent.get(c, ()), budget) for c, budget in budgets.items()]
    slowest = max([every, *waits])
    return Next(slowest, "saving budget" if slowest > every else "every")


def affordable(every: float, now: datetime, spent: Sequence[int], budget: Budget) -> float:
    """Return the shortest interval, in seconds, that leaves the reserve untouched until the limit is renewed."""
    if budget.resets is None or budget.limit <= 0:
        return every
    window = (budget.resets - now).total_seconds()
    if window <= 0:
        return every
    spare = budget.remaining - RESERVE * budget.limit
    if spare <= 0:
        return max(every, window)
    if len(spent) < ENOUGH:
        return every
    return max(every, median(spent[-RECENT:]) * window / spare)


def rest(failures: int, retry_after: float | None) -> timedelta:
    """Return how long to leave a connection alone after so many failures in a row (at least one)."""
    own = min(FIRST_REST * 2.0 ** min(failures - 1, 20), LONGEST_REST)
    return timedelta(seconds=max(own, retry_after or 0.0))
