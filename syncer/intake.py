"""Fetch and read: what the trackers say now, into the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from syncer import remarks
from syncer.connector import Selects
from syncer.errors import ConnectorError, SyncerError
from syncer.links import Copy
from syncer.live import Live, Session, together
from syncer.model import IN_FILTER, Address, Missing, Native, Page, Record, Ref, State, normal_title
from syncer.store import items, leads
from syncer.store.items import Bookmark, Row

log = structlog.get_logger()

SWEEP = timedelta(days=1)
"""At least this often a connection is listed completely: some changes move no stamp."""

BREATH = timedelta(seconds=2)
"""Within this a tracker finishes what a create began."""

UNREAD = datetime.fromtimestamp(0, UTC)
"""The stamp of a copy whose tracker answered our write without saying when it happened."""


async def fetch(session: Session, *, full: bool) -> None:
    """Read every connection from its cursor on, all at once; one that fails is left out of this run."""

    async def one(live: Live) -> None:
        try:
            await _fetch_one(session, live, full=full)
        except ConnectorError as error:
            session.lose(live.name, error)

    await together(*(one(live) for live in session.up()))


async def follow(session: Session) -> None:
    """Look where webhooks said that something changed, and nowhere else; what could not be read is looked at
    next time."""

    async def one(live: Live) -> None:
        try:
            await _follow_one(session, live)
        except ConnectorError as error:
            session.lose(live.name, error)

    with session.store.write() as tx:
        leads.drop_known(tx, session.sync)
    await together(*(one(live) for live in session.up()))


async def _follow_one(session: Session, live: Live) -> None:
    with session.store.read() as tx:
        noted = [n for n in leads.pending(tx, session.sync) if n.connection == live.name]
    if not noted:
        return
    addresses = {n.lead.address.ref: n.lead.address for n in noted}
    await reread(session, live, list(addresses.values()))
    await remarks.look(session, live, [n.lead.address.ref for n in noted if n.lead.comment is not None])
    with session.store.write() as tx:
        leads.follow(tx, session.sync, noted)
    session.read += len(addresses)
    log.info("leads.followed", connection=live.name, records=len(addresses))


async def _fetch_one(session: Session, live: Live, *, full: bool) -> None:
    started = session.clock()
    with session.store.read() as tx:
        mark = items.bookmark(tx, session.sync, live.name)
        had = items.count_here(tx, session.sync, live.name)
    if mark is not None and mark.place != live.place.url:
        mark = None
    listed_at = mark.listed_at if mark else None
    full = full or listed_at is None or started - listed_at >= SWEEP
    cursor = mark.value if mark and mark.value and not full else None
    seen = 0
    async for page in live.connector.changes(cursor):
        seen += len(page.records)
        doubtful = _take_page(session, live, page)
        await remarks.verify(session, live, page)
        if page.cursor is not None:
            saved = Bookmark(page.cursor, live.place.url, listed_at)
            with session.store.write() as tx:
                items.save_bookmark(tx, session.sync, live.name, saved)
        if doubtful:
            await reread(session, live, doubtful)
        if session.halted():
            return
    session.read += seen
    remarks.place(session, live)
    if cursor is None:
        await _finish_listing(session, live, seen=seen, had=had, started=started)
    log.info("connection.read", connection=live.name, records=seen, complete=cursor is None)


async def _finish_listing(session: Session, live: Live, *, seen: int, had: int, started: datetime) -> None:
    """After a complete listing: what was not in it is asked for by id, and only then believed gone."""
    if seen == 0 and had > 1 and "empty" not in session.allowed:
        session.emptied[live.name] = had
        return
    with session.store.write() as tx:
        absent = items.not_read_since(tx, session.sync, live.name, started)
        items.drop_unlisted(tx, session.sync, live.name, started)
    if absent:
        await reread(session, live, [Address(r.copy.ref, r.copy.key) for r in absent])
    if seen == 0 and had and "empty" not in session.allowed and _still_somewhere(session, live, absent):
        session.emptied[live.name] = had
    await remarks.sweep(session, live, started)
    with session.store.write() as tx:
        # Last, so that a listing whose doubts were not cleared is made again.
        mark = items.bookmark(tx, session.sync, live.name)
        saved = Bookmark(mark.value if mark else "", live.place.url, started)
        items.save_bookmark(tx, session.sync, live.name, saved)


def _still_somewhere(session: Session, live: Live, absent: Sequence[Row]) -> bool:
    """Say whether a copy no listing shows is not gone by the tracker's own word either."""
    with session.store.read() as tx:
        rows = items.rows_by_ref(tx, session.sync, [r.copy.ref for r in absent])
    return any(r.copy.state is not State.GONE for r in rows.values())


async def reread(session: Session, live: Live, addresses: Sequence[Address]) -> frozenset[Ref]:
    """Read records directly by id and take that for the truth; return those that had changed."""
    answers = await _admitted(session, live, await live.connector.get(addresses))
    now = session.clock()
    changed: list[Row] = []
    stamped: list[Row] = []
    same: list[str] = []
    with session.store.write() as tx:
        known = items.rows_by_ref(tx, session.sync, list(answers))
        for ref, answer in answers.items():
            old = known.get(ref)
            row = _judge_direct(session, live, old, answer, now)
            if row is not None:
                changed.append(row)
            elif old is not None and isinstance(answer, Record) and answer.updated > old.copy.updated:
                stamped.append(replace(old, copy=replace(old.copy, updated=answer.updated, read_at=now)))
            elif old is not None:
                same.append(ref.id)
        items.save_rows(tx, session.sync, [*changed, *stamped])
        items.touch(tx, session.sync, live.name, same, now)
    session.direct.update(dict.fromkeys(answers, now))
    return frozenset(r.copy.ref for r in changed)


