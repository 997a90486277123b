"""The sandbox's repositories and what is in them, changed only as GitHub lets them be changed."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from syncer_github.sandbox import kin
from syncer_github.sandbox.things import Event, Happening, Issue, Label, Remark, Repo

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
HOOKABLE = frozenset(
    {
        "*",
        "issue_comment",
        "issue_dependencies",
        "issues",
        "label",
        "milestone",
        "pull_request",
        "push",
        "repository",
        "sub_issues",
    }
)
"""Of the events a repository's webhook can hear of, those that matter here. Projects are the organisation's."""
TOLD = {
    "closed": "closed",
    "reopened": "reopened",
    "labeled": "labeled",
    "unlabeled": "unlabeled",
    "assigned": "assigned",
    "unassigned": "unassigned",
    "locked": "locked",
    "renamed": "edited",
    "issue_type_added": "typed",
    "issue_type_changed": "typed",
    "issue_type_removed": "untyped",
}
"""An issue's event -> the action that webhooks hear of."""


def _nobody(_: Happening) -> None:
    return


class World:
    """Everything behind the API, under one lock.

    *tell* hears of what happens to repositories that have webhooks. *admin*: whether the sync's account
    may see and change them. `nests`: whether the server has sub-issues; `says_parents`: whether an issue's
    JSON names the one it stands under. `races`: how many sub-issues to come are added at the moment of another.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        repository: str,
        *,
        private: bool,
        push: bool,
        admin: bool = True,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.push = push
        self.admin = admin and push
        self.hookable = set(HOOKABLE)
        self.nests = True
        self.says_parents = True
        self.races = 0
        self.tell: Callable[[Happening], None] = _nobody
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

    def label_named(self, repo: Repo, name: str, by: str) -> Label:
        """Return the label called *name* in any case; an unknown one is made, as GitHub does."""
        found = repo.label(name)
        if found is None:
            found = self.add_label(repo, name)
            self._tell(repo, "label", "created", by, label=found)
        return found

    # -- telling -----------------------------------------------------------------------------

    def _tell(self, repo: Repo, event: str, action: str, by: str, **about: Any) -> None:  # noqa: ANN401 -- per member
        if repo.hooks:
            self.tell(Happening(event, action, repo, by, **about))

    def _tell_of(self, issue: Issue, action: str, by: str, **about: Any) -> None:  # noqa: ANN401 -- per member
        if not issue.is_pull:
            self._tell(self.home(issue), "issues", action, by, issue=issue, **about)

    def home(self, issue: Issue) -> Repo:
        """Return the repository an issue is or was in."""
        return next(repo for repo in self.repos() if repo.issues.get(issue.number) is issue)

    @contextlib.contextmanager
    def bearing(self, issue: Issue) -> Iterator[None]:
        """Tell of a new issue as it is when its fields are set, and after that of each of them."""
        tell, later = self.tell, list[Happening]()
        self.tell = later.append
        try:
            yield
        finally:
            self.tell = tell
        self._tell_of(issue, "opened", issue.author)
        for one in later:
            tell(one)

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
        if event in TOLD:
            self._tell_of(issue, TOLD[event], by, **self._about(issue, facts))

    def _about(self, issue: Issue, facts: Mapping[str, Any]) -> dict[str, Any]:
        about: dict[str, Any] = {"type": issue.type, "assignee": facts.get("assignee")}
        if "label" in facts:
            about["label"] = self.home(issue).label(facts["label"]["name"])
        if "rename" in facts:
            about["before"] = {"title": facts["rename"]["from"]}
        return about

    def retitle(self, issue: Issue, title: str, by: str) -> None:
        if title != issue.title:
            old, issue.title = issue.title, title
            self.note(issue, "renamed", by, rename={"from": old, "to": title})

    def rewrite(self, issue: Issue, body: str | None, by: str) -> None:
        if body != issue.body:
            old, issue.body = issue.body, body
            self.touch(issue)
            self._tell_of(issue, "edited", by, before={"body": old or ""})

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
            label = self.label_named(repo, name, by)
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

    # -- sub-issues --------------------------------------------------------------------------

    def put_under(self, above: Issue, issue: Issue, by: str, *, replace: bool) -> None:
        """Make a sub-issue; both stamps stand still. Raises ValueError with what GitHub says of it."""
        kin.allow(above, issue, replace=replace)
        self.take_out(issue, by)
        issue.above = above
        above.below.append(issue)
        self._link(above, issue, "added", by)

    def take_out(self, issue: Issue, by: str) -> None:
        above = issue.above
        if above is not None:
            kin.part_from_above(issue)
            self._link(above, issue, "removed", by)

    def _link(self, above: Issue, issue: Issue, what: str, by: str) -> None:
        """Each end has an event of its own, and tells the webhooks of its own repository."""
        for mine, role, other in ((above, "sub_issue", issue), (issue, "parent_issue", above)):
            action = f"{role}_{what}"
            mine.events.append(Event(self.next_id(), action, by, self.now(), {}))
            about = {"issue": mine, "other": (self.home(other), other)}
            self._tell(self.home(mine), "sub_issues", action, by, **about)
        self.version += 1

    # -- comments ----------------------------------------------------------------------------

    def remark(self, repo: Repo, issue: Issue, body: str, by: str) -> Remark:
        now = self.now()
        remark = Remark(self.next_id(), issue.number, by, body, now, now)
        repo.add_remark(remark)
        self.touch(issue)
        self._tell(repo, "issue_comment", "created", by, issue=issue, remark=remark)
        return remark

    def reword(self, repo: Repo, remark: Remark, body: str, by: str) -> None:
        """Give a comment another text; its issue's stamp stands still."""
        old, remark.body = remark.body, body
        remark.updated = max(remark.updated, self.now())
        self.version += 1
        about = {"issue": repo.issues[remark.number], "remark": remark, "before": {"body": old}}
        self._tell(repo, "issue_comment", "edited", by, **about)

    def unsay(self, repo: Repo, remark: Remark, by: str) -> None:
        """Delete a comment: it leaves the list without a trace, and its issue's stamp stands still."""
        repo.drop_remark(remark)
        self.version += 1
        self._tell(repo, "issue_comment", "deleted", by, issue=repo.issues[remark.number], remark=remark)

    def silence(self, repo: Repo, issue: Issue) -> None:
        """Take an issue's comments away with it."""
        for remark in repo.remarks_on(issue.number):
            repo.drop_remark(remark)

    def drop_label(self, repo: Repo, label: Label, by: str) -> None:
        """Delete a label from the repository; the stamps of issues that had it stand still."""
        for issue in repo.issues.values():
            if label.id in issue.labels:
                issue.labels.remove(label.id)
        del repo.labels[label.id]
        self.version += 1
        self._tell(repo, "label", "deleted", by, label=label)

    def rename_label(self, repo: Repo, label: Label, name: str, by: str) -> None:
        """Rename a label everywhere; no stamp moves."""
        old, label.name = label.name, name
        self.version += 1
        self._tell(repo, "label", "edited", by, label=label, before={"name": old})

    # -- leaving -----------------------------------------------------------------------------

    def delete(self, repo: Repo, issue: Issue, by: str) -> None:
        issue.deleted = True
        self.silence(repo, issue)
        kin.part(issue)
        self.version += 1
        self._tell_of(issue, "deleted", by)

    def convert(self, repo: Repo, issue: Issue, status: int) -> None:
        """Make a discussion of an issue. What the API answers then is not documented: 404 or 410."""
        issue.converted = status
        self.silence(repo, issue)
        kin.part(issue)
        self.version += 1

    def transfer(self, repo: Repo, issue: Issue, to: Repo, by: str = "jane-doe") -> Issue:
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
        kin.inherit(issue, copy)
        issue.moved = (to.id, copy.number)
        self.touch(copy)
        self._tell_of(issue, "transferred", by, other=(to, copy))
        self._tell_of(copy, "opened", by, other=(repo, issue))
        return copy

    def rename(self, repo: Repo, name: str, by: str) -> None:
        old = repo.name
        repo.old_names.add(repo.full_name.casefold())
        repo.name = re.sub(r"[^A-Za-z0-9._-]", "-", name)
        self.version += 1
        self._tell(repo, "repository", "renamed", by, before={"repository": {"name": old}})
