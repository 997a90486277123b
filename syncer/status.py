"""How things stand: what `syncer status`, the metrics and the alerts all go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """One connection as the newest run of a sync found it.

    `read_at`: when it was last read without failing. `down`: why it was left out, None where it was not;
    `since`: from when on. `budget`: {"limit", "remaining", "resets", "unit"} as its tracker last said.
    """

    name: str
    read_at: datetime | None = None
    down: str | None = None
    since: datetime | None = None
    budget: Mapping[str, Any] | None = None
    requests: int = 0


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """One sync. `last`: the document of its newest finished run, without actions; `running`: the id of one at work.

    `good_at`: when a run last ended in step or with everything applied. `lag`: the age, in seconds, of
    the oldest change that is known and not yet everywhere; 0 where there is none. `waiting`: leads of webhooks
    not followed yet; `owed`: copies that still lack something. `audit`: the newest audit's summary. `stale`: what
    has lasted too long, in words.
    """

    sync: str
    last: Mapping[str, Any] | None = None
    running: str | None = None
    good_at: datetime | None = None
    next_at: datetime | None = None
    next_why: str = ""
    lag: float = 0.0
    waiting: int = 0
    owed: int = 0
    held: int = 0
    parked: int = 0
    audit: Mapping[str, Any] | None = None
    connections: tuple[ConnectionStatus, ...] = ()
    stale: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """`daemon`: {"pid", "started", "version", "state"} of one that runs on this database, None where none does."""

    at: datetime
    syncs: tuple[SyncStatus, ...]
    daemon: Mapping[str, Any] | None = None
