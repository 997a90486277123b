"""A daemon on duty: started as a process on an office's config, its log read as it is written."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.office import PATIENCE, Office

SECRETS = {"jira": "jira-hook-secret", "github": "github-hook-secret", "linear": "linear-hook-secret"}


@dataclass(slots=True)
class Duty:
    """One daemon process. `events` are its log, parsed, oldest first."""

    process: subprocess.Popen[str]
    url: str
    events: list[dict[str, Any]] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    _reader: threading.Thread | None = None

    def listen(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            try:
                self.events.append(json.loads(line))
            except ValueError:
                self.other.append(line)

    def told(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """Return the events of that name with those facts."""
        return [e for e in list(self.events) if e["event"] == event and facts.items() <= e.items()]

    def wait(self, event: str, *, times: int = 1, within: float = PATIENCE, **facts: Any) -> dict[str, Any]:
        """Wait until *event* was logged so often; return the newest."""
        deadline = time.monotonic() + within
        while len(self.told(event, **facts)) < times:
            assert self.process.poll() is None or self.told(event, **facts), f"it ended: {self.tail()}"
            assert time.monotonic() < deadline, f"no {event} {facts}: {self.tail()}"
            time.sleep(0.01)
        return self.told(event, **facts)[-1]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=10.0)

    def sign(self, what: signal.Signals) -> None:
        self.process.send_signal(what)

    def ended(self, within: float = PATIENCE) -> int:
        """Wait for its end; return the exit code."""
        code = self.process.wait(within)
        if self._reader is not None:
            self._reader.join(PATIENCE)
        return code

    def tail(self) -> str:
        return "\n".join([*(json.dumps(e) for e in self.events[-40:]), *self.other[-30:]])


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def tables(office: Office, **daemon: str) -> str:
    """Append the [daemon] table to the office's config, and to each connection its webhook's secret; return the
    daemon's address."""
    port = free_port()
    for name, secret in SECRETS.items():
        office.environ[f"{name.upper()}_HOOK"] = secret
        office.options[name]["webhook_secret"] = f"env:{name.upper()}_HOOK"
    office.configure()
    url = f"http://127.0.0.1:{port}"
    lines = [
        "",
        "[daemon]",
        f'listen = "127.0.0.1:{port}"',
        f'url = "{url}"',
        *(f"{k} = {v}" for k, v in daemon.items()),
    ]
    with office.config.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return url


@contextlib.contextmanager
def on_duty(office: Office, url: str) -> Iterator[Duty]:
    """Start the daemon; it is ended with the block, whatever happens in it."""
    process = office.start("--log-format", "json", "daemon")
    duty = Duty(process, url)
    duty.listen()
    try:
        duty.wait("daemon.started")
        yield duty
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        if duty._reader is not None:
            duty._reader.join(PATIENCE)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
