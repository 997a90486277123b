"""GitHub's REST API as this connector speaks it: headers, pages, redirects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import httpx
from pydantic import SecretStr

from syncer.connector import Setting
from syncer.errors import ConnectorError, ProtocolError
from syncer.sdk.http import Http
from syncer.sdk.tokens import Shelf
from syncer_github.app import API_VERSION, App
from syncer_github.budget import Budgets
from syncer_github.limits import refusal
from syncer_github.settings import GitHubSettings

Raw: TypeAlias = dict[str, Any]
"""A thing as GitHub's JSON says it."""

REDIRECTS = frozenset({301, 302, 307, 308})
NOT_OFFERED = frozenset({404, 405, 501})
HOPS = 3
MOST = 100
"""The largest page GitHub gives."""


class Api:
    """One repository host's API under one token, or as an `app`."""

    def __init__(self, setting: Setting, options: GitHubSettings, shelf: Shelf) -> None:
        self._token = options.token or SecretStr("")
        self.app = None if options.app_id is None else App(setting, options, shelf)
        self._setting = setting
        budget = Budgets(setting.clock).read
        self.http = Http(setting, options.url, headers=self._headers, classify=self._classify, budget=budget)

    async def _headers(self) -> Mapping[str, str]:
        token = self._token.get_secret_value() if self.app is None else await self.app.tokens.text()
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
        }

    def _classify(self, response: httpx.Response) -> ConnectorError | None:
        if self.app is not None and response.status_code == httpx.codes.UNAUTHORIZED:
            return self.app.tokens.again(response)
        if self.app is not None:
            self.app.tokens.accepted(response)
        return refusal(response, self.http.server_time() or self._setting.clock())

    async def read(
        self, path: str, *, params: Mapping[str, Any] | None = None, ok: frozenset[int] = frozenset()
    ) -> httpx.Response:
        """GET *path*, following redirects within the origin. The last answer's status may be in *ok*."""
        response = await self.http.get(path, params=params, ok=ok | REDIRECTS)
        for _ in range(HOPS):
            if response.status_code not in REDIRECTS:
                return response
            response = await self.http.get(self.target(response), ok=ok | REDIRECTS)
        raise ProtocolError("more redirects than a moved repository explains", connection=self.http.connection)

    def target(self, response: httpx.Response) -> str:
        """Return where a redirect leads. Raises `ProtocolError` where that is another host, or nowhere."""
        target = response.headers.get("location") or _said_url(response)
        if not target:
            raise ProtocolError("a redirect to nowhere", connection=self.http.connection)
        return self.http.url(str(response.request.url.join(target)))

    async def pages(self, path: str, params: Mapping[str, Any], *, optional: bool = False) -> AsyncIterator[list[Raw]]:
        """Yield the pages of a list as `Link` strings them together; none at all where the server may
        do without the list (*optional*) and does."""
        ok = NOT_OFFERED if optional else frozenset()
        response = await self.read(path, params={**params, "per_page": MOST}, ok=ok)
        if response.status_code in ok:
            return
        while True:
            yield self.listed(response)
            following = self.following(response)
            if following is None:
                return
            response = await self.read(following)

    async def page(self, path: str, params: Mapping[str, Any] | None) -> tuple[list[Raw], str | None]:
        """Return one page of a list, and the URL of the next where there is one: ask for it without *params*."""
        asked = None if params is None else {**params, "per_page": MOST}
        response = await self.read(path, params=asked)
        return self.listed(response), self.following(response)

    def following(self, response: httpx.Response) -> str | None:
        """Return the URL of the page after this one."""
        return response.links.get("next", {}).get("url") or None

    def listed(self, response: httpx.Response) -> list[Raw]:
        """Return the answer's list of objects. Raises `ProtocolError` for anything else."""
        body = self.http.parse(response)
        if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
            raise ProtocolError("answered something other than a list", connection=self.http.connection)
        return body

    def single(self, response: httpx.Response) -> Raw:
        """Return the answer's object. Raises `ProtocolError` for anything else."""
        body = self.http.parse(response)
        if not isinstance(body, dict):
            raise ProtocolError("answered something other than an object", connection=self.http.connection)
        return body

    def server_time(self) -> datetime | None:
        return self.http.server_time()

    async def close(self) -> None:
        await self.http.close()
        if self.app is not None:
            await self.app.close()


def _said_url(response: httpx.Response) -> str | None:
    try:
        body = response.json()
    except ValueError:
        return None
    url = body.get("url") if isinstance(body, dict) else None
    return url if isinstance(url, str) else None
