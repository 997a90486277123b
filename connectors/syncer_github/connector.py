"""One GitHub repository's issues, as the connector contract wants them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from syncer.connector import Hook, Place, Setting
from syncer.errors import NotFoundError, RejectedError
from syncer.model import (
    JSON,
    Account,
    Address,
    Comment,
    Delta,
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
    shows,
)
from syncer.sdk.tokens import Shelf
from syncer.text import with_marker
from syncer_github.api import Api, Raw
from syncer_github.batch import Batch
from syncer_github.check import findings
from syncer_github.codecs import codecs
from syncer_github.history import edited, worded_labels
from syncer_github.home import Home
from syncer_github.kin import SINGLE, Kin
from syncer_github.kinds import kinds, typed
from syncer_github.limits import Pace, is_githubs_own
from syncer_github.lookup import Lookup, number_of
from syncer_github.moves import Moves
from syncer_github.place import Facts, Repository
from syncer_github.records import Me, comment_of, label_names, record_of, when
from syncer_github.registration import Registration
from syncer_github.settings import GitHubSettings
from syncer_github.steps import Request, request_for, steps
from syncer_github.streams import Cursor, changed
from syncer_github.talk import Talk

AT_CREATE = frozenset({"title", "body", "status", "kind", "priority", "labels", "assignees"})
"""A status only as far as labels say it: an issue is born open, and closed by an update that follows."""
BORN = ("title", "body", "type")
"""Native fields a create sends as they are; GitHub takes no state there."""
MARGIN = timedelta(minutes=10)
"""How much older than our own clock says a record may look that we made."""
REMEMBERED = 5_000


class GitHubConnector:
    """Reads and writes the issues of one repository with one token."""

    def __init__(self, setting: Setting, options: GitHubSettings, shelf: Shelf) -> None:
        self._setting = setting
        self._name = setting.connection
        self._api = Api(setting, options, shelf)
        self._facts = Facts(self._api, setting.catalogue, options.repository)
        self._paced = is_githubs_own(options.url)
        self._pace = Pace(setting.connection, setting.clock, setting.sleep, setting.meter, setting.catalogue)
        self._lately: OrderedDict[str, Record] = OrderedDict()
        self._home = Home(self._api, self._facts, self._name)
        self._me = Me("")
        self._batch = Batch(self._api, self._name)
        self._lookup = Lookup(self._api, self._batch, self._name)
        self._kin = Kin(self._api, self._batch, setting.catalogue, options.repository)
        self._moves = Moves(self._home, self._kin, self._name)
        self._talk = Talk(self._api, self._home, self._name, self.get)
        self._registration = Registration(self._api, self._home, self._name)

    # -- the place ---------------------------------------------------------------------------

    async def open(self) -> Place:
        self._me, here = await self._home.open()
        labels = await self._facts.labels(here) if here.issues else ()
        people = await self._facts.people(here) if here.issues else ()
        self._kin.offered = self._paced or await self._facts.nests(self._batch)
        types = await self._facts.types(here) if typed(self._setting.tables) else ()
        return Place(
            title=here.name,
            url=here.url,
            private=here.private,
            me=Account(self._me.login, self._me.login),
            codecs=codecs(labels, nests=self._kin.offered),
            words=kinds(self._setting.tables, types, labels),
            at_create=AT_CREATE,
            accounts=[Account(login, login) for login in people],
        )

    async def check(self) -> Sequence[Problem]:
        return await findings(self._api, self._facts, self._setting)

    async def _opened(self) -> Repository:
        here, self._me = await self._home.opened(), await self._home.me()
        return here

    async def close(self) -> None:
        await self._api.close()

    # -- reading -----------------------------------------------------------------------------

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        try:
            async for page in self._changes(cursor):
                yield page
        except NotFoundError as error:
            # Every issue is out of sight then, and none of them gone.
            raise await self._home.hidden(error) from None

    async def _changes(self, cursor: str | None) -> AsyncIterator[Page]:
        here = await self._opened()
        read_to = Cursor.parse(cursor)
        # Comments first: what is said on an issue filed meanwhile then has its issue in the second list.
        # `heard` and `unsaid` stay empty: no page has all of an issue's comments, and what is deleted leaves no trace.
        async for stretch in changed(self._api, f"{here.path}/issues/comments", read_to.comments):
            comments = [comment_of(raw, self._name, self._me) for raw in stretch.things]
            if stretch.last:
                read_to = replace(read_to, comments=stretch.read_to)
            yield Page(comments=comments, cursor=str(read_to) if stretch.last else None)
        start, polled = read_to.issues, read_to.issues is not None
        for _ in range(2):
            async for stretch in changed(self._api, f"{here.path}/issues", start, state="all"):
                issues = [raw for raw in stretch.things if "pull_request" not in raw]
                if stretch.last:
                    read_to = replace(read_to, issues=stretch.read_to)
                yield Page([self._record(raw) for raw in await self._kin.placed(here, issues, polled=polled)])
            if not self._kin.again():
                break
        self._kin.keep()
        yield Page(cursor=str(read_to))

    def _record(self, raw: Raw) -> Record:
        record = record_of(raw, self._name, self._me)
        self._remember(record)
        return record

    def _remember(self, record: Record) -> None:
        self._lately[record.ref.id] = replace(record, fields={})
        self._lately.move_to_end(record.ref.id)
        if len(self._lately) > REMEMBERED:
            self._lately.popitem(last=False)

    async def get(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        here = await self._opened()
        found = await self._lookup.read(here.path, addresses)
        raws = [one for one in found.values() if not isinstance(one, Missing)]
        placed = {raw["id"]: raw for raw in await self._kin.placed(here, raws, SINGLE)}
        self._kin.keep()
        return {ref: one if isinstance(one, Missing) else self._record(placed[one["id"]]) for ref, one in found.items()}

    async def find(self, draft: Draft, since: datetime) -> Record | None:
        here = await self._opened()
        oldest = since - MARGIN
        found: list[Raw] = []
        # Not asked for by `creator`: under a login renamed meanwhile nothing is listed, as if the create had failed.
        async for page in self._api.pages(
            f"{here.path}/issues", {"state": "all", "sort": "created", "direction": "desc"}
        ):
            for raw in page:
                if when(raw, "created_at") < oldest:
                    return await self._found(here, found)
                if "pull_request" in raw:
                    continue
                record = self._record(raw)
                if record.own and record.marker == draft.marker:
                    # A later one is a copy of ours: "duplicate issue" takes the marker along.
                    found = [raw]
        return await self._found(here, found)

    async def _found(self, here: Repository, raws: Sequence[Raw]) -> Record | None:
        return next((self._record(raw) for raw in await self._kin.placed(here, raws)), None)

    # -- writing -----------------------------------------------------------------------------

    async def create(self, draft: Draft) -> Receipt:
        await self._opened()
        body = draft.patch.get("body")
        send: dict[str, JSON] = {n: v for n, v in _plain(draft.patch).items() if n in BORN and v is not None}
        send["body"] = with_marker(body if isinstance(body, str) else "", draft.marker)
        for name in ("labels", "assignees"):
            delta = draft.patch.get(name)
            if isinstance(delta, Delta) and delta.add:
                send[name] = sorted(delta.add)
        await self._turn()
        try:
            response = await self._home.write("POST", "/issues", send)
        except NotFoundError as error:
            raise await self._home.hidden(error) from None
        # What is just made stands under nothing.
        raw = self._api.single(response)
        self._kin.learn(raw)
        return _receipt(self._record({"parent": None, **raw}))

    def steps(self, patch: Patch) -> Sequence[Patch]:
        return steps(patch)

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        if "parent" in patch:
            return await self._move(address, patch["parent"], now)
        request = request_for(patch)
        issue = f"/issues/{number_of(address)}"
        try:
            response = await self._home.write(request.method, issue + request.path, request.body)
        except NotFoundError as error:
            if request.method == "DELETE" and request.answers == "labels" and error.status != httpx.codes.GONE:
                # The label may be gone already; a missing issue says so when it is read.
                return await self._reread(address)
            raise
        return await self._shown(request, response, address, now)

    async def _shown(self, request: Request, response: httpx.Response, address: Address, now: Native) -> Receipt:
        """Return the receipt for what GitHub answered, asking again only where it said too little."""
        body = _json(response)
        if request.answers == "issue" and isinstance(body, dict) and "number" in body:
            # No such write moves an issue, and not every answer names the parent.
            return _receipt(self._record({**body, "parent": now.get("parent")}))
        lately = self._lately.get(address.ref.id)
        if request.answers == "labels" and isinstance(body, list) and lately is not None:
            return _receipt(replace(lately, fields={**now, "labels": label_names(body)}))
        return await self._reread(address)

    async def _move(self, address: Address, want: JSON | Delta, now: Native) -> Receipt:
        """Put the issue under another one. The answer is about the parent, so that the child is read."""
        if want is not None:
            await self._turn()
        try:
            await self._moves.put(address, want if isinstance(want, Mapping) else None, now.get("parent"))
        except RejectedError:
            receipt = await self._reread(address)
            if receipt.record is not None and shows(receipt.record.fields.get("parent"), want):
                return receipt
            raise
        return await self._reread(address)

    async def _reread(self, address: Address) -> Receipt:
        found = (await self.get([address]))[address.ref]
        if isinstance(found, Record):
            return _receipt(found)
        raise NotFoundError(f"{address.key} is {found.state}", connection=self._name)

    async def _turn(self) -> None:
        if self._paced:
            await self._pace.turn()

    # -- comments ----------------------------------------------------------------------------

    async def find_comment(self, item: Address, marker: str, client_id: str, since: datetime) -> Comment | None:
        del client_id  # GitHub chooses the ids itself
        return await self._talk.find(item, marker, since - MARGIN)

    async def comment(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        del client_id  # GitHub chooses the ids itself
        await self._turn()
        return await self._talk.say(item, body, marker)

    async def comments(self, item: Address) -> Sequence[Comment]:
        return await self._talk.whole(item)

    async def edit_comment(self, item: Address, comment: Ref, body: str, marker: str) -> Comment:
        return await self._talk.reword(item, comment, body, marker)

    async def delete_comment(self, item: Address, comment: Ref) -> None:
        await self._talk.unsay(item, comment)

    async def archive(self, address: Address) -> Receipt:
        raise RejectedError(
            f"{address.key} cannot be put away: GitHub has no archive for issues", connection=self._name
        )

    # -- webhooks ----------------------------------------------------------------------------

    async def hooks(self) -> Sequence[Hook]:
        return await self._registration.hooks()

    async def add_hook(self, url: str, secret: str) -> Hook:
        return await self._registration.add(url, secret)

    async def remove_hook(self, hook: Hook) -> None:
        await self._registration.remove(hook)

    # -- history -----------------------------------------------------------------------------

    async def history(self, address: Address, fields: frozenset[str]) -> Mapping[str, Edited]:
        here = await self._opened()
        issue = f"{here.path}/issues/{number_of(address)}"
        events = await self._events(issue)
        found = edited(events, worded_labels(self._setting.tables))
        return {field: edit for field, edit in found.items() if field in fields}

    async def _events(self, issue: str) -> list[Raw]:
        """Return the issue's events; a server without them keeps no history."""
        for path in (f"{issue}/events", f"{issue}/timeline"):
            pages = [page async for page in self._api.pages(path, {}, optional=True)]
            if pages:
                return [raw for page in pages for raw in page]
        return []


def _plain(patch: Patch) -> dict[str, JSON]:
    return {name: value for name, value in patch.items() if not isinstance(value, Delta)}


def _receipt(record: Record) -> Receipt:
    return Receipt(record.ref, record.key, record.url, record)


def _json(response: httpx.Response) -> Any:  # noqa: ANN401 -- the JSON border
    try:
        return response.json()
    except ValueError:
        return None
