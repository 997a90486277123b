"""Rows as webhooks tell of them: flat ids, and a few small objects beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from syncer_linear.sandbox.rows import Issue, Label, Note, Person, Team
from syncer_linear.sandbox.values import LABEL_COLOR, ORGANIZATION, PRIORITIES, SITE, iso

Payload = dict[str, Any]
Row = Issue | Note | Label
_FOLLOWS: Final = frozenset(
    {"identifier", "url", "previousIdentifiers", "priorityLabel", "sortOrder", "prioritySortOrder"}
    | {"labels", "team", "state", "assignee", "creator", "issue", "user"}
)
"""What is said beside what changed, and never in `updatedFrom`."""


@dataclass(frozen=True, slots=True)
class News:
    """One change: *action* create, update or remove. `was` is the row's payload before an update."""

    action: str
    row: Row
    by: Person | None
    at: datetime
    was: Payload | None = None

    @property
    def kind(self) -> str:
        return {Issue: "Issue", Note: "Comment", Label: "IssueLabel"}[type(self.row)]

    @property
    def team(self) -> Team | None:
        return self.row.issue.team if isinstance(self.row, Note) else self.row.team


def payload(row: Row) -> Payload:
    """Return the `data` of a row, with None for what is not there."""
    match row:
        case Issue():
            return _issue(row)
        case Note():
            return _note(row)
        case Label():
            return _label(row)


def envelope(news: News, hook: str, now: datetime) -> Payload:
    """Return the body of a delivery to the webhook of that id, sent *now*."""
    data = payload(news.row)
    former = {} if news.was is None else {"updatedFrom": _former(news.was, data)}
    return {
        "action": news.action,
        **_said(actor=_actor(news)),
        "createdAt": iso(news.at),
        "data": _said(**data),
        "organizationId": ORGANIZATION,
        "type": news.kind,
        **_said(url=data.get("url") or _place(news.row)),
        **former,
        "webhookTimestamp": int(now.timestamp() * 1000),
        "webhookId": hook,
    }


def _issue(issue: Issue) -> Payload:
    return {
        "id": issue.id,
        "createdAt": iso(issue.created),
        "updatedAt": iso(issue.updated),
        "number": issue.number,
        "title": issue.title,
        "description": issue.description,
        "priority": issue.priority,
        "priorityLabel": PRIORITIES[issue.priority],
        "prioritySortOrder": -float(issue.number),
        "sortOrder": -float(issue.number),
        "estimate": issue.estimate,
        "dueDate": issue.due,
        "identifier": issue.identifier,
        "url": f"{SITE}/issue/{issue.identifier}",
        "previousIdentifiers": list(issue.previous),
        "labelIds": [label.id for label in issue.labels],
        "labels": [{"id": label.id, "color": LABEL_COLOR, "name": label.name} for label in issue.labels],
        "teamId": issue.team.id,
        "team": _team(issue.team),
        "stateId": issue.state.id,
        "state": {"id": issue.state.id, "color": "#95a2b3", "name": issue.state.name, "type": issue.state.type},
        "parentId": issue.parent.id if issue.parent else None,
        "assigneeId": issue.assignee.id if issue.assignee else None,
        "assignee": _person(issue.assignee),
        "creatorId": issue.creator.id if issue.creator else None,
        "creator": _person(issue.creator),
        "subscriberIds": [issue.creator.id] if issue.creator else [],
        "reactionData": [],
        "syncedWith": [{"id": service, "service": service} for service in issue.synced_with] or None,
        "startedAt": iso(issue.started),
        "completedAt": iso(issue.completed),
        "canceledAt": iso(issue.canceled),
        "archivedAt": iso(issue.archived),
        "autoArchivedAt": iso(issue.auto_archived),
        "trashed": issue.trashed or None,
    }


def _note(note: Note) -> Payload:
    issue = note.issue
    # A string here, where the API shows an object.
    bot = json.dumps({"type": note.bot, "name": note.bot}) if note.bot else None
    return {
        "id": note.id,
        "createdAt": iso(note.created),
        "updatedAt": iso(note.updated),
        "editedAt": iso(note.edited),
        "archivedAt": iso(note.archived),
        "body": note.body,
        "issueId": issue.id,
        "issue": {
            "id": issue.id,
            "title": issue.title,
            "teamId": issue.team.id,
            "team": _team(issue.team),
            "identifier": issue.identifier,
            "url": f"{SITE}/issue/{issue.identifier}",
        },
        "parentId": note.parent,
        "userId": note.user.id if note.user else None,
        "user": _person(note.user),
        "botActor": bot,
        "reactionData": [],
    }


def _label(label: Label) -> Payload:
    return {
        "id": label.id,
        "createdAt": iso(label.created),
        "updatedAt": iso(label.created),
        "name": label.name,
        "color": LABEL_COLOR,
        "isGroup": label.group,
        "teamId": label.team.id if label.team else None,
        "parentId": label.parent.id if label.parent else None,
    }


def _former(was: Mapping[str, Any], now: Mapping[str, Any]) -> Payload:
    return {name: old for name, old in was.items() if name not in _FOLLOWS and now[name] != old}


def _place(row: Row) -> str | None:
    return f"{SITE}/issue/{row.issue.identifier}#comment-{row.id[:8]}" if isinstance(row, Note) else None


def _actor(news: News) -> Payload | None:
    if news.by is not None:
        return {**_known(news.by), "type": "user"}
    bot = news.row.bot if isinstance(news.row, Note) else None
    return {"id": bot, "service": bot, "type": "integration"} if bot else None


def _team(team: Team) -> Payload:
    return {"id": team.id, "key": team.key, "name": team.name}


def _person(person: Person | None) -> Payload | None:
    return _known(person) if person else None


def _known(person: Person) -> Payload:
    url = f"{SITE}/profiles/{person.name}"
    return {"id": person.id, "name": person.name.title(), "email": person.email, "url": url}


def _said(**facts: Any) -> Payload:  # noqa: ANN401 -- the JSON border
    """Return what is there: deliveries leave out what is null."""
    return {name: fact for name, fact in facts.items() if fact is not None}
