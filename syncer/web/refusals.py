"""The log of refused deliveries: no flood fills it, and nothing of a delivery is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import structlog

from syncer.errors import DeliveryError

log = structlog.get_logger()

EVERY = 10.0
"""Seconds between two events of the same connection and reason."""

STATUSES = frozenset({400, 401, 403, 404, 408, 413, 415, 422, 429, 503})
"""What a refused delivery may be answered with; 400 stands for whatever else a plugin says."""

_REASON = re.compile(r"[a-z][a-z_]{0,31}")
_MOST = 512


def reason_of(error: DeliveryError) -> str:
    """Return the one word that *error* gives; a plugin's sentence might hold content."""
    return error.reason if _REASON.fullmatch(error.reason) else "refused"


def status_of(error: DeliveryError) -> int:
    return error.status if error.status in STATUSES else 400


@dataclass(slots=True)
class _Told:
    at: float
    more: int = 0


class Refusals:
    """Tells of each connection and reason at most once in `EVERY` seconds; `more` were not told before it."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], _Told] = {}

    def tell(self, connection: str, reason: str, now: float, **facts: object) -> None:
        before = self._told.get((connection, reason))
        if before is not None and now - before.at < EVERY:
            before.more += 1
            return
        if len(self._told) >= _MOST:
            self._told.clear()
        self._told[connection, reason] = _Told(now)
        log.warning("hook.refused", connection=connection, reason=reason, more=before.more if before else 0, **facts)
