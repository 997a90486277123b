"""One request to the sandbox, read; and what stands between it and the site: access, limits, permissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from syncer_jira.sandbox.edits import RefusedError
from syncer_jira.sandbox.shapes import Shapes
from syncer_jira.sandbox.site import Site
from syncer_jira.sandbox.things import Issue

NO_ISSUE = "Issue does not exist or you do not have permission to see it."
ARCHIVED = "This issue has been archived. You can't edit it unless it is restored."

Answer = tuple[int, Any]


@dataclass(slots=True)
class Ask:
    """One request, read."""

    query: Mapping[str, str]
    path: Mapping[str, str]
    body: Any
    shapes: Shapes

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.query.get(name, default))
        except ValueError:
            raise RefusedError(400, f"{name} is not a number") from None

    def names(self, name: str) -> list[str]:
        return [n for n in self.query.get(name, "").split(",") if n]

    def object(self) -> Mapping[str, Any]:
        """Return the body. Raises `RefusedError` where it is no JSON object."""
        if not isinstance(self.body, Mapping):
            raise RefusedError(400, "Invalid request payload. Refer to the REST API documentation and try again.")
        return self.body


Operation = Callable[[Ask], Answer]


@dataclass(slots=True)
class Gate:
    """What the sync's account may see and do. `denied` are the permissions it does not have."""

    site: Site
    per_issue: int | None = None
    """Writes to one issue within two seconds, before Jira refuses more; None for no limit."""
    denied: set[str] = field(default_factory=set)
    _writes: dict[int, list[datetime]] = field(default_factory=dict)

    def may(self, permission: str) -> bool:
        return self.site.readable and permission not in self.denied

    def issue(self, ask: Ask) -> Issue:
        """Return the issue a path names. Raises `RefusedError` where it is gone or hidden: one answer for both."""
        found = self.site.issue(ask.path["issue"])
        if found is None:
            raise RefusedError(404, NO_ISSUE)
        return found

    def writable(self, ask: Ask) -> Issue:
        """Return the issue a write is for, the write counted. Raises `RefusedError` where it takes none."""
        issue = self.issue(ask)
        self._count(issue)
        if issue.archived is not None or (self.site.shelved is not None and issue.project == self.site.project):
            raise RefusedError(400, ARCHIVED)
        return issue

    def _count(self, issue: Issue) -> None:
        now = self.site.clock()
        recent = [at for at in self._writes.get(issue.id, []) if now - at < timedelta(seconds=2)]
        if self.per_issue is not None and len(recent) >= self.per_issue:
            raise RefusedError(429, "Rate limit exceeded for this issue.")
        self._writes[issue.id] = [*recent, now]
