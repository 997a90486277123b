"""`filter` arguments: comparators by name, nested filters, `and`, `or`, `null`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer_linear.sandbox.refusals import invalid

Facts = Mapping[str, Any]
"""A row as filters see it: plain values, datetimes, nested facts, or None."""

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, want: bool(have == want),
    "neq": lambda have, want: bool(have != want),
    "in": lambda have, want: have in want,
    "nin": lambda have, want: have not in want,
    "gt": lambda have, want: bool(have > want),
    "gte": lambda have, want: bool(have >= want),
    "lt": lambda have, want: bool(have < want),
    "lte": lambda have, want: bool(have <= want),
    "eqIgnoreCase": lambda have, want: str(have).casefold() == str(want).casefold(),
}
_DURATION = re.compile(r"(-?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def passes(where: Mapping[str, Any] | None, facts: Facts | None, now: datetime) -> bool:
    """Say whether a row meets *where*; its conditions are all to hold, `or` being one more of them."""
    if not where:
        return True
    return all(_holds(name, want, facts, now) for name, want in where.items())


def _holds(name: str, want: Any, facts: Facts | None, now: datetime) -> bool:  # noqa: ANN401 -- the JSON border
    if name == "null":
        return bool((facts is None) == want)
    if name == "and":
        return all(passes(one, facts, now) for one in want)
    if name == "or":
        return any(passes(one, facts, now) for one in want)
    if facts is None or want is None:
        return facts is not None
    have = facts[name]
    if have is None or isinstance(have, Mapping):
        return passes(want, have, now)
    return all(_COMPARE[how](have, _like(have, than, now)) for how, than in want.items())


def _like(have: object, than: Any, now: datetime) -> Any:  # noqa: ANN401 -- the JSON border
    if isinstance(than, list):
        return [_like(have, one, now) for one in than]
    return _moment(str(than), now) if isinstance(have, datetime) else than


def _moment(text: str, now: datetime) -> datetime:
    """Return an ISO date, or a duration counted from *now*."""
    span = _DURATION.fullmatch(text)
    if span and text.strip("-P"):
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in span.groups()[1:])
        length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        return now - length if span[1] else now + length
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("date", "must be an ISO 8601 date or duration") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
