"""Alerts: told once, told again while it lasts, told when it is over; and nobody learns the address from the log."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from syncer.daemon.alerts import Alerts, is_address
from syncer.errors import StoreError
from syncer.status import Status, SyncStatus
from syncer.store import Store

pytestmark = pytest.mark.anyio

PATH = "/services/T0000/B0000/XyZzY"
DAY = 86_400.0
STALE = ("no good run for 20m",)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Room:
    """Where messages arrive: `heard`, each with the path it was sent to. It answers `status`, and says much."""

    status: int = 200
    heard: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def open(self) -> None:
        room = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                said = json.loads(self.rfile.read(int(self.headers["content-length"])))
                room.paths.append(self.path)
                if room.status < 300:
                    room.heard.append(said["text"])
                body = f"Cannot POST {self.path}".encode()
                self.send_response(room.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}{PATH}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    made.open()
    yield made
    made.close()


@dataclass
class Watch:
    """Alerts on a sync that is in step or not, as time passes. `logged`: events of any look."""

    store: Store
    url: str | None
    now: datetime = datetime(2026, 11, 2, 9, tzinfo=UTC)
    logged: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.alerts = Alerts(
            self.store, lambda: self.now, url=SecretStr(self.url) if self.url else None, repeat=DAY, sleep=at_once
        )

    async def look(self, *reasons: str, after: float = 30.0, sync: str = "roadmap") -> None:
        self.now += timedelta(seconds=after)
        with capture_logs() as logs:
            await self.alerts.look(Status(self.now, (SyncStatus(sync, stale=reasons),)))
        self.logged += [dict(e) for e in logs]

    def events(self) -> list[str]:
        return [e["event"] for e in self.logged]


async def at_once(_: float) -> None:
    """A wait that is over."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.open(f"sqlite:///{tmp_path / 'syncer.db'}?timeout=0.1")
    yield made
    made.close()


@pytest.fixture
def watch(store: Store, room: Room) -> Watch:
    return Watch(store, room.url)


WARNED = ":warning: syncer: roadmap: no good run for 20m"
RELIEVED = ":white_check_mark: syncer: roadmap is in step again"


async def test_a_sync_in_step_is_no_news(watch: Watch, room: Room) -> None:
    await watch.look()

    assert (watch.logged, room.paths) == ([], [])


async def test_a_stale_sync_is_told_once(watch: Watch, room: Room) -> None:
    for _ in range(5):
        await watch.look(*STALE)

    assert room.heard == [WARNED]
    assert room.paths == [PATH]
    assert [(e["event"], e["reasons"]) for e in watch.logged] == [("sync.stale", list(STALE))]


async def test_while_it_lasts_it_is_told_again_after_so_long(watch: Watch, room: Room) -> None:
    await watch.look(*STALE)
    await watch.look(*STALE, after=DAY - 60)
    before = list(room.heard)

    await watch.look("no good run for 1d", after=120)

    assert before == [WARNED]
    assert room.heard == [WARNED, ":warning: syncer: roadmap: no good run for 1d"]
    assert watch.events() == ["sync.stale"] * 2
    assert watch.logged[0]["since"] == watch.logged[1]["since"]


async def test_a_restart_neither_repeats_nor_forgets_it(watch: Watch, room: Room) -> None:
    await watch.look(*STALE)
    watch.restart()
    await watch.look(*STALE)
    watch.restart()
    await watch.look()

    assert room.heard == [WARNED, RELIEVED]


async def test_that_it_is_over_is_told_once(watch: Watch, room: Room) -> None:
    await watch.look(*STALE)
    for _ in range(3):
        await watch.look()
        watch.restart()

    assert room.heard == [WARNED, RELIEVED]
    assert watch.events() == ["sync.stale", "sync.recovered"]


async def test_every_sync_is_told_of_by_itself(watch: Watch, room: Room) -> None:
    await watch.look(*STALE)
    await watch.look(*STALE, sync="bugs")
    await watch.look()

    assert room.heard == [WARNED, WARNED.replace("roadmap", "bugs"), RELIEVED]


async def test_without_an_address_the_log_alone_is_told(store: Store) -> None:
    watch = Watch(store, None)
    for _ in range(3):
        await watch.look(*STALE)
    await watch.look()

    assert watch.events() == ["sync.stale", "sync.recovered"]


