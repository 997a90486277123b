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
_GLANCE: Final = 0.05
"""Seconds a lease is tried for at least: who only looks (`held`) has it for an instant."""


@contextlib.asynccontextmanager
async def lease(store: Store, sync: str, *, wait: float) -> AsyncIterator[None]:
    """Hold the sync's lease. Raises `LeaseBusyError` after *wait* seconds."""
    if store.path is None:
        yield
        return
    file = _file(store.path, sync)
    handle = await _locked(file, sync, store.name, time.monotonic() + max(wait, _GLANCE))
    try:
        yield
    finally:
        os.close(handle)


def held(store: Store, name: str) -> int | None:
    """Return the process id of who holds a lease, 0 where it is not known, None where nobody does.

    It is not taken for that. Who holds a lease of this process is told too.
    """
    if store.path is None:
        return None
    try:
        handle = os.open(_file(store.path, name), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise told(error, store.name) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        who = _signed(handle)
        return int(who) if who.isdigit() else 0
    else:
        return None
    finally:
        os.close(handle)


def _file(database: Path, name: str) -> Path:
    return database.with_name(f"{database.name}.{name}.lock")


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
                raise LeaseBusyError(
                    f"another process (pid {_signed(handle) or 'unknown'}) is running {sync}"
                ) from None
            await asyncio.sleep(min(_PAUSE, max(0.01, (deadline - time.monotonic()) / 4)))
        else:
            return


def _is_found(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False


def _signed(handle: int) -> str:
    return os.pread(handle, 20, 0).decode(errors="replace").strip()


def _sign(handle: int) -> None:
    """Leave our process id for whoever waits; nothing depends on it."""
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
