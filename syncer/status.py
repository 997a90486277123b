"""How things stand: what `syncer status`, the metrics and the alerts all go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from syncer.config import Config, Sync
from syncer.output import span
from syncer.report import when
from syncer.store import Store, leads, pulse, standing
from syncer.store.lease import held

GOOD: Final = frozenset({"in_step", "changed"})
DAEMON: Final = "@daemon"
"""The lease a daemon holds for as long as it runs."""
MISSED: Final = 3
"""So many starts of a sync without a good run are too many."""
_EVER: Final = datetime.fromtimestamp(0, UTC)


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
    """One sync. `last`: the document of its newest run that has ended, without actions, a killed one as
    failed; `running`: the id of one at work.

    `good_at`: when a run last ended in step or with everything applied. `lag`: the age, in seconds, of the oldest
    change that is known and not yet everywhere, 0 where there is none: see `_Changes`. `waiting`: leads of webhooks
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


def look(store: Store, config: Config, now: datetime) -> Status:
    """Return how everything stands, from the database and its leases alone. *now* is aware UTC."""
    with store.read() as tx:
        daemon = _daemon(tx, store)
        syncs = tuple(_sync_status(tx, store, config, sync, daemon, now) for sync in config.syncs.values())
    return Status(now, syncs, daemon)


def _daemon(tx: sa.Connection, store: Store) -> dict[str, Any] | None:
    pid = held(store, DAEMON)
    if pid is None:
        return None
    _, said = pulse.heard(tx, "", "daemon") or (None, {})
    return {name: said.get(name) for name in ("started", "version", "state")} | {"pid": pid or said.get("pid")}


def _sync_status(
    tx: sa.Connection, store: Store, config: Config, sync: Sync, daemon: Mapping[str, Any] | None, now: datetime
) -> SyncStatus:
    running, last = _runs(tx, store, sync.name)
    good_at = _good_at(tx, sync.name, last)
    changes = _changes(tx, sync.name, last, good_at)
    planned = (pulse.heard(tx, sync.name, "next") or (None, {}))[1] if daemon is not None else {}
    audit = pulse.heard(tx, sync.name, "audit")
    connections = tuple(_connection_status(tx, sync.name, name) for name in sync.connections)
    oldest = min((m for m in (changes.lead, changes.made) if m is not None), default=now)
    expected = good_at or changes.first or _moment((daemon or {}).get("started"))
    return SyncStatus(
        sync=sync.name,
        last=last,
        running=running,
        good_at=good_at,
        next_at=_moment(planned.get("at")),
        next_why=str(planned.get("why") or ""),
        lag=max(0.0, (now - oldest).total_seconds()),
        waiting=standing.count_leads(tx, sync.name),
        owed=changes.owed,
        held=standing.count_held(tx, sync.name),
        parked=standing.count_parked(tx, sync.name),
        audit=audit[1] if audit is not None else None,
        connections=connections,
        stale=tuple(_stale(config, sync, expected, changes, connections, now)),
    )


# -- runs and connections --------------------------------------------------------------------


def _runs(tx: sa.Connection, store: Store, sync: str) -> tuple[str | None, dict[str, Any] | None]:
    """Return the id of the run at work, and the document of the newest that has ended."""
    heads = standing.newest(tx, sync)
    running = None
    if heads and heads[0].finished is None and held(store, sync) is not None:
        running = heads.pop(0).id
    if not heads:
        return running, None
    last = standing.outline(tx, heads[0].id) or {}
    if last.get("outcome") == "running":
        last |= {"outcome": "failed", "error": "interrupted", "tally": {}}
    return running, last


def _good_at(tx: sa.Connection, sync: str, last: Mapping[str, Any] | None) -> datetime | None:
    """Return when a run last ended well. Databases from before there was a pulse tell by their newest run."""
    said = pulse.heard(tx, sync, "good")
    if said is not None:
        return said[0]
    return _moment(last["finished"]) if last is not None and last["outcome"] in GOOD else None


def _connection_status(tx: sa.Connection, sync: str, name: str) -> ConnectionStatus:
    _, said = pulse.heard(tx, sync, f"connection/{name}") or (None, {})
    return ConnectionStatus(
        name=name,
        read_at=_moment(said.get("read_at")),
        down=said.get("down"),
        since=_moment(said.get("since")),
        budget=said.get("budget"),
        requests=int(said.get("requests") or 0),
    )


