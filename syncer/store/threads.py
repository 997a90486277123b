"""Comments and their mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from syncer.model import Comment, Ref
from syncer.store import encoding as code
from syncer.store.items import batches, upsert
from syncer.store.schema import comments


@dataclass(frozen=True, slots=True)
class Remark:
    """A stored comment. `item` is the record's id; `thread` its thread; `mirror` says we wrote it.

    Of a mirror, `wrote` is its text as our last write left it, `source` tells the words it was made
    of. `gone`: the tracker has it no more. `early`: it was there before its record had an item.
    """

    comment: Comment
    item: str
    thread: str
    mirror: bool
    read_at: datetime | None = None
    gone: bool = False
    early: bool = False
    wrote: str = ""
    source: str = ""


def save(tx: sa.Connection, sync: str, remarks: Sequence[Remark]) -> None:
    rows = [
        {
            "sync": sync,
            "connection": r.comment.ref.connection,
            "id": r.comment.ref.id,
            "item": r.item,
            "thread": r.thread,
            "mirror": int(r.mirror),
            "gone": int(r.gone),
            "early": int(r.early),
            "created": code.stamp(r.comment.created),
            "updated": code.stamp(r.comment.updated),
            "read_at": code.stamp(r.read_at),
            "wrote": r.wrote,
            "source": r.source,
            "doc": code.dumps(code.comment_out(r.comment)),
        }
        for r in remarks
    ]
    upsert(tx, comments, rows)


def touch(tx: sa.Connection, sync: str, refs: Sequence[Ref], when: datetime) -> None:
    """Note that comments were read again and had not changed."""
    for connection in {r.connection for r in refs}:
        for ids in batches(r.id for r in refs if r.connection == connection):
            where = (comments.c.sync == sync, comments.c.connection == connection, comments.c.id.in_(ids))
            tx.execute(sa.update(comments).where(*where).values(read_at=code.stamp(when)))


def not_read_since(tx: sa.Connection, sync: str, connection: str, when: datetime) -> list[Remark]:
    """Return comments believed present that a listing begun at *when* did not show."""
    query = sa.select(comments).where(
        comments.c.sync == sync,
        comments.c.connection == connection,
        comments.c.gone == 0,
        comments.c.item.not_like("?%"),
        comments.c.read_at < code.stamp(when),
    )
    return [_in(row) for row in tx.execute(query)]


def known(tx: sa.Connection, sync: str, refs: Sequence[Ref]) -> dict[Ref, Remark]:
    found: dict[Ref, Remark] = {}
    for connection in {r.connection for r in refs}:
        for ids in batches(r.id for r in refs if r.connection == connection):
            query = sa.select(comments).where(
                comments.c.sync == sync, comments.c.connection == connection, comments.c.id.in_(ids)
            )
            for row in tx.execute(query):
                remark = _in(row)
                found[remark.comment.ref] = remark
    return found


def of_items(tx: sa.Connection, sync: str, refs: Sequence[Ref]) -> dict[Ref, list[Remark]]:
    """Return the comments on each of the records, oldest first."""
    found: dict[Ref, list[Remark]] = {r: [] for r in refs}
    by_spot = {(r.connection, r.id): r for r in refs}
    for connection in {r.connection for r in refs}:
        for ids in batches(r.id for r in refs if r.connection == connection):
            query = (
                sa.select(comments)
                .where(comments.c.sync == sync, comments.c.connection == connection, comments.c.item.in_(ids))
                .order_by(comments.c.created, comments.c.id)
            )
            for row in tx.execute(query):
                found[by_spot[connection, row.item]].append(_in(row))
    return found


def of_thread(tx: sa.Connection, sync: str, thread: str) -> list[Remark]:
    """Return the origin of a thread and all its mirrors."""
    query = sa.select(comments).where(comments.c.sync == sync, comments.c.thread == thread)
    return [_in(row) for row in tx.execute(query)]


def _in(row: object) -> Remark:
    raw: sa.Row[tuple[str, ...]] = row  # type: ignore[assignment]  # SQLAlchemy rows carry no column types
    doc = code.loads(raw.doc)
    comment = code.comment_in(doc, raw.created, raw.updated, raw.item)
    return Remark(
        comment=comment,
        item=raw.item,
        thread=raw.thread,
        mirror=bool(raw.mirror),
        read_at=code.moment(raw.read_at),
        gone=bool(raw.gone),
        early=bool(raw.early),
        wrote=raw.wrote,
        source=raw.source,
    )


def unplaced(tx: sa.Connection, sync: str, connection: str) -> list[Remark]:
    """Return comments whose record was not known when they came; their `item` is "?" and its key."""
    query = sa.select(comments).where(
        comments.c.sync == sync, comments.c.connection == connection, comments.c.item.like("?%")
    )
    return [_in(row) for row in tx.execute(query)]


def drop_unplaced(tx: sa.Connection, sync: str, connection: str) -> None:
    tx.execute(
        sa.delete(comments).where(
            comments.c.sync == sync, comments.c.connection == connection, comments.c.item.like("?%")
        )
    )
