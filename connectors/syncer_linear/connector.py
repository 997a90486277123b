"""One Linear team: reading what changed, and writing what is owed."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from syncer.connector import Place, Setting
from syncer.errors import (
    ConnectorError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from syncer.model import (
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
from syncer_linear.api import Api, Node
from syncer_linear.bodies import said
from syncer_linear.catalog import Catalog
from syncer_linear.codecs import codecs, words
from syncer_linear.feed import Marks, delta
from syncer_linear.operations import (
    COMMENT_CREATE,
    COMMENTS_DELTA,
    ISSUE_CREATE,
    ISSUE_HISTORY,
    ISSUE_ONE,
    ISSUE_UPDATE,
    ISSUES_BY_IDS,
    ISSUES_DELTA,
    LARGEST_BATCH,
)
from syncer_linear.records import Reader, edits
from syncer_linear.refusals import ConflictError
from syncer_linear.writes import issue_input

HISTORY_PAGE = 50
HISTORY_PAGES = 4
"""Newest entries come first; what is older than this many pages decides nothing."""
SKEW = timedelta(minutes=2)
AT_CREATE = frozenset(
    {"title", "body", "kind", "status", "priority", "labels", "assignees", "due", "estimate", "parent"}
)


@dataclass(slots=True)
class LinearConnector:
    """Meets `syncer.connector.Connector` for one team."""

    setting: Setting
    api: Api
    catalog: Catalog
    _reader: Reader | None = field(default=None, init=False)

    @classmethod
    def of(cls, setting: Setting) -> LinearConnector:
        api = Api.of(setting)
        return cls(setting, api, Catalog(api, setting))

    async def open(self) -> Place:
        self.catalog.reopen()
        viewer = await self.catalog.viewer()
        team = await self.catalog.team()
        states = await self.catalog.states()
        labels = await self.catalog.usable_labels()
        slug = f"/{viewer.slug}" if viewer.slug else ""
        return Place(
            title=" / ".join(part for part in (viewer.workspace, team.name) if part),
            url=f"https://linear.app{slug}/team/{team.key}",
            private=True,
            me=viewer.account,
            codecs=codecs(states, labels, estimates=team.estimates),
            words=words(states),
            at_create=AT_CREATE if team.estimates else AT_CREATE - {"estimate"},
            accounts=await self.catalog.people(),
        )

    async def check(self) -> Sequence[Problem]:
        """Ask who we are and for the team, past the catalogue. What a key may write cannot be asked."""
        try:
            await self.catalog.viewer(fresh=True)
            await self.catalog.team(fresh=True)
        except NotFoundError as error:
            return [self._error(error.message, key="team", fix=self._nearest(error.message))]
        except CredentialsError as error:
            fix = "Make a key under Settings > Security & access > Personal API keys."
            return [self._error(error.message, key="token", fix=fix)]
        except ConnectorError as error:
            return [self._error(error.message, key="url", fix=None)]
        return self._clock_problems()

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        marks = Marks.parse(cursor)
        reader, ours = await self._reading(), {"team": {"id": {"eq": (await self.catalog.team()).id}}}
        async for nodes, newest in delta(self.api, reader, ISSUES_DELTA, ours, marks.issues):
            if newest is not None:
                marks = Marks(newest, marks.comments)
            yield Page(records=await self._records(nodes), cursor=_saved(marks, when=newest is not None))
        ended = False
        async for nodes, newest in delta(self.api, reader, COMMENTS_DELTA, {"issue": ours}, marks.comments):
            ended = newest is not None
            marks = Marks(marks.issues, newest or marks.comments)
            # An archived comment is one its author deleted.
            heard = [reader.comment(n) for n in nodes if n.get("issueId") and not n.get("archivedAt")]
            yield Page(comments=heard, cursor=_saved(marks, when=ended))
        if not ended:
            yield Page(cursor=str(marks))

    async def get(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        found: dict[Ref, Record | Missing] = {}
        refs = list(dict.fromkeys(address.ref for address in addresses))
        for start in range(0, len(refs), LARGEST_BATCH):
            batch = refs[start : start + LARGEST_BATCH]
            for record in await self._by_ids([ref.id for ref in batch]):
                found[record.ref] = _present(record)
            for ref in batch:
                if ref not in found:
                    found[ref] = await self._one(ref)
        return found

    async def find(self, draft: Draft, since: datetime) -> Record | None:
        records = await self._by_ids([draft.client_id])
        return records[0] if records else None

    async def create(self, draft: Draft) -> Receipt:
        """Create the issue under the draft's client id: sent twice, it is refused, never doubled."""
        team = await self.catalog.team()

        async def build() -> Node:
            given = await self._input(draft.patch, new=True)
            return {"input": {"id": draft.client_id, "teamId": team.id, **given}}

        async def send(variables: Node) -> Receipt:
            answer = await self.api.ask(ISSUE_CREATE, variables, again=True)
            return await self._receipt(answer[ISSUE_CREATE.root], draft.client_id)

        try:
            return await self._renewed(build, send)
        except (ConflictError, ProtocolError):
            # It arrived before, or its answer is damaged: the id tells.
            found = await self._by_ids([draft.client_id])
            if not found:
                raise
            return _receipt(found[0])

    def steps(self, patch: Patch) -> Sequence[Patch]:
        return [patch] if patch else []

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        async def build() -> Node:
            return {"id": address.ref.id, "input": await self._input(patch, new=False)}

        async def send(variables: Node) -> Receipt:
            answer = await self.api.ask(ISSUE_UPDATE, variables, again=False)
            return await self._receipt(answer[ISSUE_UPDATE.root], address.ref.id)

        return await self._renewed(build, send)

    async def find_comment(
        self,
        item: Address,
        marker: str,
        client_id: str,
        since: datetime,
    ) -> Comment | None:
        variables = {"filter": {"id": {"in": [client_id]}}, "first": 1}
        nodes = self.api.nodes(await self.api.read(COMMENTS_DELTA, variables))
        reader = await self._reading()
        return reader.comment(nodes[0]) if nodes else None

    async def comment(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        variables = {"input": {"id": client_id, "issueId": item.ref.id, "body": said(body)}}
        reader = await self._reading()
        try:
            answer = await self.api.ask(COMMENT_CREATE, variables, again=True)
            return reader.comment({"issueId": item.ref.id, **(answer[COMMENT_CREATE.root].get("comment") or {})})
        except (ConflictError, ProtocolError):
            # It arrived before, or its answer is damaged: the id tells.
            found = await self.find_comment(item, marker, client_id, self.setting.clock())
            if found is None:
                raise
            return found

    async def history(self, address: Address, fields: frozenset[str]) -> Mapping[str, Edited]:
        """Read the issue's own history; what changed within 3 minutes of its creation is not in it."""
        variables: dict[str, Any] = {"id": address.ref.id, "first": HISTORY_PAGE}
        entries: list[Node] = []
        for _ in range(HISTORY_PAGES):
            try:
                connection = (await self.api.read(ISSUE_HISTORY, variables)).get("history") or {}
            except RejectedError:
                break
            entries += [entry for entry in connection.get("nodes") or () if entry.get("createdAt")]
            after = self.api.next_page(connection)
            if after is None or fields <= edits(entries, fields).keys():
                break
            variables["after"] = after
        return edits(entries, fields)

    async def close(self) -> None:
        await self.api.http.close()

    async def _reading(self) -> Reader:
        if self._reader is None:
            viewer, team = await self.catalog.viewer(), await self.catalog.team()
            self._reader = Reader(self.setting.connection, viewer.account.id, team.id)
        return self._reader

    async def _records(self, nodes: Sequence[Node]) -> list[Record]:
        reader = await self._reading()
        names = await self.catalog.names([i for node in nodes for i in node.get("labelIds") or ()])
        return [reader.record(node, names) for node in nodes]

    async def _by_ids(self, ids: Sequence[str]) -> list[Record]:
        # Never `issue(id:)` under aliases: one that is gone empties the whole answer.
        root = await self.api.read(ISSUES_BY_IDS, {"ids": list(ids), "first": len(ids)})
        return await self._records(self.api.nodes(root))

    async def _one(self, ref: Ref) -> Record | Missing:
        try:
            node = await self.api.read(ISSUE_ONE, {"id": ref.id})
        except NotFoundError:
            # Purged and hidden give the same answer: never take it for a deletion.
            return Missing(ref, State.UNREACHABLE)
        return _present((await self._records([node]))[0])

    async def _input(self, patch: Patch, *, new: bool) -> Node:
        """Return the input that says *patch*. A failure here certainly wrote nothing to the issue."""
        try:
            return await issue_input(self.catalog, patch, new=new)
        except UnavailableError as error:
            error.sent = False
            raise

    async def _renewed(
        self, build: Callable[[], Awaitable[Node]], send: Callable[[Node], Awaitable[Receipt]]
    ) -> Receipt:
        """Send; where refused, once more if a fresh catalogue builds something else."""
        given = await build()
        try:
            return await send(given)
        except ConflictError:
            raise
        except RejectedError:
            await self.catalog.refresh()
            again = await build()
            if again == given:
                raise
            return await send(again)

    async def _receipt(self, answer: Mapping[str, Any], id_: str) -> Receipt:
        node = answer.get("issue")
        if node:
            return _receipt((await self._records([node]))[0])
        if answer.get("success") is False:
            raise RejectedError("Linear did not make the change", connection=self.setting.connection)
        found = await self._by_ids([id_])
        if not found:
            raise ProtocolError("the answer to a write shows no issue", connection=self.setting.connection)
        return _receipt(found[0])

    def _error(self, message: str, *, key: str, fix: str | None) -> Problem:
        return Problem("error", message, connection=self.setting.connection, key=key, fix=fix)

    def _nearest(self, message: str) -> str | None:
        keys = message.rpartition(": ")[2].split(", ")
        close = difflib.get_close_matches(self.setting.options.team.upper(), keys, n=1)
        return f'Did you mean team = "{close[0]}"?' if close else None

    def _clock_problems(self) -> Sequence[Problem]:
        theirs = self.api.http.server_time()
        if theirs is None or abs(theirs - self.setting.clock()) <= SKEW:
            return []
        message = f"this machine's clock differs from Linear's by more than {SKEW}"
        return [Problem("warning", message, connection=self.setting.connection, fix="Set the clock (NTP).")]


def _saved(marks: Marks, *, when: bool) -> str | None:
    return str(marks) if when else None


def _present(record: Record) -> Record | Missing:
    if record.state is State.GONE:
        return Missing(record.ref, State.GONE)
    if record.state is State.MOVED:
        return Missing(record.ref, State.MOVED, to=record.url or record.key)
    return record


def _receipt(record: Record) -> Receipt:
    return Receipt(record.ref, record.key, record.url, record)
