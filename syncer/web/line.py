"""One connection to the server: it must ask for something within seconds, and there are only so many."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST: Final = 256
"""Connections at once. uvicorn counts them only when they ask: silent ones would use up all file handles."""

SILENCE: Final = 10.0
"""Seconds a connection may be open without a whole head of a request."""


class Line(H11Protocol):
    """uvicorn's own, and hung up where nobody speaks: it knows no time limit for the head of a request.

    When too many are open, the one that has been silent longest gives way to the newcomer.
    """

    since = 0.0
    _last: object = None
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # asyncio's own signature, uvicorn's is narrower
        self.since = self.loop.time()
        self._watch = self.loop.call_later(SILENCE, self._look)
        if len(self.connections) > MOST:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()

    @property
    def silent(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _look(self) -> None:
        """Hang up a connection that asked for nothing since it was last looked at."""
        last, self._last = self._last, self.cycle
        if self.silent and last is self.cycle:
            self.transport.abort()
            return
        self._watch = self.loop.call_later(SILENCE, self._look)

    def _make_room(self) -> None:
        lines = [line for line in self.connections if isinstance(line, Line) and not line.transport.is_closing()]
        min((line for line in lines if line.silent), key=lambda line: line.since, default=self).transport.abort()
