"""The connector over a tracker held in memory."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncer.connector import Budget, Meter, Place, Word
from syncer.errors import ConnectorError, CredentialsError, NotFoundError, RejectedError, UnavailableError
from syncer.model import (
    FIELDS,
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
from syncer.sdk.memory_dialect import BOT, NATIVES, canonical, codecs
from syncer.sdk.memory_feed import Feed, Paging, cursor_of, since_of
from syncer.sdk.memory_tracker import Tracker
from syncer.sdk.memory_values import Crash, Fault, Row, Said


@dataclass(slots=True)
class _Uncounted:
    def request(self) -> None: ...

    def throttled(self, seconds: float, reason: str) -> None: ...

    def budget(self, budget: Budget) -> None: ...


@dataclass(slots=True)
class MemoryConnector:
    """`split`: writes of the status travel alone. `find_lags`: `find` asks an index that lags."""

    tracker: Tracker
    connection: str
    paging: Paging = field(default_factory=Paging)
    split: bool = False
    find_lags: bool = False
    token: str | None = None
    meter: Meter = field(default_factory=_Uncounted)

    # -- finding out -------------------------------------------------------------------------

    async def open(self) -> Place:
        """Find the place as with a catalogue that knows it all: nothing is counted."""
        tracker = self.tracker
        self._ask("open")
        return Place(
            title=tracker.name,
            url=f"https://{tracker.name}.example",
            private=tracker.private,
            me=BOT,
            codecs=codecs(
                tracker.fields,
                statuses=tracker.statuses,
                people=tracker.people,
                spaced_labels=tracker.spaced_labels,
                single_assignee=tracker.single_assignee,
            ),
            words={name: words for name, words in self._words().items() if name in tracker.fields},
            at_create=frozenset(tracker.fields) - frozenset(tracker.late),
            accounts=tuple(tracker.people.values()),
            lags=bool(tracker.lag),
            remembers=tracker.keeps_history,
        )

    def _words(self) -> Mapping[str, Sequence[Word]]:
        tracker = self.tracker
        return {
            "status": [{"stage": w, "category": c} for w, c in tracker.statuses.items()],
            "kind": [{"sort": w} for w in tracker.kinds],
            "priority": [{"rank": w} for w in tracker.priorities],
        }

    async def check(self) -> Sequence[Problem]:
        self._ask("check")
        return ()

    # -- reading -----------------------------------------------------------------------------

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        since, heard = since_of(cursor)
        top = since
        for rows in self._feed().rows(since):
            top = max([top, *(r.updated for r in rows)])
            # Newest first: what is older is still to come, so the cursor stands until the end.
            saved = None if self.paging.newest_first else cursor_of(top, heard)
            yield self._page(rows, saved)
        if self.tracker.comments_with_records:
            yield Page(cursor=cursor_of(top, heard))
            return
        for said in self._feed().said(heard):
            heard = max([heard, *(s.updated for s in said)])
            yield Page(
                comments=[self._comment(s) for s in said if not s.deleted],
                cursor=cursor_of(top, heard),
                unsaid=[self._spoken(s) for s in said if s.deleted],
            )

    def _page(self, rows: Sequence[Row], cursor: str | None) -> Page:
        records = [self._record(r) for r in rows]
        if not self.tracker.comments_with_records:
            return Page(records=records, cursor=cursor)
        shown = {r.id for r in rows}
        return Page(
            records=records,
            comments=[self._comment(s) for s in self.tracker.heard() if s.item in shown and not s.deleted],
            cursor=cursor,
            heard=[*dict.fromkeys(r.ref for r in records)],
        )

    def _feed(self) -> Feed:
        return Feed(self.tracker, self.paging, lambda: self._ask("changes"))

    async def get(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        if addresses:
            self._ask("get")
        return {a.ref: self._found(a.ref) for a in addresses}

    def _found(self, ref: Ref) -> Record | Missing:
        try:
            row = self.tracker.row(ref.id)
        except KeyError:
            return Missing(ref, State.UNREACHABLE)
        if row.state in {State.HERE, State.ARCHIVED}:
            return self._record(row)
        if row.state is State.GONE and self.tracker.purges:
            return Missing(ref, State.UNREACHABLE)
        return Missing(ref, row.state, to=row.key if row.state is State.MOVED else None)

    async def find(self, draft: Draft, since: datetime) -> Record | None:
        self._ask("find")
        rows = self.tracker.listed() if self.find_lags else self.tracker.rows()
        return next((self._record(r) for r in rows if self._is_of(r.id, r.marker, draft)), None)

    def _is_of(self, id_: str, marker: str | None, draft: Draft) -> bool:
        return marker == draft.marker or (self.tracker.client_ids and id_ == draft.client_id)

    async def history(self, address: Address, fields: frozenset[str]) -> Mapping[str, Edited]:
        if not self.tracker.keeps_history:
            return {}
        self._ask("history")
        edited = self.tracker.row(address.ref.id).history
        return {f: edited[NATIVES[f]] for f in FIELDS if f in fields and NATIVES[f] in edited}

    # -- writing -----------------------------------------------------------------------------

    async def create(self, draft: Draft) -> Receipt:
        late = [n for f, n in NATIVES.items() if f in self.tracker.late and n in draft.patch]
        fault = self._ask("create")
        if late:
            raise RejectedError(f"cannot be set at create: {late}", connection=self.connection)
        row = self._existing(draft)
        if row is None:
            chosen = draft.client_id if self.tracker.client_ids else None
            patch = _dropped(draft.patch, fault)
            row = self.tracker.insert(patch, by=BOT.id, marker=draft.marker, chosen=chosen)
            self._effect("create", row.id)
        self._answer(fault)
        return self._receipt(row, bare="create" in self.tracker.bare)

    def _existing(self, draft: Draft) -> Row | None:
        """Return the record that already has the id we chose: that call had arrived."""
        if not self.tracker.client_ids:
            return None
        try:
            row = self.tracker.row(draft.client_id)
        except KeyError:
            return None
        if row.state is not State.HERE:
            raise RejectedError("the record under this id is no longer here", connection=self.connection)
        return row

    def steps(self, patch: Patch) -> Sequence[Patch]:
        if not self.split or "stage" not in patch or len(patch) == 1:
            return [patch] if patch else []
        rest = {name: want for name, want in patch.items() if name != "stage"}
        return [rest, {"stage": patch["stage"]}]

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        fault = self._ask("update")
        for step in self._walk(address.ref.id, _dropped(patch, fault)):
            row = self._written(address.ref.id, step)
        self._answer(fault)
        return self._receipt(row, bare="update" in self.tracker.bare)

    def _written(self, record: str, patch: Patch) -> Row:
        with self._named():
            row = self.tracker.change(record, patch, by=BOT.id)
        self._effect("update", record)
        return row

    async def archive(self, address: Address) -> Receipt:
        fault = self._ask("archive")
        record = address.ref.id
        with self._named():
            if self.tracker.put_away(record):
                self._effect("archive", record)
        self._answer(fault)
        return self._receipt(self.tracker.row(record), bare="archive" in self.tracker.bare)

    def _walk(self, record: str, patch: Patch) -> Iterator[Patch]:
        """Yield the effects of one write: where words are not all open from each other, one a move."""
        target = patch.get("stage")
        if self.tracker.moves is None or not isinstance(target, str):
            yield patch
            return
        *between, last = self._path(str(self.tracker.row(record).fields["stage"]), target)
        for word in between:
            yield {"stage": word}
            self._answer(self._ask("transition"))
        yield {**patch, "stage": last}

    def _path(self, start: str, target: str) -> Sequence[str]:
        """Return the shortest way to *target*. Raises `RejectedError` where there is none."""
        moves = self.tracker.moves or {}
        ways: deque[list[str]] = deque([[start]])
        seen = {start}
        while ways:
            way = ways.popleft()
            if way[-1] == target:
                return way[1:] or way
            for word in moves.get(way[-1], ()):
                if word not in seen:
                    seen.add(word)
                    ways.append([*way, word])
        raise RejectedError(f'no way from "{start}" to "{target}"', connection=self.connection)

    # -- comments ----------------------------------------------------------------------------

    async def find_comment(self, item: Address, marker: str, client_id: str, since: datetime) -> Comment | None:
        self._ask("find_comment")
        said = (s for s in self.tracker.comments(item.ref.id) if not s.restricted)
        return next((self._comment(s) for s in said if s.marker == marker), None)

    async def comment(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        fault = self._ask("comment")
        chosen = client_id if self.tracker.client_ids else None
        ours = (s for s in self.tracker.comments(item.ref.id) if s.id == chosen)
        said = next(ours, None)
        if said is None:
            with self._named():
                said = self.tracker.speak(item.ref.id, body, by=BOT.id, marker=marker, chosen=chosen)
            self._effect("comment", said.id)
        self._answer(fault)
        return self._comment(said)

    async def comments(self, item: Address) -> Sequence[Comment]:
        self._ask("comments")
        with self._named():
            self.tracker.readable(item.ref.id)
        return [self._comment(s) for s in self.tracker.comments(item.ref.id) if not s.restricted]

    async def edit_comment(self, item: Address, comment: Ref, body: str, marker: str) -> Comment:
        fault = self._ask("edit_comment")
        with self._named():
            before = self.tracker.own(item.ref.id, comment.id, BOT.id)
            after = self.tracker.reword(before, body, marker=marker)
        if after is not before:
            self._effect("edit_comment", comment.id)
        self._answer(fault)
        return self._comment(after)

    async def delete_comment(self, item: Address, comment: Ref) -> None:
        fault = self._ask("delete_comment")
        with contextlib.suppress(NotFoundError), self._named():
            said = self.tracker.own(item.ref.id, comment.id, BOT.id)
            self.tracker.delete_comment(said.id)
            self._effect("delete_comment", said.id)
        self._answer(fault)

    async def close(self) -> None:
        """Nothing is held open."""

    # -- answers -----------------------------------------------------------------------------

    def _record(self, row: Row) -> Record:
        return Record(
            ref=Ref(self.connection, "issue", row.id),
            key=row.key,
            url=self._url(row),
            created=row.created,
            updated=row.updated,
            fields=row.fields,
            state=row.state,
            marker=row.marker,
            own=row.author == BOT.id,
            synced_by=row.synced_by,
            author=self._account(row.author),
        )

    def _comment(self, said: Said) -> Comment:
        return Comment(
            ref=self._spoken(said),
            item=Ref(self.connection, "issue", said.item),
            body=canonical(said.body),
            author=self._account(said.author),
            created=said.created,
            updated=said.updated,
            url=f"{self._url(self.tracker.row(said.item))}#{said.id}",
            marker=said.marker,
            own=said.author == BOT.id,
        )

    def _spoken(self, said: Said) -> Ref:
        return Ref(self.connection, "comment", said.id)

    def _receipt(self, row: Row, *, bare: bool) -> Receipt:
        ref = Ref(self.connection, "issue", row.id)
        return Receipt(ref, row.key, self._url(row), None if bare else self._record(row))

    def _url(self, row: Row) -> str:
        return f"https://{self.tracker.name}.example/{row.key}"

    def _account(self, person: str) -> Account:
        return BOT if person == BOT.id else self.tracker.people.get(person, Account(person))

    # -- mishaps -----------------------------------------------------------------------------

    def _ask(self, call: str) -> Fault | None:
        """Count the call, and let happen what happens before it takes effect."""
        if call != "open":
            self.meter.request()
        fault = self.tracker.strike(call)
        if self.tracker.down:
            raise UnavailableError("down", connection=self.connection, sent=False)
        if self.token not in {None, self.tracker.token}:
            raise CredentialsError("401: this token opens nothing", connection=self.connection, status=401)
        match fault.kind if fault else None:
            case "before":
                raise UnavailableError("refused", connection=self.connection, sent=False)
            case "sent":
                raise UnavailableError("no answer", connection=self.connection)
            case "reject":
                raise RejectedError("422: not like this", connection=self.connection, status=422)
            case "crash_before":
                raise Crash(call)
        # A reading has no effect to come after: its answer is lost all the same.
        if fault is not None and call not in _WRITES:
            self._answer(fault)
        return fault

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Say in every refusal of the tracker whose it is."""
        try:
            yield
        except ConnectorError as error:
            error.connection = self.connection
            raise

    def _effect(self, call: str, record: str) -> None:
        self.tracker.effects.append((call, record))

    def _answer(self, fault: Fault | None) -> None:
        """Let happen what happens after the effect, on the way back."""
        match fault.kind if fault else None:
            case "after":
                raise UnavailableError("no full answer", connection=self.connection)
            case "crash_after":
                raise Crash


_WRITES = frozenset({"create", "update", "transition", "archive", "comment", "edit_comment", "delete_comment"})


def _dropped(patch: Patch, fault: Fault | None) -> Patch:
    if fault is None or fault.kind != "drop":
        return patch
    return {name: want for name, want in patch.items() if name != fault.field}
