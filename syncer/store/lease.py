"""One run per sync: an OS file lock beside the database; it dies with the process, never expires."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from typing import Final

from syncer.errors import LeaseBusyError
from syncer.store.database import Store

_PAUSE: Final = 0.2


@contextlib.asynccontextmanager
async def lease(store: Store, sync: str, *, wait: float) -> AsyncIterator[None]:
    """Hold the sync's lease. Raises `LeaseBusyError` after *wait* seconds."""
    if store.path is None:
        yield
        return
    file = store.path.with_name(f"{store.path.name}.{sync}.lock")
    handle = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        await _lock(handle, sync, time.monotonic() + wait)
        yield
    finally:
        os.close(handle)


async def _lock(handle: int, sync: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                raise LeaseBusyError(f"another process is running {sync}") from None
            await asyncio.sleep(min(_PAUSE, max(0.01, deadline - time.monotonic())))
        else:
            return
