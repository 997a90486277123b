"""The repository as it is called today: where reads begin, and the only door for writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from syncer.errors import CredentialsError, NotFoundError, StaleError
from syncer_github.api import MOST, REDIRECTS, Api, Raw
from syncer_github.place import Facts, Repository
from syncer_github.records import Me


class Home:
    """One repository, found again under its new name when it was renamed."""

    def __init__(self, api: Api, facts: Facts, connection: str) -> None:
        self._api = api
        self._facts = facts
        self._connection = connection
        self._here: Repository | None = None
        self._me: Me | None = None

    async def open(self) -> tuple[Me, Repository]:
        """Return who we are and where, as fresh as the catalogue has it."""
        self._me = await self._facts.me()
        self._here = await self._facts.repository()
        return self._me, self._here

    async def opened(self) -> Repository:
        return self._here or (await self.open())[1]

    async def me(self) -> Me:
        return self._me or (await self.open())[0]

    async def write(self, method: str, path: str, body: Any) -> httpx.Response:  # noqa: ANN401 -- any JSON
        """Send one write to *path* under the repository.

        A redirect is never followed: the write may turn into a read, or reach another repository.
        A renamed repository is found by reading, and written to under its new name; else the issue
        itself has moved: `StaleError`.
        """
        here = await self.opened()
        response = await self._api.http.request(method, here.path + path, json=body, ok=REDIRECTS)
        if response.status_code not in REDIRECTS:
            return response
        renamed = await self._renamed(here)
        if renamed is None:
            raise StaleError("the issue has moved", connection=self._connection, status=response.status_code)
        return await self._api.http.request(method, renamed.path + path, json=body)

    async def page(self, path: str, params: Mapping[str, Any]) -> tuple[list[Raw], str | None]:
        """Return the first page of a list that belongs to an issue, and the URL of the next.

        Raises `NotFoundError` where the issue is not in this repository: a list is not followed
        to where a transferred issue lives now.
        """
        here = await self.opened()
        asked = {**params, "per_page": MOST}
        response = await self._api.http.get(here.path + path, params=asked, ok=REDIRECTS)
        if response.status_code not in REDIRECTS:
            return self._api.listed(response), self._api.following(response)
        renamed = await self._renamed(here)
        if renamed is None:
            raise NotFoundError("the issue has moved", connection=self._connection, status=response.status_code)
        return await self._api.page(renamed.path + path, params)

    async def _renamed(self, before: Repository) -> Repository | None:
        self._here = await self._facts.repository(fresh=True)
        return None if self._here.path == before.path else self._here

    async def hidden(self, error: NotFoundError) -> CredentialsError:
        """Return what it means that a whole list of the repository is not there."""
        here = await self.opened()
        return CredentialsError(
            f"the issues of {here.name} cannot be read: the repository is gone, or hidden from the token",
            connection=self._connection,
            status=error.status,
        )
