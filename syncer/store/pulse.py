"""The newest of what the daemon knows of a sync, by name, for whoever asks from another process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from syncer.store import encoding as code
from syncer.store.items import upsert
from syncer.store.schema import pulse


def say(tx: sa.Connection, sync: str, name: str, doc: Mapping[str, Any], at: datetime) -> None:
    """Keep *doc* (JSON) as the newest word on *name*; `sync` "" is the daemon itself."""
    upsert(tx, pulse, [{"sync": sync, "name": name, "at": code.stamp(at), "doc": code.dumps(doc)}])


def heard(tx: sa.Connection, sync: str, name: str) -> tuple[datetime, dict[str, Any]] | None:
    """Return when the newest word on *name* was said, and the word."""
    row = tx.execute(sa.select(pulse).where(pulse.c.sync == sync, pulse.c.name == name)).first()
    return None if row is None else (code.surely(row.at), code.loads(row.doc))


def unsay(tx: sa.Connection, sync: str, name: str) -> None:
    tx.execute(sa.delete(pulse).where(pulse.c.sync == sync, pulse.c.name == name))
