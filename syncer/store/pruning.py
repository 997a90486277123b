"""Forgetting what is older than a person wants to keep: a small transaction at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from syncer.store import aside, records, words
from syncer.store import encoding as code
from syncer.store.records import Cut
from syncer.store.schema import audit, runs

MOST: Final = 200
"""How many rows one call deletes at most: a write of theirs must not keep others waiting."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went, and how many long texts that nobody referred to any more."""

    rows: int = 0
    texts: int = 0


def prune_runs(tx: sa.Connection, before: datetime, *, most: int = MOST) -> Pruned:
    """Delete runs that ended before *before*, oldest first, at most *most* of them; call again while rows go.

    A run that is running stays, and the newest of each sync: its number is what the next one's follows.
    """
    stamp = code.stamp(before)
    other = runs.alias()
    newest = sa.select(sa.func.max(other.c.number)).where(other.c.sync == runs.c.sync).scalar_subquery()
    running = sa.and_(runs.c.finished == "", runs.c.doc.contains('"outcome":"running"', autoescape=True))
    query = sa.select(runs.c.id, runs.c.doc).where(
        runs.c.started < stamp, runs.c.finished < stamp, runs.c.number < newest, ~running
    )
    rows = tx.execute(query.order_by(runs.c.started).limit(most)).all()
    if not rows:
        return Pruned()
    gone = words.let_go(tx, {words.of_run(r.id): aside.hashes(code.loads(r.doc)) for r in rows})
    tx.execute(sa.delete(runs).where(runs.c.id.in_([r.id for r in rows])))
    return Pruned(len(rows), gone)


def prune_audit(tx: sa.Connection, before: datetime, at: datetime, *, most: int = MOST) -> Pruned:
    """Cut the old end of the audit trail, at most *most* entries of it; call again while rows go.

    The trail loses the entries that come before the first one that is not older than *before*. The cut is
    recorded first, and told in the trail as an entry of *at*; the numbering goes on. A killed process
    leaves entries behind the cut: the next call finds them.
    """
    found = _left_behind(tx, most)
    if not found and _cut_anew(tx, before, at):
        found = _left_behind(tx, most)
    if not found:
        return Pruned()
    gone = words.let_go(tx, {words.of_entry(r.seq): aside.hashes(code.loads(r.doc)) for r in found})
    tx.execute(sa.delete(audit).where(audit.c.seq <= found[-1].seq))
    return Pruned(len(found), gone)


def _left_behind(tx: sa.Connection, most: int) -> Sequence[Any]:
    start = records.cut(tx)
    if start is None:
        return []
    query = sa.select(audit.c.seq, audit.c.doc).where(audit.c.seq <= start.seq).order_by(audit.c.seq).limit(most)
    return tx.execute(query).all()


def _cut_anew(tx: sa.Connection, before: datetime, at: datetime) -> bool:
    """Record a cut after the entries older than *before*. Return False where there are none."""
    stamp = code.stamp(before)
    first = tx.execute(sa.select(audit.c.seq).where(audit.c.at >= stamp).order_by(audit.c.seq).limit(1)).scalar()
    old = sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    last = tx.execute(old if first is None else old.where(audit.c.seq < first)).first()
    if last is None:
        return False
    start = records.cut(tx)
    records.record_cut(tx, Cut(last.seq, last.hash, max(stamp, start.before if start is not None else "")), at)
    return True
