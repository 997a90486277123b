"""What the image and the unit count on: what a daemon tells systemd, and what the image's health check finds."""

from __future__ import annotations

import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Started:
    """A daemon, what it tells systemd, and the port it listens on."""

    process: subprocess.Popen[bytes]
    notices: socket.socket
    port: int

    def hear(self, wanted: str) -> None:
        """Wait until it tells that. Raises `TimeoutError`: that it lives it tells all the time."""
        until = time.monotonic() + PATIENCE
        while self.notices.recv(4096).decode() != wanted:
            if time.monotonic() > until:
                raise TimeoutError(wanted)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def config(folder: Path) -> Path:
    """Write a config whose trackers are away: the daemon starts all the same."""
    away = f'connector = "github"\nurl = "http://127.0.0.1:{free_port()}"\ntoken = "nobody-asks-for-it"\n'
    places = "".join(f'[connections.{n}]\nrepository = "acme/{n}"\n{away}' for n in ("web", "api"))
    path = folder / "config.toml"
    path.write_text(f'{places}[syncs.roadmap]\nconnections = ["web", "api"]\n')
    return path


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Started]:
    port, address = free_port(), str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(address)
        notices.settimeout(PATIENCE)
        told = {
            "NOTIFY_SOCKET": address,
            "WATCHDOG_USEC": "60000000",
            "SYNCER_DAEMON__LISTEN": f"127.0.0.1:{port}",
            "SYNCER_DAEMON__GRACE": "1s",
        }
        words = [str(Path(sys.executable).with_name("syncer")), "--config", str(config(tmp_path)), "daemon"]
        process = subprocess.Popen(words, env=os.environ | told, cwd=tmp_path, stderr=subprocess.DEVNULL)
        try:
            yield Started(process, notices, port)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)


def health(port: int) -> int:
    """Return the exit code of the image's own health check, for a daemon on *port*."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    (command,) = re.findall(r"(?m)^HEALTHCHECK .* CMD (\[.*\])$", text)
    environ = os.environ | {"SYNCER_DAEMON__LISTEN": f"0.0.0.0:{port}", "http_proxy": "http://127.0.0.1:9"}
    words = [sys.executable, *json.loads(command)[1:]]
    return subprocess.run(words, env=environ, capture_output=True, check=False, timeout=PATIENCE).returncode


def test_systemd_is_told_of_every_turn(daemon: Started) -> None:
    daemon.hear("READY=1")
    daemon.hear("WATCHDOG=1")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.hear("RELOADING=1")
    daemon.hear("READY=1")
    daemon.process.send_signal(signal.SIGTERM)
    daemon.hear("STOPPING=1")

    assert daemon.process.wait(PATIENCE) == 0


def test_the_health_check_says_whether_the_daemon_lives(daemon: Started) -> None:
    daemon.hear("READY=1")
    living = health(daemon.port)
    daemon.process.kill()
    daemon.process.wait(PATIENCE)

    assert (living, health(daemon.port)) == (0, 1)


class Unwell(http.server.BaseHTTPRequestHandler):
    """Answers as a daemon whose main loop stands still."""

    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, *_: object) -> None: ...


def test_the_health_check_takes_503_for_no() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Unwell) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = health(server.server_port)
        server.shutdown()

    assert found == 1
