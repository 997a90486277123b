"""The webhooks of one team, as registered with Linear."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncer.connector import Hook
from syncer.errors import CredentialsError, NotFoundError, ProtocolError, RejectedError
from syncer_linear.api import Api, Node
from syncer_linear.hooks import KINDS
from syncer_linear.operations import WEBHOOK_CREATE, WEBHOOK_DELETE, WEBHOOK_UPDATE, WEBHOOKS, Operation
from syncer_linear.refusals import ForbiddenError


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """What is sent where, of the team of that id.

    Linear lets only admins of the workspace, and tokens with the scope "admin", see or change it.
    Everything here raises `CredentialsError` for others.
    """

    api: Api
    connection: str
    team: str

    async def all(self) -> Sequence[Hook]:
        """Return the webhooks that tell of our team, or may: that of several teams does not say which."""
        return [self._hook(node) for node in await self._nodes() if self._covers(node) is not False]

    async def add(self, url: str, secret: str) -> Hook:
        """Register *url*, or give the webhook it has already our secret and kinds, and switch that on."""
        given = {
            "url": url,
            "secret": secret,
            "label": f"syncer ({self.connection})",
            "enabled": True,
            "resourceTypes": list(KINDS),
        }
        there = [node for node in await self._nodes() if node.get("url") == url and self._covers(node)]
        if there:
            return await self._write(WEBHOOK_UPDATE, {"id": str(there[0]["id"]), "input": given})
        return await self._write(WEBHOOK_CREATE, {"input": {**given, "teamId": self.team}})

    async def remove(self, hook: Hook) -> None:
        """Remove a webhook; one that is gone is no error."""
        with contextlib.suppress(NotFoundError), self._as_admin():
            answer = await self.api.ask(WEBHOOK_DELETE, {"id": hook.id}, again=False)
            self._done(answer[WEBHOOK_DELETE.root])

    async def _nodes(self) -> list[Node]:
        with self._as_admin():
            return [node async for nodes, _ in self.api.pages(WEBHOOKS, {}) for node in nodes]

    async def _write(self, operation: Operation, variables: Mapping[str, Any]) -> Hook:
        with self._as_admin():
            answer = (await self.api.ask(operation, variables, again=False))[operation.root]
        self._done(answer)
        return self._hook(answer.get("webhook"))

    def _covers(self, node: Mapping[str, Any]) -> bool | None:
        """Say whether a webhook tells of our team, None where only Linear knows."""
        team = node.get("team")
        if isinstance(team, dict):
            return team.get("id") == self.team
        return True if node.get("allPublicTeams") else None

    def _hook(self, node: object) -> Hook:
        if not isinstance(node, dict) or not node.get("id"):
            raise ProtocolError("a webhook without an id", connection=self.connection)
        kinds = [str(kind) for kind in node.get("resourceTypes") or ()]
        # That of an OAuth application has no address of its own.
        return Hook(str(node["id"]), str(node.get("url") or ""), kinds, active=node.get("enabled") is not False)

    def _done(self, answer: Mapping[str, Any]) -> None:
        if answer.get("success") is False:
            raise RejectedError("Linear did not change the webhook", connection=self.connection)

    @contextlib.contextmanager
    def _as_admin(self) -> Iterator[None]:
        try:
            yield
        except ForbiddenError as error:
            message = (
                "webhooks are for admins of the workspace: this token needs an admin's account or the scope "
                f'"admin", or an admin makes the webhook under Settings > API ({error.message})'
            )
            raise CredentialsError(message, connection=self.connection, status=error.status) from error
