"""The version of a database, and bringing an older one up to date with a copy of it kept beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from syncer.errors import StoreError
from syncer.store import copying, meta, schema
from syncer.store.trouble import unreadable


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A database that was brought from one version to another. `copy`: how it was before."""

    was: int
    to: int
    copy: Path


def newest() -> int:
    """Return the version that this syncer writes."""
    return len(schema.MIGRATIONS)


def of(tx: sa.Connection, name: str) -> int:
    """Return the version of the database called *name*, 0 for an empty one. Raises `StoreError`."""
    tables = sa.inspect(tx).get_table_names()
    if not tables:
        return 0
    if schema.meta.name not in tables:
        raise StoreError(f"the database {name} belongs to another program. Change [store] url.")
    said = meta.said(tx, "version") or ""
    if not said.isdigit():
        raise unreadable(name)
    return int(said)


def bring_up(tx: sa.Connection, name: str, path: Path | None) -> Upgrade | None:
    """Take the steps that the database lacks; keep a copy of one that held something. Return what was upgraded.

    *tx* is a transaction that writes: nobody else upgrades meanwhile, or changes what is copied.
    """
    was = of(tx, name)
    if was > newest():
        raise StoreError(
            f"the database {name} was written by a newer syncer (its version {was}, ours {newest()}): {_way_back(path)}"
        )
    copy = None if path is None or was in {0, newest()} else _kept(path, was)
    for step in schema.MIGRATIONS[was:]:
        step(tx)
    meta.say(tx, "version", str(newest()))
    return None if copy is None else Upgrade(was, newest(), copy)


def copy_of(path: Path, version: int) -> Path:
    """Return where the copy is kept that an upgrade from *version* makes."""
    return path.with_name(f"{path.name}.v{version}.bak")


def _kept(path: Path, version: int) -> Path:
    """Copy the database as it is now; an older copy of the same version gives way once the new one is whole.

    The newest is the one to go back to. And an upgrade that fails at every start must not fill the disk.
    """
    copy = copy_of(path, version)
    draft = copy.with_name(f"{copy.name}.part")
    try:
        copying.discard(draft)
        copying.copy(path, draft)
        draft.replace(copy)
        copying.sync_folder(copy.parent)
    except (StoreError, OSError) as error:
        copying.discard(draft)
        said = error.strerror if isinstance(error, OSError) else error
        raise StoreError(
            f"the database {path} was not upgraded from version {version} to {newest()}, because no copy of it could "
            f"be kept beside it first: {said}"
        ) from None
    return copy


def _way_back(path: Path | None) -> str:
    copies = {} if path is None else dict(_copies(path))
    ours = [version for version in copies if version <= newest()]
    if not ours:
        return "install that version again, or restore the backup made before the upgrade (docs/operations.md)."
    return (
        f"install that version again, or put back the copy made before the upgrade, {copies[max(ours)]} "
        "(docs/operations.md)."
    )


def _copies(path: Path) -> list[tuple[int, Path]]:
    named = re.compile(re.escape(path.name) + r"\.v(\d+)\.bak")
    found = ((named.fullmatch(p.name), p) for p in path.parent.iterdir())
    return [(int(match[1]), p) for match, p in found if match]
