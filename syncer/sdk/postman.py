"""Delivers the webhooks of a sandbox, in order, from a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery to be posted."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Postman:
    """Posts what a sandbox hands over, as its tracker would: in the background, a failure harms nobody.

    `sent` holds every letter with the status it was answered with (0: nobody answered). `holding` keeps
    letters back until `release`. Retries are the sandbox's business.
    """

    sent: list[tuple[Letter, int]] = field(default_factory=list)
    holding: bool = False
    timeout: float = 10.0
    _queue: queue.SimpleQueue[Letter] = field(default_factory=queue.SimpleQueue)
    _held: list[Letter] = field(default_factory=list)
    _waiting: int = 0
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, letter: Letter) -> None:
        """Deliver *letter* soon; never blocks, never raises."""
        with self._lock:
            if self.holding:
                self._held.append(letter)
                return
            self._waiting += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
        self._queue.put(letter)

    def take(self) -> Sequence[Letter]:
        """Return the letters that were kept back, to be delivered by hand; nothing posts them any more."""
        with self._lock:
            held, self._held = self._held, []
        return held

    def release(self) -> None:
        with self._lock:
            self.holding, held, self._held = False, self._held, []
        for letter in held:
            self.post(letter)

    def idle(self, within: float = 10.0) -> bool:
        """Wait until everything handed over was answered; say whether it was in time."""
        deadline = time.monotonic() + within
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.005)
        return not self._waiting

    def _work(self) -> None:
        with httpx.Client(timeout=self.timeout) as client:
            while True:
                letter = self._queue.get()
                status = 0
                with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
                    status = client.post(letter.url, content=letter.body, headers=dict(letter.headers)).status_code
                self.sent.append((letter, status))
                with self._lock:
                    self._waiting -= 1
