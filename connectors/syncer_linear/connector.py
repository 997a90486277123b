"""One Linear team: reading what changed, and writing what is owed."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from syncer.connector import Hook, Place, Setting
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
from syncer.sdk.tokens import Shelf
from syncer_linear.api import Api, Node
from syncer_linear.catalog import Catalog
from syncer_linear.codecs import codecs, words
from syncer_linear.comments import Comments
from syncer_linear.feed import Marks, delta
from syncer_linear.operations import (
    COMMENTS_DELTA,
    ISSUE_ARCHIVE,
    ISSUE_CREATE,
    ISSUE_HISTORY,
    ISSUE_ONE,
    ISSUE_UPDATE,
    ISSUES_BY_IDS,
    ISSUES_DELTA,
    LARGEST_BATCH,
    TEAM_ONE,
)
from syncer_linear.records import Reader, deleted, edits
from syncer_linear.refusals import ConflictError, ForbiddenError
from syncer_linear.subscriptions import Subscriptions
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
    def of(cls, setting: Setting, shelf: Shelf) -> LinearConnector:
        api = Api.of(setting, shelf)
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
            if self.api.client is not None:
                return [self._error(error.message, key="client_id", fix=None)]
            fix = "Make a key under Settings > Security & access > Personal API keys."
            return [self._error(error.message, key="token", fix=fix)]
        except ConnectorError as error:
            return [self._error(error.message, key="url", fix=None)]
        return [*self._clock_problems(), *self._way()]

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        marks = Marks.parse(cursor)
        reader, team = await self._reading(), (await self.catalog.team()).id
        ours = {"team": {"id": {"eq": team}}}
        async for nodes, newest in self._issues(reader, {"team": team, "filter": ours}, marks.issues):
            if newest is not None:
                marks = Marks(newest, marks.comments)
            yield Page(records=await self._records(nodes), cursor=_saved(marks, when=newest is not None))
        ended = False
        async for nodes, newest in delta(self.api, reader, COMMENTS_DELTA, {"filter": {"issue": ours}}, marks.comments):
            ended = newest is not None
            marks = Marks(marks.issues, newest or marks.comments)
            told = [node for node in nodes if node.get("issueId")]
            yield Page(
                comments=[reader.comment(node) for node in told if not deleted(node)],
                unsaid=[reader.comment_ref(node) for node in told if deleted(node)],
                cursor=_saved(marks, when=ended),
            )
        if not ended:
            yield Page(cursor=str(marks))

    async def get(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        found: dict[Ref, Record | Missing] = {}
        refs = list(dict.fromkeys(address.ref for address in addresses))
        for start in range(0, len(refs), LARGEST_BATCH):
            batch = refs[start : start + LARGEST_BATCH]
            for record in await self._by_ids([ref.id for ref in batch]):
                found[record.ref] = _present(record)
            found |= await self._absent([ref for ref in batch if ref not in found])
        return found

    async def find(self, draft: Draft, since: datetime) -> Record | None:
        """Return the issue under the draft's client id, wherever it is by now: its `state` tells.

        Raises NotFoundError where our team cannot be read: that nothing is shown says nothing then.
        """
        found = await self._sought(draft.client_id)
        if found is None and not await self._team_is_seen():
            raise self._shut_out()
        return found

    async def create(self, draft: Draft) -> Receipt:
        """Create the issue under the draft's client id: sent twice, it is refused, never doubled.

        The receipt's record is the first one, with the `state` it has now: a person may have put it
        into the trash or moved it meanwhile.
        """
        team = await self.catalog.team()

        async def build() -> Node:
            given = await self._input(draft.patch, new=True)
            return {"input": {"id": draft.client_id, "teamId": team.id, **given}}

        async def send(variables: Node) -> Receipt:
            answer = await self.api.ask(ISSUE_CREATE, variables, again=True)
            return await self._receipt(answer[ISSUE_CREATE.root], draft.client_id)

        try:
            return await self._renewed(build, send)
        except ConflictError as error:
            found = await self._sought(draft.client_id)
            if found is None:
                message = "the issue was created before and cannot be seen any more"
                raise ConflictError(message, connection=self.setting.connection) from error
            return _receipt(found)
        except ProtocolError:
            # Its answer is damaged: the id tells.
            found = await self._sought(draft.client_id)
            if found is None:
                raise
            return _receipt(found)

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
        return await (await self._talk()).find(item, client_id)

    async def comment(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        return await (await self._talk()).write(item, body, client_id)

    async def comments(self, item: Address) -> Sequence[Comment]:
        return await (await self._talk()).of(item)

    async def edit_comment(self, item: Address, comment: Ref, body: str, marker: str) -> Comment:
        """Give a comment another text; its id is its marker. Raises RejectedError where it is another's."""
        return await (await self._talk()).edit(item, comment, body)

    async def delete_comment(self, item: Address, comment: Ref) -> None:
        await (await self._talk()).delete(item, comment)

    async def archive(self, address: Address) -> Receipt:
        try:
            answer = await self.api.ask(ISSUE_ARCHIVE, {"id": address.ref.id}, again=False)
        except ForbiddenError as error:
            raise RejectedError(error.message, connection=self.setting.connection) from error
        receipt = await self._receipt(answer[ISSUE_ARCHIVE.root], address.ref.id)
        if receipt.record is not None and receipt.record.state is State.HERE:
            raise RejectedError("Linear did not archive the issue", connection=self.setting.connection)
        return receipt

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

    async def hooks(self) -> Sequence[Hook]:
        return await (await self._subscriptions()).all()

    async def add_hook(self, url: str, secret: str) -> Hook:
        """Register *url*; where it has a webhook for our team already, that one gets our secret and kinds."""
        return await (await self._subscriptions()).add(url, secret)

    async def remove_hook(self, hook: Hook) -> None:
        await (await self._subscriptions()).remove(hook)

    async def close(self) -> None:
        await self.api.close()

    async def _reading(self) -> Reader:
        if self._reader is None:
            viewer, team = await self.catalog.viewer(), await self.catalog.team()
            self._reader = Reader(self.setting.connection, viewer.account.id, team.id)
        return self._reader

    async def _issues(
        self, reader: Reader, variables: Node, since: datetime | None
    ) -> AsyncIterator[tuple[list[Node], datetime | None]]:
        """Yield the delta of issues. A team we do not see lists nothing, which must not pass for an empty one."""
        try:
            async for page in delta(self.api, reader, ISSUES_DELTA, variables, since):
                yield page
        except (NotFoundError, ForbiddenError) as error:
            raise self._shut_out() from error

    async def _subscriptions(self) -> Subscriptions:
        return Subscriptions(self.api, self.setting.connection, (await self.catalog.team()).id)

    async def _talk(self) -> Comments:
        return Comments(self.api, await self._reading())

    async def _records(self, nodes: Sequence[Node]) -> list[Record]:
        reader = await self._reading()
        names = await self.catalog.names([i for node in nodes for i in node.get("labelIds") or ()])
        return [reader.record(node, names) for node in nodes]

    async def _by_ids(self, ids: Sequence[str]) -> list[Record]:
        # Never `issue(id:)` under aliases: one that is gone empties the whole answer.
        root = await self.api.read(ISSUES_BY_IDS, {"ids": list(ids), "first": len(ids)})
        return await self._records(self.api.nodes(root))

    async def _one(self, ref: Ref) -> Record | Missing:
        record = await self._alone(ref.id)
        # Purged and hidden give the same answer: never take it for a deletion.
        return Missing(ref, State.UNREACHABLE) if record is None else _present(record)

    async def _alone(self, id_: str) -> Record | None:
        try:
            node = await self.api.read(ISSUE_ONE, {"id": id_})
        except (NotFoundError, ForbiddenError):
            return None
        return (await self._records([node]))[0]

    async def _sought(self, id_: str) -> Record | None:
        """Return the issue of that id, asked in two ways: whether lists show all of the trash is not documented."""
        listed = await self._by_ids([id_])
        return listed[0] if listed else await self._alone(id_)

    async def _absent(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Missing]:
        """Ask singly for what a list did not show; where our team itself is hidden, for none of it."""
        if len(refs) > 1 and not await self._team_is_seen():
            return {ref: Missing(ref, State.UNREACHABLE) for ref in refs}
        return {ref: await self._one(ref) for ref in refs}

    def _shut_out(self) -> NotFoundError:
        message = f'the team "{self.setting.options.team}" cannot be read any more with this token'
        return NotFoundError(message, connection=self.setting.connection)

    async def _team_is_seen(self) -> bool:
        try:
            await self.api.read(TEAM_ONE, {"id": (await self.catalog.team()).id})
        except (NotFoundError, ForbiddenError):
            return False
        return True

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
        node = answer.get("issue") or answer.get("entity")
        if node:
            return _receipt((await self._records([node]))[0])
        if answer.get("success") is False:
            raise RejectedError("Linear did not make the change", connection=self.setting.connection)
        found = await self._sought(id_)
        if found is None:
            raise ProtocolError("the answer to a write shows no issue", connection=self.setting.connection)
        return _receipt(found)

    def _error(self, message: str, *, key: str, fix: str | None) -> Problem:
        return Problem("error", message, connection=self.setting.connection, key=key, fix=fix)

    def _nearest(self, message: str) -> str | None:
        keys = message.rpartition(": ")[2].split(", ")
        close = difflib.get_close_matches(self.setting.options.team.upper(), keys, n=1)
        return f'Did you mean team = "{close[0]}"?' if close else None

    def _way(self) -> Sequence[Problem]:
        """Return a note on how we got in, where that is not a plain token."""
        token = None if self.api.client is None else self.api.client.tokens.current
        if token is None:
            return []
        ends = f"the token ends at {token.ends:%Y-%m-%d %H:%M} UTC, and is renewed before"
        return [Problem("note", f"as an OAuth application: {ends}", connection=self.setting.connection)]

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
