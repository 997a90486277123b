"""The comments of an issue: read whole, written with our marker, edited, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from syncer.errors import NotFoundError, ProtocolError, RejectedError, UnavailableError
from syncer.model import Address, Comment, Ref
from syncer_jira import adf, marks, records
from syncer_jira.api import PAGE, PAGES, Api, Object
from syncer_jira.facts import Facts

TRIES = 3
"""Readings of a list that people change meanwhile, before we come back later."""
EARLY = timedelta(minutes=10)
"""How far Jira's clock may be behind ours."""


@dataclass(frozen=True, slots=True)
class Talk:
    """What our account hears and says. Restricted comments are dropped where they are read."""

    api: Api
    facts: Facts

    async def comments(self, item: Address) -> Sequence[Comment]:
        """Return every unrestricted comment. Raises `NotFoundError` where the issue cannot be read,
        `UnavailableError` where the list never stood still.
        """
        for _ in range(TRIES):
            whole = await whole_list(self.api, item.ref.id)
            if whole is not None:
                return records.comments(whole, item.ref, item.key, self.facts)
        connection = self.api.setting.connection
        raise UnavailableError(f"the comments of {item.key} changed while they were read", connection=connection)

    async def find(self, item: Address, marker: str, since: datetime) -> Comment | None:
        """Return our comment with that marker, from the issue's own list, which does not lag.

        Raises `RejectedError` for one that was restricted meanwhile: it arrived, so it must not be
        written again, and it is nothing we may read.
        """
        async for raw in self.api.listed(f"issue/{item.ref.id}/comment", "comments"):
            if records.stamp(raw.get("created")) < since - EARLY or not self._is_ours(raw, marker):
                continue
            if not records.is_open_to_all(raw):
                said = f"our comment {raw.get('id')} on {item.key} arrived and is restricted now"
                raise RejectedError(said, connection=self.api.setting.connection)
            return self._comment(raw, item)
        return None

    def _is_ours(self, raw: Object, marker: str) -> bool:
        author = records.account(raw.get("author"))
        return author is not None and author.id == self.facts.me.id and marks.unmarked(raw.get("body"))[1] == marker

    async def say(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        answer = await self.api.write("POST", f"issue/{item.ref.id}/comment", self._said(item, body, marker))
        if not isinstance(answer, Mapping) or not answer.get("id"):
            raise ProtocolError(f"a comment without an id (for {client_id})", connection=self.api.setting.connection)
        return self._comment(answer, item)

    async def edit(self, item: Address, comment: Ref, body: str, marker: str) -> Comment:
        """Replace the text of our comment. Raises `NotFoundError` where it is gone, or restricted meanwhile.

        It is read first, for an edit that does not repeat a comment's `visibility` may lift it (the
        OpenAPI does not say).
        """
        path = f"issue/{item.ref.id}/comment/{comment.id}"
        if not records.is_open_to_all(self.api.object(await self.api.ask(path))):
            connection = self.api.setting.connection
            raise NotFoundError(f"the comment {comment.id} on {item.key} is restricted now", connection=connection)
        answer = self.api.object(await self.api.write("PUT", path, self._said(item, body, marker)))
        return self._comment({"id": comment.id, **answer}, item)

    async def delete(self, item: Address, comment: Ref) -> None:
        """Delete our comment; one that is gone already is no error. Raises `NotFoundError` where the
        issue cannot be read, which Jira answers with the same 404.
        """
        try:
            await self.api.write("DELETE", f"issue/{item.ref.id}/comment/{comment.id}")
        except NotFoundError:
            if await self.api.issue(item.ref.id, ["created"]) is None:
                raise

    def _said(self, item: Address, body: str, marker: str) -> dict[str, Any]:
        return {"body": marks.marked(adf.from_markdown(body), marker, self.facts.browse(item.key))}

    def _comment(self, raw: Object, item: Address) -> Comment:
        return records.comment(raw, item.ref, item.key, self.facts)


async def whole_list(api: Api, issue: str) -> list[Object] | None:
    """Return all comments of an issue, None where the list moved under our feet.

    Pages go by offset, so a comment deleted meanwhile makes the next page skip one. Each page
    therefore begins with the last entry of the page before it.
    """
    found: list[Object] = []
    for _ in range(PAGES):
        start = max(0, len(found) - 1)
        answer = api.object(await api.ask(f"issue/{issue}/comment", startAt=start, maxResults=PAGE))
        entries = [api.object(e) for e in answer.get("comments") or []]
        if found and (not entries or entries[0].get("id") != found[-1].get("id")):
            return None
        fresh = entries[1:] if found else entries
        found += fresh
        if not fresh or len(found) >= int(answer.get("total") or 0):
            return found
    raise api.broken("never stopped paging")
