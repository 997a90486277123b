"""Comments and their mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from syncer.model import Comment, Ref
from syncer.store import encoding as code
from syncer.store.items import batches, upsert
from syncer.store.schema import comments


@dataclass(frozen=True, slots=True)
class Remark:
    """A stored comment. `item` is the record's id; `thread` its thread; `mirror` says we wrote it."""

    comment: Comment
    item: str
    thread: str
    mirror: bool


def save(tx: sa.Connection, sync: str, remarks: Sequence[Remark]) -> None:
    rows = [
        {
            "sync": sync,
            "connection": r.comment.ref.connection,
            "id": r.comment.ref.id,
            "item": r.item,
            "thread": r.thread,
            "mirror": int(r.mirror),
            "created": code.stamp(r.comment.created),
            "updated": code.stamp(r.comment.updated),
            "doc": code.dumps(code.comment_out(r.comment)),
        }
        for r in remarks
    ]
    upsert(tx, comments, rows)


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


def _in(row: object) -> Remark:
    raw: sa.Row[tuple[str, ...]] = row  # type: ignore[assignment]  # SQLAlchemy rows carry no column types
    doc = code.loads(raw.doc)
    comment = code.comment_in(doc, raw.created, raw.updated, raw.item)
    return Remark(comment, raw.item, raw.thread, bool(raw.mirror))


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
