"""Runs and the audit trail."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from syncer.store import encoding as code
from syncer.store.items import upsert
from syncer.store.schema import audit, runs


def next_number(tx: sa.Connection, sync: str) -> int:
    query = sa.select(sa.func.max(runs.c.number)).where(runs.c.sync == sync)
    return int(tx.execute(query).scalar() or 0) + 1


def save_run(
    tx: sa.Connection,
    *,
    id_: str,
    sync: str,
    number: int,
    started: datetime,
    finished: datetime | None,
    doc: Mapping[str, Any],
) -> None:
    row = {
        "id": id_,
        "sync": sync,
        "number": number,
        "started": code.stamp(started),
        "finished": code.stamp(finished),
        "doc": code.dumps(doc),
    }
    upsert(tx, runs, [row])


def load_runs(tx: sa.Connection, *, sync: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Return run documents, newest first."""
    query = sa.select(runs.c.doc).order_by(runs.c.started.desc(), runs.c.number.desc()).limit(limit)
    if sync is not None:
        query = query.where(runs.c.sync == sync)
    return [code.loads(r[0]) for r in tx.execute(query)]


def load_run(tx: sa.Connection, id_: str) -> dict[str, Any] | None:
    row = tx.execute(sa.select(runs.c.doc).where(runs.c.id == id_)).first()
    return code.loads(row[0]) if row else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit trail: a write, or an edit that was taken or overruled."""

    link: str
    ref: str
    act: str
    field: str
    before: Any
    after: Any
    who: str
    why: str


def append(tx: sa.Connection, sync: str, run: str, at: datetime, entries: Sequence[Entry]) -> None:
    """Add entries to the chain: each carries the hash of the one before it."""
    if not entries:
        return
    last = tx.execute(sa.select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).scalar() or ""
    rows: list[dict[str, Any]] = []
    for entry in entries:
        doc = code.dumps(
            {
                "ref": entry.ref,
                "act": entry.act,
                "field": entry.field,
                "from": entry.before,
                "to": entry.after,
                "who": entry.who,
                "why": entry.why,
            }
        )
        said = "\0".join([last, sync, run, entry.link, code.stamp(at), doc])
        digest = hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()
        rows.append(
            {
                "sync": sync,
                "run": run,
                "link": entry.link,
                "at": code.stamp(at),
                "doc": doc,
                "previous": last,
                "hash": digest,
            }
        )
        last = digest
    tx.execute(sa.insert(audit), rows)


def trail(tx: sa.Connection, link: str) -> Iterator[dict[str, Any]]:
    """Yield the audit entries of one link, oldest first."""
    for row in tx.execute(sa.select(audit).where(audit.c.link == link).order_by(audit.c.seq)):
        yield {"run": row.run, "at": row.at, **code.loads(row.doc)}


def intact(tx: sa.Connection) -> bool:
    """Say whether nobody has changed or removed a line of the trail."""
    last = ""
    for row in tx.execute(sa.select(audit).order_by(audit.c.seq)):
        said = f"{last}\0{row.sync}\0{row.run}\0{row.link}\0{row.at}\0{row.doc}"
        if row.previous != last or row.hash != hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest():
            return False
        last = row.hash
    return True
