"""The comments on one issue: read whole, written, edited, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from syncer.errors import (
    ConnectorError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from syncer.model import Address, Comment, Missing, Record, Ref, State
from syncer.text import neutralise, with_marker
from syncer_github.api import Api, Raw
from syncer_github.codecs import fitted
from syncer_github.home import Home
from syncer_github.limits import is_about_us
from syncer_github.lookup import number_of
from syncer_github.records import comment_of

PASSES = 5
"""How often a long talk is read again while people delete from it."""

Read = Callable[[Sequence[Address]], Awaitable[Mapping[Ref, Record | Missing]]]


class Talk:
    """Comments of issues in one repository. `read` is the connector's direct read."""

    def __init__(self, api: Api, home: Home, connection: str, read: Read) -> None:
        self._api = api
        self._home = home
        self._name = connection
        self._read = read

    async def whole(self, item: Address) -> Sequence[Comment]:
        """Return every comment on *item*.

        Pages are offsets, in the order of ids: what is deleted while we read pulls a later comment
        over a page boundary, and it would look deleted, too. So several pages are read until two
        readings agree.
        """
        before: list[Comment] | None = None
        for _ in range(PASSES):
            pages = [page async for page in self._pages(item, {})]
            said = list({c.ref: c for page in pages for c in page}.values())
            if len(pages) == 1 or (before is not None and [c.ref for c in before] == [c.ref for c in said]):
                return said
            before = said
        raise UnavailableError(f"the comments on {item.key} change while they are read", connection=self._name)

    async def find(self, item: Address, marker: str, since: datetime) -> Comment | None:
        """Return our comment that carries *marker*: the first, as later ones can only be copies of it."""
        oldest = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        async for page in self._pages(item, {"since": oldest}):
            for comment in page:
                if comment.own and comment.marker == marker:
                    return comment
        return None

    async def _pages(self, item: Address, params: Mapping[str, Any]) -> AsyncIterator[list[Comment]]:
        page, following = await self._home.page(f"/issues/{number_of(item)}/comments", params)
        yield [await self._comment(raw, item) for raw in page]
        while following:
            page, following = await self._api.page(following, None)
            yield [await self._comment(raw, item) for raw in page]

    async def _comment(self, raw: Raw, item: Address) -> Comment:
        return replace(comment_of(raw, self._name, await self._home.me()), item=item.ref)

    # -- writing -----------------------------------------------------------------------------

    async def say(self, item: Address, body: str, marker: str) -> Comment:
        path = f"/issues/{number_of(item)}/comments"
        try:
            response = await self._home.write("POST", path, {"body": _text(body, marker)})
        except CredentialsError as error:
            raise _narrowed(error) from None
        return await self._comment(self._api.single(response), item)

    async def reword(self, item: Address, comment: Ref, body: str, marker: str) -> Comment:
        """Give a comment another text. `NotFoundError` says for sure that it was deleted."""
        try:
            response = await self._home.write("PATCH", _path(comment), {"body": _text(body, marker)})
        except CredentialsError as error:
            raise _narrowed(error) from None
        except NotFoundError as error:
            await self._confirm_gone(item, error)
            raise
        return await self._comment(self._api.single(response), item)

    async def unsay(self, item: Address, comment: Ref) -> None:
        try:
            response = await self._home.write("DELETE", _path(comment), None)
        except CredentialsError as error:
            raise _narrowed(error) from None
        except NotFoundError as error:
            await self._confirm_gone(item, error)
            return
        if response.status_code != httpx.codes.NO_CONTENT:
            raise ProtocolError(
                "a deleted comment is answered with 204", connection=self._name, status=response.status_code
            )

    async def _confirm_gone(self, item: Address, error: NotFoundError) -> None:
        """Raise `RejectedError` unless a comment that is not found is deleted: GitHub hides what moved the same way."""
        found = (await self._read([item]))[item.ref]
        if found.state not in {State.HERE, State.GONE}:
            raise RejectedError(
                f"a comment on {item.key} is not found, and the issue is {found.state}",
                connection=self._name,
                status=error.status,
            )


def _text(body: str, marker: str) -> str:
    return with_marker(fitted(neutralise(body)), marker)


def _path(comment: Ref) -> str:
    if not comment.id.isdecimal():
        raise ProtocolError(f"{comment.id!r} is no comment's id", connection=comment.connection)
    return f"/issues/comments/{comment.id}"


def _narrowed(error: CredentialsError) -> ConnectorError:
    """Return what a refusal means for one comment: only what GitHub says of our token stops the connection.

    A locked conversation, a comment of somebody else's, a user who blocked us: the item is parked.
    """
    if error.status != httpx.codes.FORBIDDEN or is_about_us(error.message):
        return error
    return RejectedError(error.message, connection=error.connection, status=error.status)
