"""A small, honest Jira Cloud for tests and the demo: it refuses what Jira refuses."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from syncer.sdk.postman import Postman
from syncer.sdk.sandbox import Call, Wire
from syncer_jira import adf
from syncer_jira.sandbox.ask import Gate
from syncer_jira.sandbox.hooks import Hooks
from syncer_jira.sandbox.rest import WIDE_PAGE, Rest
from syncer_jira.sandbox.site import Site
from syncer_jira.sandbox.things import (
    BOT,
    EDGES,
    KINDS,
    LEVELS,
    OTHER,
    POINTS,
    PRIORITIES,
    RESOLUTIONS,
    START,
    STATUSES,
    Fields,
    Issue,
    Status,
)

_NATIVE: Mapping[str, str] = {
    "title": "summary",
    "body": "description",
    "status": "status",
    "resolution": "resolution",
    "kind": "issuetype",
    "priority": "priority",
    "labels": "labels",
    "assignees": "assignee",
    "due": "duedate",
    "estimate": POINTS,
    "start": START,
    "parent": "parent",
}


class JiraSandbox:
    """One Jira project, served. `zone` is the site's, in which it prints times; `account_zone` is
    the sync account's, in which JQL reads them (None: the profile hides it).

    *statuses* is name -> category key, the first being where issues start; *edges* is the workflow.
    *search_lag* is how many seconds the search index is behind. *per_issue* limits writes to one
    issue within two seconds. *premium*: the plan has an archive of issues. Where Jira documents
    nothing, tests try both: *bumps* (do edited and deleted comments, archiving and restoring move
    an issue's `updated`), *tells_archived* (does an archived issue say so in its fields). *in_role*:
    the sync's account is of the role that restricted comments are for.

    `post` delivers the webhooks that are registered with the API.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] | None = None,
        project: str = "ROAD",
        search_lag: float = 0.0,
        zone: str = "America/Los_Angeles",
        account_zone: str | None = "America/New_York",
        emails: bool = True,
        statuses: Mapping[str, str] = STATUSES,
        edges: Mapping[str, Sequence[str]] = EDGES,
        page_cap: int = WIDE_PAGE,
        per_issue: int | None = None,
        premium: bool = True,
        bumps: bool = True,
        tells_archived: bool = True,
        in_role: bool = True,
    ) -> None:
        self.site = Site(
            clock=clock or _now,
            project=project,
            zone=zone,
            account_zone=account_zone,
            emails=emails,
            statuses=[Status(str(10_000 + n), name, c) for n, (name, c) in enumerate(statuses.items())],
            edges=edges,
            lag=timedelta(seconds=search_lag),
            bumps=bumps,
            tells_archived=tells_archived,
            in_role=in_role,
        )
        self.token = secrets.token_urlsafe(24)
        gate = Gate(self.site, per_issue)
        self.post = Postman()
        hooks = Hooks(gate, self.post)
        self.site.tell = hooks.tell
        self.rest = Rest(gate, hooks, self.token, page_cap, premium)
        self.wire = Wire(self.rest.app(), _is_write, self._limited)
        self.people: Mapping[str, str] = {u.name: u.id for u in self.site.users.values() if u.name != BOT}

    def options(self, url: str) -> dict[str, Any]:
        """Return the [connections.<name>] table that reaches this sandbox at *url*."""
        return {
            "connector": "jira",
            "url": url,
            "email": self.site.users[self.site.account(BOT)].email,
            "token": self.token,
            "project": self.site.project,
        }

    # -- people at work --------------------------------------------------------------------------

    def add(self, title: str, *, by: str = "jane", created: datetime | None = None, **fields: Any) -> str:  # noqa: ANN401 -- per field
        """Create an issue as a person; return its key."""
        with self.site.lock:
            if fields.get("parent") and "kind" not in fields:
                fields["kind"] = self._child_kind(fields["parent"])
            native = self._native({"title": title, **fields})
            return self.site.create(native, self.site.account(by), {}, created).key

    def _child_kind(self, parent: str) -> str:
        """Return the type that fits under *parent*: Jira has levels."""
        level = self.site.kind(self._at(parent).fields["issuetype"]).level
        return "Sub-task" if level == 0 else "Task"

    def edit(self, key: str, *, by: str = "jane", **fields: Any) -> None:  # noqa: ANN401 -- per field
        """Change an issue as a person; a status moves as the workflow's admin could move it."""
        with self.site.lock:
            self.site.change(self._at(key), self._native(fields), self.site.account(by))

    def say(self, key: str, body: str, *, by: str = "jane", restricted: bool = False) -> str:
        """Comment as a person; restricted ones are for a role only."""
        with self.site.lock:
            doc = adf.from_markdown(body)
            return self.site.say(self._at(key), doc, self.site.account(by), restricted=restricted).id

    def reword(self, comment: str, body: str, *, by: str | None = None) -> None:
        """Edit a comment, as its author or as somebody who may edit all."""
        with self.site.lock:
            who = None if by is None else self.site.account(by)
            self.site.reword(comment, adf.from_markdown(body), who)

    def restrict(self, comment: str, *, restricted: bool = True) -> None:
        """Show a comment to a role only from now on, or to everybody again."""
        with self.site.lock:
            note = self.site.note(comment)
            self.site.reword(comment, note.body, None, restricted=restricted)

    def unsay(self, comment: str) -> None:
        """Delete a comment; nothing is left of it."""
        with self.site.lock:
            self.site.unsay(comment)

    def remove(self, key: str) -> None:
        """Delete an issue with its sub-tasks; other children stay, without a parent."""
        with self.site.lock:
            self.site.delete(self._at(key), self.site.account("jane"))

    def archive(self, key: str) -> None:
        """Put an issue away with its sub-tasks: readable by id, in no search, not to be edited."""
        with self.site.lock:
            self.site.archive(self._at(key), self.site.account("jane"))

    def restore(self, key: str) -> None:
        """Take an issue out of the archive, or from under a security level. Raises TypeError for a deleted one."""
        with self.site.lock:
            if self.site.keys.get(key) not in self.site.issues:
                raise TypeError(f"{key} is deleted for good")
            if self._at(key).archived is not None:
                self.site.unarchive(self._at(key))
            if self._at(key).hidden:
                self.site.secure(self._at(key), None, self.site.account("jane"))

    def move(self, key: str) -> str:
        """Move an issue to another project; its id stays, and the old key still finds it."""
        with self.site.lock:
            return self.site.move(self._at(key), OTHER, self.site.account("jane")).key

    def hide(self, key: str) -> None:
        """Put an issue under a security level the sync's account does not have."""
        self.secure(key, ours=False)

    def secure(self, key: str, *, ours: bool) -> None:
        """Put an issue under a security level the sync's account has, or has not."""
        with self.site.lock:
            level = next(level for level in LEVELS if level.ours is ours)
            self.site.secure(self._at(key), level, self.site.account("jane"))

    def rename(self, project: str) -> None:
        """Give the project another key."""
        with self.site.lock:
            self.site.rename(project)

    def shelve(self, how: Literal["archived", "deleted"] | None) -> None:
        """Put the whole project into the archive or the trash, or take it out again for None."""
        with self.site.lock:
            self.site.shelved = how

    def set_readable(self, *, readable: bool) -> None:
        """Take the project from the sync's account, or give it back."""
        with self.site.lock:
            self.site.readable = readable

    def draw(self, key: str, description: Mapping[str, Any] | None) -> None:
        """Set a description as Jira's own editor can: any document, a panel or a file in it."""
        with self.site.lock:
            self.site.change(self._at(key), {"description": description}, self.site.account("jane"))

    def keys(self) -> Sequence[str]:
        """Return the keys of the project's issues, oldest first."""
        with self.site.lock:
            return [i.key for _, i in sorted(self.site.issues.items()) if i.project == self.site.project]

    def show(self, key: str) -> dict[str, Any]:
        """Return the issue as a person sees it."""
        with self.site.lock:
            issue = self._at(key)
            held = issue.fields
            parent = self.site.issues.get(held["parent"])
            return {
                "title": held["summary"],
                "body": adf.to_markdown(held["description"]),
                "status": self.site.status(held["status"]).name,
                "resolution": RESOLUTIONS.get(held["resolution"]),
                "kind": self.site.kind(held["issuetype"]).name,
                "priority": PRIORITIES.get(held["priority"]),
                "labels": sorted(held["labels"]),
                "assignees": [self.site.users[held["assignee"]].name] if held["assignee"] else [],
                "due": held["duedate"],
                "estimate": held[POINTS],
                "parent": parent.key if parent else None,
                "comments": [self._note(issue, n.id) for n in issue.notes],
                "by": self.site.users[issue.creator].name,
                "url": f"/browse/{issue.key}",
            }

    def _note(self, issue: Issue, id_: str) -> dict[str, Any]:
        note = next(n for n in issue.notes if n.id == id_)
        return {"id": id_, "author": self.site.users[note.author].name, "body": adf.to_markdown(dict(note.body))}

    def _limited(self) -> tuple[int, dict[str, str], Any]:
        """Refuse as Jira does what goes beyond the requests a second it takes of one kind. It speaks of that
        limit in refusals alone: an API token has no quota that could run low."""
        headers = {
            "Retry-After": "1",
            "RateLimit-Reason": "jira-burst-based",
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": f"{self.site.clock() + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}",
        }
        return 429, headers, {"errorMessages": ["Rate limit exceeded."], "errors": {}}

    def _at(self, key: str) -> Issue:
        return self.site.issues[self.site.keys[key]]

    def _native(self, fields: Mapping[str, Any]) -> Fields:
        """Return what a person says, in Jira's own fields and ids."""
        readers: Mapping[str, Callable[[Any], Any]] = {
            "body": lambda said: adf.from_markdown(said) if said else None,
            "status": lambda said: self.site.status_named(said).id,
            "resolution": lambda said: _id_of(RESOLUTIONS, said),
            "kind": lambda said: _id_of({k.id: k.name for k in KINDS}, said),
            "priority": lambda said: _id_of(PRIORITIES, said),
            "labels": lambda said: ["_".join(n.split()) for n in said],
            "assignees": lambda said: self.site.account(next(iter(said))) if said else None,
            "parent": lambda said: self._at(said).id if said else None,
            "estimate": lambda said: None if said is None else float(said),
        }
        return {_NATIVE[name]: readers.get(name, _as_said)(said) for name, said in fields.items()}


def _as_said(value: Any) -> Any:  # noqa: ANN401 -- per field
    return value


def _id_of(names: Mapping[str, str], wanted: str | None) -> str | None:
    if wanted is None:
        return None
    return next(id_ for id_, name in names.items() if name.casefold() == wanted.casefold())


def _now() -> datetime:
    return datetime.now(UTC)


def _is_write(call: Call) -> bool:
    reads = ("/search/jql", "/search", "/bulkfetch")
    return call.method != "GET" and not call.path.endswith(reads)


__all__ = ["JiraSandbox"]