# -- an address that does not take it --------------------------------------------------------


async def test_what_was_not_taken_is_tried_again_in_five_minutes(watch: Watch, room: Room) -> None:
    room.status = 500
    await watch.look(*STALE)
    await watch.look(*STALE, after=290)
    early = len(room.paths)

    room.status = 200
    await watch.look(*STALE, after=10)

    assert (early, room.heard) == (1, [WARNED])
    assert watch.events() == ["sync.stale", "alert.failed"]


async def test_a_repetition_that_was_not_taken_is_tried_no_more_often(watch: Watch, room: Room) -> None:
    await watch.look(*STALE)
    room.status = 500
    await watch.look(*STALE, after=DAY)
    for _ in range(9):
        await watch.look(*STALE)

    assert len(room.paths) == 2
    assert watch.events() == ["sync.stale", "sync.stale", "alert.failed"]


async def test_that_it_is_over_is_tried_again_too(watch: Watch, room: Room) -> None:
    await watch.look(*STALE)
    room.status = 500
    await watch.look()
    await watch.look()
    room.status = 200
    watch.restart()
    await watch.look(after=300)
    await watch.look(after=300)

    assert room.heard == [WARNED, RELIEVED]
    assert watch.events() == ["sync.stale", "sync.recovered", "alert.failed"]


async def test_that_it_is_over_is_not_tried_for_ever(watch: Watch, room: Room) -> None:
    await watch.look(*STALE)
    room.status = 500
    await watch.look()
    await watch.look(after=DAY)
    room.status = 200
    await watch.look(after=DAY)

    assert room.heard == [WARNED]


async def test_stale_again_before_it_could_be_told_that_it_was_over_is_the_same_story(watch: Watch, room: Room) -> None:
    await watch.look(*STALE)
    room.status = 500
    await watch.look()
    room.status = 200
    await watch.look(*STALE)
    await watch.look(after=300)

    assert room.heard == [WARNED, RELIEVED]
    assert watch.events() == ["sync.stale", "sync.recovered", "alert.failed", "sync.stale", "sync.recovered"]


async def test_whoever_was_not_told_that_it_began_is_not_told_that_it_is_over(watch: Watch, room: Room) -> None:
    room.status = 500
    await watch.look(*STALE)
    room.status = 200
    await watch.look(after=600)

    assert room.heard == []


@pytest.mark.parametrize("status", [302, 400, 403, 404, 500])
async def test_a_refusal_is_told_without_the_address(watch: Watch, room: Room, status: int) -> None:
    room.status = status

    await watch.look(*STALE)

    [failed] = [e for e in watch.logged if e["event"] == "alert.failed"]
    assert failed["reason"] == f"it answered {status}"
    assert PATH not in repr(watch.logged)


async def test_an_address_where_nobody_is_is_told_of_without_its_path(store: Store) -> None:
    room = Room()
    room.open()
    room.close()
    watch = Watch(store, room.url.replace("://", "://name:pass-word@"))

    await watch.look(*STALE)

    [failed] = [e for e in watch.logged if e["event"] == "alert.failed"]
    assert failed["reason"].startswith("cannot reach 127.0.0.1")
    assert not [word for word in (PATH, "pass-word") if word in repr(watch.logged)]


@pytest.mark.parametrize(
    "url", ["", "nonsense", "/x", "http://", "ftp://x/y", "http://[x/y", "http://x:y/z", "x.example/y"]
)
def test_what_is_no_address_is_known_before_it_is_needed(url: str) -> None:
    assert not is_address(url)


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/services/T0/B0/x", "http://127.0.0.1:9/x", "http://[::1]:9/"]
)
def test_what_is_an_address_is_one(url: str) -> None:
    assert is_address(url)


# -- a database that does not take it --------------------------------------------------------


async def test_a_full_disk_is_told_of_once(watch: Watch, room: Room) -> None:
    assert watch.store.path is not None
    await watch.look()
    other = sqlite3.connect(watch.store.path)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(StoreError):
            await watch.look(*STALE, after=DAY)
    for _ in range(3):
        await watch.look(*STALE)
    other.rollback()
    other.close()

    assert len(room.heard) == 2
