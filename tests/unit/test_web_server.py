"""The server: on a real socket, in a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from syncer.errors import ConfigError
from syncer.web import line
from syncer.web.server import HEADERS, Server
from tests.unit.porch import Porch, porch, signed


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Porch]:
    made = porch(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def server(house: Porch) -> Iterator[Server]:
    made = Server(house.app)
    made.start("127.0.0.1", 0)
    yield made
    made.stop()


def dial(server: Server) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=10)
    made.settimeout(10)
    return made


def test_a_delivery_is_taken_over_the_wire(server: Server, house: Porch) -> None:
    body, headers = signed({"issues": [7]})

    answer = httpx.post(f"{server.url}/hooks/jira", content=body, headers=headers)

    assert (answer.status_code, house.asked) == (202, [("roadmap", "webhook")])


def test_answers_do_not_say_what_serves_them(server: Server) -> None:
    assert "server" not in httpx.get(f"{server.url}/healthz").headers


def test_a_busy_main_thread_does_not_delay_an_answer(server: Server) -> None:
    """The worker's loop is not ours: while it is blocked, the door still opens."""
    answered = threading.Event()
    threading.Thread(target=lambda: httpx.get(f"{server.url}/healthz") and answered.set(), daemon=True).start()
    deadline = time.monotonic() + 10
    while not answered.is_set() and time.monotonic() < deadline:
        sum(range(10_000))

    assert answered.is_set()


def test_a_port_that_is_taken_is_a_mistake_in_the_configuration(server: Server, house: Porch) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1:\d+ .*Change listen") as told:
        Server(house.app).start("127.0.0.1", int(server.url.rsplit(":", 1)[1]))

    assert told.value.key == "daemon.listen"


def test_an_address_that_is_not_ours_is_one_too(house: Porch) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        Server(house.app).start("192.0.2.1", 8722)


def test_it_stops_and_its_port_is_free_again(house: Porch) -> None:
    first = Server(house.app)
    first.start("127.0.0.1", 0)
    httpx.get(f"{first.url}/healthz")
    first.stop()

    second = Server(house.app)
    second.start("127.0.0.1", int(first.url.rsplit(":", 1)[1]))

    assert (first.serving, second.serving) == (False, True)
    second.stop()


def test_stopping_answers_the_delivery_that_is_here(server: Server, house: Porch) -> None:
    body, headers = signed({"issues": [7]})
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    with dial(server) as wire:
        wire.sendall(f"POST /hooks/jira HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode())
        time.sleep(0.1)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.2)
        wire.sendall(body)
        answer = wire.recv(1000)
        stopping.join()

    assert answer.startswith(b"HTTP/1.1 202")


def test_a_head_that_is_too_large_is_refused(server: Server) -> None:
    with dial(server) as wire:
        wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (HEADERS + 70_000))

        assert wire.recv(1000).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("start", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /"])
def test_who_says_nothing_is_hung_up(server: Server, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    monkeypatch.setattr(line, "SILENCE", 0.1)
    with dial(server) as wire:
        wire.sendall(start)
        while _heard(wire):
            pass

        assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_silent_connections_however_many_keep_nobody_out(server: Server) -> None:
    lines = [dial(server) for _ in range(line.MOST + 20)]

    assert httpx.get(f"{server.url}/healthz").status_code == 200
    lines[0].settimeout(line.SILENCE / 3)
    assert _heard(lines[0]) == b""
    for one in lines:
        one.close()


@pytest.mark.parametrize(
    "noise",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"POST /hooks/jira HTTP/1.1\r\nContent-Length: -1\r\n\r\n"],
)
def test_what_is_no_http_is_refused_in_silence(
    server: Server, noise: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with dial(server) as wire:
        wire.sendall(noise + b"\r\n\r\n")

        assert wire.recv(100).startswith(b"HTTP/1.1 400")
    assert (capfd.readouterr(), caplog.records) == (("", ""), [])


def test_a_body_refused_unread_is_still_answered(server: Server) -> None:
    answer = httpx.post(f"{server.url}/hooks/jira", content=b"x" * 6_000_000)

    assert answer.status_code == 413


def _heard(wire: socket.socket) -> bytes:
    try:
        return wire.recv(4096)
    except ConnectionResetError:
        return b""
