"""Leads: what webhooks said is worth a look, until a run has looked; and the deliveries that said it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from syncer.connector import Lead
from syncer.model import Address, Ref
from syncer.store import encoding as code
from syncer.store.items import batches, upsert
from syncer.store.schema import comments, copies, deliveries, leads


@dataclass(frozen=True, slots=True)
class Noted:
    """A lead as stored. `noted` tells this noting of it from a later one of the same record."""

    lead: Lead
    noted: datetime

    @property
    def connection(self) -> str:
        return self.lead.address.ref.connection


def note(
    tx: sa.Connection,
    syncs: Collection[str],
    connection: str,
    delivery: Sequence[str],
    found: Sequence[Lead],
    at: datetime,
) -> bool:
    """Note what a delivery said, for every sync of its connection, and that it came: all of it or nothing.

    *delivery*: the names it may be known by when it comes again. Return False, noting nothing, where it is known.
    """
    known = sa.select(deliveries.c.id).where(deliveries.c.connection == connection, deliveries.c.id.in_(delivery))
    if tx.execute(known).first() is not None:
        return False
    upsert(tx, deliveries, [{"connection": connection, "id": d, "at": code.stamp(at)} for d in set(delivery)])
    rows = {
        (sync, lead.address.ref, lead.comment or ""): {
            "sync": sync,
            "connection": connection,
            "entity": lead.address.ref.entity,
            "id": lead.address.ref.id,
            "comment": lead.comment or "",
            "key": lead.address.key,
            "at": code.stamp(lead.at),
            "noted": code.stamp(at),
        }
        for sync in sorted(syncs)
        for lead in found
    }
    upsert(tx, leads, list(rows.values()))
    return True


def pending(tx: sa.Connection, sync: str) -> list[Noted]:
    """Return the leads of a sync that nobody has followed yet, oldest first."""
    query = sa.select(leads).where(leads.c.sync == sync).order_by(leads.c.noted, leads.c.id, leads.c.comment)
    return [
        Noted(
            Lead(Address(Ref(r.connection, r.entity, r.id), r.key), r.comment or None, code.moment(r.at)),
            code.surely(r.noted),
        )
        for r in tx.execute(query)
    ]


def drop_known(tx: sa.Connection, sync: str) -> int:
    """Forget the leads to what has been read already, in that version or a later one; return how many.

    Most are echoes of our own writes. Where a tracker's stamps are whole seconds, one may stand for two versions: a
    lead to the very second that was read is followed.
    """
    here = (copies.c.sync == leads.c.sync, copies.c.connection == leads.c.connection, copies.c.id == leads.c.id)
    read = sa.exists().where(*here, _is_past(copies.c.updated))
    there = (comments.c.sync == leads.c.sync, comments.c.connection == leads.c.connection)
    said = sa.exists().where(*there, comments.c.id == leads.c.comment, _is_past(comments.c.updated))
    of_records = sa.and_(leads.c.comment == "", read)
    of_comments = sa.and_(leads.c.comment != "", said)
    query = sa.delete(leads).where(leads.c.sync == sync, leads.c.at != "", sa.or_(of_records, of_comments))
    return int(tx.execute(query).rowcount)


def _is_past(read: sa.Column[str]) -> sa.ColumnElement[bool]:
    """Claim that what was stamped *read* is what a lead leads to, or newer."""
    return sa.or_(read > leads.c.at, sa.and_(read == leads.c.at, leads.c.at.not_like("%.000000Z")))


def follow(tx: sa.Connection, sync: str, taken: Iterable[Noted]) -> None:
    """Forget leads that were followed; those noted anew in the meantime stay."""
    for one in taken:
        ref = one.lead.address.ref
        tx.execute(
            sa.delete(leads).where(
                leads.c.sync == sync,
                leads.c.connection == ref.connection,
                leads.c.entity == ref.entity,
                leads.c.id == ref.id,
                leads.c.comment == (one.lead.comment or ""),
                leads.c.noted <= code.stamp(one.noted),
            )
        )


def oldest(tx: sa.Connection, sync: str) -> datetime | None:
    """Return when the oldest lead that waits was noted."""
    return code.moment(tx.execute(sa.select(sa.func.min(leads.c.noted)).where(leads.c.sync == sync)).scalar() or "")


def prune(tx: sa.Connection, before: datetime, syncs: Collection[str]) -> None:
    """Forget deliveries that came before *before*, and the leads of syncs that are no more."""
    tx.execute(sa.delete(deliveries).where(deliveries.c.at < code.stamp(before)))
    gone = [s for s in tx.execute(sa.select(leads.c.sync).distinct()).scalars() if s not in syncs]
    for batch in batches(gone):
        tx.execute(sa.delete(leads).where(leads.c.sync.in_(batch)))


def keep_only(tx: sa.Connection, sync: str, connections: Collection[str]) -> None:
    """Forget the leads of connections that are not in the sync any more."""
    tx.execute(sa.delete(leads).where(leads.c.sync == sync, leads.c.connection.not_in(list(connections))))
