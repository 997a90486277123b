"""One board of Pinboard, as the connector contract wants it.

Pinboard numbers all changes of a board: a card that changes, or is spoken of, gets the next number. So the
number is the cursor, and what changes while we read comes again at the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from syncer.connector import Budget, Hook, Place, Setting
from syncer.errors import NotFoundError, ProtocolError, RejectedError
from syncer.model import (
    Account,
    Address,
    Comment,
    Draft,
    Edited,
    Missing,
    Native,
    Page,
    Patch,
    Problem,
    Receipt,
    Record,
    Ref,
    State,
)
from syncer.sdk.http import Http
from syncer_pinboard.codecs import body_of, codecs
from syncer_pinboard.records import Raw, Reader, promised

AT_ONCE = 100
"""Cards in one answer, as Pinboard documents."""


class PinboardConnector:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._board = f"boards/{quote(setting.options.board, safe='')}"
        self._http = Http(setting, setting.options.url, self._headers, budget=_budget)
        self._reader: Reader | None = None

    async def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._setting.options.token.get_secret_value()}"}

    async def _ask(self, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 -- the JSON border
        """Return the object that Pinboard answers. `Http` counts, waits for limits, and raises our errors."""
        answer = self._http.parse(await self._http.request(method, path, **more))
        if not isinstance(answer, dict):
            raise ProtocolError("an answer that is no object", connection=self._setting.connection)
        return answer

    # -- the place ---------------------------------------------------------------------------

    async def open(self) -> Place:
        board = await self._ask("GET", self._board)
        with promised(self._setting.connection):
            people = {p["id"]: Account(p["id"], p["name"], p.get("email")) for p in board["people"]}
            self._reader = Reader(self._setting.connection, board["me"], people)
            found = codecs(people)
            return Place(
                title=board["name"],
                url=board["url"],
                private=not board["public"],
                me=people[board["me"]],
                codecs=found,
                words={"status": [{"column": name} for name in board["columns"]]},
                at_create=frozenset(found),
                accounts=[p for p in people.values() if p.id != board["me"]],
                entity="card",
            )

    async def check(self) -> Sequence[Problem]:
        board = await self._ask("GET", self._board)
        if board.get("may_write"):
            return ()
        fix = "Make the account an editor of the board."
        return [Problem("error", "the token may only read.", connection=self._setting.connection, fix=fix)]

    async def _ours(self) -> Reader:
        if self._reader is None:
            await self.open()
        assert self._reader is not None  # noqa: S101 -- open has just made it
        return self._reader

    async def close(self) -> None:
        await self._http.close()

    # -- reading -----------------------------------------------------------------------------

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        reader, since, more = await self._ours(), int(cursor or 0), True
        while more:
            answer = await self._ask("GET", f"{self._board}/changes", params={"since": since, "limit": AT_ONCE})
            with promised(self._setting.connection):
                since, more = int(answer["until"]), bool(answer["more"])
                records = [reader.record(raw) for raw in answer["cards"]]
                comments = [comment for raw in answer["cards"] for comment in reader.comments(raw)]
            # A card comes with all its comments, so that one we know and do not see may be gone.
            yield Page(records, comments, cursor=str(since), heard=[r.ref for r in records])

    async def get(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        reader = await self._ours()
        found = {ref: reader.found(raw) for ref, raw in (await self._cards(addresses)).items()}
        # What is not answered was never there, or is hidden from us: nobody can tell.
        return {a.ref: found.get(a.ref) or Missing(a.ref, State.UNREACHABLE) for a in addresses}

    async def _cards(self, addresses: Sequence[Address]) -> Mapping[Ref, Raw]:
        found: dict[Ref, Raw] = {}
        for start in range(0, len(addresses), AT_ONCE):
            ids = ",".join(a.ref.id for a in addresses[start : start + AT_ONCE])
            answer = await self._ask("GET", f"{self._board}/cards", params={"ids": ids})
            with promised(self._setting.connection):
                found |= {Ref(self._setting.connection, "card", raw["id"]): raw for raw in answer["cards"]}
        return found

    async def _card(self, item: Address) -> Raw:
        raw = (await self._cards([item])).get(item.ref)
        if raw is None or raw.get("deleted"):
            raise NotFoundError(f"{item.key} is not there", connection=self._setting.connection)
        return raw

    async def find(self, draft: Draft, since: datetime) -> Record | None:
        answer = await self._ask("GET", f"{self._board}/cards", params={"external": draft.marker})
        reader = await self._ours()
        with promised(self._setting.connection):
            records = [reader.record(raw) for raw in answer["cards"]]
        # A person may copy a card with all it has: only what our account made is ours.
        return next((record for record in records if record.own), None)

    async def history(self, address: Address, fields: frozenset[str]) -> Mapping[str, Edited]:
        return {}  # Pinboard keeps none: whose edit is newer is told by the card's own stamp

    # -- writing -----------------------------------------------------------------------------

    async def create(self, draft: Draft) -> Receipt:
        body = {**body_of(draft.patch), "external": draft.marker}
        return await self._receipt(await self._ask("POST", f"{self._board}/cards", json=body))

    def steps(self, patch: Patch) -> Sequence[Patch]:
        return [patch] if patch else []

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        return await self._receipt(await self._ask("PATCH", f"cards/{address.ref.id}", json=body_of(patch)))

    async def _receipt(self, raw: Raw) -> Receipt:
        record = (await self._ours()).record(raw)
        return Receipt(record.ref, record.key, record.url, record)

    async def archive(self, address: Address) -> Receipt:
        raise RejectedError("Pinboard has no archive", connection=self._setting.connection)

    # -- comments ----------------------------------------------------------------------------

    async def comments(self, item: Address) -> Sequence[Comment]:
        return (await self._ours()).comments(await self._card(item))

    async def find_comment(self, item: Address, marker: str, client_id: str, since: datetime) -> Comment | None:
        return next((c for c in await self.comments(item) if c.own and c.marker == marker), None)

    async def comment(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        said = {"text": body, "external": marker}
        return await self._said(await self._ask("POST", f"cards/{item.ref.id}/comments", json=said))

    async def edit_comment(self, item: Address, comment: Ref, body: str, marker: str) -> Comment:
        return await self._said(await self._ask("PATCH", f"comments/{comment.id}", json={"text": body}))

    async def delete_comment(self, item: Address, comment: Ref) -> None:
        await self._ask("DELETE", f"comments/{comment.id}", ok=frozenset({httpx.codes.NOT_FOUND}))

    async def _said(self, answer: Raw) -> Comment:
        reader = await self._ours()
        with promised(self._setting.connection):
            return reader.comment(answer["comment"], answer["card"])

    # -- webhooks ----------------------------------------------------------------------------

    async def hooks(self) -> Sequence[Hook]:
        answer = await self._ask("GET", f"{self._board}/hooks")
        with promised(self._setting.connection):
            return [Hook(raw["id"], raw["url"]) for raw in answer["hooks"]]

    async def add_hook(self, url: str, secret: str) -> Hook:
        raw = await self._ask("POST", f"{self._board}/hooks", json={"url": url, "secret": secret})
        with promised(self._setting.connection):
            return Hook(raw["id"], raw["url"])

    async def remove_hook(self, hook: Hook) -> None:
        await self._ask("DELETE", f"hooks/{hook.id}", ok=frozenset({httpx.codes.NOT_FOUND}))


def _budget(response: httpx.Response) -> Budget | None:
    """Return what Pinboard's headers say is left of the limit of the hour."""
    try:
        limit, left = int(response.headers["x-limit"]), int(response.headers["x-left"])
        resets = datetime.fromtimestamp(int(response.headers["x-reset"]), UTC)
    except (KeyError, ValueError):
        return None
    return Budget(limit, left, resets)
