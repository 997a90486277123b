"""A small, honest Linear workspace for tests and the demo: it refuses what Linear refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from graphql import GraphQLError

from syncer.sdk.postman import Postman
from syncer.sdk.sandbox import Call, Wire
from syncer_linear.sandbox.budgets import Budgets
from syncer_linear.sandbox.endpoint import Endpoint
from syncer_linear.sandbox.graph import Graph
from syncer_linear.sandbox.hooks import mail, register
from syncer_linear.sandbox.oauth import ID, SECRET, Application
from syncer_linear.sandbox.payloads import payload
from syncer_linear.sandbox.refusals import RATE_LIMITED
from syncer_linear.sandbox.rows import Issue, Label, Person, Team, Ways
from syncer_linear.sandbox.values import SITE, iso
from syncer_linear.sandbox.workspace import Workspace

KEY: Final = "lin_api_sandboxsandboxsandbox"
OAUTH: Final = "lin_oauth_sandboxsandboxsandbox"
BOT: Final = "syncer"
PEOPLE: Final = ("jane", "omar", "mia", "ravi")
OTHER: Final = "OPS"
HIDDEN: Final = "SEC"
ADMIN: Final = "jane"
MONTH: Final = timedelta(days=30)
_MUTATION = re.compile(r"^\s*mutation\b", re.MULTILINE)
_PLAIN: Final = {
    "title": "title",
    "body": "description",
    "priority": "priority",
    "due": "dueDate",
    "estimate": "estimate",
}


class LinearSandbox:
    """One workspace with our team and its neighbour "OPS", to which issues can be moved.

    Statuses are the names of workflow states, priorities numbers. *estimation* is the team's scale;
    "notUsed" for none. *groups* are names of label groups, which are never applied. jane is an admin of
    the workspace. *ways* are those of Linear that it does not document. *admin_scope*: our token has
    the scope "admin", without which webhooks are neither shown nor made. `post` delivers to them. *as_app*: the
    sync comes as the `application`, whose tokens have a *life*.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] | None = None,
        team: str = "ENG",
        estimation: str = "fibonacci",
        groups: Sequence[str] = (),
        ways: Ways | None = None,
        admin_scope: bool = True,
        as_app: bool = False,
        life: timedelta = MONTH,
    ) -> None:
        self.post = Postman()
        self.space = Workspace(clock or _now, ways=ways or Ways())
        self.team: Team = self.space.add_team(team, "Engineering")
        self.team.estimation = estimation
        self.other: Team = self.space.add_team(OTHER, "Operations")
        self._by_name: dict[str, Person] = {}
        self.people: Mapping[str, str] = {}
        for name in (*PEOPLE, BOT):
            self._person(name)
        self.hidden: Team = self.space.add_team(HIDDEN, "Security", self._insiders())
        for group in groups:
            self.space.add_label({"name": group, "isGroup": True})
        self.budgets = Budgets(self.space.clock)
        graph = Graph(self.space, self._person(BOT), admin_scope)
        self.application = Application.of(self.space, life) if as_app else None
        self._endpoint = Endpoint.of(self.space, graph, self.budgets, KEY, OAUTH, self.application)
        self.space.hear = lambda news: mail(self.space, self.post, news)
        self.wire = Wire(self._endpoint.app(), _is_write, self._limited)

    def options(self, url: str) -> dict[str, Any]:
        """Return the [connections.<name>] table that reaches this sandbox at *url*."""
        return {
            "connector": "linear",
            "url": f"{url.rstrip('/')}/graphql",
            "team": self.team.key,
            **({"client_id": ID, "client_secret": SECRET} if self.application else {"token": KEY}),
        }

    # -- people at work --------------------------------------------------------------------------

    def add(self, title: str, *, by: str = "jane", created: datetime | None = None, **fields: Any) -> str:  # noqa: ANN401 -- per field
        """Create an issue as a person; return its key."""
        with self.space.lock:
            given = self._given({"title": title, **fields})
            stamp = {"createdAt": iso(created)} if created else {}
            issue = self.space.create({"teamId": self.team.id, **stamp, **given}, self._person(by))
            return issue.identifier

    def edit(self, key: str, *, by: str = "jane", **fields: Any) -> None:  # noqa: ANN401 -- per field
        """Change an issue as a person; labels are given whole."""
        with self.space.lock:
            self.space.update(self.space.issue(key), self._given(fields), self._person(by))

    def say(self, key: str, body: str, *, by: str = "jane", restricted: bool = False) -> str:
        """Comment as a person. Linear knows no restricted comments: those are refused."""
        if restricted:
            message = "Linear has no restricted comments"
            raise ValueError(message)
        with self.space.lock:
            note = self.space.say({"issueId": key, "body": body}, self._person(by))
            return note.id

    def reword(self, comment: str, body: str, *, by: str | None = None) -> None:
        """Edit a comment in the web page, as its author or as an admin; others are refused."""
        with self.space.lock:
            note = self.space.note(comment)
            self.space.reword(note, body, note.user if by is None else self._person(by))

    def unsay(self, comment: str) -> None:
        """Delete a comment as its author."""
        with self.space.lock:
            note = self.space.note(comment)
            self.space.unsay(note, note.user)

    def say_as_bot(self, key: str, body: str, *, bot: str = "slack") -> str:
        """Comment as an integration does: no user, a synced thread."""
        with self.space.lock:
            return self.space.say({"issueId": key, "body": body}, None, bot).id

    def remove(self, key: str) -> None:
        """Delete as Linear does: into the trash, to be restored for 30 days."""
        with self.space.lock:
            self.space.archive(self.space.issue(key), self._person(ADMIN), trash=True)

    def purge(self, key: str) -> None:
        """Delete for good; reads of it answer as those of what may not be seen."""
        with self.space.lock:
            self.space.purge(self.space.issue(key), self._person(ADMIN))

    def archive(self, key: str) -> None:
        with self.space.lock:
            self.space.archive(self.space.issue(key), self._person(ADMIN), trash=False)

    def auto_archive(self, key: str) -> None:
        """Archive as Linear does by itself after a while."""
        with self.space.lock:
            self.space.archive(self.space.issue(key), trash=False, auto=True)

    def restore(self, key: str) -> None:
        """Take an issue out of the archive or the trash, or back from the team that we do not see."""
        with self.space.lock:
            issue = self._left(key)
            if issue.team is self.hidden:
                self.space.update(issue, {"teamId": self.team.id}, self._person(ADMIN))
            if issue.archived:
                self.space.unarchive(issue, self._person(ADMIN))

    def move(self, key: str, *, to: str = OTHER) -> str:
        """Move an issue to another team: another key, that team's states, without the old team's labels."""
        with self.space.lock:
            issue = self.space.issue(key)
            team = next(team for team in self.space.teams.values() if team.key == to)
            return self.space.update(issue, {"teamId": team.id}, self._person(ADMIN)).identifier

    def hide(self, key: str) -> None:
        """Move an issue to a private team our account is not in."""
        self.move(key, to=HIDDEN)

    def shut_out(self) -> None:
        """Make our team private, our account not in it."""
        with self.space.lock:
            self.team.members = self._insiders()

    def let_in(self) -> None:
        with self.space.lock:
            self.team.members = None

    def revoke(self) -> None:
        """Take our API key back."""
        self._endpoint.revoked.add(KEY)

    def sync_with(self, key: str, *services: str) -> None:
        """Let Linear's own integration sync the issue with *services*: github, jira, slack."""
        with self.space.lock:
            issue = self.space.issue(key)
            was = payload(issue)
            issue.synced_with, issue.updated = list(services), self.space.now()
            self.space.tell("update", issue, None, was)

    def rename_label(self, old: str, new: str) -> None:
        """Rename a label as a person; issues that have it keep their stamps."""
        with self.space.lock:
            label = self._label(old)
            was = payload(label)
            label.name = new
            self.space.now()
            self.space.tell("update", label, self._person(ADMIN), was)

    def hook(self, url: str, secret: str, *kinds: str, team: str | None = None) -> str:
        """Make a webhook in the settings page; return its id. *team* is a key, ours if unsaid, "" for all open
        teams; *kinds* are resource types, issues and comments if unsaid."""
        with self.space.lock:
            named = self.team.key if team is None else team
            scope: dict[str, Any] = {"teamId": named} if named else {"allPublicTeams": True}
            given = {"url": url, "secret": secret, "resourceTypes": list(kinds or ("Issue", "Comment")), **scope}
            return register(self.space, given, self._person(ADMIN)).id

    def keys(self) -> Sequence[str]:
        """Return the keys of the team's issues that are not in the trash, oldest first."""
        with self.space.lock:
            ours = [i for i in self.space.issues.values() if i.team is self.team and not i.trashed]
            return [i.identifier for i in sorted(ours, key=lambda i: (i.created, i.number))]

    def show(self, key: str) -> dict[str, Any]:
        """Return the issue as a person sees it."""
        with self.space.lock:
            issue = self.space.issue(key)
            return {
                "title": issue.title,
                "body": issue.description,
                "status": issue.state.name,
                "kind": None,
                "priority": issue.priority,
                "labels": sorted(label.name for label in issue.labels),
                "assignees": [issue.assignee.name] if issue.assignee else [],
                "due": issue.due,
                "estimate": issue.estimate,
                "parent": issue.parent.identifier if issue.parent else None,
                "comments": self._thread(issue),
                "by": issue.creator.name if issue.creator else None,
                "url": f"{SITE}/issue/{issue.identifier}",
            }

    def _thread(self, issue: Issue) -> list[dict[str, Any]]:
        notes = [note for note in self.space.notes.values() if note.issue is issue and note.archived is None]
        return [
            {"id": note.id, "author": note.user.name if note.user else note.bot, "body": note.body}
            for note in sorted(notes, key=lambda note: note.created)
        ]

    def _left(self, key: str) -> Issue:
        try:
            return self.space.issue(key)
        except GraphQLError:
            message = f"{key} was deleted for good"
            raise TypeError(message) from None

    def _insiders(self) -> frozenset[str]:
        return frozenset(person.id for name, person in self._by_name.items() if name != BOT)

    def _person(self, name: str) -> Person:
        """Return the person of that short name; one not met before joins the workspace."""
        if name not in self._by_name:
            self._by_name[name] = self.space.add_person(name, f"{name}@acme.example", admin=name == ADMIN)
            self.people = {short: person.id for short, person in self._by_name.items() if short != BOT}
        return self._by_name[name]

    def _label(self, name: str) -> Label:
        usable = [label for label in self.space.labels.values() if label.team is None or label.team is self.team]
        known = [label for label in usable if label.name.casefold() == name.casefold()]
        return known[0] if known else self.space.add_label({"name": name, "teamId": self.team.id})

    def _given(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a person says, in Linear's own fields and ids."""
        readers: Mapping[str, Callable[[Any], tuple[str, Any]]] = {
            "status": lambda said: ("stateId", self.space.state_named(self.team, said).id),
            "labels": lambda said: ("labelIds", [self._label(name).id for name in said]),
            "assignees": lambda said: ("assigneeId", self._person(said[0]).id if said else None),
            "parent": lambda said: ("parentId", self.space.issue(said).id if said else None),
        }
        given = {_PLAIN[name]: said for name, said in fields.items() if name in _PLAIN}
        rest = {name: said for name, said in fields.items() if name not in _PLAIN and (name, said) != ("kind", None)}
        return given | dict(readers[name](said) for name, said in rest.items())

    def _limited(self) -> tuple[int, dict[str, str], Any]:
        now = self.space.clock().timestamp()
        spent = {"x-ratelimit-requests-remaining": "0", "x-ratelimit-requests-reset": str(int(now * 1000) + 2000)}
        return 400, {**self.budgets.headers(), **spent}, RATE_LIMITED


def _is_write(call: Call) -> bool:
    try:
        return bool(_MUTATION.search(str(call.json()["query"])))
    except (ValueError, KeyError, TypeError):
        return False


def _now() -> datetime:
    return datetime.now(UTC)
