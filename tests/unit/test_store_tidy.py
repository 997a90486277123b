"""Tidying the database while another process writes."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import sqlalchemy as sa

from syncer.store import Store
from syncer.store.schema import deliveries

OLD = sa.select(sa.func.count()).where(deliveries.c.at > "0500", deliveries.c.connection == "jira")


def test_who_tidies_waits_for_who_writes(tmp_path: Path) -> None:
    file = tmp_path / "syncer.db"
    store = Store.open(f"sqlite:///{file}", key=b"k" * 32)
    with store.write() as tx:
        tx.execute(sa.insert(deliveries), [{"connection": "jira", "id": str(n), "at": f"{n:04}"} for n in range(2000)])
    with store.read() as tx:
        tx.execute(OLD)  # what was never asked for needs no statistics, and nothing would be written
    other = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    later = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    later.start()

    store.tidy()

    later.join()
    other.close()
    with store.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'deliveries'").scalar()
    store.close()
