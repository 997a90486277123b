"""What Jira's headers tell of its limits (developer pages, rate-limiting, 2026-08-12)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx

from syncer.connector import Budget
from syncer.sdk.http import retry_after

ONE_ISSUE = "jira-per-issue-on-write"
"""The reason of a 429 that is about one issue alone."""
GLOBAL = "global-app-quota"
GLOBAL_QUOTA = 65_000
"""Points an hour that an app has over all its sites, where `RateLimit-Policy` does not say."""

_COUNT = re.compile(r"[0-9]{1,15}")
_ENTRY = re.compile(r'"([^"]*)"((?:\s*;\s*[a-z]+\s*=\s*[^;,"\s]+)+)')
_PAIR = re.compile(r"([a-z]+)\s*=\s*([^;,\s]+)")


def budget(response: httpx.Response, now: datetime) -> Budget | None:
    """Return what is left of the tightest limit the headers of an answer speak of, None where they do not.

    API tokens have no quota, and Jira then speaks of a limit in its refusals alone. `Beta-` headers
    announce what is not enforced yet; they tell the same way.
    """
    found = [*_plain(response, now), *_structured(response, now)]
    return min(found, key=lambda b: b.remaining / max(b.limit, 1), default=None)


def until(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds until the limit that refused is reset, None where the answer does not say."""
    asked = retry_after(response, now)
    resets = _reset(response)
    if asked is not None or resets is None:
        return asked
    return max(0.0, (resets - now).total_seconds())


def _plain(response: httpx.Response, now: datetime) -> Iterator[Budget]:
    if response.headers.get("ratelimit-reason") == ONE_ISSUE:
        return
    limit = _count(response.headers.get("x-ratelimit-limit"))
    remaining = _count(response.headers.get("x-ratelimit-remaining"))
    if limit is None or remaining is None:
        return
    yield Budget(limit, remaining, _reset(response) or _after(now, _count(response.headers.get("retry-after"))))


def _structured(response: httpx.Response, now: datetime) -> Iterator[Budget]:
    for prefix in ("", "beta-"):
        quotas = _entries(response.headers.get(f"{prefix}ratelimit-policy"))
        for name, left in _entries(response.headers.get(f"{prefix}ratelimit")).items():
            # It says what remains only where that is less than a fifth.
            remaining = _count(left.get("r"))
            limit = _count(quotas.get(name, {}).get("q")) or (GLOBAL_QUOTA if name == GLOBAL else None)
            if remaining is not None and limit is not None:
                unit = "points" if "quota" in name else "requests"
                yield Budget(limit, remaining, _after(now, _count(left.get("t"))), unit)


def _entries(header: str | None) -> dict[str, dict[str, str]]:
    """Return the attributes of each policy of a structured header: `"name";r=1;t=2, "other";r=3`."""
    return {e[1]: dict(_PAIR.findall(e[2])) for e in _ENTRY.finditer(header or "")}


def _count(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if _COUNT.fullmatch(text) else None


def _after(now: datetime, seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else now + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _reset(response: httpx.Response) -> datetime | None:
    try:
        when = datetime.fromisoformat(response.headers.get("x-ratelimit-reset", "").strip())
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
