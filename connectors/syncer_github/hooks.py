"""GitHub's webhook deliveries: which to believe, and where they lead. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncer.connector import Delivery, Heard, Lead
from syncer.errors import DeliveryError
from syncer.model import Address, Ref
from syncer.sdk.hooks import believe, parsed
from syncer_github.records import ENTITY, stamp
from syncer_github.settings import GitHubSettings

SIGNED = "sha256="
LOOK = frozenset({"label", "milestone", "repository"})
LINKS = {
    "sub_issues": ("sub_issue", "parent_issue"),
    "issue_dependencies": ("blocked_issue", "blocking_issue"),
}
"""Event -> the members that name issues. Which of them are there depends on the action."""
LEFT = frozenset({"deleted", "transferred"})
_FORM = "application/x-www-form-urlencoded"
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_EVENT = re.compile(r"[a-z0-9_]{1,64}")
_LARGEST = 2**63


def listen(delivery: Delivery, connection: str, options: GitHubSettings, secrets: Sequence[str]) -> Heard:
    """Verify *delivery* and say where to look. GitHub signs no time, so that none is too old.

    Of interest is what concerns the issues of the configured repository, under the name it has in the
    config. Raises `DeliveryError`.
    """
    headers = delivery.headers
    believe(delivery.body, _claimed(headers.get("x-hub-signature-256")), secrets)
    id_, event = headers.get("x-github-delivery", ""), headers.get("x-github-event", "")
    if not (_ID.fullmatch(id_) and _EVENT.fullmatch(event)):
        raise DeliveryError("malformed")
    if headers.get("content-type", "").strip().lower().startswith(_FORM):
        # A webhook set up by hand: GitHub offers this content type first.
        raise DeliveryError("malformed", status=415)
    said = parsed(delivery.body)
    ear = _Ear(connection, options.repository.casefold())
    if event == "projects_v2_item":
        return Heard(id_, event, look=ear.concerns_item(said))
    if event not in {"issues", "issue_comment", *LINKS, *LOOK} or not ear.is_ours(said.get("repository")):
        return Heard(id_, event)
    if event in LOOK:
        return Heard(id_, event, look=True)
    return Heard(id_, event, ear.leads(event, said))


def _claimed(header: str | None) -> str | None:
    """Return the hex of a signature header; another algorithm is as good as no signature."""
    return header.removeprefix(SIGNED) if header is not None and header.startswith(SIGNED) else None


class _Ear:
    """Hears of one repository: *home*, its full name in lower case."""

    def __init__(self, connection: str, home: str) -> None:
        self._connection = connection
        self._home = home

    def is_ours(self, repository: object) -> bool:
        """Say whether an event's repository is ours. Raises `DeliveryError` where it names none."""
        name = _text(repository, "full_name")
        if name is None:
            raise DeliveryError("malformed")
        return name.casefold() == self._home

    def concerns_item(self, said: Mapping[str, Any]) -> bool:
        """Say whether a project item may be an issue of ours: the event names the organisation, not the repository."""
        owner = _text(said.get("organization"), "login")
        kind = _text(said.get("projects_v2_item"), "content_type")
        return kind in {None, "Issue"} and (owner is None or owner.casefold() == self._home.partition("/")[0])

    def leads(self, event: str, said: Mapping[str, Any]) -> Sequence[Lead]:
        if event in LINKS:
            return self._linked(said, LINKS[event])
        issue = said.get("issue")
        if isinstance(issue, dict) and issue.get("pull_request") is not None:
            return ()
        address = self._address(issue)
        if address is None:
            raise DeliveryError("malformed")
        gone = _text(said, "action") in LEFT
        if event == "issues":
            return (Lead(address, at=None if gone else _at(issue)),)
        comment = said.get("comment")
        id_ = _number(comment, "id")
        if id_ is None:
            raise DeliveryError("malformed")
        return (Lead(address, str(id_), None if gone else _at(comment)),)

    def _linked(self, said: Mapping[str, Any], members: Sequence[str]) -> Sequence[Lead]:
        """Return leads to those linked issues that are ours. Stamps of issues stand still when links change."""
        ours = (said.get(m) for m in members if self._is_at_home(said, m))
        return [Lead(a) for a in map(self._address, ours) if a is not None]

    def _is_at_home(self, said: Mapping[str, Any], member: str) -> bool:
        url = _text(said.get(member), "repository_url")
        name = _text(said.get(f"{member}_repo"), "full_name")
        if name is None and url is not None:
            name = "/".join(url.rstrip("/").split("/")[-2:])
        return name is not None and name.casefold() == self._home

    def _address(self, issue: object) -> Address | None:
        id_, number = _number(issue, "id"), _number(issue, "number")
        if id_ is None or number is None:
            return None
        return Address(Ref(self._connection, ENTITY, str(id_)), f"#{number}")


def _text(said: object, member: str) -> str | None:
    text = said.get(member) if isinstance(said, dict) else None
    return text if isinstance(text, str) else None


def _number(said: object, member: str) -> int | None:
    number = said.get(member) if isinstance(said, dict) else None
    return number if type(number) is int and 0 < number < _LARGEST else None


def _at(said: object) -> datetime | None:
    """Return when a thing was last changed; None, which makes us look, where that is not to be read."""
    text = _text(said, "updated_at")
    if text is None:
        return None
    try:
        return stamp(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
