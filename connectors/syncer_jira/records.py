"""Jira's JSON, parsed at the border: issues into records, comments into comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from syncer.errors import ProtocolError
from syncer.model import JSON, Account, Comment, Record, Ref, State
from syncer_jira import adf, marks
from syncer_jira.api import MARK, Object
from syncer_jira.facts import Facts

NATIVES = (
    "summary",
    "description",
    "issuetype",
    "status",
    "resolution",
    "priority",
    "labels",
    "assignee",
    "duedate",
    "parent",
    "project",
)
STAMPS = ("created", "updated", "creator", "reporter")
PUT_AWAY = ("archiveddate", "archivedby")
"""Fields that show an archived issue.

The Cloud OpenAPI names the two facts only as columns of the export of archived issues (`ArchivedDate`,
`ArchivedBy`), and no field of an issue; Jira Data Center's fields have these ids (UNVERIFIED on Cloud;
Jira leaves out fields it does not know). Where a site does not show them, an archived issue reads as
here, is in no search ("will only appear in Archived work items and can no longer be edited": acli
reference, `jira workitem archive`), and refuses our writes in its own words.
"""

_KEPT: Mapping[str, tuple[str, ...]] = {
    "issuetype": ("id", "name", "subtask", "hierarchyLevel"),
    "status": ("id", "name", "statusCategory"),
    "statusCategory": ("key",),
    "resolution": ("id", "name"),
    "priority": ("id", "name"),
    "assignee": ("accountId", "displayName", "emailAddress"),
    "parent": ("id", "key"),
    "project": ("id", "key"),
}
"""Of Jira's objects we keep what codecs read; avatars and links would look like edits."""


def asked(facts: Facts) -> list[str]:
    """Return the fields to ask for, so that `record` finds all it needs."""
    return [*NATIVES, *STAMPS, *PUT_AWAY, *([facts.estimate] if facts.estimate else [])]


def stamp(value: object) -> datetime:
    """Return Jira's time: ISO with an offset that has no colon, or milliseconds."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, UTC)
        when = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError):
        raise ProtocolError(f"not a time: {value!r}") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def trimmed(name: str, value: JSON) -> JSON:
    """Return a native value without what Jira adds for show."""
    keep = _KEPT.get(name)
    if keep is None or not isinstance(value, Mapping):
        return value
    return {k: trimmed(k, value[k]) for k in keep if k in value}


def natives(fields: Object, facts: Facts) -> dict[str, JSON]:
    """Return the native fields of an issue, every one present."""
    names = [*NATIVES, *([facts.estimate] if facts.estimate else [])]
    found = {name: trimmed(name, fields.get(name)) for name in names}
    found["labels"] = list(fields.get("labels") or [])
    return found


def account(user: object) -> Account | None:
    """Return the person of a Jira user object; e-mails are often hidden."""
    if not isinstance(user, Mapping) or not user.get("accountId"):
        return None
    return Account(str(user["accountId"]), str(user.get("displayName") or ""), user.get("emailAddress") or None)


def record(issue: Object, facts: Facts, connection: str) -> Record:
    """Return the record of an issue. Raises `ProtocolError` where what names it is missing."""
    fields = issue.get("fields")
    if not isinstance(fields, Mapping) or not issue.get("id") or not issue.get("key"):
        raise ProtocolError("an issue without id, key or fields", connection=connection)
    key = str(issue["key"])
    creator = account(fields.get("creator")) or account(fields.get("reporter"))
    return Record(
        ref=Ref(connection, "issue", str(issue["id"])),
        key=key,
        url=facts.browse(key),
        created=stamp(fields.get("created")),
        updated=stamp(fields.get("updated")),
        fields=natives(fields, facts),
        state=State.ARCHIVED if any(fields.get(name) for name in PUT_AWAY) else State.HERE,
        marker=marker(issue),
        own=creator is not None and creator.id == facts.me.id,
        author=account(fields.get("reporter")) or creator,
    )


def marker(issue: Object) -> str | None:
    """Return our marker from the issue's properties, unverified."""
    properties = issue.get("properties")
    held = properties.get(MARK) if isinstance(properties, Mapping) else None
    said = held.get("marker") if isinstance(held, Mapping) else None
    return said if isinstance(said, str) else None


def is_open_to_all(comment: Object) -> bool:
    """Say whether everybody who sees the issue sees the comment."""
    return not comment.get("visibility") and comment.get("jsdPublic") is not False


def comment(raw: Object, item: Ref, key: str, facts: Facts) -> Comment:
    """Return a comment, its marker taken out of its text."""
    doc, mark = marks.unmarked(raw.get("body"))
    author = account(raw.get("author")) or Account("", "somebody")
    id_ = str(raw.get("id"))
    created = stamp(raw.get("created"))
    return Comment(
        ref=Ref(item.connection, "comment", id_),
        item=item,
        body=adf.to_markdown(doc) or "",
        author=author,
        created=created,
        updated=stamp(raw["updated"]) if raw.get("updated") else created,
        url=f"{facts.browse(key)}?focusedCommentId={id_}",
        marker=mark,
        own=author.id == facts.me.id,
    )


def comments(raws: Sequence[Object], item: Ref, key: str, facts: Facts) -> list[Comment]:
    """Return those comments that are not restricted."""
    return [comment(raw, item, key, facts) for raw in raws if is_open_to_all(raw)]
