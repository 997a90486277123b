"""Opening, migrating and transacting."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
import structlog
from sqlalchemy import event, pool

from syncer.errors import StoreError
from syncer.store import keys, meta, schema, versions
from syncer.store.trouble import UNREADABLE, is_ours, told, unreadable

log = structlog.get_logger()

BUSY_SECONDS: Final = 30.0
"""How long a locked database is waited for, unless its URL says `?timeout=`."""

TIDYING: Final = (
    "PRAGMA analysis_limit = 400",
    "BEGIN IMMEDIATE",
    "PRAGMA optimize",
    "COMMIT",
    "PRAGMA wal_checkpoint(PASSIVE)",
)


class Store:
    """One database. Every write happens inside `write()`, which is one transaction.

    Whatever the database refuses is raised as `StoreError`, in one line that says what to do.
    """

    def __init__(self, engine: sa.Engine, *, path: Path | None = None, key: bytes) -> None:
        self.engine = engine
        self.path = path
        self.key = key
        self._inode = _inode(path)

    @classmethod
    def open(cls, url: str, *, key: bytes | None = None) -> Store:
        """Open, and migrate if needed. Raises `StoreError` with what to do about it.

        *key* makes markers; without one it is read from, or made in, `<database>.key` (0600). A key
        other than the one the database's links were made with is refused.
        """
        target = sa.make_url(url)
        path = Path(target.database) if target.get_backend_name() == "sqlite" and target.database else None
        name = _name(target)
        try:
            with _translated(name):
                return cls._opened(target, path, key)
        except OSError as error:
            raise told(error, name) from None

    @classmethod
    def _opened(cls, target: sa.URL, path: Path | None, key: bytes | None) -> Store:
        if path is not None:
            _private(path)
        engine = _engine(target)
        try:
            _prepare(engine, path)
            return cls(engine, path=path, key=_key(engine, path, key))
        except BaseException:
            engine.dispose()
            raise

    @classmethod
    def memory(cls, *, key: bytes = b"memory") -> Store:
        """Return an empty store that dies with the process."""
        engine = _engine(sa.make_url("sqlite://"))
        _prepare(engine, None)
        return cls(engine, key=key)

    def snapshot(self) -> Store:
        """Return a private copy in memory: what is written there never reaches this store."""
        if self.engine.dialect.name != "sqlite":
            raise StoreError("a snapshot needs SQLite")
        twin = _engine(sa.make_url("sqlite://"))
        with _translated(self.name), self.engine.connect() as ours, twin.connect() as theirs:
            source: Any = ours.connection.driver_connection
            target: Any = theirs.connection.driver_connection
            source.backup(target)
        return Store(twin, key=self.key)

    @property
    def name(self) -> str:
        return _name(self.engine.url)

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Yield one transaction: all of it is kept, or nothing."""
        if _inode(self.path) != self._inode:
            raise StoreError(
                f"the database {self.name} was deleted or replaced while syncer had it open: nothing more is "
                "written. Put it back or restore a backup (docs/operations.md), then run again."
            )
        with _translated(self.name), _writing(self.engine) as tx:
            yield tx

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a consistent view."""
        with _translated(self.name), self.engine.connect() as tx:
            yield tx

    def tidy(self) -> None:
        """Let SQLite look after its statistics and move its log into the database, as far as nobody is in the way."""
        if self.engine.dialect.name != "sqlite":
            return
        # SQLAlchemy would begin a transaction, in which no checkpoint works. optimize reads first and writes then:
        # without one that is there to write it is refused at once, instead of waiting for whoever writes.
        with _translated(self.name), contextlib.closing(self.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            for step in TIDYING:
                cursor.execute(step)
                cursor.fetchall()
            cursor.close()

    def close(self) -> None:
        self.engine.dispose()


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError:
        # A rule of our own tables was broken: our mistake, not the database's trouble.
        raise
    except (sa.exc.StatementError, sqlite3.Error) as error:
        raise told(error, name) from None
    except UnicodeDecodeError:
        # The sqlite3 module itself chokes on damage: on the name of a broken table in its own message.
        raise unreadable(name) from None
    except UNREADABLE as error:
        if not is_ours(error):
            raise
        raise unreadable(name) from error


def _name(target: sa.URL) -> str:
    """Return what people call the database: its file, or its host; never a password."""
    return target.database or target.host or "in memory"


def _inode(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _private(path: Path) -> None:
    """Create the database file readable by its owner alone; one that we may not write is not touched."""
    if not path.parent.is_dir():
        raise StoreError(f"the folder {path.parent} of the database does not exist. Make it, or change [store] url.")
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    if not os.access(path, os.R_OK | os.W_OK):
        # SQLite would leave a -shm beside it that stays read-only when the file no longer is.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _key(engine: sa.Engine, path: Path | None, said: bytes | None) -> bytes:
    """Return the markers' key, and remember in the database which one it is."""
    with engine.connect() as tx:
        used = tx.execute(sa.select(schema.links.c.id).limit(1)).first() is not None
        known = meta.said(tx, "key")
    if said is not None:
        key = said
    else:
        key = secrets.token_bytes(keys.LENGTH) if path is None else keys.beside(path, used=used)
    mine = keys.print_of(key)
    if known == mine:
        return key
    if known is not None and used:
        where = "[store] key" if said is not None or path is None else str(keys.file_of(path))
        raise StoreError(
            f"{where} is not the key that the database {_name(engine.url)} was made with: syncer would not know "
            "its own records again. Restore that key from the backup (docs/operations.md)."
        )
    with _writing(engine) as tx:
        meta.say(tx, "key", mine)
    return key


def _prepare(engine: sa.Engine, path: Path | None) -> None:
    """Bring the tables up to date: all steps in one transaction, so that a process killed among them
    leaves the database as it was."""
    name = _name(engine.url)
    with engine.connect() as tx:
        if versions.of(tx, name) == versions.newest():
            return
    with _writing(engine) as tx:
        upgrade = versions.bring_up(tx, name, path)
    if upgrade is not None:
        log.info("database.upgraded", was=upgrade.was, to=upgrade.to, copy=str(upgrade.copy))


# -- connections -----------------------------------------------------------------------------


def _engine(target: sa.URL) -> sa.Engine:
    if target.get_backend_name() != "sqlite":
        return sa.create_engine(target, hide_parameters=True)
    memory = not target.database
    engine = sa.create_engine(target, poolclass=pool.StaticPool if memory else pool.QueuePool, creator=_creator(target))

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        mode = "IMMEDIATE" if connection.get_execution_options().get("writes") else "DEFERRED"
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _creator(target: sa.URL) -> Callable[[], sqlite3.Connection]:
    # mode=rw: a database deleted while we run must not come back empty.
    uri = f"file:{quote(target.database)}?mode=rw" if target.database else "file::memory:"
    patience = float(str(target.query.get("timeout", BUSY_SECONDS)))

    def connect() -> sqlite3.Connection:
        # No isolation level: we say BEGIN ourselves.
        made = sqlite3.connect(uri, uri=True, timeout=patience, check_same_thread=False, isolation_level=None)
        try:
            # secure_delete: what is erased from the audit trail must not linger in the file.
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
                made.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            made.close()
            raise
        return made

    return connect


@contextlib.contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection
