"""What GitHub's headers say is left of its hourly limits: requests over REST, points over GraphQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from syncer.connector import Budget

UNITS = {"core": "requests", "graphql": "points"}
"""The limits we spend of, by GitHub's name for them, and what each counts."""
_DIGITS = 12
"""No limit, and no stamp of this age of the world, is longer."""


class Budgets:
    """One token's limits, as the answers told them last. *clock* is ours."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._left: dict[str, Budget] = {}

    def read(self, response: httpx.Response) -> Budget | None:
        """Return the limit of which the smallest share is left after *response*; None where GitHub has named none.

        Enterprise Server has no limits unless it is told to. A window that is over counts no more.
        """
        resource = response.headers.get("x-ratelimit-resource") or _spent_by(response)
        told = _told(response, UNITS[resource]) if resource in UNITS else None
        if told is not None:
            self._left[resource] = told
        now = self._clock()
        self._left = {name: b for name, b in self._left.items() if b is told or b.resets is None or b.resets > now}
        return min(self._left.values(), key=lambda b: b.remaining / b.limit, default=None)


def _spent_by(response: httpx.Response) -> str:
    return "graphql" if response.request.url.path.endswith("/graphql") else "core"


def _told(response: httpx.Response, unit: str) -> Budget | None:
    limit, remaining = _whole(response, "limit"), _whole(response, "remaining")
    if not limit or remaining is None or remaining > limit:
        return None
    return Budget(limit, remaining, _moment(response), unit)


def _moment(response: httpx.Response) -> datetime | None:
    seconds = _whole(response, "reset")
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _whole(response: httpx.Response, name: str) -> int | None:
    text = response.headers.get(f"x-ratelimit-{name}", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None
