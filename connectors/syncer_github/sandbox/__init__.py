"""A small, honest server of GitHub's API for issues, for tests and the demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncer.sdk.postman import Postman
from syncer.sdk.sandbox import Call, Wire
from syncer_github.sandbox.apps import Apps
from syncer_github.sandbox.desk import HOURLY, Desk
from syncer_github.sandbox.herald import Herald
from syncer_github.sandbox.refusals import secondary
from syncer_github.sandbox.rest import Rest
from syncer_github.sandbox.state import World
from syncer_github.sandbox.things import Issue, Remark, Repo
from syncer_github.sandbox.views import SITE

TOKEN = "sandbox-token-of-the-bot"  # noqa: S105 -- opens nothing but this sandbox
REASONS = {
    "closed": "completed",
    "completed": "completed",
    "not_planned": "not_planned",
    "duplicate": "duplicate",
}
"""A person's word for closing -> the reason GitHub keeps."""


class GitHubSandbox:
    """One repository, its people and two neighbours issues can be transferred to: "elsewhere", which
    the sync's account can read, and "unseen", which it cannot.

    Statuses are "open", "closed" (as completed), "not_planned" and "duplicate". *push*: whether
    the sync's account may push; without it GitHub drops labels and assignees silently. *types*: the
    issue types of the organisation. *pulls*: pull requests that lie among the issues from the start.
    *admin*: whether the sync's account administers the repository, and so its webhooks. `post` delivers
    what they hear: whatever happens, whoever does it; with no webhook there is no delivery. *hourly*: how
    many requests, and how many points, an hour has. *as_app*: the sync is let in as a GitHub App only: `apps`.
    *nests*: whether the server has sub-issues, as not every Enterprise Server does; *says_parents*: whether an
    issue names its parent over REST.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] | None = None,
        private: bool = True,
        push: bool = True,
        repository: str = "acme/web",
        types: Sequence[str] = (),
        pulls: int = 1,
        admin: bool = True,
        hourly: int = HOURLY,
        as_app: bool = False,
        nests: bool = True,
        says_parents: bool = True,
    ) -> None:
        self.world = World(clock or _now, repository, private=private, push=push, admin=admin)
        self.world.types = tuple(types)
        self.world.nests, self.world.says_parents = nests, says_parents
        self.people: Mapping[str, str] = self.world.people
        self.apps = Apps(self.world) if as_app else None
        self.desk = Desk(self.world, TOKEN, hourly, self.apps)
        self.post = Postman()
        herald = Herald(self.world, self.post)
        self.wire = Wire(Rest(self.world, self.desk, herald).app(), is_write, secondary)
        self._configured = repository
        for number in range(pulls):
            self.pull(f"Bump a dependency ({number + 1})")

    def options(self, url: str) -> dict[str, Any]:
        way = {"token": TOKEN} if self.apps is None else self.apps.options()
        return {"connector": "github", "url": url, "repository": self._configured, **way}

    # -- acting as a person ------------------------------------------------------------------

    def add(
        self,
        title: str,
        *,
        by: str = "jane",
        created: datetime | None = None,
        body: str | None = None,
        **fields: Any,  # noqa: ANN401 -- per field
    ) -> str:
        world = self.world
        with world.lock:
            issue = world.new_issue(world.repo, title, body or None, world.account(by), at=created)
            born = issue.updated
            with world.bearing(issue):
                self._change(issue, world.account(by), fields)
                if created is not None:
                    issue.updated = born
            return f"#{issue.number}"

    def edit(self, key: str, *, by: str = "jane", **fields: Any) -> None:  # noqa: ANN401 -- per field
        with self.world.lock:
            self._change(self._at(key), self.world.account(by), fields)

    def _change(self, issue: Issue, by: str, fields: dict[str, Any]) -> None:
        world, repo = self.world, self.world.repo
        for name, value in fields.items():
            match name:
                case "title":
                    world.retitle(issue, value, by)
                case "body":
                    world.rewrite(issue, value, by)
                case "status":
                    self._set_status(issue, value, by)
                case "labels":
                    world.set_labels(repo, issue, value, by)
                case "assignees":
                    world.set_assignees(issue, [world.people[short] for short in value], by)
                case "kind":
                    world.set_type(issue, value, by)
                case "parent" if world.nests:
                    self._put(issue, value, by)
                case _ if value is None:
                    continue
                case _:
                    raise TypeError(f"GitHub issues have no {name}")

    def _put(self, issue: Issue, above: str | None, by: str) -> None:
        if above is None:
            self.world.take_out(issue, by)
        elif issue.above is not self._at(above):
            self.world.put_under(self._at(above), issue, by, replace=True)

    def adopt(self, key: str, title: str) -> None:
        """Put the issue under a new one in the neighbour "elsewhere"."""
        with self.world.lock:
            world = self.world
            above = world.new_issue(world.elsewhere, title, None, world.people["jane"])
            world.put_under(above, self._at(key), world.people["jane"], replace=True)

    def _set_status(self, issue: Issue, status: str, by: str) -> None:
        if status == "open":
            self.world.set_state(issue, "open", None, by)
            return
        reason = REASONS[status]
        if issue.state == "closed" and issue.reason != reason:
            self.world.set_state(issue, "open", None, by)
        self.world.set_state(issue, "closed", reason, by)

    def say(self, key: str, body: str, *, by: str = "jane", restricted: bool = False) -> str:
        if restricted:
            raise TypeError("GitHub has no restricted comments")
        with self.world.lock:
            return str(self.world.remark(self.world.repo, self._at(key), body, self.world.account(by)).id)

    def reword(self, comment: str, body: str, *, by: str | None = None) -> None:
        """Edit a comment; its issue's stamp stands still. REST does not tell who edited."""
        with self.world.lock:
            remark = self._remark(comment)
            author = remark.author if by is None else self.world.account(by)
            self.world.reword(self.world.repo, remark, body, author)

    def unsay(self, comment: str) -> None:
        with self.world.lock:
            remark = self._remark(comment)
            self.world.unsay(self.world.repo, remark, remark.author)

    def pull(self, title: str, *, by: str = "omar") -> str:
        """Open a pull request: it takes a number and is listed among the issues."""
        with self.world.lock:
            pull = self.world.new_issue(self.world.repo, title, None, self.world.people[by], pull=True)
            return f"#{pull.number}"

    def minimize(self, comment: str, reason: str = "off-topic") -> None:
        """Fold a comment away in the web page; the API shows it as before, and says why it is folded."""
        with self.world.lock:
            self._remark(comment).minimized = reason

    def lock(self, key: str, reason: str = "too heated") -> None:
        """Lock the conversation: without push access nobody comments any more."""
        with self.world.lock:
            issue = self._at(key)
            issue.locked = reason
            self.world.note(issue, "locked", self.world.people["jane"], lock_reason=reason)

    def remove(self, key: str) -> None:
        with self.world.lock:
            self.world.delete(self.world.repo, self._at(key), self.people["jane"])

    def archive(self, key: str) -> None:
        raise TypeError(f"{key} cannot be put away: GitHub has no archive for issues")

    def restore(self, key: str) -> None:
        raise TypeError(f"{key} cannot be brought back: GitHub deletes and transfers for good")

    def move(self, key: str) -> str:
        """Transfer the issue to the neighbour "elsewhere"; return its page there."""
        return self._transfer(key, self.world.elsewhere)

    def hide(self, key: str) -> None:
        """Transfer the issue to the neighbour "unseen"."""
        self._transfer(key, self.world.unseen)

    def _transfer(self, key: str, there: Repo) -> str:
        world = self.world
        with world.lock:
            issue = self._at(key)
            state, reason = issue.state, issue.reason
            if state == "closed":
                # Only open issues can be transferred: a person opens it for that.
                world.set_state(issue, "open", None, world.people["jane"])
            copy = world.transfer(world.repo, issue, there)
            world.set_state(copy, state, reason, world.people["jane"])
            return f"{SITE}/{there.full_name}/issues/{copy.number}"

    def convert(self, key: str, *, status: int = 410) -> None:
        """Make a discussion of the issue; the API answers with *status* from then on."""
        with self.world.lock:
            self.world.convert(self.world.repo, self._at(key), status)

    def leave(self, person: str) -> None:
        """Delete a person's account."""
        with self.world.lock:
            self.world.leave(self.world.account(person))

    def rename_user(self, person: str, login: str) -> None:
        """Rename a person's account, or the sync's; the id stays."""
        with self.world.lock:
            self.world.renamed[self.world.account(person)] = login

    def rename(self, name: str) -> None:
        """Rename the repository; the old name redirects."""
        with self.world.lock:
            self.world.rename(self.world.repo, name, self.people["jane"])

    def shut_out(self, *, out: bool = True) -> None:
        """Take the sync's access to the whole repository away: everything answers 404."""
        with self.world.lock:
            self.world.repo.visible = not out

    def disable_issues(self) -> None:
        with self.world.lock:
            self.world.repo.has_issues = False

    def drop_label(self, name: str) -> None:
        """Delete a label from the repository: the issues' stamps stand still."""
        with self.world.lock:
            label = self.world.repo.label(name)
            if label is not None:
                self.world.drop_label(self.world.repo, label, self.people["jane"])

    def rename_label(self, name: str, to: str) -> None:
        """Rename a label of the repository: the issues' stamps stand still."""
        with self.world.lock:
            label = self.world.repo.label(name)
            if label is not None:
                self.world.rename_label(self.world.repo, label, to, self.people["jane"])

    # -- looking -----------------------------------------------------------------------------

    def keys(self) -> Sequence[str]:
        with self.world.lock:
            return [f"#{i.number}" for i in self.world.repo.issues.values() if i.here and not i.is_pull]

    def show(self, key: str) -> dict[str, Any]:
        world, repo = self.world, self.world.repo
        short = {login: name for name, login in world.people.items()}
        with world.lock:
            issue = self._at(key)
            closed = "closed" if issue.reason == "completed" else issue.reason
            return {
                "title": issue.title,
                "body": issue.body,
                "status": "open" if issue.state == "open" else closed,
                "kind": issue.type,
                "priority": None,
                "labels": sorted(world.names_on(repo, issue)),
                "assignees": sorted(short.get(a, a) for a in issue.assignees),
                "due": None,
                "estimate": None,
                "parent": self._above(issue),
                "comments": [
                    {"id": str(r.id), "author": short.get(r.author, r.author), "body": r.body}
                    for r in repo.remarks_on(issue.number)
                ],
                "by": short.get(issue.author, issue.author),
                "url": f"{SITE}/{repo.full_name}/issues/{issue.number}",
            }

    def _above(self, issue: Issue) -> str | None:
        if issue.above is None:
            return None
        home = self.world.home(issue.above)
        return f"#{issue.above.number}" if home is self.world.repo else f"{home.full_name}#{issue.above.number}"

    def _at(self, key: str) -> Issue:
        issue = self.world.repo.issues[int(key.removeprefix("#"))]
        if not issue.here:
            raise KeyError(key)
        return issue

    def _remark(self, comment: str) -> Remark:
        return self.world.repo.remarks[int(comment)]


def is_write(call: Call) -> bool:
    """Say whether a call changes anything: GraphQL is only read here, and a token more is no change."""
    reads = call.path == "/graphql" or call.path.endswith("/access_tokens")
    return call.method not in {"GET", "HEAD"} and not reads


def _now() -> datetime:
    return datetime.now(UTC)


__all__ = ["TOKEN", "GitHubSandbox"]
