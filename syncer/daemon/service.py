"""The daemon: clock, desk and web in one process, from its start to its last safe point."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from syncer import status, upkeep
from syncer.config import Config, Keep, Log, load
from syncer.daemon.clock import Clock
from syncer.daemon.desk import Desk, Kind
from syncer.daemon.notify import notify, watchdog
from syncer.daemon.setup import Setup, prepare
from syncer.daemon.vigil import BEAT, Vigil
from syncer.daemon.worker import Worker, halting
from syncer.errors import ConfigError, StoreError, SyncerError
from syncer.log import redact
from syncer.report import when
from syncer.store import Store, leads, pulse
from syncer.store.lease import lease
from syncer.web.app import app
from syncer.web.house import Health, House
from syncer.web.metrics import Metrics
from syncer.web.server import Server
from syncer.wiring import open_store

log = structlog.get_logger()

SEAT: Final = "@daemon"
"""The lease of the daemon itself; no sync has such a name."""

CLEAN, BROKEN, CUT = 0, 1, 130
LAST_WORDS = 60.0
"""Seconds that requests on their way get after the grace period, before they are cut off."""

ALERTS_EVERY = 30.0
TENDED_EVERY = 86_400.0
TENDED_SOONEST = 1.0
KINDS: Final[Mapping[str, Kind]] = {"webhook": "leads", "poll": "poll"}


@dataclass(slots=True)
class Service:
    """One daemon on one config file. `relog` is called with the [log] table of each config that takes effect."""

    file: Path
    setup: Setup
    store: Store
    relog: Callable[[Log], None]
    clock: Clock = field(init=False)
    desk: Desk = field(init=False)
    worker: Worker = field(init=False)
    server: Server | None = field(init=False, default=None)
    metrics: Metrics = field(init=False)
    vigil: Vigil = field(default_factory=Vigil)
    beat_every: float = BEAT
    watch_every: float = ALERTS_EVERY
    halt: asyncio.Event = field(default_factory=asyncio.Event)
    _stops: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    _draining: bool = False
    _listening: str = ""
    _reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _chores: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.metrics = Metrics(_version())
        self.clock = Clock(self._ask)
        self.worker = Worker(self.store, self.metrics, self.clock)
        self.desk = Desk(self.worker.perform)

    def _ask(self, sync: str, kind: Kind) -> None:
        self.desk.ask(sync, kind)

    async def live(self) -> int:
        """Serve until told to stop; return the exit code. Raises `SyncerError` where it cannot even start; then
        nothing of it is left."""
        parts: list[asyncio.Task[None]] = []
        try:
            self._open(asyncio.get_running_loop())
            work = {"beat": self._beat(), "watch": self._watch(), "tend": self._tend()}
            parts = [asyncio.create_task(part, name=name) for name, part in work.items()]
            log.info(
                "daemon.started",
                syncs=sorted(self.setup.config.syncs),
                url=self.server.url if self.server else None,
                version=_version(),
            )
            notify("READY=1")
            broken = await self._until_told(parts)
            code = await self._leave()
            return BROKEN if broken else code
        finally:
            for task in [*parts, *self._chores]:
                task.cancel()
            await asyncio.gather(*parts, *self._chores, return_exceptions=True)
            await self.desk.cut()
            self.close()

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stops.put_nowait, None)
        loop.add_signal_handler(signal.SIGHUP, self._chore, "reload")
        self.metrics.watch("main", loop)
        self._take_up(self.setup)
        self._open_doors(loop)
        self.clock.start(self.setup.config.syncs, self.setup.config.daemon)
        for name in self.setup.config.syncs:
            self.worker.tell_next(name)
        self._tell("running")

    async def _until_told(self, parts: list[asyncio.Task[None]]) -> bool:
        """Wait until told to stop, or until a part of us has ended that should not; say whether that was it.

        Half a daemon would look well and do nothing: better to end and be started again.
        """
        told = asyncio.create_task(self._stops.get())
        await asyncio.wait({told, *parts}, return_when=asyncio.FIRST_COMPLETED)
        ended = [part for part in parts if part.done()]
        for part in ended:
            error = part.exception()
            log.critical("daemon.broken", part=part.get_name(), reason=f"{type(error).__name__}: {error}")
        told.cancel()
        return bool(ended)

    def close(self) -> None:
        self.clock.stop()
        if self.server is not None:
            self.server.stop()
        with contextlib.suppress(StoreError), self.store.write() as tx:
            pulse.unsay(tx, "", "daemon")

    # -- leaving ---------------------------------------------------------------------------------

    async def _leave(self) -> int:
        """Let what runs finish; then have it stop at its next safe point; told again, stop now."""
        grace = self.setup.config.daemon.grace
        self._draining = True
        self.clock.stop()
        notify("STOPPING=1")
        with contextlib.suppress(StoreError):
            self._tell("draining")
        log.info("daemon.draining", busy=self.desk.busy(), grace=grace)
        again = asyncio.create_task(self._stops.get())
        drained = asyncio.create_task(self._drain(grace))
        await asyncio.wait({again, drained}, return_when=asyncio.FIRST_COMPLETED)
        cut = not (drained.done() and drained.result())
        if cut:
            log.warning("daemon.cut", busy=self.desk.busy())
            await self.desk.cut()
        for task in (again, drained):
            task.cancel()
        log.info("daemon.stopped", clean=not cut)
        return CUT if cut else CLEAN

    async def _drain(self, grace: float) -> bool:
        if await self.desk.drain(grace):
            return True
        log.info("daemon.halting", busy=self.desk.busy())
        self.halt.set()
        return await self.desk.drain(LAST_WORDS)

    # -- config ----------------------------------------------------------------------------------

    def _take_up(self, setup: Setup) -> None:
        config = setup.config
        with self.store.write() as tx:  # first: where this fails everything stays as it was
            for name, sync in config.syncs.items():
                leads.keep_only(tx, name, sync.connections)
        self.setup = setup
        self.relog(config.log)
        wirings = {name: halting(w, self.halt) for name, w in setup.wirings.items()}
        self.worker.rewire(wirings, {n: s.every for n, s in config.syncs.items()})
        self.desk.seat(config.syncs)

    async def _reload(self) -> None:
        """Take up the config file as it is now, if it is sound; else go on as before and say so."""
        async with self._reloading:
            notify("RELOADING=1")
            try:
                setup = await asyncio.to_thread(prepare, self.file, self.store)
                fixed = self._fixed(setup.config)
                if self._draining:
                    return
                self._take_up(setup)
            except SyncerError as error:
                log.error("config.refused", reason=redact(str(error)))  # noqa: TRY400 -- it says where to mend it
                self.metrics.reloaded(ok=False)
                return
            finally:
                notify("READY=1")
            self.clock.keep(setup.config.syncs, setup.config.daemon)
            for name in setup.config.syncs:
                self.worker.tell_next(name)
            self.metrics.reloaded(ok=True)
            log.info("config.reloaded", syncs=sorted(setup.config.syncs), restart_for=fixed)

    def _fixed(self, new: Config) -> list[str]:
        """Return the keys that say otherwise than we do until a restart. Raises `ConfigError` for another database."""
        ours = self.setup.config.store
        if (ours.url, ours.key) != (new.store.url, new.store.key):
            raise ConfigError("another database needs a restart.", file=str(new.file), key="store.url")
        return ["daemon.listen"] if self._listening != new.daemon.listen else []

    # -- the web's side --------------------------------------------------------------------------

    def _open_doors(self, loop: asyncio.AbstractEventLoop) -> None:
        self._listening = listen = self.setup.config.daemon.listen
        if listen == "off":
            return

        def ask(sync: str, trigger: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: the lead is noted, the next start follows it
                loop.call_soon_threadsafe(self.desk.ask, sync, KINDS[trigger])

        house = House(
            store=self.store,
            posts=lambda: self.setup.posts,
            settings=lambda: self.setup.config.daemon,
            ask=ask,
            health=self._health,
            statuses=self.statuses,
            metrics=self.metrics,
            clock=lambda: datetime.now(UTC),
        )
        host, _, port = listen.rpartition(":")
        self.server = Server(app(house))
        self.server.start(host.strip("[]"), int(port))

    def _health(self) -> Health:
        alive = self.vigil.alive()
        why = [] if alive else ["the main loop does not answer"]
        if self._draining:
            why.append("draining")
        return Health(alive, alive and not self._draining, tuple(why))

    def statuses(self) -> status.Status:
        return status.look(self.store, self.setup.config, datetime.now(UTC))

    # -- chores ----------------------------------------------------------------------------------

    def _chore(self, what: str) -> None:
        task = asyncio.create_task(self._try(what, self._reload), name=what)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _try(self, chore: str, do: Callable[[], Awaitable[None]]) -> None:
        """Do a chore; an error that nobody foresaw is told, and is no reason to stop keeping things in step."""
        try:
            await do()
        except Exception as error:
            log.exception("chore.crashed", chore=chore, reason=type(error).__name__)

    async def _beat(self) -> None:
        every = min(self.beat_every, watchdog() or BEAT)
        while True:
            jumped = self.vigil.beat()
            if jumped is not None:
                log.warning("clock.jumped", seconds=round(jumped))
                self.worker.forgive()
                self.clock.set_right()
            if self.server is not None and not self.server.serving:
                raise SyncerError("the web server has ended")
            notify("WATCHDOG=1")
            await asyncio.sleep(every)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.watch_every)
            await self._try("watch", self._look)

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(self.statuses)
            await self.setup.alerts.look(found)
        except SyncerError as error:
            log.error("watch.failed", reason=redact(str(error)))  # noqa: TRY400 -- it says what to do

    async def _tend(self) -> None:
        while True:
            await self._try("tend", self._tidy)
            await asyncio.sleep(tended_every(self.setup.config.store.keep))

    async def _tidy(self) -> None:
        config = self.setup.config
        try:
            await asyncio.to_thread(
                upkeep.tend, self.store, config.store.keep, list(config.syncs), datetime.now(UTC), self._is_draining
            )
        except SyncerError as error:
            log.error("database.untended", reason=redact(str(error)))  # noqa: TRY400 -- it says what to do

    def _is_draining(self) -> bool:
        return self._draining

    def _tell(self, state: str) -> None:
        doc = {"pid": os.getpid(), "started": when(datetime.now(UTC)), "version": _version(), "state": state}
        with self.store.write() as tx:
            before = pulse.heard(tx, "", "daemon")
            if state != "running" and before is not None:
                doc["started"] = before[1].get("started", doc["started"])
            pulse.say(tx, "", "daemon", doc, datetime.now(UTC))


def tended_every(keep: Keep) -> float:
    """Return the seconds between two looks for what is too old: a tenth of the shortest time anything is kept, so that
    nothing outlives it by much; a day at most."""
    shortest = min(keep.runs, keep.deliveries, TENDED_EVERY * 10 if keep.audit is None else keep.audit)
    return max(TENDED_SOONEST, min(TENDED_EVERY, shortest / 10))


async def serve(file: Path, relog: Callable[[Log], None]) -> int:
    """Run the daemon on *file* until told to stop. Raises `SyncerError` where it cannot even start, `LeaseBusyError`
    where another daemon keeps the same database."""
    store = open_store(load(file, secrets=False))
    try:
        async with lease(store, SEAT, wait=0.0):
            return await Service(file, prepare(file, store), store, relog).live()
    finally:
        store.close()


def _version() -> str:
    return importlib.metadata.version("roadmap-syncer")