def _moment(said: object) -> datetime | None:
    return datetime.fromisoformat(said) if isinstance(said, str) and said else None


# -- lag -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Changes:
    """The changes that are known and not yet everywhere, by the oldest of each kind.

    `lead`: when the oldest lead of a webhook was noted that no run has followed. `made`: when the oldest change was
    made that was read and not decided about, or decided and is still owed to a copy. That is the tracker's own
    stamp, but not before a run last ended well: what a good run leaves owed waits for something else (a parent
    without a copy there), and counts only once a later run has failed; without any good run it is not before
    the first run (`first`) began. What no listing has shown yet is not known; comments are not counted.
    """

    lead: datetime | None
    made: datetime | None
    first: datetime | None
    owed: int


def _changes(tx: sa.Connection, sync: str, last: Mapping[str, Any] | None, good_at: datetime | None) -> _Changes:
    first = standing.first_start(tx, sync)
    floor = good_at or first or _EVER
    well = good_at is not None and last is not None and last["outcome"] in GOOD
    debts = list(standing.debts(tx, sync))
    newer, older = standing.undecided(tx, sync, floor)
    made = [d.made for d in debts if d.made is not None and d.made > floor]
    if newer is not None:
        made.append(newer)
    if not well and (older or any(d.made is None or d.made <= floor for d in debts)):
        made.append(floor)
    owed = len({(d.link, d.connection) for d in debts})
    return _Changes(leads.oldest(tx, sync), min(made, default=None), first, owed)


# -- what has lasted too long ----------------------------------------------------------------


def _stale(
    config: Config,
    sync: Sync,
    expected: datetime | None,
    changes: _Changes,
    connections: tuple[ConnectionStatus, ...],
    now: datetime,
) -> list[str]:
    """Say what has lasted longer than `alerts.after`, or than three starts of the sync if that is longer."""
    after = timedelta(seconds=config.daemon.alerts.after)

    def late(since: datetime | None) -> bool:
        return since is not None and now > since + after and now > _starts_after(sync, config, since)

    def ago(since: datetime | None) -> str:
        return span((now - since).total_seconds()) if since is not None else "?"

    found = [f"no good run for {ago(expected)}"] if late(expected) else []
    found += [
        f"{c.name} has been down for {ago(c.since)}"
        for c in connections
        if c.down is not None and c.since is not None and now - c.since > after
    ]
    found += [f"a change has waited for {ago(changes.made)}"] if late(changes.made) else []
    found += [f"what a webhook told has waited for {ago(changes.lead)}"] if late(changes.lead) else []
    return found


def _starts_after(sync: Sync, config: Config, since: datetime) -> datetime:
    """Return when the sync is to have started so many times, after *since*, that one should have gone well."""
    if sync.every is not None:
        return since + timedelta(seconds=MISSED * sync.every)
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 -- slow to import, and few write cron lines

    trigger = CronTrigger.from_crontab((sync.cron or "").lower(), timezone=config.daemon.timezone)
    at: datetime | None = since
    for _ in range(MISSED):
        at = trigger.get_next_fire_time(at, at) if at is not None else None
    return at or since


# -- the document ----------------------------------------------------------------------------


def document(status: Status) -> dict[str, Any]:
    """Return a status as `status --json` prints it."""
    return {
        "at": when(status.at),
        "daemon": status.daemon,
        "syncs": [_sync_document(one) for one in status.syncs],
    }


def _sync_document(one: SyncStatus) -> dict[str, Any]:
    return {
        "sync": one.sync,
        "last": one.last,
        "running": one.running,
        "good_at": when(one.good_at),
        "next_at": when(one.next_at),
        "next_why": one.next_why or None,
        "lag": round(one.lag, 1),
        "waiting": one.waiting,
        "owed": one.owed,
        "held": one.held,
        "parked": one.parked,
        "audit": one.audit,
        "connections": [_connection_document(c) for c in one.connections],
        "stale": list(one.stale),
    }


def _connection_document(one: ConnectionStatus) -> dict[str, Any]:
    return {
        "connection": one.name,
        "read_at": when(one.read_at),
        "down": one.down,
        "since": when(one.since),
        "budget": one.budget,
        "requests": one.requests,
    }
