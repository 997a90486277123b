"""Links, copies and cursors: what is remembered of every item."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from syncer.links import Copy, Link, Origin
from syncer.model import Address, Record, Ref, State
from syncer.store import encoding as code
from syncer.store.schema import copies, cursors, links

BATCH = 400


def upsert(tx: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, replacing those with the same primary key."""
    if rows:
        tx.execute(_upserting(table, frozenset(rows[0]), tx.dialect.name), [dict(r) for r in rows])


@functools.cache
def _upserting(table: sa.Table, columns: frozenset[str], dialect: str) -> sa.Insert:
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    keys = [c.name for c in table.primary_key]
    rest = {c.name: insert.excluded[c.name] for c in table.c if c.name in columns and c.name not in keys}
    statement: sa.Insert = (
        insert.on_conflict_do_update(index_elements=keys, set_=rest) if rest else insert.on_conflict_do_nothing()
    )
    return statement


def batches(values: Iterable[str]) -> Iterator[list[str]]:
    found = list(values)
    for start in range(0, len(found), BATCH):
        yield found[start : start + BATCH]


# -- copies ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A copy as stored, linked or not. `record` is the newest reading of it; `title` its
    normalised title, by which namesakes are found; `above` the id of the record it stands under.
    `apart`: a person parted it from its item, so that only a person joins it again."""

    copy: Copy
    record: Record
    link: str | None
    dirty: bool
    scoped: bool
    title: str = ""
    above: str = ""
    apart: bool = False


def _row_out(sync: str, row: Row) -> dict[str, Any]:
    copy, record = row.copy, row.record
    more = {"author": code.account_out(record.author), "synced_by": record.synced_by, "made": copy.made}
    return {
        "sync": sync,
        "connection": copy.ref.connection,
        "entity": copy.ref.entity,
        "id": copy.ref.id,
        "link": row.link or "",
        "key": copy.key,
        "url": copy.url,
        "title": row.title,
        "created": code.stamp(copy.created),
        "updated": code.stamp(copy.updated),
        "state": str(copy.state),
        "marker": record.marker or "",
        "read_at": code.stamp(copy.read_at),
        "known_until": code.stamp(copy.known_until),
        "own": int(copy.own),
        "dirty": int(row.dirty),
        "scoped": int(row.scoped),
        "apart": int(row.apart),
        "above": row.above,
        "more": code.dumps(more),
        "seen": code.dumps(copy.seen),
        "base": code.dumps(code.base_out(copy.base, copy.seen)),
    }


def _row_in(row: Any) -> Row:  # noqa: ANN401 -- SQLAlchemy's row
    ref = Ref(row.connection, row.entity, row.id)
    seen, more = code.loads(row.seen), code.loads(row.more) or {}
    created, updated = code.surely(row.created), code.surely(row.updated)
    copy = Copy(
        ref=ref,
        key=row.key,
        url=row.url,
        created=created,
        updated=updated,
        seen=seen,
        read_at=code.surely(row.read_at),
        known_until=code.moment(row.known_until),
        base=code.base_in(code.loads(row.base) or {}, seen),
        state=State(row.state),
        own=bool(row.own),
        made=bool(more.get("made")),
    )
    record = Record(
        ref=ref,
        key=row.key,
        url=row.url,
        created=created,
        updated=updated,
        fields=seen,
        state=State(row.state),
        marker=row.marker or None,
        own=bool(row.own),
        synced_by=more.get("synced_by"),
        author=code.account_in(more.get("author")),
    )
    link = row.link or None
    return Row(copy, record, link, bool(row.dirty), bool(row.scoped), row.title, row.above, bool(row.apart))


def save_rows(tx: sa.Connection, sync: str, rows: Sequence[Row]) -> None:
    upsert(tx, copies, [_row_out(sync, r) for r in rows])


def rows_by_ref(tx: sa.Connection, sync: str, refs: Sequence[Ref]) -> dict[Ref, Row]:
    found: dict[Ref, Row] = {}
    for connection in {r.connection for r in refs}:
        for ids in batches(r.id for r in refs if r.connection == connection):
            query = sa.select(copies).where(
                copies.c.sync == sync, copies.c.connection == connection, copies.c.id.in_(ids)
            )
            for raw in tx.execute(query):
                row = _row_in(raw)
                found[row.copy.ref] = row
    return found


def rows_of_links(tx: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, Row]]:
    """Return link -> connection -> the copy there."""
    found: dict[str, dict[str, Row]] = {i: {} for i in ids}
    for batch in batches(ids):
        for raw in tx.execute(sa.select(copies).where(copies.c.link.in_(batch))):
            row = _row_in(raw)
            found[row.link or ""][row.copy.ref.connection] = row
    return found


def unlinked_dirty(tx: sa.Connection, sync: str, connections: Sequence[str]) -> Iterator[list[Row]]:
    """Yield unlinked records that were read since they were last judged, in batches."""
    last = ("", "", "")
    spot = sa.tuple_(copies.c.connection, copies.c.entity, copies.c.id)
    while True:
        query = (
            sa.select(copies)
            .where(
                copies.c.sync == sync,
                copies.c.link == "",
                copies.c.dirty == 1,
                copies.c.connection.in_(connections),
                spot > sa.tuple_(*(sa.literal(x) for x in last)),
            )
            .order_by(copies.c.connection, copies.c.entity, copies.c.id)
            .limit(BATCH)
        )
        rows = [_row_in(r) for r in tx.execute(query)]
        if not rows:
            return
        yield rows
        ref = rows[-1].copy.ref
        last = (ref.connection, ref.entity, ref.id)


def same_title(tx: sa.Connection, sync: str, titles: Iterable[str]) -> dict[str, list[tuple[Ref, str]]]:
    """Return normalised title -> (ref, key) of unlinked records in scope that bear it."""
    found: dict[str, list[tuple[Ref, str]]] = {}
    for batch in batches({t for t in titles if t}):
        query = sa.select(copies.c.connection, copies.c.entity, copies.c.id, copies.c.key, copies.c.title).where(
            copies.c.sync == sync, copies.c.link == "", copies.c.scoped == 1, copies.c.title.in_(batch)
        )
        for connection, entity, id_, key, title in tx.execute(query):
            found.setdefault(title, []).append((Ref(connection, entity, id_), key))
    return found


def marked(tx: sa.Connection, sync: str) -> Iterator[tuple[Ref, str, str]]:
    """Yield (ref, key, marker) of all unlinked records of our own that carry a marker, unverified."""
    query = sa.select(copies.c.connection, copies.c.entity, copies.c.id, copies.c.key, copies.c.marker).where(
        copies.c.sync == sync, copies.c.link == "", copies.c.marker != "", copies.c.own == 1
    )
    for connection, entity, id_, key, marker in tx.execute(query):
        yield Ref(connection, entity, id_), key, marker


def items_with_title(tx: sa.Connection, sync: str, titles: Iterable[str]) -> dict[str, list[tuple[str, Ref, str]]]:
    """Return normalised title -> (link, ref, key) of linked records that bear it."""
    found: dict[str, list[tuple[str, Ref, str]]] = {}
    for batch in batches({t for t in titles if t}):
        spot = (copies.c.link, copies.c.connection, copies.c.entity, copies.c.id, copies.c.key, copies.c.title)
        query = sa.select(*spot).where(copies.c.sync == sync, copies.c.link != "", copies.c.title.in_(batch))
        for link, connection, entity, id_, key, title in tx.execute(query):
            found.setdefault(title, []).append((link, Ref(connection, entity, id_), key))
    return found


def scoped_titles(tx: sa.Connection, sync: str) -> Iterator[tuple[Ref, str]]:
    """Yield (ref, normalised title) of all unlinked records in scope."""
    query = sa.select(copies.c.connection, copies.c.entity, copies.c.id, copies.c.title).where(
        copies.c.sync == sync, copies.c.link == "", copies.c.scoped == 1, copies.c.title != ""
    )
    for connection, entity, id_, title in tx.execute(query):
        yield Ref(connection, entity, id_), title


def link_of(tx: sa.Connection, sync: str, ref: Ref) -> str | None:
    query = sa.select(copies.c.link).where(
        copies.c.sync == sync,
        copies.c.connection == ref.connection,
        copies.c.entity == ref.entity,
        copies.c.id == ref.id,
    )
    row = tx.execute(query).first()
    return (row[0] or None) if row else None


def copy_of(tx: sa.Connection, link: str, connection: str) -> str | None:
    query = sa.select(copies.c.id).where(copies.c.link == link, copies.c.connection == connection)
    row = tx.execute(query).first()
    return row[0] if row else None


def ref_of_key(tx: sa.Connection, sync: str, connection: str, key: str) -> Ref | None:
    query = sa.select(copies.c.entity, copies.c.id).where(
        copies.c.sync == sync, copies.c.connection == connection, copies.c.key == key
    )
    row = tx.execute(query).first()
    return Ref(connection, row[0], row[1]) if row else None


def count_here(tx: sa.Connection, sync: str, connection: str) -> int:
    """Return how many linked copies are believed to be on *connection*."""
    query = (
        sa.select(sa.func.count())
        .select_from(copies)
        .where(
            copies.c.sync == sync,
            copies.c.connection == connection,
            copies.c.link != "",
            copies.c.state == str(State.HERE),
        )
    )
    return int(tx.execute(query).scalar_one())


def not_read_since(tx: sa.Connection, sync: str, connection: str, when: datetime) -> list[Row]:
    """Return linked copies that a listing begun at *when* did not show."""
    query = sa.select(copies).where(
        copies.c.sync == sync,
        copies.c.connection == connection,
        copies.c.link != "",
        copies.c.state.in_([str(State.HERE), str(State.ARCHIVED)]),
        copies.c.read_at < code.stamp(when),
    )
    return [_row_in(r) for r in tx.execute(query)]


def drop_unlisted(tx: sa.Connection, sync: str, connection: str, when: datetime) -> None:
    """Forget records of no item that a complete listing begun at *when* did not show."""
    tx.execute(
        sa.delete(copies).where(
            copies.c.sync == sync,
            copies.c.connection == connection,
            copies.c.link == "",
            copies.c.apart == 0,
            copies.c.read_at < code.stamp(when),
        )
    )


def unread(tx: sa.Connection, sync: str, connection: str, stamp: datetime) -> list[Address]:
    """Return the copies whose *stamp* says they were written but never read."""
    query = sa.select(copies.c.entity, copies.c.id, copies.c.key).where(
        copies.c.sync == sync, copies.c.connection == connection, copies.c.updated == code.stamp(stamp)
    )
    return [Address(Ref(connection, entity, id_), key) for entity, id_, key in tx.execute(query)]


def clean(tx: sa.Connection, sync: str, refs: Sequence[Ref], *, scoped: bool | None = None) -> None:
    """Mark records as judged."""
    _mark(tx, sync, refs, {"dirty": 0} if scoped is None else {"dirty": 0, "scoped": int(scoped)})


def scope(tx: sa.Connection, sync: str, refs: Sequence[Ref]) -> None:
    """Mark records as in scope, still to be judged."""
    _mark(tx, sync, refs, {"scoped": 1})


def _mark(tx: sa.Connection, sync: str, refs: Sequence[Ref], values: Mapping[str, int]) -> None:
    for connection in {r.connection for r in refs}:
        for ids in batches(r.id for r in refs if r.connection == connection):
            where = (copies.c.sync == sync, copies.c.connection == connection, copies.c.id.in_(ids))
            tx.execute(sa.update(copies).where(*where).values(**values))


def touch(tx: sa.Connection, sync: str, connection: str, ids: Sequence[str], when: datetime) -> None:
    """Note that records were read again and had not changed."""
    for batch in batches(ids):
        where = (copies.c.sync == sync, copies.c.connection == connection, copies.c.id.in_(batch))
        tx.execute(sa.update(copies).where(*where).values(read_at=code.stamp(when)))


def join(tx: sa.Connection, sync: str, ref: Ref, link: str | None) -> None:
    """Make the record a copy of *link*; None parts it from its item until a person joins it again."""
    tx.execute(
        sa.update(copies)
        .where(
            copies.c.sync == sync,
            copies.c.connection == ref.connection,
            copies.c.entity == ref.entity,
            copies.c.id == ref.id,
        )
        .values(link=link or "", dirty=1, base="" if link is None else copies.c.base, apart=int(link is None))
    )
    if link is not None:
        stir_children(tx, sync, [ref])


def stir_children(tx: sa.Connection, sync: str, refs: Sequence[Ref]) -> None:
    """Have the records under these be looked at: what they stand under has an item now."""
    for connection in {r.connection for r in refs}:
        for ids in batches(r.id for r in refs if r.connection == connection):
            where = (copies.c.sync == sync, copies.c.connection == connection, copies.c.above.in_(ids))
            tx.execute(sa.update(copies).where(*where, copies.c.link != "").values(dirty=1))


# -- links -----------------------------------------------------------------------------------


def _link_out(sync: str, link: Link, *, dirty: bool) -> dict[str, Any]:
    doc = {
        "agreed": {f: code.value_out(v) for f, v in link.agreed.items()},
        "origin": {f: [o.connection, code.stamp(o.at), o.who, code.stamp(o.since)] for f, o in link.origin.items()},
        "owed": {c: {f: code.owed_out(o) for f, o in fields.items()} for c, fields in link.owed.items()},
        "wants": sorted(link.wants),
        "trail": {f: [list(t) for t in turns] for f, turns in link.trail.items()},
        "buried": sorted(link.buried),
        "ending": sorted(link.ending),
        "reach": sorted(link.reach),
    }
    return {
        "id": link.id,
        "sync": sync,
        "born": link.born,
        "title": link.title,
        "created": code.stamp(link.created),
        "digest": link.digest,
        "owing": int(link.owes()),
        "dirty": int(dirty),
        "doc": code.dumps(doc),
    }


def _link_in(row: Any) -> Link:  # noqa: ANN401 -- SQLAlchemy's row
    doc = code.loads(row.doc)
    return Link(
        id=row.id,
        born=row.born,
        title=row.title,
        created=code.surely(row.created),
        agreed={f: code.value_in(v) for f, v in doc["agreed"].items()},
        origin={f: _origin_in(*o) for f, o in doc["origin"].items()},
        owed={c: {f: code.owed_in(o) for f, o in fields.items()} for c, fields in doc["owed"].items()},
        wants=frozenset(doc["wants"]),
        trail={f: tuple((int(r), str(p)) for r, p in turns) for f, turns in doc["trail"].items()},
        digest=row.digest,
        buried=frozenset(doc.get("buried", ())),
        ending=frozenset(doc.get("ending", ())),
        reach=frozenset(doc.get("reach", ())),
    )


def _origin_in(connection: str, at: str, who: str | None, since: str = "") -> Origin:
    return Origin(connection, code.moment(at), who, code.moment(since))


def save_links(tx: sa.Connection, sync: str, values: Sequence[Link], *, dirty: bool = False) -> None:
    upsert(tx, links, [_link_out(sync, v, dirty=dirty) for v in values])


def load_links(tx: sa.Connection, ids: Sequence[str]) -> dict[str, Link]:
    found: dict[str, Link] = {}
    for batch in batches(ids):
        for row in tx.execute(sa.select(links).where(links.c.id.in_(batch))):
            found[row.id] = _link_in(row)
    return found


def drop_link(tx: sa.Connection, id_: str) -> None:
    tx.execute(sa.delete(links).where(links.c.id == id_))


def all_links(tx: sa.Connection, sync: str) -> Iterator[Link]:
    for row in tx.execute(sa.select(links).where(links.c.sync == sync).order_by(links.c.created, links.c.id)):
        yield _link_in(row)


def restless(tx: sa.Connection, sync: str, digest: str) -> list[str]:
    """Return the links that need a look: a copy was read anew, something is owed, or the mapping changed."""
    dirty = sa.select(copies.c.link).where(copies.c.sync == sync, copies.c.dirty == 1, copies.c.link != "")
    own = sa.select(links.c.id).where(
        links.c.sync == sync, sa.or_(links.c.owing == 1, links.c.dirty == 1, links.c.digest != digest)
    )
    return sorted({r[0] for r in tx.execute(dirty)} | {r[0] for r in tx.execute(own)})


def disturb(tx: sa.Connection, sync: str) -> None:
    """Make every record and link of a sync be looked at again."""
    tx.execute(sa.update(links).where(links.c.sync == sync).values(dirty=1))
    tx.execute(sa.update(copies).where(copies.c.sync == sync).values(dirty=1))


# -- cursors ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where the next reading of a connection starts. `place` tells another project under the same
    name from the old one; `listed_at` is when the last complete listing ended."""

    value: str
    place: str
    listed_at: datetime | None


def bookmark(tx: sa.Connection, sync: str, connection: str) -> Bookmark | None:
    query = sa.select(cursors).where(cursors.c.sync == sync, cursors.c.connection == connection)
    row = tx.execute(query).first()
    return Bookmark(row.value, row.place, code.moment(row.listed_at)) if row else None


def save_bookmark(tx: sa.Connection, sync: str, connection: str, mark: Bookmark) -> None:
    row = {
        "sync": sync,
        "connection": connection,
        "value": mark.value,
        "place": mark.place,
        "listed_at": code.stamp(mark.listed_at),
    }
    upsert(tx, cursors, [row])
