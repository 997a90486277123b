"""Comments as they come: into the store, to their place, and gone only when the tracker says so itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
import structlog

from syncer.errors import NotFoundError
from syncer.live import Live, Session
from syncer.model import Address, Comment, Page, Ref, State, marker_link, thread_id
from syncer.store import items, threads
from syncer.store.items import Row
from syncer.store.threads import Remark

log = structlog.get_logger()


def take(tx: sa.Connection, session: Session, comments: Sequence[Comment], now: datetime) -> None:
    """Save what was said, and have the items be looked at where it is news."""
    if not comments or not session.rules.comments:
        return
    known = threads.known(tx, session.sync, [c.ref for c in comments])
    fresh: dict[Ref, Remark] = {}
    same: list[Ref] = []
    touched: list[Ref] = []
    for comment in comments:
        old = fresh.get(comment.ref) or known.get(comment.ref)
        if old is not None and not _is_news(comment, old):
            same.append(comment.ref)
            continue
        item = _item_ref(tx, session, comment)
        fresh[comment.ref] = _remark(session, comment, item, old, now)
        if item is not None:
            touched.append(item)
    rows = items.rows_by_ref(tx, session.sync, touched)
    early = {r.id for r, row in rows.items() if row.link is None}
    kept = [r if r.comment.ref in known else replace(r, early=r.item in early) for r in fresh.values()]
    threads.touch(tx, session.sync, same, now)
    threads.save(tx, session.sync, kept)
    items.save_rows(tx, session.sync, [replace(r, dirty=True) for r in rows.values()])


def _is_news(comment: Comment, old: Remark) -> bool:
    if old.gone:
        return True
    if comment.updated == old.comment.updated:
        return comment.body != old.comment.body
    return comment.updated > old.comment.updated


def _item_ref(tx: sa.Connection, session: Session, comment: Comment) -> Ref | None:
    if isinstance(comment.item, Ref):
        return comment.item
    return items.ref_of_key(tx, session.sync, comment.ref.connection, comment.item)


def _remark(session: Session, comment: Comment, item: Ref | None, old: Remark | None, now: datetime) -> Remark:
    if old is not None:
        return replace(old, comment=comment, read_at=now, gone=False)
    marked = None
    if comment.own and comment.marker:
        marked = marker_link(session.store.key, comment.marker, comment.ref.connection)
    spot = item.id if item is not None else f"?{comment.item}"
    wrote = comment.body if marked is not None else ""
    return Remark(comment, spot, marked or thread_id(comment.ref), marked is not None, read_at=now, wrote=wrote)


def _stir(tx: sa.Connection, session: Session, refs: Sequence[Ref]) -> None:
    """Make the commented records be looked at."""
    rows = items.rows_by_ref(tx, session.sync, refs)
    items.save_rows(tx, session.sync, [replace(r, dirty=True) for r in rows.values()])


def place(session: Session, live: Live) -> None:
    """Give comments that came before their record their place; drop those on what we do not sync."""
    with session.store.write() as tx:
        waiting = threads.unplaced(tx, session.sync, live.name)
        placed: list[Remark] = []
        touched: list[Ref] = []
        for remark in waiting:
            ref = items.ref_of_key(tx, session.sync, live.name, remark.item.removeprefix("?"))
            if ref is not None:
                early = items.link_of(tx, session.sync, ref) is None
                placed.append(replace(remark, item=ref.id, early=early))
                touched.append(ref)
        threads.save(tx, session.sync, placed)
        threads.drop_unplaced(tx, session.sync, live.name)
        _stir(tx, session, touched)


# -- what is no longer said --------------------------------------------------------------------


async def verify(session: Session, live: Live, page: Page) -> None:
    """Ask about comments that a page hints to be gone: missing where all were shown, or shown as deleted."""
    if not session.rules.comments or not (page.heard or page.unsaid):
        return
    shown = {c.ref for c in page.comments}
    with session.store.read() as tx:
        said = threads.of_items(tx, session.sync, list(page.heard))
        missing = [r for remarks in said.values() for r in remarks if not r.gone and r.comment.ref not in shown]
        missing += [r for r in threads.known(tx, session.sync, list(page.unsaid)).values() if not r.gone]
    await _confirm(session, live, missing)


async def look(session: Session, live: Live, refs: Collection[Ref]) -> None:
    """Read all that is said on linked records directly: what is new, reworded, or no longer there."""
    if not session.rules.comments:
        return
    with session.store.read() as tx:
        rows = items.rows_by_ref(tx, session.sync, sorted(set(refs)))
        said = threads.of_items(tx, session.sync, list(rows))
    for ref, row in rows.items():
        if row.link is None or row.copy.state is not State.HERE:
            continue
        try:
            present = await live.connector.comments(Address(ref, row.copy.key))
        except NotFoundError:
            continue  # the item itself is out of reach: its comments are not judged
        known = [r for r in said.get(ref, []) if not r.gone]
        _bury(session, row, known, {c.ref: c for c in present})


async def sweep(session: Session, live: Live, started: datetime) -> None:
    """After a complete listing begun at *started*: ask about the comments it did not show."""
    if not session.rules.comments:
        return
    with session.store.read() as tx:
        missing = threads.not_read_since(tx, session.sync, live.name, started)
    await _confirm(session, live, missing)


async def _confirm(session: Session, live: Live, missing: Iterable[Remark]) -> None:
    """Read the comments of the items in doubt directly; what is not there is gone."""
    doubtful: dict[str, list[Remark]] = {}
    for remark in missing:
        doubtful.setdefault(remark.item, []).append(remark)
    refs = [Ref(live.name, live.place.entity, item) for item in doubtful]
    with session.store.read() as tx:
        rows = items.rows_by_ref(tx, session.sync, refs)
    for ref, row in rows.items():
        if row.link is None or row.copy.state is not State.HERE:
            continue
        try:
            present = await live.connector.comments(Address(ref, row.copy.key))
        except NotFoundError:
            continue  # the item itself is out of reach: its comments are not judged
        _bury(session, row, doubtful[ref.id], {c.ref: c for c in present})


def _bury(session: Session, row: Row, remarks: Sequence[Remark], present: Mapping[Ref, Comment]) -> None:
    item, now = row.copy.ref, session.clock()
    gone = [replace(r, gone=True, read_at=now) for r in remarks if r.comment.ref not in present]
    with session.store.write() as tx:
        threads.save(tx, session.sync, gone)
        take(tx, session, [replace(c, item=item) for c in present.values()], now)
        if any(not r.mirror for r in gone):
            _stir(tx, session, [item])
    for remark in gone:
        log.info("comment.gone", link=row.link, ref=str(remark.comment.ref), item=str(item), mirror=remark.mirror)
