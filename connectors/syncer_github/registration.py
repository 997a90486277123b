"""The repository's webhooks: listed, registered, removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from syncer.connector import Hook
from syncer.errors import ConnectorError, CredentialsError, NotFoundError, ProtocolError, RejectedError
from syncer_github.api import Api, Raw
from syncer_github.home import Home

EARLIER = ("issues", "issue_comment", "label", "milestone", "repository")
EVENTS = (*EARLIER, "sub_issues", "issue_dependencies")
"""What `listen` understands of what a repository tells; Enterprise Server up to 3.18 knows only the *earlier* ones.
Project items are told by the organisation."""


class Registration:
    """Webhooks of one repository. Raises `CredentialsError` where the token may not administer them."""

    def __init__(self, api: Api, home: Home, connection: str) -> None:
        self._api = api
        self._home = home
        self._connection = connection

    async def hooks(self) -> Sequence[Hook]:
        """Return every webhook of the repository, whoever made it; its organisation's are not among them."""
        here = await self._home.opened()
        try:
            return [self._hook(raw) async for page in self._api.pages(f"{here.path}/hooks", {}) for raw in page]
        except (CredentialsError, NotFoundError) as error:
            raise await self._narrowed(error) from None

    async def add(self, url: str, secret: str) -> Hook:
        """Register *url*. Where it is registered already, that webhook gets the secret and the events."""
        try:
            return await self._send("POST", "/hooks", url, secret)
        except RejectedError as error:
            # 422 is said of a URL that is there, but also of a hundred other things.
            known = next((h for h in await self.hooks() if h.url == url), None) if _is_invalid(error) else None
            if known is None:
                raise
        return await self._send("PATCH", f"/hooks/{known.id}", url, secret)

    async def _send(self, method: str, path: str, url: str, secret: str) -> Hook:
        try:
            return await self._once(method, path, url, secret, EVENTS)
        except RejectedError as error:
            if not _is_invalid(error):
                raise
        return await self._once(method, path, url, secret, EARLIER)

    async def _once(self, method: str, path: str, url: str, secret: str, events: Sequence[str]) -> Hook:
        config = {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": secret}
        body: dict[str, Any] = {"active": True, "events": list(events), "config": config}
        if method == "POST":
            body["name"] = "web"
        try:
            response = await self._home.write(method, path, body)
        except (CredentialsError, NotFoundError) as error:
            raise await self._narrowed(error) from None
        return self._hook(self._api.single(response))

    async def remove(self, hook: Hook) -> None:
        if not hook.id.isdecimal():
            raise ProtocolError(f"{hook.id!r} is no webhook's id", connection=self._connection)
        try:
            await self._home.write("DELETE", f"/hooks/{hook.id}", None)
        except NotFoundError as error:
            # So says GitHub of one that is gone, and to whoever may not know.
            if hook.id in {h.id for h in await self.hooks()}:
                raise await self._narrowed(error) from None
        except CredentialsError as error:
            raise await self._narrowed(error) from None

    async def _narrowed(self, error: ConnectorError) -> ConnectorError:
        """Return what a refusal means here: GitHub hides webhooks from whoever may not administer them."""
        if error.status not in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}:
            return error
        here = await self._home.opened()
        return CredentialsError(
            f"the webhooks of {here.name} are not ours to administer ({error.message}). The token needs Webhooks: "
            "read and write (fine-grained) or the scope admin:repo_hook (classic), its account the admin role.",
            connection=self._connection,
            status=error.status,
        )

    def _hook(self, raw: Raw) -> Hook:
        config, events = raw.get("config"), raw.get("events")
        if not isinstance(raw.get("id"), int):
            raise ProtocolError("a webhook without an id", connection=self._connection)
        return Hook(
            id=str(raw["id"]),
            url=str(config.get("url") or "") if isinstance(config, dict) else "",
            events=tuple(e for e in events if isinstance(e, str)) if isinstance(events, list) else (),
            active=raw.get("active") is not False,
        )


def _is_invalid(error: RejectedError) -> bool:
    return error.status == httpx.codes.UNPROCESSABLE_ENTITY
