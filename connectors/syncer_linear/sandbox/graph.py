"""The queries and mutations the sandbox answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from syncer_linear.sandbox.filters import Facts, passes
from syncer_linear.sandbox.hooks import change, permit, register
from syncer_linear.sandbox.paging import connection, size
from syncer_linear.sandbox.rows import Issue, Label, Note, Person, Team, Webhook, WorkflowState
from syncer_linear.sandbox.views import View, Views
from syncer_linear.sandbox.workspace import Workspace

Row = TypeVar("Row")
Resolver = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Graph:
    """The root fields, by name, for the account whose key is used. `admin`: that key has the scope "admin"."""

    space: Workspace
    me: Person
    admin: bool = True

    @property
    def views(self) -> Views:
        return Views(self.space, self.me)

    def root(self) -> Mapping[str, Resolver]:
        return {**self._queries(), **self._issue_mutations(), **self._other_mutations(), **self._hooks()}

    def _queries(self) -> Mapping[str, Resolver]:
        space, views = self.space, self.views
        return {
            "viewer": lambda _: views.person(self.me),
            "organization": lambda _: views.organization(),
            "team": lambda _, id: views.team(space.team(id, self.me)),  # noqa: A006 -- the schema's own name
            "issue": lambda _, id: views.issue(self._issue(id)),  # noqa: A006 -- the schema's own name
            "comment": lambda _, id=None: views.note(self._note(id or "")),  # noqa: A006 -- the schema's own name
            "teams": lambda _, **args: self._plain(self._teams(), args, team_facts, views.team),
            "users": lambda _, **args: self._users(args),
            "workflowStates": lambda _, **args: self._plain(
                [s for s in space.states.values() if s.team.shown_to(self.me)], args, state_facts, views.state
            ),
            "issueLabels": lambda _, **args: self._plain(
                [n for n in space.labels.values() if n.team is None or n.team.shown_to(self.me)],
                args,
                label_facts,
                views.label,
            ),
            "issues": lambda _, **args: self._issues(args),
            "comments": lambda _, **args: self._comments(args),
        }

    def _issue_mutations(self) -> Mapping[str, Resolver]:
        space, views = self.space, self.views
        return {
            "issueCreate": lambda _, input: self._done(issue=views.issue(space.create(input, self.me))),  # noqa: A006 -- the schema's own name
            "issueUpdate": lambda _, id, input: self._done(  # noqa: A006 -- the schema's own name
                issue=views.issue(space.update(self._issue(id), input, self.me))
            ),
            "issueArchive": lambda _, id, trash=None: self._done(  # noqa: A006 -- the schema's own name
                entity=views.issue(space.archive(self._issue(id), self.me, trash=bool(trash)))
            ),
            "issueUnarchive": lambda _, id: self._done(entity=views.issue(space.unarchive(self._issue(id), self.me))),  # noqa: A006 -- the schema's own name
            "issueDelete": lambda _, id, **__: self._done(  # noqa: A006 -- the schema's own name
                entity=views.issue(space.archive(self._issue(id), self.me, trash=True))
            ),
        }

    def _other_mutations(self) -> Mapping[str, Resolver]:
        space, views = self.space, self.views
        return {
            "commentCreate": lambda _, input: self._done(comment=views.note(space.say(input, self.me))),  # noqa: A006 -- the schema's own name
            "commentUpdate": lambda _, id, input, **__: self._done(  # noqa: A006 -- the schema's own name
                comment=views.note(space.reword(self._note(id), input.get("body"), self.me))
            ),
            "commentDelete": lambda _, id: self._done(entityId=space.unsay(self._note(id), self.me).id),  # noqa: A006 -- the schema's own name
            "issueLabelCreate": lambda _, input, **__: self._done(  # noqa: A006 -- the schema's own name
                issueLabel=views.label(space.add_label(input, self.me))
            ),
        }

    def _hooks(self) -> Mapping[str, Resolver]:
        space, views = self.space, self.views
        return {
            "webhook": lambda _, id: views.hook(self._hook(id)),  # noqa: A006 -- the schema's own name
            "webhooks": lambda _, **args: self._plain(self._all_hooks(), args, lambda _: None, views.hook),
            "webhookCreate": lambda _, input: self._done(webhook=views.hook(self._new_hook(input))),  # noqa: A006 -- the schema's own name
            "webhookUpdate": lambda _, id, input: self._done(  # noqa: A006 -- the schema's own name
                webhook=views.hook(change(space, self._hook(id), input))
            ),
            "webhookDelete": lambda _, id: self._done(entityId=space.hooks.pop(self._hook(id).id).id),  # noqa: A006 -- the schema's own name
        }

    def _hook(self, id_: str) -> Webhook:
        permit(admin=self.admin)
        return self.space.hook(id_)

    def _all_hooks(self) -> Iterable[Webhook]:
        permit(admin=self.admin)
        return self.space.hooks.values()

    def _new_hook(self, given: Mapping[str, Any]) -> Webhook:
        permit(admin=self.admin)
        return register(self.space, given, self.me)

    def _issue(self, id_: str) -> Issue:
        return self.space.issue(id_, self.me)

    def _note(self, id_: str) -> Note:
        return self.space.note(id_, self.me)

    def _lists(self, issue: Issue) -> bool:
        return issue.team.shown_to(self.me) and (self.space.ways.trash_listed or not issue.trashed)

    def _teams(self) -> Sequence[Team]:
        return [team for team in self.space.teams.values() if team.shown_to(self.me)]

    def _done(self, **entity: object) -> View:
        return {"success": True, "lastSyncId": float(self.space.writes), **entity}

    def _issues(self, args: Mapping[str, Any]) -> View:
        size(args)
        now, where, archived = self.space.clock(), args.get("filter"), args.get("includeArchived")
        return connection(
            [issue for issue in self.space.issues.values() if self._lists(issue)],
            args,
            _stamp,
            lambda issue: (archived or issue.archived is None) and passes(where, issue_facts(issue), now),
            self.views.issue,
        )

    def _comments(self, args: Mapping[str, Any]) -> View:
        now, where, archived = self.space.clock(), args.get("filter"), args.get("includeArchived")
        return connection(
            [note for note in self.space.notes.values() if note.issue.team.shown_to(self.me)],
            args,
            _stamp,
            lambda note: (archived or _in_use(note)) and passes(where, note_facts(note), now),
            self.views.note,
        )

    def _users(self, args: Mapping[str, Any]) -> View:
        people = [p for p in self.space.people.values() if p.active or args.get("includeDisabled")]
        return self._plain(people, args, person_facts, self.views.person)

    def _plain(
        self,
        rows: Iterable[Row],
        args: Mapping[str, Any],
        facts: Callable[[Row], Facts | None],
        view: Callable[[Row], View],
    ) -> View:
        now, where = self.space.clock(), args.get("filter")
        return connection(rows, args, _born, lambda row: passes(where, facts(row), now), view)


def _in_use(note: Note) -> bool:
    return note.archived is None and note.issue.archived is None


def _stamp(row: Issue | Note, order: str) -> tuple[datetime, str]:
    return (row.updated if order == "updatedAt" else row.created, row.id)


def _born(row: Any, _: str) -> tuple[datetime, str]:  # noqa: ANN401 -- any row
    return (row.created, row.id)


def team_facts(team: Team | None) -> Facts | None:
    return {"id": team.id, "key": team.key, "name": team.name} if team else None


def state_facts(state: WorkflowState) -> Facts:
    return {"id": state.id, "name": state.name, "type": state.type, "team": team_facts(state.team)}


def label_facts(label: Label) -> Facts:
    return {"id": label.id, "name": label.name, "isGroup": label.group, "team": team_facts(label.team)}


def person_facts(person: Person) -> Facts:
    told = {"id": person.id, "name": person.name.title(), "displayName": person.name}
    return {**told, "email": person.email, "active": person.active}


def issue_facts(issue: Issue) -> Facts:
    return {
        "id": issue.id,
        "number": issue.number,
        "title": issue.title,
        "team": team_facts(issue.team),
        "updatedAt": issue.updated,
        "createdAt": issue.created,
    }


def note_facts(note: Note) -> Facts:
    return {
        "id": note.id,
        "issue": issue_facts(note.issue),
        "updatedAt": note.updated,
        "createdAt": note.created,
    }
