"""How a sync stands, in a few indexed questions: asked often, also of large databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from syncer.store import encoding as code
from syncer.store.schema import copies, holds, leads, links, parked, runs


@dataclass(frozen=True, slots=True)
class Head:
    """A run without its document. `finished` is None for one that is at work, and for one that was killed."""

    id: str
    number: int
    started: datetime
    finished: datetime | None


@dataclass(frozen=True, slots=True)
class Debt:
    """What one copy of an item lacks. `made`: when the oldest of it was agreed, None where that is not known."""

    link: str
    connection: str
    made: datetime | None


# -- runs ------------------------------------------------------------------------------------


def newest(tx: sa.Connection, sync: str, limit: int = 2) -> list[Head]:
    """Return the newest runs of a sync, newest first."""
    query = _heads(sync).order_by(runs.c.number.desc()).limit(limit)
    return [_head(r) for r in tx.execute(query)]


def later(tx: sa.Connection, sync: str, number: int) -> list[Head]:
    """Return the runs of a sync after the one of that number, oldest first."""
    query = _heads(sync).where(runs.c.number > number).order_by(runs.c.number)
    return [_head(r) for r in tx.execute(query)]


def first_start(tx: sa.Connection, sync: str) -> datetime | None:
    """Return when the oldest run that is remembered began."""
    row = tx.execute(_heads(sync).order_by(runs.c.number).limit(1)).first()
    return None if row is None else code.moment(row.started)


def outline(tx: sa.Connection, id_: str) -> dict[str, Any] | None:
    """Return the document of a run without its actions; a long text in it is its hash and length."""
    said = tx.execute(sa.select(runs.c.doc).where(runs.c.id == id_)).scalar()
    return None if said is None else {k: v for k, v in code.loads(said).items() if k != "actions"}


def _heads(sync: str) -> sa.Select[Any]:
    return sa.select(runs.c.id, runs.c.number, runs.c.started, runs.c.finished).where(runs.c.sync == sync)


def _head(row: Any) -> Head:  # noqa: ANN401 -- SQLAlchemy's row
    return Head(row.id, row.number, code.surely(row.started), code.moment(row.finished))


# -- what waits ------------------------------------------------------------------------------


def count_held(tx: sa.Connection, sync: str) -> int:
    return _count(tx, holds, sync)


def count_parked(tx: sa.Connection, sync: str) -> int:
    return _count(tx, parked, sync)


def count_leads(tx: sa.Connection, sync: str) -> int:
    return _count(tx, leads, sync)


def _count(tx: sa.Connection, table: sa.Table, sync: str) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(table).where(table.c.sync == sync)).scalar_one())


def undecided(tx: sa.Connection, sync: str, after: datetime | None) -> tuple[datetime | None, bool]:
    """Return the oldest stamp, later than *after*, of the copies read as changed that no run has decided about
    yet, and whether there are any of an earlier stamp."""
    line = code.stamp(after)
    newer = sa.func.min(sa.case((copies.c.updated > line, copies.c.updated)))
    older = sa.func.sum(sa.case((copies.c.updated <= line, 1), else_=0))
    row = tx.execute(sa.select(newer, older).where(copies.c.sync == sync, copies.c.dirty == 1)).one()
    return code.moment(row[0] or ""), bool(row[1])


def debts(tx: sa.Connection, sync: str) -> Iterator[Debt]:
    """Yield what copies lack: values, their own making, their being put away."""
    # Both values of `dirty` are said so that the index leads straight to the few that owe.
    owing = (links.c.sync == sync, links.c.dirty.in_([0, 1]), links.c.owing == 1)
    for row in tx.execute(sa.select(links.c.id, links.c.created, links.c.doc).where(*owing)):
        doc = code.loads(row.doc)
        for connection in sorted({c for c, fields in doc["owed"].items() if fields} | {*doc["wants"]}):
            yield Debt(row.id, connection, _made(doc, connection, row.created))
        for connection in doc.get("ending", ()):
            yield Debt(row.id, connection, None)


def _made(doc: dict[str, Any], connection: str, created: str) -> datetime | None:
    """Return when the oldest debt to a copy was agreed: when the edit was made that set the value, but nothing is
    agreed before the item has a link."""
    born = code.surely(created)
    if connection in doc["wants"]:
        return born
    known = [_agreed(doc["origin"].get(field)) for field in doc["owed"][connection]]
    return min((max(at, born) for at in known if at is not None), default=None)


def _agreed(origin: list[Any] | None) -> datetime | None:
    """Return when the edit was made, at the latest, that set an agreed value."""
    if origin is None:
        return None
    _, at, _, since = (*origin, "", "")[:4]
    return code.moment(at or since or "")
