"""Opening a sync: its connections, its rules, who asked for what."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from syncer.connector import Connector, Setting
from syncer.engine.state import Rules
from syncer.errors import ConfigError, ConnectorError, StoreError
from syncer.live import Directory, Live, RequestMeter, Session, digest_of, together
from syncer.mapping.mapper import Mapper
from syncer.mapping.redaction import Redaction
from syncer.mapping.schema import Tables
from syncer.store import Store, records
from syncer.store.journal import Shelf

SINGLE = "@single_assignee"
EVER = 1e9
"""Seconds: some facts do not grow old."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """One connection of a sync, not yet open: how to connect, and its mapping."""

    name: str
    connect: Callable[[Setting], Connector]
    options: object
    tables: Tables
    abilities: frozenset[str] = frozenset()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Wiring:
    """One sync with all it needs, whoever configured it.

    `redact` applies to texts for disclosed places; `file` is what a person wrote all this in. Once `halted` says
    yes, a run stops at its next safe point: between two pages, two items, two writes.
    """

    rules: Rules
    spokes: tuple[Spoke, ...]
    people: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    settle_wait: float = 60.0
    redact: tuple[str, ...] = ()
    file: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    halted: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for a run, and how: `full` lists everything again, `allow` lifts guards by name,
    `only` limits it to actions a saved plan holds. `leads`: read what webhooks named and nothing else.
    `resting`: connections to be left alone, and why."""

    trigger: str = "manual"
    full: bool = False
    allow: frozenset[str] = frozenset()
    wait: float = 60.0
    only: frozenset[str] | None = None
    leads: bool = False
    resting: Mapping[str, ConnectorError] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def opened(store: Store, wiring: Wiring, request: Request) -> AsyncIterator[Session]:
    """Open every connection of a sync; one that fails is in `down`. Takes no lease, reads and writes nothing else."""
    now = wiring.clock()
    with store.read() as tx:
        number = records.next_number(tx, wiring.rules.sync)
        shelves = {s.name: Shelf.load(tx, s.name, now) for s in wiring.spokes}
    directory = Directory(wiring.people, wiring.rules.sync, store)
    session = Session(
        sync=wiring.rules.sync,
        run="R" + secrets.token_hex(6),
        number=number,
        rules=wiring.rules,
        store=store,
        lives={},
        directory=directory,
        digest=digest_of(wiring.rules, {s.name: f"{s.tables.digest} {s.version}" for s in wiring.spokes}),
        settle_wait=wiring.settle_wait,
        clock=wiring.clock,
        allowed=request.allow,
        abilities={s.name: s.abilities for s in wiring.spokes},
        halted=wiring.halted,
        unlisted_since=now if request.leads else None,
    )
    connectors: list[Connector] = []
    structlog.contextvars.bind_contextvars(run=session.run, sync=session.sync)
    try:
        for name, error in request.resting.items():
            session.down[name] = error
            _recall_single(session, name, shelves[name])
        wanted = [s for s in wiring.spokes if s.name not in session.down]
        await together(*(_open(session, wiring, s, shelves[s.name], connectors) for s in wanted))
        session.rules = _disclosed(session, wiring)
        yield session
    finally:
        for connector in connectors:
            with contextlib.suppress(ConnectorError):
                await connector.close()
        with contextlib.suppress(StoreError), store.write() as tx:
            for shelf in shelves.values():
                shelf.flush(tx)
        structlog.contextvars.unbind_contextvars("run", "sync")


async def _open(session: Session, wiring: Wiring, spoke: Spoke, shelf: Shelf, connectors: list[Connector]) -> None:
    meter = RequestMeter(spoke.name)
    setting = Setting(
        connection=spoke.name,
        options=spoke.options,
        tables=spoke.tables.for_setting(),
        catalogue=shelf,
        meter=meter,
        clock=wiring.clock,
        sleep=wiring.sleep,
    )
    connector = spoke.connect(setting)
    connectors.append(connector)
    try:
        place = await connector.open()
    except ConnectorError as error:
        error.connection = error.connection or spoke.name
        session.lose(spoke.name, error)
        _recall_single(session, spoke.name, shelf)
        session.unopened[spoke.name] = meter
        return
    session.directory.accounts[spoke.name] = list(place.accounts)
    mapper = Mapper(
        connection=spoke.name,
        codecs=place.codecs,
        tables=spoke.tables,
        directory=session.directory,
        words=place.words,
        redact=_redactor(wiring, spoke.name),
    )
    _note_single(session, shelf, mapper)
    session.lives[spoke.name] = Live(spoke.name, connector, place, spoke.tables, mapper, meter)


def _recall_single(session: Session, connection: str, shelf: Shelf) -> None:
    if shelf.get(SINGLE, max_age=EVER) is True:
        session.single.add(connection)


def _note_single(session: Session, shelf: Shelf, mapper: Mapper) -> None:
    """Remember what the connection can hold: while it is away, the others must merge as if it were there."""
    now = mapper.single("assignees") or not mapper.has("assignees")
    if shelf.get(SINGLE, max_age=EVER) is not now:
        shelf.put(SINGLE, now)
    if now:
        session.single.add(mapper.connection)


def _redactor(wiring: Wiring, connection: str) -> Redaction | None:
    disclosure = wiring.rules.disclosure
    if disclosure is None or connection not in disclosure.to or not wiring.redact:
        return None
    return Redaction.of(wiring.redact)


def _disclosed(session: Session, wiring: Wiring) -> Rules:
    """Refuse a sync from a private to a public place that nobody agreed to (never silently thinned)."""
    rules = session.rules
    public = frozenset(n for n, live in session.lives.items() if not live.place.private)
    private = sorted(n for n, live in session.lives.items() if live.place.private)
    told = rules.disclosure.to if rules.disclosure is not None else frozenset()
    for name in sorted(public - told):
        if private:
            raise ConfigError(
                f"{name} is public and {private[0]} is private: say what may be shown there.",
                file=wiring.file,
                key=f"syncs.{rules.sync}.disclose",
                connection=name,
                fix=f'Add disclose = {{ to = ["{name}"] }} to [syncs.{rules.sync}].',
            )
    return replace(rules, public=public)
