"""The service as a whole: what stops it from starting, what must not stop it, and what it leaves behind."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest
import structlog
from structlog.testing import capture_logs

from syncer.cli.app import run
from syncer.config import Log
from syncer.daemon.alerts import Alerts
from syncer.daemon.service import SEAT, Service
from syncer.daemon.setup import prepare
from syncer.daemon.vigil import Vigil
from syncer.store import Store, pulse, records
from syncer.store.lease import held

pytestmark = pytest.mark.anyio

TEXT = """
[store]
url = "sqlite:///syncer.db"

[connections.github]
connector = "github"
token = "env:SOME_TOKEN"
repository = "acme/web"
url = "GATE"

[connections.linear]
connector = "linear"
token = "env:SOME_TOKEN"
team = "ENG"
url = "GATE"

[syncs.roadmap]
connections = ["github", "linear"]
every = "1h"

[daemon]
listen = "127.0.0.1:0"
jitter = "0s"
timezone = "UTC"
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command sets the log up for its whole process; not for other tests."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


class Gate(BaseHTTPRequestHandler):
    """Where trackers would be: it lets nobody in, at once."""

    def answer(self) -> None:
        self.send_response(401)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = answer  # noqa: N815 -- the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
        """Be quiet."""


@pytest.fixture(scope="module")
def gate() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def file(tmp_path: Path, gate: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOME_TOKEN", "a-token-for-tests")
    made = tmp_path / "config.toml"
    made.write_text(TEXT.replace("GATE", gate), encoding="utf-8")
    return made


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


# -- starting --------------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody has."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield int(made.getsockname()[1])


def fails(file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Start the daemon, that must not start; return its one line of advice, once all else is as before."""
    threads = {t.name for t in threading.enumerate()}

    code = run(["--config", str(file), "daemon"])

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    assert {t.name for t in threading.enumerate()} <= threads
    store = Store.open(f"sqlite:///{file.parent / 'syncer.db'}")
    try:
        assert held(store, SEAT) is None
        with store.read() as tx:
            assert pulse.heard(tx, "", "daemon") is None
    finally:
        store.close()
    [line] = said.err.splitlines()
    return line


def test_a_port_that_somebody_has_is_one_line_of_advice(
    file: Path, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    change(file, "127.0.0.1:0", f"127.0.0.1:{taken}")

    assert f"cannot listen on 127.0.0.1:{taken}" in fails(file, capsys)


def test_an_alert_address_that_cannot_be_had_is_one_line_of_advice(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(file, 'timezone = "UTC"\n', 'timezone = "UTC"\n\n[daemon.alerts]\nurl = "env:NO_SUCH_THING"\n')

    line = fails(file, capsys)

    assert "[daemon.alerts.url]" in line
    assert "NO_SUCH_THING" in line


def test_an_alert_address_that_is_none_is_one_line_of_advice_without_it(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTS", "htps://hooks.example/XyZzY")
    change(file, 'timezone = "UTC"\n', 'timezone = "UTC"\n\n[daemon.alerts]\nurl = "env:ALERTS"\n')

    line = fails(file, capsys)

    assert "[daemon.alerts.url]" in line
    assert "XyZzY" not in line


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('every = "1h"', 'cron = "0 0 30 2 *"', "syncs.roadmap.cron"),
        ('timezone = "UTC"', 'timezone = "UTC"\nsweep = "0 3 31 4 *"', "daemon.sweep"),
    ],
)
def test_a_time_that_never_comes_is_one_line_of_advice(
    file: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, key: str
) -> None:
    change(file, old, new)

    said = fails(file, capsys)

    assert f"[{key}]" in said
    assert "never comes true" in said


def test_a_config_without_a_sync_is_one_line_of_advice(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = file.read_text(encoding="utf-8")
    start, end = text.index("[syncs"), text.index("[daemon]")
    file.write_text(text[:start] + text[end:], encoding="utf-8")

    assert "there is no sync to run" in fails(file, capsys)


def test_a_machine_that_does_not_know_its_zone_is_one_line_of_advice(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(file, 'timezone = "UTC"\n', "")
    monkeypatch.setenv("TZ", "Nowhere/Land")
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)

    assert "[daemon.timezone]" in fails(file, capsys)


# -- living ----------------------------------------------------------------------------------


@dataclass
class Life:
    """A daemon that lives in this process."""

    file: Path
    store: Store
    service: Service
    logs: list[Any] = field(default_factory=list)
    living: asyncio.Task[int] | None = None

    def begin(self) -> None:
        self.living = asyncio.create_task(self.service.live())

    async def end(self) -> int:
        assert self.living is not None
        self.service._stops.put_nowait(None)
        return await asyncio.wait_for(self.living, 30.0)

    def told(self, event: str) -> list[dict[str, Any]]:
        return [e for e in self.logs if e["event"] == event]

    async def wait(self, claim: Callable[[], bool], within: float = 15.0) -> None:
        deadline = time.monotonic() + within
        while not claim():
            assert time.monotonic() < deadline, f"it never came true: {self.logs[-9:]}"
            await asyncio.sleep(0.02)


def quiet(_: Log) -> None:
    """Leave the log as it is."""


Begin = Callable[..., Awaitable[Life]]


@pytest.fixture
async def begin(file: Path) -> AsyncIterator[Begin]:
    lives: list[Life] = []
    store = Store.open(f"sqlite:///{file.parent / 'syncer.db'}?timeout=0.2")

    async def made(change: Callable[[Service], None] = lambda _: None) -> Life:
        service = Service(file, prepare(file, store), store, quiet, beat_every=0.05, watch_every=0.05)
        change(service)
        life = Life(file, store, service, logs)
        life.begin()
        lives.append(life)
        await life.wait(lambda: bool(life.told("daemon.started")))
        return life

    with capture_logs() as logs:
        yield made
        for life in lives:
            if life.living is not None and not life.living.done():
                await life.end()
    store.close()


def web() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "web"]


async def test_it_ends_as_told_and_leaves_nothing_behind(begin: Begin) -> None:
    life = await begin()

    code = await life.end()

    assert (code, web()) == (0, [])
    assert [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith("sync ")] == []
    with life.store.read() as tx:
        assert pulse.heard(tx, "", "daemon") is None


async def test_when_the_web_is_gone_it_says_so_and_ends_to_be_started_again(begin: Begin) -> None:
    life = await begin()
    assert life.service.server is not None
    assert life.living is not None

    life.service.server._uvicorn.should_exit = True  # type: ignore[union-attr]  # it serves
    code = await asyncio.wait_for(life.living, 20.0)

    assert code == 1
    assert [(e["part"], e["reason"]) for e in life.told("daemon.broken")] == [
        ("beat", "SyncerError: the web server has ended")
    ]
    assert life.told("daemon.stopped")


async def test_a_watch_that_stumbles_is_told_and_goes_on(begin: Begin) -> None:
    times: list[int] = []

    def broken() -> datetime:
        times.append(1)
        raise KeyError("trouble")

    def change(service: Service) -> None:
        with service.store.write() as tx:
            pulse.say(tx, "roadmap", "alert", {"since": "2026-01-01T00:00:00Z"}, datetime.fromtimestamp(0).astimezone())
        service.setup = replace(service.setup, alerts=Alerts(service.store, broken))

    life = await begin(change)

    await life.wait(lambda: len(times) >= 3)

    assert {(e["chore"], e["reason"]) for e in life.told("chore.crashed")} == {("watch", "KeyError")}
    assert await life.end() == 0


async def test_after_a_jump_of_the_clock_every_sync_runs_and_asks_trackers_that_were_left_alone(begin: Begin) -> None:
    ahead: list[float] = [0.0]

    def change(service: Service) -> None:
        service.vigil = Vigil(wall=lambda: time.time() + ahead[-1])

    life = await begin(change)
    await life.wait(lambda: len(life.told("connection.resting")) == 2)

    ahead.append(-10_800.0)

    await life.wait(lambda: len(life.told("connection.resting")) == 4)
    assert [e["seconds"] for e in life.told("clock.jumped")] == [-10_800]


async def test_what_fails_halfway_through_the_start_is_taken_back(begin: Begin, file: Path) -> None:
    store = Store.open(f"sqlite:///{file.parent / 'syncer.db'}")
    setup = prepare(file, store)
    nowhere = setup.config.daemon.model_copy(update={"timezone": "No/Where"})
    service = Service(file, replace(setup, config=replace(setup.config, daemon=nowhere)), store, quiet)

    with pytest.raises(ZoneInfoNotFoundError):
        await service.live()

    assert service.server is not None
    assert (web(), workers()) == ([], set())
    store.close()


# -- another config --------------------------------------------------------------------------


async def reload(life: Life) -> None:
    await life.service._try("reload", life.service._reload)


async def test_a_reload_that_the_database_does_not_take_changes_nothing(begin: Begin) -> None:
    life = await begin()
    await life.wait(lambda: not life.service.desk.busy())
    before = life.service.setup
    other = life.store.engine.raw_connection()
    other.cursor().execute("BEGIN IMMEDIATE")
    change(life.file, '"1h"', '"2h"')

    await reload(life)
    other.rollback()
    other.close()

    assert life.service.setup is before
    assert len(life.told("config.refused")) == 1


async def test_a_file_that_cannot_be_read_is_refused_and_all_goes_on(begin: Begin) -> None:
    life = await begin()
    before = life.service.setup
    life.file.unlink()
    life.file.mkdir()

    await reload(life)

    assert life.service.setup is before
    assert len(life.told("config.refused")) == 1
    assert life.living is not None
    assert not life.living.done()


async def test_a_reload_on_a_machine_that_does_not_know_its_zone_is_refused(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await begin()
    before = life.service.setup
    monkeypatch.setenv("TZ", "Nowhere/Land")
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    change(life.file, 'timezone = "UTC"\n', "")

    await reload(life)

    assert life.service.setup is before
    assert len(life.told("config.refused")) == 1


async def test_an_address_that_waits_for_a_restart_is_told_until_it_is_back(begin: Begin) -> None:
    life = await begin()
    change(life.file, 'listen = "127.0.0.1:0"', 'listen = "127.0.0.1:1"')
    await reload(life)
    await reload(life)
    change(life.file, 'listen = "127.0.0.1:1"', 'listen = "127.0.0.1:0"')

    await reload(life)

    assert [e["restart_for"] for e in life.told("config.reloaded")] == [["daemon.listen"], ["daemon.listen"], []]


async def test_what_is_too_old_does_not_hold_up_the_end(begin: Begin) -> None:
    life = await begin()
    life.service._draining = True

    with capture_logs() as log:
        old = {"run": "R1", "sync": "roadmap", "outcome": "in_step"}
        with life.service.store.write() as tx:
            for number in (1, 2):
                at = datetime(2020, 1, number, tzinfo=UTC)
                records.save_run(tx, id_=f"R{number}", sync="gone", number=number, started=at, finished=at, doc=old)
        await life.service._tidy()

    assert [e for e in log if e["event"] == "database.tended"] == []


async def test_a_sync_that_is_gone_has_no_worker_and_a_new_one_has(begin: Begin) -> None:
    life = await begin()
    change(life.file, "[syncs.roadmap]", "[syncs.bugs]")

    await reload(life)
    await life.wait(lambda: workers() == {"sync bugs"})

    assert life.told("config.reloaded")[0]["syncs"] == ["bugs"]


def workers() -> set[str]:
    return {t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith("sync ")}


async def test_a_next_start_is_told_with_what_decided_it(begin: Begin) -> None:
    life = await begin()
    await life.wait(lambda: bool(life.told("sync.slowed")))
    change(life.file, 'every = "1h"', 'cron = "0 4 * * *"')

    await reload(life)

    with life.store.read() as tx:
        found = pulse.heard(tx, "roadmap", "next")
    assert found is not None
    assert found[1]["why"] == "cron"
