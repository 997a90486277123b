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
"""Seconds a sync waits at most, whether it fails or saves a budget, unless its own interval is longer: trackers renew
their limits by the hour, and a header that says otherwise must not silence a sync."""

FIRST = 60.0
"""Seconds that a failing sync's waits start from where it has no interval."""

FIRST_REST = 30.0
LONGEST_REST = 900.0
LONGEST_ASKED = 86_400.0
"""Seconds a failing connection is left alone: at first, at most, and at most where its tracker asks for more."""

RECENT = 5
ENOUGH = 3
"""So many polls say what a poll costs; from fewer nothing is concluded, a first one reads everything."""

_DOUBLINGS = 40
"""More change nothing, and 2.0 ** 1024 is no number: a sync may fail for months."""


@dataclass(frozen=True, slots=True)
class Next:
    """Seconds from now to the next start, and what decided that."""

    seconds: float
    why: Why


def next_start(
    every: float | None,
    now: datetime,
    *,
    failures: int,
    spent: Mapping[str, Sequence[int]],
    budgets: Mapping[str, Budget],
) -> Next:
    """Return when to poll again, no sooner than in `every` seconds (None: by a timetable, which knows itself).

    *spent*: requests of recent polls, by connection; *failures*: runs in a row that came to nothing.
    """
    usual = every or 0.0
    saving = max([usual, *(affordable(usual, now, spent.get(c, ()), budget) for c, budget in budgets.items())])
    if failures:
        backing_off = min((every or FIRST) * 2.0 ** min(failures, _DOUBLINGS), LONGEST)
        return Next(max(backing_off, saving), "backing off")
    if saving > usual:
        return Next(saving, "saving budget")
    return Next(usual, "cron" if every is None else "every")


def affordable(every: float, now: datetime, spent: Sequence[int], budget: Budget) -> float:
    """Return the shortest interval, in seconds, that leaves the reserve untouched until the limit is renewed.

    It never goes past that renewal: a limit that refills all the time shows one that is ever an hour away.
    """
    if budget.resets is None or budget.limit <= 0:
        return every
    window = (budget.resets - now).total_seconds()
    longest = max(every, min(window, LONGEST))
    spare = budget.remaining - RESERVE * budget.limit
    if spare <= 0:
        return longest
    if len(spent) < ENOUGH:
        return every
    # Where points are counted a request costs one at least: then this holds back too little, the line above does not.
    return min(max(every, median(spent[-RECENT:]) * window / spare), longest)


def rest(failures: int, retry_after: float | None) -> timedelta:
    """Return how long to leave a connection alone after so many failures in a row (at least one)."""
    own = min(FIRST_REST * 2.0 ** min(failures - 1, _DOUBLINGS), LONGEST_REST)
    # In this order: a header may say "nan", and max() keeps its first where nothing is greater.
    return timedelta(seconds=max(own, min(retry_after or 0.0, LONGEST_ASKED)))
