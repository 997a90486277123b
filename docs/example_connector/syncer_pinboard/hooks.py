"""Pinboard's webhook deliveries: which to believe, and where they lead. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncer.connector import Delivery, Heard, Lead
from syncer.errors import DeliveryError
from syncer.model import Address, Ref
from syncer.sdk.hooks import believe, fresh, parsed

_WORD = re.compile(r"[a-z0-9.-]{1,64}")


def listen(delivery: Delivery, *, connection: str, board: str, secrets: Sequence[str], window: float) -> Heard:
    """Return where a delivery about our board says to look. Raises `DeliveryError`."""
    believe(delivery.body, delivery.headers.get("pinboard-signature"), secrets)
    said = parsed(delivery.body)
    fresh(_moment(said.get("sent")), delivery.at, window)
    id_, event = _word(said, "id"), _word(said, "event")
    if said.get("board") != board:
        return Heard(id_, event)
    card = _word(said, "card")
    comment = None if said.get("comment") is None else _word(said, "comment")
    # No stamp: what a person does twice in one instant would be read once.
    return Heard(id_, event, [Lead(Address(Ref(connection, "card", card), card), comment)])


def _word(said: Mapping[str, Any], name: str) -> str:
    word = said.get(name)
    if not isinstance(word, str) or not _WORD.fullmatch(word):
        raise DeliveryError("malformed")
    return word


def _moment(milliseconds: object) -> datetime:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        raise DeliveryError("malformed")
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise DeliveryError("malformed") from None
