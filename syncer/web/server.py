"""The server: uvicorn on a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Final

import structlog
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import Server as Uvicorn

from syncer.errors import ConfigError
from syncer.web.line import MOST, Line

log = structlog.get_logger()

HEADERS: Final = 16_384
"""Bytes that the head of a request may have."""

KEEP_ALIVE: Final = 5
GRACE: Final = 5
BACKLOG: Final = 128


class Server:
    """Serves an app until it is stopped.

    It has a thread and an event loop of its own: a run that computes for a second would otherwise hold up every
    delivery for that long, and a tracker gives up on an answer after five or ten; a health check that is late
    gets the daemon killed. What the app hands to the daemon therefore crosses threads.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._uvicorn: Uvicorn | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def start(self, host: str, port: int) -> None:
        """Listen on *host* and *port* (0: any that is free; `url` tells). Raises `ConfigError` where that cannot be."""
        bound = _bound(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{bound.getsockname()[1]}"
        self._uvicorn = Uvicorn(_config(self._app))
        self._thread = threading.Thread(target=self._serve, args=(self._uvicorn, bound), name="web", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = GRACE + 5.0) -> None:
        """Take no more requests, answer those that are here, within seconds."""
        if self._uvicorn is None or self._thread is None:
            return
        self._uvicorn.should_exit = True
        self._thread.join(timeout)
        self._uvicorn = self._thread = None

    @property
    def serving(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @staticmethod
    def _serve(uvicorn: Uvicorn, bound: socket.socket) -> None:
        with bound, asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(_tell)
            runner.run(uvicorn.serve(sockets=[bound]))


def _tell(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Say that something failed outside of any request; not what: its traceback could hold content."""
    log.error("web.failed", error=type(context.get("exception")).__name__)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections already: who connects before the loop runs waits a moment."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, proto)
    except OSError as error:
        raise _unusable(host, port, error) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _unusable(host, port, error) from None
    return bound


def _unusable(host: str, port: int, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot listen on {host}:{port} ({error.strerror or error}).",
        key="daemon.listen",
        fix='Change listen to a free address of this machine, like "127.0.0.1:8722", or to "off"; '
        "or end the program that has it.",
    )


def _config(app: ASGIApp) -> Config:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        # Its tracebacks could hold content, and what is refused we tell ourselves.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return Config(
        app,
        http=Line,
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever can write X-Forwarded-For could be anybody.
        proxy_headers=False,
        backlog=BACKLOG,
        # Beyond what Line lets in, so that nobody is refused while one that gives way is still being hung up.
        limit_concurrency=2 * MOST,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=HEADERS,
    )
