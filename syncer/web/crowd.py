"""The deliveries in flight, and how their bodies arrive.

When too many are in flight, the one that has been arriving longest gives way, once it had its fair time:
slow bodies, however many, do not keep out a tracker, whose bodies arrive at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator

from starlette.requests import ClientDisconnect

from syncer.errors import DeliveryError
from syncer.web.limits import Limits, NotNowError


class Crowd:
    """Of one event loop. A delivery is in flight from the first byte of its body to its answer."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside = 0
        self._weight = 0
        self._arriving: dict[asyncio.Timeout, float] = {}

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Be in flight. Raises `NotNowError` where there are too many."""
        if self._inside >= self._limits.bodies:
            self._make_room()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def body(self, stream: AsyncGenerator[bytes, None], largest: int) -> bytes:
        """Return a body once it is here. Raises `DeliveryError` for one that is too large, too slow or cut off,
        `NotNowError` where all that arrive together are too much."""
        body = bytearray()
        most = largest * self._limits.weight
        # A body within its share is never put off for the weight of others: a tracker's nearly always is.
        share = most // self._limits.bodies
        async with contextlib.aclosing(stream), self._patience() as limit:
            try:
                async for piece in stream:
                    if len(body) + len(piece) > largest:
                        raise DeliveryError("oversized", status=413)
                    if len(body) + len(piece) > share and self._weight + len(piece) > most:
                        self._make_room(besides=limit)
                    self._weight += len(piece)
                    body += piece
            finally:
                self._weight -= len(body)
        return bytes(body)

    @contextlib.asynccontextmanager
    async def _patience(self) -> AsyncGenerator[asyncio.Timeout, None]:
        limit = asyncio.timeout(self._limits.patience)
        try:
            async with limit:
                self._arriving[limit] = asyncio.get_running_loop().time()
                yield limit
        except TimeoutError:
            raise DeliveryError("slow", status=408) from None
        except ClientDisconnect:
            raise DeliveryError("cut") from None
        finally:
            self._arriving.pop(limit, None)

    def _make_room(self, besides: asyncio.Timeout | None = None) -> None:
        now = asyncio.get_running_loop().time()
        first = next((one for one in self._arriving if one is not besides and not one.expired()), None)
        if first is None or now - self._arriving[first] < self._limits.fair:
            raise NotNowError("crowded", status=503, after=1.0)
        first.reschedule(now)
