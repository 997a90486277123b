"""The sandbox's repositories and what is in them, changed only as GitHub lets them be changed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from syncer_github.sandbox.things import Event, Issue, Label, Remark, Repo

BOT = "syncer-bot"
PEOPLE: Mapping[str, str] = {
    "jane": "jane-doe",
    "omar": "omarh",
    "mia": "mia-chen",
    "mei": "mei-lin",
    "ravi": "ravi",
    BOT: BOT,
}
"""Short name -> login."""
DEFAULT_LABELS = {"bug": "d73a4a", "enhancement": "a2eeef", "good first issue": "7057ff"}
ASSIGNEES_MOST = 10


class World:
    """Everything behind the API, under one lock."""

    def __init__(self, clock: Callable[[], datetime], repository: str, *, private: bool, push: bool) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.push = push
        self.types: tuple[str, ...] = ()
        self.people: dict[str, str] = dict(PEOPLE)
        self.assignable: set[str] = set(self.people.values())
        self.renamed: dict[str, str] = {}
        self.departed: set[str] = set()
        self.version = 0
        self._ids = 1_000
        owner, _, name = repository.partition("/")
        self.repo = Repo(self.next_id(), owner, name, private)
        self.elsewhere = Repo(self.next_id(), owner, "elsewhere", private)
        self.unseen = Repo(self.next_id(), owner, "unseen", private=True, visible=False)
        for label, color in DEFAULT_LABELS.items():
            self.add_label(self.repo, label, color, default=True)

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    def now(self) -> datetime:
        """GitHub's stamps count whole seconds."""
        return self.clock().astimezone(UTC).replace(microsecond=0)

    def repos(self) -> Iterator[Repo]:
        yield self.repo
        yield self.elsewhere
        yield self.unseen

    # -- people ------------------------------------------------------------------------------

    def user_id(self, login: str) -> int:
        logins = [*self.people.values()]
        return 500 + (logins.index(login) if login in logins else sum(login.encode()) + 100)

    def account(self, by: str) -> str:
        """Return the login of a person by short name; apps are named as they log in: "renovate[bot]"."""
        return by if by.endswith("[bot]") else self.people[by]

    def shown(self, login: str) -> str:
        """Return the login under which the API shows somebody today."""
        return self.renamed.get(login, login)

    def leave(self, login: str) -> None:
        """Delete an account: what it wrote is the ghost's from now on, and no stamp moves."""
        self.departed.add(login)
        self.assignable.discard(login)
        for repo in self.repos():
            for issue in repo.issues.values():
                issue.assignees = [a for a in issue.assignees if a != login]
        self.version += 1

    # -- labels ------------------------------------------------------------------------------

    def add_label(self, repo: Repo, name: str, color: str = "ededed", *, default: bool = False) -> Label:
        label = Label(self.next_id(), name, color, default)
        repo.labels[label.id] = label
        return label

    def label_named(self, repo: Repo, name: str) -> Label:
        """Return the label called *name* in any case; an unknown one is made, as GitHub does."""
        return repo.label(name) or self.add_label(repo, name)

    # -- issues ------------------------------------------------------------------------------

    def new_issue(
        self,
        repo: Repo,
        title: str,
        body: str | None,
        by: str,
        *,
        at: datetime | None = None,
        pull: bool = False,
    ) -> Issue:
        at = self.now() if at is None else at.astimezone(UTC).replace(microsecond=0)
        number = max(repo.issues, default=0) + 1
        issue = Issue(self.next_id(), number, title, body, by, at, at, is_pull=pull)
        repo.issues[number] = issue
        self.version += 1
        return issue

    def touch(self, issue: Issue) -> None:
        issue.updated = max(issue.updated, self.now())
        self.version += 1

    def note(self, issue: Issue, event: str, by: str, **facts: Any) -> None:  # noqa: ANN401 -- any JSON
        issue.events.append(Event(self.next_id(), event, by, self.now(), facts))
        self.touch(issue)

    def retitle(self, issue: Issue, title: str, by: str) -> None:
        if title != issue.title:
            old, issue.title = issue.title, title
            self.note(issue, "renamed", by, rename={"from": old, "to": title})

    def rewrite(self, issue: Issue, body: str | None) -> None:
        if body != issue.body:
            issue.body = body
            self.touch(issue)

    def set_state(self, issue: Issue, state: str, reason: str | None, by: str) -> None:
        """Open or close; a reason is ignored unless the state changes."""
        if state == issue.state:
            return
        if state == "closed":
            issue.state, issue.reason = "closed", reason or "completed"
            issue.closed_at, issue.closed_by = self.now(), by
            self.note(issue, "closed", by, state_reason=issue.reason)
            return
        issue.state, issue.reason = "open", "reopened"
        issue.closed_at = issue.closed_by = None
        self.note(issue, "reopened", by, state_reason="reopened")

    def set_type(self, issue: Issue, name: str | None, by: str) -> None:
        if name != issue.type:
            event = "issue_type_removed" if name is None else "issue_type_changed" if issue.type else "issue_type_added"
            issue.type = name
            self.note(issue, event, by)

    def add_labels(self, repo: Repo, issue: Issue, names: Iterable[str], by: str) -> None:
        for name in names:
            label = self.label_named(repo, name)
            if label.id not in issue.labels:
                issue.labels.append(label.id)
                self.note(issue, "labeled", by, label={"name": label.name, "color": label.color})

    def drop_labels(self, repo: Repo, issue: Issue, names: Iterable[str], by: str) -> None:
        for name in names:
            label = repo.label(name)
            if label is not None and label.id in issue.labels:
                issue.labels.remove(label.id)
                self.note(issue, "unlabeled", by, label={"name": label.name, "color": label.color})

    def set_labels(self, repo: Repo, issue: Issue, names: Iterable[str], by: str) -> None:
        wanted = list(names)
        keep = {n.casefold() for n in wanted}
        self.drop_labels(repo, issue, [n for n in self.names_on(repo, issue) if n.casefold() not in keep], by)
        self.add_labels(repo, issue, wanted, by)

    def names_on(self, repo: Repo, issue: Issue) -> list[str]:
        return [repo.labels[i].name for i in issue.labels]

    def login(self, name: str) -> str | None:
        """Return the login spelled *name* in any case, if that person can be assigned."""
        return next((a for a in self.assignable if self.shown(a).casefold() == name.casefold()), None)

    def assign(self, issue: Issue, logins: Iterable[str], by: str) -> None:
        """Strangers, and whoever is one too many, are dropped without a word."""
        for name in logins:
            login = self.login(name)
            if login and login not in issue.assignees and len(issue.assignees) < ASSIGNEES_MOST:
                issue.assignees.append(login)
                self.note(issue, "assigned", by, assignee=login)

    def unassign(self, issue: Issue, logins: Iterable[str], by: str) -> None:
        gone = {n.casefold() for n in logins}
        for login in [a for a in issue.assignees if a.casefold() in gone]:
            issue.assignees.remove(login)
            self.note(issue, "unassigned", by, assignee=login)

    def set_assignees(self, issue: Issue, logins: Iterable[str], by: str) -> None:
        wanted = list(logins)
        keep = {n.casefold() for n in wanted}
        self.unassign(issue, [a for a in issue.assignees if a.casefold() not in keep], by)
        self.assign(issue, wanted, by)

    # -- comments ----------------------------------------------------------------------------

    def remark(self, repo: Repo, issue: Issue, body: str, by: str) -> Remark:
        now = self.now()
        remark = Remark(self.next_id(), issue.number, by, body, now, now)
        repo.add_remark(remark)
        self.touch(issue)
        return remark

    def reword(self, remark: Remark, body: str) -> None:
        remark.body, remark.updated = body, max(remark.updated, self.now())
        self.version += 1

    def unsay(self, repo: Repo, remark: Remark) -> None:
        """Delete a comment: it leaves the list without a trace, and its issue's stamp stands still."""
        repo.drop_remark(remark)
        self.version += 1

    def silence(self, repo: Repo, issue: Issue) -> None:
        """Take an issue's comments away with it."""
        for remark in repo.remarks_on(issue.number):
            repo.drop_remark(remark)

    def drop_label(self, repo: Repo, label: Label) -> None:
        """Delete a label from the repository; the stamps of issues that had it stand still."""
        for issue in repo.issues.values():
            if label.id in issue.labels:
                issue.labels.remove(label.id)
        del repo.labels[label.id]
        self.version += 1

    def rename_label(self, label: Label, name: str) -> None:
        """Rename a label everywhere; no stamp moves."""
        label.name = name
        self.version += 1

    # -- leaving -----------------------------------------------------------------------------

    def delete(self, repo: Repo, issue: Issue) -> None:
        issue.deleted = True
        self.silence(repo, issue)
        self.version += 1

    def convert(self, repo: Repo, issue: Issue, status: int) -> None:
        """Make a discussion of an issue. What the API answers then is not documented: 404 or 410."""
        issue.converted = status
        self.silence(repo, issue)
        self.version += 1

    def transfer(self, repo: Repo, issue: Issue, to: Repo) -> Issue:
        """Move an issue as GitHub does: a new id and number; comments go along, labels where they are known.

        Raises ValueError for closed issues, and from private to public: GitHub offers neither.
        """
        if issue.state != "open" or (repo.private and not to.private):
            raise ValueError("GitHub transfers open issues only, and none from a private to a public repository")
        copy = self.new_issue(to, issue.title, issue.body, issue.author, at=issue.created)
        copy.assignees = list(issue.assignees)
        known = (to.label(name) for name in self.names_on(repo, issue))
        copy.labels = [label.id for label in known if label is not None]
        for remark in repo.remarks_on(issue.number):
            repo.drop_remark(remark)
            remark.number = copy.number
            to.add_remark(remark)
        issue.moved = (to.id, copy.number)
        self.touch(copy)
        return copy

    def rename(self, repo: Repo, name: str) -> None:
        repo.old_names.add(repo.full_name.casefold())
        repo.name = re.sub(r"[^A-Za-z0-9._-]", "-", name)
        self.version += 1
