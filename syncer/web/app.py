"""The app: its four addresses, and what every answer has in common."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncer.web.health import Doctor
from syncer.web.hooks import Receiver, place_of
from syncer.web.house import House
from syncer.web.limits import Limits
from syncer.web.metrics import CONTENT_TYPE

log = structlog.get_logger()

_ALWAYS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_ERRORS = {404: "not_found", 405: "method"}


def app(house: House, limits: Limits | None = None, *, tick: Callable[[], float] = time.monotonic) -> Starlette:
    """Return the app of *house*, for one event loop. Whatever goes wrong in it, no answer says how."""
    receiver, doctor = Receiver(house, limits or Limits(), tick), Doctor(house)
    made = Starlette(
        routes=[
            Route("/hooks/{connection}", receiver.receive, methods=["POST"]),
            Route("/healthz", doctor.alive),
            Route("/readyz", doctor.ready),
            Route("/metrics", _metrics(house)),
        ],
        middleware=[Middleware(_Door)],
        exception_handlers={HTTPException: _no_such},
    )
    made.router.redirect_slashes = False
    return made


def _metrics(house: House) -> Callable[[Request], object]:
    one = asyncio.Semaphore(1)

    async def metrics(_: Request) -> Response:
        house.metrics.watch("web", asyncio.get_running_loop())
        async with one:
            text = await run_in_threadpool(house.metrics.text, house.statuses)
        return Response(text, media_type=CONTENT_TYPE)

    return metrics


async def _no_such(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": _ERRORS.get(status, "refused")}, status, headers)


class _Door:
    """What every answer carries; and an answer where nobody else has one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message).update(_ALWAYS)
            await send(message)

        try:
            await self._app(scope, receive, marked)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            log.error("web.failed", error=type(error).__name__, at=place_of(error))  # noqa: TRY400 -- a traceback may hold content
            await JSONResponse({"error": "unforeseen"}, 500)(scope, receive, marked)
