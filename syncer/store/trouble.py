"""What a database's refusals mean to the person who runs syncer, and what to do about them."""

from __future__ import annotations

import errno
import sqlite3
import traceback
from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from syncer.errors import StoreError

UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError)
"""What a row raises whose text is no longer what was written: SQLite keeps no checksums."""

_BACKUP: Final = "Stop syncer and restore a backup (docs/operations.md)."
_ADVICE: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_BUSY: "is locked: another program holds it. Let that finish or end it, then run again.",
    sqlite3.SQLITE_LOCKED: "is locked: another program holds it. Let that finish or end it, then run again.",
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full. Free some space and run again; nothing was half-written.",
    sqlite3.SQLITE_IOERR: "cannot be kept, the disk refuses ({said}). Look at its space, quota and health, then run "
    "again; nothing was half-written.",
    sqlite3.SQLITE_CORRUPT: f"is damaged ({{said}}). {_BACKUP}",
    sqlite3.SQLITE_NOTADB: f"is damaged, or no database at all ({{said}}). {_BACKUP}",
    sqlite3.SQLITE_READONLY: "cannot be written ({said}). The file and its folder must belong to who runs syncer.",
    sqlite3.SQLITE_PERM: "cannot be written ({said}). The file and its folder must belong to who runs syncer.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened ({said}). The file and its folder must belong to who runs syncer.",
}

_ALIKE: Final[Mapping[int, int]] = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EIO: sqlite3.SQLITE_IOERR,
    errno.EACCES: sqlite3.SQLITE_CANTOPEN,
    errno.EPERM: sqlite3.SQLITE_CANTOPEN,
    errno.EROFS: sqlite3.SQLITE_CANTOPEN,
}
"""What the files beside the database are refused with, in SQLite's words."""


def told(error: Exception, name: str) -> StoreError:
    """Return *error* of the database called *name* in one line: no SQL, no values, and what to do."""
    original = getattr(error, "orig", None) or error
    said = _first_line(original)
    code = getattr(original, "sqlite_errorcode", None)
    if isinstance(original, OSError):
        code, said = _ALIKE.get(original.errno or 0), original.strerror or said
    advice = _ADVICE.get(code & 0xFF) if isinstance(code, int) else None
    if advice is not None:
        return StoreError(f"the database {name} {advice.format(said=said)}")
    if isinstance(original, sqlite3.OperationalError) and said.startswith("Could not decode"):
        return unreadable(name)
    return StoreError(f"the database {name} cannot be used: {said}")


def unreadable(name: str) -> StoreError:
    return StoreError(f"the database {name} is damaged (a row cannot be read). {_BACKUP}")


def is_ours(error: Exception) -> bool:
    """Say whether *error* came from reading a row, not from what was done with it."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    modules = [str(frame.f_globals.get("__name__", "")) for frame in frames]
    return any(m.startswith("syncer.store.") and not m.endswith(".database") for m in modules)


def _first_line(error: BaseException) -> str:
    if isinstance(error, sa.exc.StatementError):
        # Its text goes on with the SQL and its parameters.
        return type(error).__name__
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
