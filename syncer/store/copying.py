"""A whole copy of a database, made while others use it.

By VACUUM INTO and not by SQLite's backup API. Both see one moment of the database and hold up nobody; but
the backup API takes the pages as they are: with the empty ones, in WAL mode, so that the copy wants files
beside it as soon as it is read, and with whatever is wrong in them. VACUUM INTO reads every row and writes
every index anew: one compact file, and damage comes out.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from syncer.errors import StoreError
from syncer.store.trouble import told

_PATIENCE: Final = 30.0
_OF_THE_SOURCE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def copy(source: Path, target: Path) -> None:
    """Copy a database, of whatever version, to a new file that its owner alone may read; it is on disk then.

    Raises `StoreError`, and `FileExistsError` for a *target* that is there. What a failure leaves of *target* is
    for the caller to `discard`.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with _blamed(source, target), contextlib.closing(_opened(source, "rw")) as connection:
        connection.execute("VACUUM INTO ?", [str(target)])
    with target.open("rb") as handle:
        # VACUUM INTO does not see to it.
        os.fsync(handle.fileno())


def version_of(copied: Path) -> int:
    """Return the version of a copy after a look at all of it. Raises `StoreError` where anything is wrong with it."""
    with _blamed(copied, copied), contextlib.closing(_opened(copied, "ro")) as connection:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"the copy {copied} is damaged ({str(found).splitlines()[-1]})")
        try:
            row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        except sqlite3.OperationalError:
            row = None
    if row is None or not str(row[0]).isdigit():
        raise StoreError(f"the copy {copied} holds no database of syncer")
    return int(row[0])


def discard(draft: Path) -> None:
    """Remove what a copy that failed has left of itself."""
    for rest in ("", "-journal"):
        draft.with_name(draft.name + rest).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the names in *folder* on disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    # A copy is nobody else's yet: immutable, so that nothing is put beside it.
    options = f"mode={mode}&immutable=1" if mode == "ro" else f"mode={mode}"
    return sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True, timeout=_PATIENCE, isolation_level=None)


@contextlib.contextmanager
def _blamed(source: Path, target: Path) -> Iterator[None]:
    """Tell of an error by the file that it is about."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        about = source if isinstance(code, int) and code & 0xFF in _OF_THE_SOURCE else target
        raise told(error, str(about)) from None
