"""Linear's nodes as records, comments and the edits of a history. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from syncer.errors import ProtocolError
from syncer.model import JSON, Account, Comment, Edited, Record, Ref, State
from syncer_linear.bodies import heard

_NOT_AN_ITEM_SYNC: Final = frozenset({"slack"})
"""A Slack thread follows an issue's comments; it does not own the issue."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What it takes to read a node: the connection, our own account, our team."""

    connection: str
    me: str
    team: str

    def record(self, node: Mapping[str, Any], names: Mapping[str, str]) -> Record:
        """Return an issue as a record. *names* are those of labels, by id."""
        try:
            return self._record(node, names)
        except (KeyError, TypeError, ValueError) as error:
            raise self._broken("issue", error) from error

    def comment(self, node: Mapping[str, Any]) -> Comment:
        """Return a comment; its author may be a person, somebody outside, or a bot."""
        try:
            return self._comment(node)
        except (KeyError, TypeError, ValueError) as error:
            raise self._broken("comment", error) from error

    def stamp(self, node: Mapping[str, Any]) -> datetime:
        try:
            return moment(node["updatedAt"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._broken("updatedAt", error) from error

    def ref(self, id_: str) -> Ref:
        return Ref(self.connection, "issue", id_)

    def comment_ref(self, node: Mapping[str, Any]) -> Ref:
        return Ref(self.connection, "comment", str(node["id"]))

    def _record(self, node: Mapping[str, Any], names: Mapping[str, str]) -> Record:
        return Record(
            ref=self.ref(str(node["id"])),
            key=str(node.get("identifier") or node["id"]),
            url=str(node.get("url") or ""),
            created=moment(node.get("createdAt") or node["updatedAt"]),
            updated=moment(node["updatedAt"]),
            fields=_fields(node, names),
            state=self._state(node),
            own=self._ours(node, "creator"),
            synced_by=_synced_by(node),
            author=_author(node, "creator", "externalUserCreator"),
        )

    def _comment(self, node: Mapping[str, Any]) -> Comment:
        created = moment(node.get("createdAt") or node["updatedAt"])
        return Comment(
            ref=self.comment_ref(node),
            item=self.ref(str(node["issueId"])),
            body=heard(node.get("body")) or "",
            author=_author(node, "user", "externalUser") or Account("", "someone"),
            created=created,
            updated=moment(node["updatedAt"]) if node.get("updatedAt") else created,
            url=str(node.get("url") or ""),
            own=self._ours(node, "user"),
        )

    def _state(self, node: Mapping[str, Any]) -> State:
        team = node.get("team") or {}
        if team.get("id") not in {None, self.team}:
            # In the trash of another team too: it moved first, whether or not we looked in between.
            return State.MOVED
        if node.get("trashed"):
            return State.GONE
        return State.ARCHIVED if node.get("archivedAt") else State.HERE

    def _ours(self, node: Mapping[str, Any], role: str) -> bool:
        return self.me in {(node.get(who) or {}).get("id") for who in (role, "botActor")}

    def _broken(self, what: str, error: Exception) -> ProtocolError:
        return ProtocolError(f"{what} cannot be read ({error!r})", connection=self.connection)


def deleted(comment: Mapping[str, Any]) -> bool:
    """Say whether a comment's node is what its deletion left behind.

    Linear does not say whether deleted comments stay, as archived, nor whether an archived issue takes
    its comments along: only what was archived on an issue in use, or before the issue was, counts.
    """
    at, issue = comment.get("archivedAt"), comment.get("issue") or {}
    if not at:
        return False
    return not issue.get("archivedAt") or moment(at) < moment(issue["archivedAt"])


def moment(text: str) -> datetime:
    """Return an ISO stamp as aware UTC."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def iso(at: datetime) -> str:
    """Return *at* as Linear writes it: UTC, milliseconds (rounded down), Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(node: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, JSON]:
    labels = {names[i] for i in node.get("labelIds") or () if i in names}
    return {
        "title": node.get("title"),
        "description": node.get("description"),
        "state": _some(node.get("state"), "id", "name", "type"),
        "priority": int(node.get("priority") or 0),
        "estimate": node.get("estimate"),
        "dueDate": node.get("dueDate"),
        "labels": sorted(labels, key=lambda name: (name.casefold(), name)),
        "assignee": _some(node.get("assignee"), "id", "email", "displayName"),
        "parent": _some(node.get("parent"), "id"),
        "team": _some(node.get("team"), "id", "key"),
        "trashed": bool(node.get("trashed")),
    }


def _some(found: Mapping[str, Any] | None, *names: str) -> dict[str, JSON] | None:
    return {name: found.get(name) for name in names} if found else None


def _synced_by(node: Mapping[str, Any]) -> str | None:
    services = sorted(str(one.get("service")) for one in node.get("syncedWith") or () if one)
    own = [service for service in services if service not in _NOT_AN_ITEM_SYNC]
    return f"linear-{own[0]}" if own else None


def _author(node: Mapping[str, Any], *roles: str) -> Account | None:
    for role in roles:
        person = node.get(role)
        if person:
            name = person.get("displayName") or person.get("name") or ""
            return Account(str(person["id"]), str(name), person.get("email"))
    bot = node.get("botActor")
    if not bot:
        return None
    name = bot.get("userDisplayName") or bot.get("name") or bot.get("type")
    return Account(str(bot.get("id") or ""), str(name))


_CHANGED: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("fromTitle", "toTitle"),
    "body": ("updatedDescription",),
    "kind": ("addedLabelIds", "removedLabelIds"),
    "status": ("fromStateId", "toStateId"),
    "priority": ("fromPriority", "toPriority"),
    "labels": ("addedLabelIds", "removedLabelIds"),
    "assignees": ("fromAssigneeId", "toAssigneeId"),
    "due": ("fromDueDate", "toDueDate"),
    "estimate": ("fromEstimate", "toEstimate"),
    "parent": ("fromParentId", "toParentId"),
}
"""By field of the model, what of a history entry is set where the field changed."""


def edits(entries: Iterable[Mapping[str, Any]], fields: frozenset[str]) -> dict[str, Edited]:
    """Return the newest change of each of *fields* among *entries*, given in any order."""
    newest: dict[str, Edited] = {}
    for entry in entries:
        at = moment(entry["createdAt"])
        who = (entry.get("actor") or {}).get("id")
        for name in fields & _CHANGED.keys():
            changed = any(entry.get(part) not in (None, False, []) for part in _CHANGED[name])
            if changed and (name not in newest or at > newest[name].at):
                newest[name] = Edited(at, who)
    return newest
