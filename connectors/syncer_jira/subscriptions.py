"""The admin webhooks of a Jira site, as registered beside its REST API."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncer.connector import Hook
from syncer.errors import ConnectorError, CredentialsError, NotFoundError
from syncer.sdk.http import hide
from syncer_jira import jql
from syncer_jira.api import Api, Object
from syncer_jira.hooks import COMMENTS, ISSUES

PATH = "rest/webhooks/1.0/webhook"
"""Outside the OpenAPI and beside its root (developer pages, webhooks)."""
EVENTS = (*ISSUES, *COMMENTS)
"""What we register for: all that we keep in step, and all of it within the JQL. `hooks.listen` understands more, which
comes from every project of the site (versions, sprints), and which no issue of ours hangs on."""
SECTION = "issue-related-events-section"

_ONE_PROJECT = re.compile(r"\s*project\s*=\s*[\"']?([A-Za-z][A-Za-z0-9_]*)[\"']?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The webhooks that tell of one project, by its key. Only Jira administrators see or change them:
    everything here raises `CredentialsError` for others, and says how to do it by hand.
    """

    api: Api
    project: str

    async def all(self) -> Sequence[Hook]:
        """Return the site's webhooks but those that are for another project alone."""
        return [self._hook(raw) for raw in await self._listed() if self._may_tell(raw)]

    async def add(self, url: str, secret: str) -> Hook:
        """Register *url*, or give the webhook it has already our secret, events and JQL, and switch that on."""
        hide(secret)
        body = {
            "name": f"syncer: {self.project} ({self.api.setting.connection})",
            "url": url,
            "events": list(EVENTS),
            "filters": {SECTION: self._condition()},
            "excludeBody": False,
            "enabled": True,
            # Sent each time: an update without it is said to keep the old one.
            "secret": secret,
        }
        there = next((self._hook(raw) for raw in await self._listed() if raw.get("url") == url), None)
        if there is None:
            return self._hook(await self._send("POST", PATH, body), url)
        answer = await self._send("PUT", f"{PATH}/{there.id}", body)
        return Hook(there.id, url, EVENTS) if answer is None else self._hook(answer, url)

    async def remove(self, hook: Hook) -> None:
        """Remove a webhook; one that is gone is no error."""
        with contextlib.suppress(NotFoundError):
            await self._send("DELETE", f"{PATH}/{hook.id}")

    async def _listed(self) -> list[Object]:
        # The gateway for scoped tokens may have no such path (unverified).
        with self._as_admin(404):
            answer = self.api.http.parse(await self.api.http.get(PATH))
        if not isinstance(answer, list):
            raise self.api.broken("listed its webhooks as something else than a list")
        return [self.api.object(raw) for raw in answer]

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 -- JSON
        """Send a write; None where it was answered without a body."""
        with self._as_admin():
            response = await self.api.http.request(method, path, json=body)
        return self.api.http.parse(response) if response.content else None

    def _hook(self, raw: object, url: str = "") -> Hook:
        """Return a webhook by Jira's answer, whose `self` alone names its id."""
        found = self.api.object(raw)
        id_ = str(found.get("self") or "").rstrip("/").rpartition("/")[2]
        if not id_.isalnum():
            raise self.api.broken("showed a webhook that does not say which it is")
        events = found.get("events")
        return Hook(
            id_,
            str(found.get("url") or url),
            [str(e) for e in events] if isinstance(events, list) else [],
            active=found.get("enabled") is not False,
        )

    def _may_tell(self, raw: Object) -> bool:
        filters = raw.get("filters")
        condition = filters.get(SECTION) if isinstance(filters, Mapping) else None
        alone = _ONE_PROJECT.fullmatch(condition) if isinstance(condition, str) else None
        return alone is None or alone[1].casefold() == self.project.casefold()

    def _condition(self) -> str:
        return f"project = {jql.quoted(self.project)}"

    @contextlib.contextmanager
    def _as_admin(self, *more: int) -> Iterator[None]:
        """Raise `CredentialsError` for what only lacks the rights: Jira says so by a 401 or a 403."""
        try:
            yield
        except ConnectorError as error:
            if error.status not in {401, 403, *more}:
                raise
            raise CredentialsError(
                f"{error.status}: webhooks need a Jira administrator, or a token of one. By hand: Settings > System > "
                f"WebHooks, Create; the URL, a secret that is also the webhook_secret of this connection, the JQL "
                f"{self._condition()}, and the issue and comment events: created, updated, deleted.",
                connection=self.api.setting.connection,
                status=error.status,
            ) from error
