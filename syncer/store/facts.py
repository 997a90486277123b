"""What can be said of a database without looking at what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from syncer.store import versions
from syncer.store.database import Store
from syncer.store.schema import metadata


def facts(store: Store, *, check: bool = False) -> dict[str, Any]:
    """Return its `version`, `file` and `wal` size in bytes (None in memory), `journal` mode, `rows` per table.

    With *check* also `integrity`: "ok", or the first thing SQLite finds wrong. It reads the whole file, which
    takes seconds where that is large; else it is None. Raises `StoreError`.
    """
    with store.read() as tx:
        rows = {t.name: _count(tx, t) for t in metadata.sorted_tables}
        sqlite = tx.dialect.name == "sqlite"
        return {
            "version": versions.of(tx, store.name),
            "file": _size(store.path),
            "wal": _size(store.path.with_name(store.path.name + "-wal")) if store.path is not None else None,
            "journal": tx.exec_driver_sql("PRAGMA journal_mode").scalar() if sqlite else None,
            "rows": rows,
            "integrity": tx.exec_driver_sql("PRAGMA quick_check(1)").scalar() if sqlite and check else None,
        }


def _count(tx: sa.Connection, table: sa.Table) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _size(path: Path | None) -> int | None:
    if path is None:
        return None
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
