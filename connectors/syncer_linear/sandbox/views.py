"""Rows as the API shows them. What needs arguments is a function, called when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from syncer_linear.sandbox.paging import connection
from syncer_linear.sandbox.rows import Entry, Issue, Label, Note, Person, Team, Webhook, WorkflowState
from syncer_linear.sandbox.values import LABEL_COLOR, ORGANIZATION, PRIORITIES, SITE, iso
from syncer_linear.sandbox.workspace import Workspace

View = dict[str, Any]
_EMPTY_ISSUE: Final = [
    "sortOrder",
    "prioritySortOrder",
    "subIssueSortOrder",
    "autoClosedAt",
    "slaType",
    "slaStartedAt",
    "slaBreachesAt",
    "snoozedUntilAt",
    "integrationSourceType",
    "delegate",
    "externalUserCreator",
    "botActor",
    "project",
    "projectMilestone",
    "cycle",
]


@dataclass(frozen=True, slots=True)
class Views:
    """The workspace as *who* sees it from outside."""

    space: Workspace
    who: Person

    def organization(self) -> View:
        return {"id": ORGANIZATION, "name": "Acme", "urlKey": "acme"}

    def person(self, person: Person) -> View:
        return {
            "id": person.id,
            "name": person.name.title(),
            "displayName": person.name,
            "email": person.email,
            "app": person.app,
            "active": person.active,
            "admin": person.admin,
            "url": f"{SITE}/profiles/{person.name}",
            "createdAt": iso(person.created),
            "updatedAt": iso(person.created),
        }

    def team(self, team: Team) -> View:
        first = next(s for s in self.space.states.values() if s.team is team and s.type == "backlog")
        return {
            "id": team.id,
            "key": team.key,
            "name": team.name,
            "createdAt": iso(team.created),
            "updatedAt": iso(team.created),
            "triageEnabled": False,
            "cyclesEnabled": False,
            "visibility": "public" if team.members is None else "private",
            "private": team.members is not None,
            "issueEstimationType": team.estimation,
            "issueEstimationExtended": False,
            "issueEstimationAllowZero": False,
            "autoArchivePeriod": 6,
            "defaultIssueState": lambda _: self.state(first),
        }

    def state(self, state: WorkflowState) -> View:
        return {
            "id": state.id,
            "name": state.name,
            "type": state.type,
            "position": state.position,
            "color": "#95a2b3",
            "createdAt": iso(state.created),
            "updatedAt": iso(state.created),
            "team": lambda _: self.team(state.team),
        }

    def label(self, label: Label) -> View:
        return {
            "id": label.id,
            "name": label.name,
            "color": LABEL_COLOR,
            "isGroup": label.group,
            "createdAt": iso(label.created),
            "updatedAt": iso(label.created),
            "parent": lambda _: _maybe(label.parent, self.label),
            "team": lambda _: _maybe(label.team, self.team),
        }

    def issue(self, issue: Issue) -> View:
        return {
            **dict.fromkeys(_EMPTY_ISSUE),
            "sortOrder": -float(issue.number),
            "prioritySortOrder": -float(issue.number),
            "id": issue.id,
            "identifier": issue.identifier,
            "number": issue.number,
            "previousIdentifiers": list(issue.previous),
            "url": f"{SITE}/issue/{issue.identifier}",
            "title": issue.title,
            "description": issue.description,
            "priority": float(issue.priority),
            "priorityLabel": PRIORITIES[issue.priority],
            "estimate": issue.estimate,
            "dueDate": issue.due,
            "labelIds": [label.id for label in issue.labels],
            "trashed": issue.trashed or None,
            **self._stamps(issue),
            **self._around(issue),
        }

    def _stamps(self, issue: Issue) -> View:
        return {
            "createdAt": iso(issue.created),
            "updatedAt": iso(issue.updated),
            "startedAt": iso(issue.started),
            "completedAt": iso(issue.completed),
            "canceledAt": iso(issue.canceled),
            "archivedAt": iso(issue.archived),
            "autoArchivedAt": iso(issue.auto_archived),
        }

    def _around(self, issue: Issue) -> View:
        issues, notes = self.space.issues, self.space.notes
        return {
            "team": lambda _: self.team(issue.team),
            "state": lambda _: self.state(issue.state),
            "assignee": lambda _: _maybe(issue.assignee, self.person),
            "creator": lambda _: _maybe(issue.creator, self.person),
            "parent": lambda _: _maybe(issue.parent if self._sees(issue.parent) else None, self.issue),
            "syncedWith": [{"id": s, "service": s, "metadata": None} for s in issue.synced_with],
            "labels": lambda _, **args: self._some(issue.labels, args, self.label),
            "children": lambda _, **args: self._some(
                [child for child in issues.values() if child.parent is issue and self._sees(child)], args, self.issue
            ),
            "comments": lambda _, **args: self._some(
                [n for n in notes.values() if n.issue is issue and (args.get("includeArchived") or n.archived is None)],
                args,
                self.note,
            ),
            "history": lambda _, **args: self._some(issue.history, args, self.entry),
        }

    def _sees(self, issue: Issue | None) -> bool:
        return issue is not None and issue.team.shown_to(self.who)

    def _some(self, rows: Iterable[Any], args: Mapping[str, Any], view: Callable[[Any], View]) -> View:
        return connection(rows, args, lambda row, _: (row.created, row.id), lambda _: True, view)

    def entry(self, entry: Entry) -> View:
        return {
            "id": entry.id,
            "createdAt": iso(entry.created),
            "updatedAt": iso(entry.created),
            "actorId": entry.actor.id if entry.actor else None,
            "actor": lambda _: _maybe(entry.actor, self.person),
            **entry.changed,
        }

    def note(self, note: Note) -> View:
        bot = {"id": note.bot, "type": "integration", "name": note.bot} if note.bot else None
        return {
            "id": note.id,
            "body": note.body,
            "createdAt": iso(note.created),
            "updatedAt": iso(note.updated),
            "editedAt": iso(note.edited),
            "archivedAt": iso(note.archived),
            "url": f"{SITE}/issue/{note.issue.identifier}#comment-{note.id[:8]}",
            "parentId": note.parent,
            "issueId": note.issue.id,
            "issue": lambda _: self.issue(note.issue),
            "user": lambda _: _maybe(note.user, self.person),
            "botActor": bot,
            "externalThread": {"type": "slack", "isConnected": True} if note.bot else None,
        }

    def hook(self, hook: Webhook) -> View:
        return {
            "id": hook.id,
            "url": hook.url,
            "label": hook.label,
            "enabled": hook.enabled,
            "secret": hook.secret,
            "resourceTypes": list(hook.kinds),
            "allPublicTeams": hook.team is None,
            "team": lambda _: _maybe(hook.team, self.team),
            "creator": lambda _: _maybe(hook.creator, self.person),
            "createdAt": iso(hook.created),
            "updatedAt": iso(hook.updated),
        }


def _maybe(row: Any, view: Callable[[Any], View]) -> View | None:  # noqa: ANN401 -- any row
    return view(row) if row is not None else None
