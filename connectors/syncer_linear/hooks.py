"""What Linear's webhooks tell: believed by signature and age, then reduced to where to look. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from syncer.connector import Delivery, Heard, Lead
from syncer.errors import DeliveryError
from syncer.model import Address, Ref
from syncer.sdk.hooks import believe, fresh, parsed
from syncer_linear.records import moment

WIDE: Final = frozenset({"IssueLabel", "Project", "Cycle"})
"""Kinds of things whose changes show on issues, and move none of their stamps."""
KINDS: Final = ("Issue", "Comment", *sorted(WIDE))
"""What a webhook of ours subscribes to."""

_WORD: Final = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_KEY_LENGTH: Final = 100
_PUT_AWAY: Final = ("trashed", "archivedAt")


def listen(
    delivery: Delivery,
    *,
    connection: str,
    team: str,
    secrets: Sequence[str],
    window: float,
) -> Heard:
    """Return where a delivery says to look; *team* is our team's key or id. Raises `DeliveryError`.

    Signed is the body, so that its own `webhookTimestamp` (ms) tells the age; the header
    `Linear-Timestamp` is anybody's word. Whether a delivery sent again bears a new one, Linear does not say.
    """
    believe(delivery.body, delivery.headers.get("linear-signature"), secrets)
    said = parsed(delivery.body)
    fresh(_sent(said.get("webhookTimestamp")), delivery.at, window)
    kind, action = _word(said.get("type")), _word(said.get("action"))
    return Heard(
        _word(delivery.headers.get("linear-delivery")),
        f"{kind}.{action}",
        leads=_leads(kind, action, said, connection, team),
        look=kind in WIDE and not _elsewhere(_object(said.get("data")), team),
    )


def _leads(kind: str, action: str, said: Mapping[str, Any], connection: str, team: str) -> Sequence[Lead]:
    data, before = _object(said.get("data")), _object(said.get("updatedFrom"))
    at = _stamp(action, data, before)
    if kind == "Issue":
        if _elsewhere(data, team) and not _came_from(before, team):
            return ()
        return [Lead(_address(connection, _word(data.get("id")), data), at=at)]
    if kind == "Comment":
        issue = _object(data.get("issue"))
        on = data.get("issueId") or issue.get("id")
        # On an update of a project, a document, an initiative: those are not items.
        if on is None or _elsewhere(issue, team):
            return ()
        return [Lead(_address(connection, _word(on), issue), comment=_word(data.get("id")), at=at)]
    return ()


def _elsewhere(told: Mapping[str, Any], ours: str) -> bool:
    """Say whether it is told that this belongs to another team. What cannot be told may be ours."""
    team = _object(told.get("team"))
    ids = _texts(told.get("teamId"), team.get("id"))
    keys = _texts(team.get("key")) or {text.rpartition("-")[0] for text in _texts(told.get("identifier"))} - {""}
    if ours.casefold() in ids | keys:
        return False
    return bool(ids if _is_id(ours) else keys)


def _came_from(before: Mapping[str, Any], ours: str) -> bool:
    """Say whether an issue may have left our team. Its old team is told by id: whose key that is, nobody says."""
    old = _texts(before.get("teamId"))
    return ours.casefold() in old if _is_id(ours) else bool(old)


def _stamp(action: str, data: Mapping[str, Any], before: Mapping[str, Any]) -> datetime | None:
    """Return the stamp of the version told of, None where what is read may be gone or back again."""
    if action not in {"create", "update"} or any(name in before or data.get(name) for name in _PUT_AWAY):
        return None
    at = data.get("updatedAt")
    try:
        return moment(at) if isinstance(at, str) else None
    except (ValueError, OverflowError):
        return None


def _address(connection: str, id_: str, issue: Mapping[str, Any]) -> Address:
    key = issue.get("identifier")
    plain = isinstance(key, str) and 0 < len(key) <= _KEY_LENGTH and key.isprintable()
    return Address(Ref(connection, "issue", id_), str(key) if plain else id_)


def _sent(at: object) -> datetime:
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise DeliveryError("malformed")
    try:
        return datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise DeliveryError("malformed") from None


def _word(said: object) -> str:
    """Return an id or a name as Linear gives them: short, without spaces. Raises `DeliveryError` on anything else."""
    if not isinstance(said, str) or not _WORD.fullmatch(said):
        raise DeliveryError("malformed")
    return said


def _object(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}


def _texts(*said: object) -> set[str]:
    return {text.casefold() for text in said if isinstance(text, str) and text}


def _is_id(team: str) -> bool:
    try:
        UUID(team)
    except ValueError:
        return False
    return True
