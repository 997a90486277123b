"""One run per sync: an OS file lock beside the database; it dies with the process, never expires."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from syncer.errors import LeaseBusyError
from syncer.store.database import Store
from syncer.store.trouble import told

_PAUSE: Final = 0.2


@contextlib.asynccontextmanager
async def lease(store: Store, sync: str, *, wait: float) -> AsyncIterator[None]:
    """Hold the sync's lease. Raises `LeaseBusyError` after *wait* seconds."""
    if store.path is None:
        yield
        return
    file = store.path.with_name(f"{store.path.name}.{sync}.lock")
    handle = await _locked(file, sync, store.name, time.monotonic() + wait)
    try:
        yield
    finally:
        os.close(handle)


async def _locked(file: Path, sync: str, name: str, deadline: float) -> int:
    """Return the open and locked *file*. It must still be the one others find by that name."""
    while True:
        try:
            handle = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise told(error, name) from None
        try:
            await _lock(handle, sync, deadline)
            if _is_found(handle, file):
                _sign(handle)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


async def _lock(handle: int, sync: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                who = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
                raise LeaseBusyError(f"another process (pid {who}) is running {sync}") from None
            await asyncio.sleep(min(_PAUSE, max(0.01, deadline - time.monotonic())))
        else:
            return


def _is_found(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False


def _sign(handle: int) -> None:
    """Leave our process id for whoever waits; nothing depends on it."""
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
