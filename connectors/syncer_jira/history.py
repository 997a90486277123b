"""Jira's changelog in our words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncer.model import Edited
from syncer_jira.api import Object
from syncer_jira.records import stamp

_FIELDS: Mapping[str, str] = {
    "summary": "title",
    "description": "body",
    "issuetype": "kind",
    "status": "status",
    "resolution": "status",
    "priority": "priority",
    "labels": "labels",
    "assignee": "assignees",
    "duedate": "due",
    "parent": "parent",
    "issueparentassociation": "parent",
    "epic link": "parent",
}


def latest(entries: Iterable[Object], fields: frozenset[str], estimate: str | None) -> Mapping[str, Edited]:
    """Return when, and by whom, each of *fields* was last changed; the order is not relied upon."""
    names = {**_FIELDS, **({estimate.casefold(): "estimate"} if estimate else {})}
    found: dict[str, Edited] = {}
    for entry in entries:
        author = entry.get("author")
        who = author.get("displayName") or author.get("accountId") if isinstance(author, Mapping) else None
        edit = Edited(stamp(entry.get("created")), who)
        for item in entry.get("items") or []:
            field = _field(item, names)
            if field in fields and (field not in found or found[field].at <= edit.at):
                found[field] = edit
    return found


def _field(item: Object, names: Mapping[str, str]) -> str:
    """Return our field of a changelog item: by its id, else (some have none) by its name."""
    said = (str(item.get(k) or "").casefold() for k in ("fieldId", "field"))
    return next((names[s] for s in said if s in names), "")
