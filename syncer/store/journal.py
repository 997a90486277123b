"""Intents, parked failures, holds, and the slow-changing facts about connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from syncer.links import Hold, Intent, Parked
from syncer.model import JSON, Ref
from syncer.store import encoding as code
from syncer.store.items import upsert
from syncer.store.schema import catalogue, holds, intents, parked

# -- intents ---------------------------------------------------------------------------------


def open_intent(tx: sa.Connection, sync: str, intent: Intent) -> None:
    row = {
        "id": intent.id,
        "sync": sync,
        "run": intent.run,
        "link": intent.link,
        "connection": intent.connection,
        "do": intent.do,
        "created": code.stamp(intent.created),
        "asked": code.dumps([code.stamp(a) for a in intent.asked]),
        "doc": code.dumps(intent.doc),
    }
    upsert(tx, intents, [row])


def close_intent(tx: sa.Connection, id_: str) -> None:
    tx.execute(sa.delete(intents).where(intents.c.id == id_))


def open_intents(
    tx: sa.Connection, sync: str, *, link: str | None = None, connection: str | None = None
) -> list[Intent]:
    """Return the writes nobody knows the end of, oldest first."""
    query = sa.select(intents).where(intents.c.sync == sync).order_by(intents.c.created, intents.c.id)
    if link is not None:
        query = query.where(intents.c.link == link)
    if connection is not None:
        query = query.where(intents.c.connection == connection)
    rows = tx.execute(query)
    return [
        Intent(
            id=r.id,
            run=r.run,
            link=r.link,
            connection=r.connection,
            do=r.do,
            created=code.surely(r.created),
            doc=code.loads(r.doc),
            asked=tuple(code.surely(a) for a in code.loads(r.asked)),
        )
        for r in rows
    ]


# -- parked ----------------------------------------------------------------------------------


def park(tx: sa.Connection, sync: str, entry: Parked) -> None:
    row = {
        "id": entry.id,
        "sync": sync,
        "link": entry.link,
        "connection": entry.connection,
        "ref": entry.ref,
        "field": entry.field,
        "kind": entry.kind,
        "error": entry.error,
        "attempts": entry.attempts,
        "next_try": code.stamp(entry.next_try),
        "digest": entry.digest,
    }
    upsert(tx, parked, [row])


def unpark(tx: sa.Connection, ids: Sequence[str]) -> None:
    if ids:
        tx.execute(sa.delete(parked).where(parked.c.id.in_(list(ids))))


def parked_entries(tx: sa.Connection, sync: str | None = None, link: str | None = None) -> list[Parked]:
    query = sa.select(parked).order_by(parked.c.id)
    if sync is not None:
        query = query.where(parked.c.sync == sync)
    if link is not None:
        query = query.where(parked.c.link == link)
    return [_parked_in(r) for r in tx.execute(query)]


def _parked_in(row: Any) -> Parked:  # noqa: ANN401 -- SQLAlchemy's row
    return Parked(
        id=row.id,
        link=row.link,
        connection=row.connection,
        ref=row.ref,
        field=row.field,
        kind=row.kind,
        error=row.error,
        attempts=row.attempts,
        next_try=code.surely(row.next_try),
        digest=row.digest,
    )


def retry_now(tx: sa.Connection, ids: Sequence[str] | None, when: datetime) -> int:
    """Make parked entries due; return how many."""
    statement = sa.update(parked).values(next_try=code.stamp(when))
    if ids is not None:
        statement = statement.where(parked.c.id.in_(list(ids)))
    return tx.execute(statement).rowcount


# -- holds -----------------------------------------------------------------------------------


def hold(tx: sa.Connection, sync: str, entry: Hold) -> None:
    doc = {
        "base": code.value_out(entry.base),
        "values": {c: code.value_out(v) for c, v in entry.values.items()},
        "reason": entry.reason,
    }
    row = {
        "id": entry.id,
        "sync": sync,
        "link": entry.link,
        "field": entry.field,
        "ref": str(entry.ref or ""),
        "since": code.stamp(entry.since),
        "doc": code.dumps(doc),
    }
    upsert(tx, holds, [row])


def release(tx: sa.Connection, ids: Sequence[str]) -> None:
    if ids:
        tx.execute(sa.delete(holds).where(holds.c.id.in_(list(ids))))


def held(tx: sa.Connection, sync: str | None = None, link: str | None = None) -> list[Hold]:
    query = sa.select(holds).order_by(holds.c.since, holds.c.id)
    if sync is not None:
        query = query.where(holds.c.sync == sync)
    if link is not None:
        query = query.where(holds.c.link == link)
    return [_hold_in(r) for r in tx.execute(query)]


def hold_by_id(tx: sa.Connection, id_: str) -> tuple[str, Hold] | None:
    """Return (sync, hold), or None for an unknown id."""
    row = tx.execute(sa.select(holds).where(holds.c.id == id_)).first()
    return (row.sync, _hold_in(row)) if row else None


def _hold_in(row: Any) -> Hold:  # noqa: ANN401 -- SQLAlchemy's row
    doc = code.loads(row.doc)
    return Hold(
        id=row.id,
        link=row.link,
        field=row.field,
        ref=Ref.parse(row.ref) if row.ref else None,
        base=code.value_in(doc["base"]),
        values={c: code.value_in(v) for c, v in doc["values"].items()},
        since=code.surely(row.since),
        reason=doc["reason"],
    )


# -- catalogue -------------------------------------------------------------------------------


@dataclass(slots=True)
class Shelf:
    """One connection's catalogue in the store; meets `connector.Catalogue`.

    Values are kept in memory until `flush`, so that a dry run can leave the store as it was.
    """

    values: dict[str, tuple[JSON, datetime]]
    connection: str
    now: datetime
    changed: set[str]

    @classmethod
    def load(cls, tx: sa.Connection, connection: str, now: datetime) -> Shelf:
        rows = tx.execute(sa.select(catalogue).where(catalogue.c.connection == connection))
        return cls({r.name: (code.loads(r.value), code.surely(r.at)) for r in rows}, connection, now, set())

    def get(self, name: str, *, max_age: float = 86_400.0) -> JSON:
        entry = self.values.get(name)
        if entry is None or self.now - entry[1] > timedelta(seconds=max_age):
            return None
        return entry[0]

    def put(self, name: str, value: JSON) -> None:
        self.values[name] = (value, self.now)
        self.changed.add(name)

    def flush(self, tx: sa.Connection) -> None:
        rows = [
            {
                "connection": self.connection,
                "name": name,
                "value": code.dumps(self.values[name][0]),
                "at": code.stamp(self.values[name][1]),
            }
            for name in sorted(self.changed)
        ]
        upsert(tx, catalogue, rows)
        self.changed.clear()
