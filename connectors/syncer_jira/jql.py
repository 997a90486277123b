"""The few JQL queries we ask, and how JQL reads a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

OVERLAP = timedelta(minutes=5)
"""JQL counts whole minutes and its index lags: every poll looks this much further back."""

_FURTHEST_WEST = timedelta(hours=13)
_ORDER = "ORDER BY updated ASC, id ASC"


def quoted(text: str) -> str:
    """Return *text* as a JQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def literal(instant: datetime, zone: str | None) -> str:
    """Return a JQL time that is never later than *instant*, whichever way Jira reads it.

    JQL knows no zone and no seconds: it reads the wall clock of the account that searches. With
    that zone unknown, the literal goes back far enough to be safe anywhere.
    """
    place = _zone(zone)
    if place is None:
        return _wall(instant - _FURTHEST_WEST, UTC)
    # In the hour that autumn repeats, a wall time names two instants: step back before it.
    later = instant.astimezone(place).replace(fold=1).astimezone(UTC)
    return _wall(instant - max(later - instant, timedelta(0)), place)


def _zone(name: str | None) -> tzinfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _wall(instant: datetime, zone: tzinfo) -> str:
    return instant.astimezone(zone).strftime("%Y/%m/%d %H:%M")


def changed(project: str, since: datetime | None, zone: str | None, condition: str | None = None) -> str:
    """Return the query for everything of *project* changed since *since*; all of it for None."""
    clauses = [f"project = {quoted(project)}"]
    if condition:
        clauses.append(f"({condition})")
    if since is not None:
        clauses.append(f"updated >= {quoted(literal(since - OVERLAP, zone))}")
    return f"{' AND '.join(clauses)} {_ORDER}"


def among(ids: Iterable[str], condition: str) -> str:
    """Return the query for those of the issues *ids* that meet *condition*."""
    return f"id in ({', '.join(sorted(ids))}) AND ({condition}) ORDER BY id ASC"


def created(project: str, since: datetime, zone: str | None) -> str:
    """Return the query for what was created in *project* since *since*, clocks being what they are."""
    start = quoted(literal(since - 2 * OVERLAP, zone))
    return f"project = {quoted(project)} AND created >= {start} ORDER BY created ASC, id ASC"
