"""Jira's webhook deliveries: which to believe, and where they lead. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.connector import Delivery, Heard, Lead
from syncer.errors import DeliveryError, ProtocolError
from syncer.model import Address, Ref
from syncer.sdk.hooks import believe, fresh, parsed
from syncer_jira import records

LATE = 3600.0
"""Seconds a genuine delivery may be late: Jira tries up to 5 times, up to 30 minutes after the event (Atlassian
staff, community t/30554; developer pages, webhooks), and gives the fallout of a mass change 15 minutes more."""
PROMPT = timedelta(seconds=10)
"""How far the `updated` of a delivery may lie before its `timestamp` and still be the stamp of that very change."""

ISSUES = ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted")
COMMENTS = ("comment_created", "comment_updated", "comment_deleted")
_ABOUT_ISSUES = ("issuelink_", "attachment_", "worklog_", "issue_property_", "jira:worklog_")
_AROUND = ("jira:version_", "sprint_", "project_")

_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,254})-[0-9]{1,18}")
_NUMBER = re.compile(r"[0-9]{1,18}")

Object = Mapping[str, Any]


def listen(delivery: Delivery, *, connection: str, project: str, secrets: Sequence[str], window: float) -> Heard:
    """Return where a delivery says to look, for the project of that key as it stands in the config: a
    project that was given another key is not heard until the config says the new one.

    Signed is the body by `X-Hub-Signature`, so that its own `timestamp` (ms) tells the age; Jira's retries
    make it later than *window* may allow (see `LATE`). Raises `DeliveryError`.
    """
    believe(delivery.body, _claimed(delivery.headers.get("x-hub-signature")), secrets)
    said = parsed(delivery.body)
    event = said.get("webhookEvent")
    if not isinstance(event, str) or not _NAME.fullmatch(event):
        raise DeliveryError("malformed")
    sent = _sent(said.get("timestamp"))
    if sent is not None:
        fresh(sent, delivery.at, max(window, LATE))
    ear = _Ear(connection, project.casefold(), said, sent)
    return Heard(_id(delivery), event, ear.leads(event), look=ear.is_stirred(event))


def _claimed(header: str | None) -> str | None:
    """Return the hex of a signature header; another method is as good as no signature."""
    method, _, signature = (header or "").partition("=")
    return signature if method.strip().lower() == "sha256" else None


def _id(delivery: Delivery) -> str:
    """Return the name Jira Cloud gives a webhook through all retries; a hash where there is none (Data Center)."""
    given = delivery.headers.get("x-atlassian-webhook-identifier", "").strip()
    return given if _NAME.fullmatch(given) else f"sha256:{hashlib.sha256(delivery.body).hexdigest()}"


def _sent(milliseconds: object) -> datetime | None:
    """Return when a delivery was first sent, None where it does not say. Raises `DeliveryError` for nonsense."""
    if milliseconds is None:
        return None
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        raise DeliveryError("malformed")
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise DeliveryError("malformed") from None


class _Ear:
    """Hears of one project: *home*, its key in lower case."""

    def __init__(self, connection: str, home: str, said: Object, sent: datetime | None) -> None:
        self._connection = connection
        self._home = home
        self._said = said
        self._sent = sent

    def leads(self, event: str) -> Sequence[Lead]:
        """Return the leads of an event. Raises `DeliveryError` where what it must name is missing."""
        issue = self._said.get("issue")
        if event in ISSUES:
            return self._to(self._address(issue), at=self._at(event, _member(issue, "fields")))
        if event in COMMENTS and issue is not None:
            comment = self._said.get("comment")
            # Even a restricted one: nothing of it is kept, and it may have been open to all before.
            return self._to(self._address(issue), _number(_member(comment, "id")), self._at(event, comment))
        if event.startswith(_ABOUT_ISSUES) and issue is not None:
            return self._to(self._address(issue))
        return ()

    def is_stirred(self, event: str) -> bool:
        """Say whether something changed that no single issue tells."""
        if event in COMMENTS:
            # Data Center leaves the issue out (recorded: Jira Server, 2019).
            return self._said.get("issue") is None
        return event.startswith(_AROUND) and self._is_home(_member(self._said.get("project"), "key")) is not False

    def _to(self, address: Address, comment: str | None = None, at: datetime | None = None) -> Sequence[Lead]:
        return (Lead(address, comment, at),) if self._concerns(address.key) else ()

    def _address(self, issue: object) -> Address:
        id_, key = _number(_member(issue, "id")), _member(issue, "key")
        if id_ is None or not isinstance(key, str) or not _KEY.fullmatch(key):
            raise DeliveryError("malformed")
        return Address(Ref(self._connection, "issue", id_), key)

    def _concerns(self, key: str) -> bool:
        """Say whether an issue is ours, or was until this very change: a moved one keeps its id alone."""
        named = _member(_member(_member(self._said.get("issue"), "fields"), "project"), "key")
        at_home = self._is_home(named)
        return (self._is_home(_prefix(key)) if at_home is None else at_home) or self._left()

    def _left(self) -> bool:
        items = _member(self._said.get("changelog"), "items")
        moves = [i for i in items if _field(i) in {"key", "issuekey", "project"}] if isinstance(items, list) else []
        return any(self._is_home(_prefix(_member(m, "fromString"))) for m in moves)

    def _is_home(self, key: object) -> bool | None:
        """Say whether *key* is our project's, None where it is none."""
        return key.casefold() == self._home if isinstance(key, str) else None

    def _at(self, event: str, holder: object) -> datetime | None:
        """Return the stamp of the change, None where it bears none: not everything moves Jira's `updated`, and
        an old one would tell who has read that version that there is nothing new."""
        updated = _stamp(_member(holder, "updated"))
        if event.endswith("_deleted") or updated is None:
            return None
        return updated if self._sent is None or self._sent - updated <= PROMPT else None


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _number(value: object) -> str | None:
    """Return an id, which Jira says as a string, mostly."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and _NUMBER.fullmatch(text) else None


def _prefix(key: object) -> object:
    """Return the project's key from that of an issue; what is none as it is."""
    match = _KEY.fullmatch(key) if isinstance(key, str) else None
    return match[1] if match else key


def _field(item: object) -> str:
    named = _member(item, "fieldId") or _member(item, "field")
    return named.casefold() if isinstance(named, str) else ""


def _stamp(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return records.stamp(value)
    except (ProtocolError, OverflowError, ValueError):
        return None
