"""What a database says of itself, by name: its version, its key's print, where its audit trail was cut."""

from __future__ import annotations

import sqlalchemy as sa

from syncer.store.schema import meta


def said(tx: sa.Connection, name: str) -> str | None:
    row = tx.execute(sa.select(meta.c.value).where(meta.c.name == name)).first()
    return None if row is None else str(row[0])


def say(tx: sa.Connection, name: str, value: str) -> None:
    tx.execute(sa.delete(meta).where(meta.c.name == name))
    tx.execute(sa.insert(meta).values(name=name, value=value))
