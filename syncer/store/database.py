"""Opening, migrating and transacting."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event, pool

from syncer.errors import StoreError
from syncer.store import schema

BUSY_SECONDS: Final = 30


class Store:
    """One database. Every write happens inside `write()`, which is one transaction."""

    def __init__(self, engine: sa.Engine, *, path: Path | None = None, key: bytes) -> None:
        self.engine = engine
        self.path = path
        self.key = key

    @classmethod
    def open(cls, url: str, *, key: bytes | None = None) -> Store:
        """Open, and migrate if needed. Raises `StoreError` with what to do about it.

        *key* makes markers; without one it is read from, or made in, `<database>.key` (0600).
        """
        target = sa.make_url(url)
        path = Path(target.database) if target.get_backend_name() == "sqlite" and target.database else None
        try:
            if path is not None:
                _private(path)
            engine = _engine(url)
            with _writing(engine) as tx:
                _migrate(tx)
        except (sa.exc.DBAPIError, sqlite3.Error, OSError) as error:
            raise StoreError(f"the database {path or target.host or url} cannot be opened: {_said(error)}") from None
        return cls(engine, path=path, key=key or _key_beside(path))

    @classmethod
    def memory(cls, *, key: bytes = b"memory") -> Store:
        """Return an empty store that dies with the process."""
        engine = _engine("sqlite://")
        with _writing(engine) as tx:
            _migrate(tx)
        return cls(engine, key=key)

    def snapshot(self) -> Store:
        """Return a private copy in memory: what is written there never reaches this store."""
        if self.engine.dialect.name != "sqlite":
            raise StoreError("a snapshot needs SQLite")
        twin = _engine("sqlite://")
        with self.engine.connect() as ours, twin.connect() as theirs:
            source: Any = ours.connection.driver_connection
            target: Any = theirs.connection.driver_connection
            source.backup(target)
        return Store(twin, key=self.key)

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Yield one transaction: all of it is kept, or nothing."""
        try:
            with _writing(self.engine) as tx:
                yield tx
        except sa.exc.OperationalError as error:
            raise StoreError(f"the database could not be written: {_said(error)}") from None

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a consistent view."""
        try:
            with self.engine.connect() as tx:
                yield tx
        except sa.exc.OperationalError as error:
            raise StoreError(f"the database could not be read: {_said(error)}") from None

    def close(self) -> None:
        self.engine.dispose()


def _said(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).splitlines()[0] if str(original) else type(original).__name__


def _private(path: Path) -> None:
    """Create the database file readable by its owner alone."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _key_beside(path: Path | None) -> bytes:
    if path is None:
        return secrets.token_bytes(32)
    file = path.with_name(path.name + ".key")
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return bytes.fromhex(file.read_text().strip())
    with os.fdopen(handle, "w") as out:
        fresh = secrets.token_bytes(32)
        out.write(fresh.hex() + "\n")
        out.flush()
        os.fsync(out.fileno())
    return fresh


def _engine(url: str) -> sa.Engine:
    target = sa.make_url(url)
    if target.get_backend_name() != "sqlite":
        return sa.create_engine(target)
    memory = not target.database
    engine = sa.create_engine(
        target,
        poolclass=pool.StaticPool if memory else pool.QueuePool,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: object) -> None:  # noqa: ANN401 -- the driver's own object
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        mode = "IMMEDIATE" if connection.get_execution_options().get("writes") else "DEFERRED"
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


@contextlib.contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


def _migrate(tx: sa.Connection) -> None:
    newest = len(schema.MIGRATIONS)
    version = 0
    if sa.inspect(tx).has_table("meta"):
        row = tx.execute(sa.select(schema.meta.c.value).where(schema.meta.c.name == "version")).first()
        version = int(row[0]) if row else 0
    if version > newest:
        raise StoreError(
            f"the database was written by a newer syncer (its version {version}, ours {newest}): "
            "install that version again, or restore the backup made before the upgrade"
        )
    for step in schema.MIGRATIONS[version:]:
        step(tx)
    if version < newest:
        tx.execute(sa.delete(schema.meta).where(schema.meta.c.name == "version"))
        tx.execute(sa.insert(schema.meta).values(name="version", value=str(newest)))
