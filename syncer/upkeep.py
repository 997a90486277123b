"""Looking after the database: what is older than a person wants to keep is forgotten, and SQLite tidies up."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
import structlog

from syncer.config import Keep
from syncer.store import Store, leads
from syncer.store.pruning import Pruned, prune_audit, prune_runs
from syncer.store.schema import deliveries

log = structlog.get_logger()

ROUNDS: Final = 500
"""How many transactions one kind of row gets at most; what is left then is for the next time."""

_PAUSE: Final = 0.02
"""Seconds between two transactions: SQLite has no queue, who waits must find a gap."""


@dataclass(frozen=True, slots=True)
class Tended:
    """How many rows were forgotten. `texts`: long texts that no run and no audit entry refers to any more."""

    runs: int = 0
    deliveries: int = 0
    audit: int = 0
    texts: int = 0

    def __bool__(self) -> bool:
        return bool(self.runs or self.deliveries or self.audit or self.texts)


def tend(
    store: Store, keep: Keep, syncs: Collection[str], now: datetime, halted: Callable[[], bool] = lambda: False
) -> Tended:
    """Forget what is older than *keep* says, and the leads of all but *syncs*, those that are configured.

    It blocks, for seconds on the first time in a large database, so an event loop calls it in a thread; others
    may run and write meanwhile. Once *halted* says yes it ends with the transaction it is at. Raises
    `StoreError`; whatever was done until then stays done.
    """
    runs = _pruned(store, lambda tx: prune_runs(tx, _before(now, keep.runs)), halted)
    with store.write() as tx:
        delivered = _count(tx)
        leads.prune(tx, _before(now, keep.deliveries), syncs)
        delivered -= _count(tx)
    audit = Pruned()
    if keep.audit is not None:
        before = _before(now, keep.audit)
        audit = _pruned(store, lambda tx: prune_audit(tx, before, now), halted)
    if not halted():
        store.tidy()
    tended = Tended(runs.rows, delivered, audit.rows, runs.texts + audit.texts)
    if tended:
        log.info(
            "database.tended",
            runs=tended.runs,
            deliveries=tended.deliveries,
            audit=tended.audit,
            texts=tended.texts,
        )
    return tended


def _pruned(store: Store, prune: Callable[[sa.Connection], Pruned], halted: Callable[[], bool]) -> Pruned:
    rows = texts = 0
    for _ in range(ROUNDS):
        if halted():
            break
        with store.write() as tx:
            found = prune(tx)
        if not found.rows:
            break
        rows, texts = rows + found.rows, texts + found.texts
        time.sleep(_PAUSE)
    return Pruned(rows, texts)


def _before(now: datetime, age: float) -> datetime:
    """Return the moment *age* seconds ago, or as long ago as there are years."""
    try:
        return now - timedelta(seconds=age)
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)


def _count(tx: sa.Connection) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar_one())
