"""What Linear's headers say is left of its two limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import httpx

from syncer.connector import Budget

UNITS: Final = ("requests", "complexity")
_DIGITS: Final = 18
"""More than any count or epoch has; what is longer fits no column."""


def budget(response: httpx.Response) -> Budget | None:
    """Return the limit of which the smaller share is left, None where the headers tell of none."""
    told = [one for unit in UNITS if (one := _one(response.headers, unit)) is not None]
    return min(told, key=lambda one: one.remaining / one.limit, default=None)


def number(headers: Mapping[str, str], name: str) -> int | None:
    """Return the count a header holds, None where it is not there or none."""
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def _one(headers: Mapping[str, str], unit: str) -> Budget | None:
    limit = number(headers, f"x-ratelimit-{unit}-limit")
    remaining = number(headers, f"x-ratelimit-{unit}-remaining")
    if not limit or remaining is None:
        return None
    return Budget(limit, min(remaining, limit), _resets(headers, unit), unit)


def _resets(headers: Mapping[str, str], unit: str) -> datetime | None:
    at = number(headers, f"x-ratelimit-{unit}-reset")
    try:
        return None if at is None else datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
