"""What connectors share in believing webhooks: signatures, ages, and JSON from strangers."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from syncer.errors import DeliveryError


def believe(body: bytes, claimed: str | None, secrets: Sequence[str]) -> None:
    """Raise `DeliveryError` unless *claimed* is the hex HMAC-SHA256 of *body* under one of *secrets*.

    The comparison takes the same time whatever is wrong, and every secret is tried.
    """
    if not secrets:
        raise DeliveryError("no_secret", status=404)
    if not claimed:
        raise DeliveryError("unsigned", status=401)
    given = claimed.strip().lower().encode("utf-8", errors="replace")
    fits = [
        hmac.compare_digest(hmac.new(s.encode(), body, hashlib.sha256).hexdigest().encode(), given) for s in secrets
    ]
    if not any(fits):
        raise DeliveryError("forged", status=401)


def parsed(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a believed *body* is. Raises `DeliveryError` on anything else."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise DeliveryError("malformed") from None
    if not isinstance(said, dict):
        raise DeliveryError("malformed")
    return said


def fresh(sent: datetime, now: datetime, window: float) -> None:
    """Raise `DeliveryError` for a delivery sent more than *window* seconds away from *now*."""
    if abs((now - sent).total_seconds()) > window:
        raise DeliveryError("stale", status=401)