async def _admitted(
    session: Session, live: Live, answers: Mapping[Ref, Record | Missing]
) -> Mapping[Ref, Record | Missing]:
    """Say of records that are not linked whether they meet the connection's filter, as a listing does."""
    if not isinstance(live.connector, Selects):
        return answers
    with session.store.read() as tx:
        known = items.rows_by_ref(tx, session.sync, list(answers))
    linked = {ref for ref, row in known.items() if row.link is not None}
    free = [a for ref, a in answers.items() if isinstance(a, Record) and ref not in linked]
    if not free:
        return answers
    inside = await live.connector.within([a.ref for a in free])
    if inside is None:
        return answers
    marked = {a.ref: replace(a, fields={**a.fields, IN_FILTER: a.ref in inside}) for a in free}
    return {**answers, **marked}


def _judge_direct(session: Session, live: Live, old: Row | None, answer: Record | Missing, now: datetime) -> Row | None:
    if isinstance(answer, Missing):
        if old is None or old.copy.state is answer.state:
            return None
        if old.link is not None:
            log.warning("copy.missed", link=old.link, ref=str(answer.ref), state=str(answer.state), to=answer.to)
        return replace(old, copy=replace(old.copy, state=answer.state, read_at=now), dirty=True)
    if old is None or _differs(old, answer):
        return _row(live, old, answer, now)
    return None


def _take_page(session: Session, live: Live, page: Page) -> list[Address]:
    """Save a page; return records whose stamp is known but whose content is not."""
    now = session.clock()
    doubtful: list[Address] = []
    changed: list[Row] = []
    same: list[str] = []
    with session.store.write() as tx:
        known = items.rows_by_ref(tx, session.sync, [r.ref for r in page.records])
        for record in page.records:
            old = known.get(record.ref)
            if old is None:
                changed.append(_row(live, None, record, now))
            elif record.updated < old.copy.updated:
                continue
            elif not _differs(old, record):
                same.append(record.ref.id)
                if record.updated > old.copy.updated:
                    copy = replace(old.copy, updated=record.updated, read_at=now)
                    changed.append(replace(old, copy=copy))
            elif record.updated == old.copy.updated:
                doubtful.append(Address(record.ref, record.key))
            else:
                changed.append(_row(live, old, record, now))
        items.save_rows(tx, session.sync, _newest(changed))
        items.touch(tx, session.sync, live.name, same, now)
        remarks.take(tx, session, page.comments, now)
    return doubtful


def _newest(rows: Iterable[Row]) -> list[Row]:
    """Return one row per record: a page may say the same record twice."""
    best: dict[Ref, Row] = {}
    for row in rows:
        have = best.get(row.copy.ref)
        if have is None or row.copy.updated >= have.copy.updated:
            best[row.copy.ref] = row
    return list(best.values())


def _title(live: Live, record: Record) -> str:
    try:
        title = live.mapper.read("title", record.fields)
    except SyncerError:
        return ""
    return normal_title(title) if isinstance(title, str) else ""


def _above(live: Live, record: Record) -> str:
    try:
        return live.mapper.above(record.fields)
    except SyncerError:
        return ""


def _differs(old: Row, record: Record) -> bool:
    copy = old.copy
    return (
        copy.updated == UNREAD
        or _judged(old, copy.seen) != _judged(old, record.fields)
        or copy.state is not record.state
        or (copy.key, copy.url) != (record.key, record.url)
        or old.record.synced_by != record.synced_by
        or (record.marker is not None and old.record.marker != record.marker)
    )


def _judged(old: Row, fields: Native) -> Native:
    """Return what counts of *fields*: the filter is about unlinked records alone, and not every reading tells."""
    return fields if old.link is None else {name: said for name, said in fields.items() if name != IN_FILTER}


def _row(live: Live, old: Row | None, record: Record, now: datetime) -> Row:
    """Return the row for a record just read; what was agreed of it stays."""
    copy = Copy(
        ref=record.ref,
        key=record.key,
        url=record.url,
        created=record.created,
        updated=record.updated,
        seen=record.fields,
        read_at=now,
        state=record.state,
        own=record.own,
    )
    if old is None:
        title, above = _title(live, record), _above(live, record)
        return Row(copy, record, None, dirty=True, scoped=False, title=title, above=above)
    # A listing that lags says nothing about when its reading was true.
    read_at = None if live.place.lags else old.copy.read_at
    since = old.copy.known_until if old.dirty and old.copy.known_until else read_at
    copy = replace(copy, base=old.copy.base, known_until=since, own=old.copy.own or record.own)
    copy = replace(copy, made=old.copy.made)
    if old.copy.updated == UNREAD and record.updated - record.created <= BREATH:
        # We made it, and nobody has touched it since: whatever differs from what we sent is no edit.
        copy = replace(copy, base=live.mapper.slices(record.fields))
    title, above = _title(live, record), _above(live, record)
    return replace(old, copy=copy, record=record, dirty=True, title=title, above=above)
