"""Backups: folders that hold a copy of the database and what belongs to it, and say so themselves."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import EDQUOT, EEXIST, EIO, ENOSPC, ENOTDIR, ENOTEMPTY
from pathlib import Path
from typing import Any, Final

from syncer.errors import ConfigError, StoreError
from syncer.store import copying, keys

MANIFEST: Final = "manifest.json"
_MADE_BY: Final = "syncer backup"
_DISK: Final = {EDQUOT, EIO, ENOSPC}


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup of `database`. `files`: name within it -> where it came from; `version`: the database's."""

    path: Path
    database: Path
    made: datetime
    version: int
    files: Mapping[str, str]

    @property
    def has_key(self) -> bool:
        return keys.file_of(self.database).name in self.files


def make(database: Path, folder: Path, more: Mapping[str, Path], now: datetime) -> Backup:
    """Back up *database*, the key beside it and *more* (name within the backup -> file), in a new folder in *folder*.

    Others may use the database meanwhile; it is neither upgraded nor otherwise changed. What is returned was read
    again, found whole, and is on disk. Files have mode 0600, folders 0700. Raises `StoreError`, and `ConfigError`
    for a *folder* that cannot be used; nothing is left then.
    """
    if not database.is_file():
        raise StoreError(f"there is no database {database} to back up. The first `syncer sync` makes it.")
    with _blamed(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        # A name of its own until it is whole: a backup is there, or it is not.
        draft = Path(tempfile.mkdtemp(prefix=".syncer-", suffix=".part", dir=folder))
        try:
            found = _filled(draft, database, more, now)
            path = _named(draft, folder, now)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return Backup(path, database, now, found.version, found.files)


def backups_in(folder: Path, database: Path) -> list[Backup]:
    """Return the backups of *database* that were made in *folder*, newest first."""
    found = (_read(path) for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    ours = [b for b in found if b is not None and b.database == database]
    return sorted(ours, key=lambda b: (b.made, b.path.name), reverse=True)


def prune(kept: Backup, number: int) -> list[Path]:
    """Remove what goes beyond *number* backups, of which *kept* is one, oldest first; return what was removed.

    Only backups of the same database are counted, and removed.
    """
    folder = kept.path.parent
    others = [b.path for b in backups_in(folder, kept.database) if b.path != kept.path]
    gone = others[max(number - 1, 0) :]
    for path in reversed(gone):
        # Half removed it would still look like a backup.
        draft = folder / f".{path.name}.part"
        try:
            path.rename(draft)
            shutil.rmtree(draft)
        except OSError as error:
            raise StoreError(
                f"the backup {kept.path} is whole, but the older {path} cannot be removed: {error.strerror}."
            ) from None
    return gone


def _filled(draft: Path, database: Path, more: Mapping[str, Path], now: datetime) -> Backup:
    copying.copy(database, draft / database.name)
    version = copying.version_of(draft / database.name)
    files = {database.name: database}
    key = keys.file_of(database)
    wanted = ({key.name: key} if key.is_file() else {}) | dict(more)
    for name, file in wanted.items():
        _copy(file, draft, name)
        files[name] = file
    found = Backup(draft, database, now, version, {name: str(file) for name, file in files.items()})
    _write(draft / MANIFEST, json.dumps(_document(found), indent=2, ensure_ascii=False).encode() + b"\n")
    for folder in {(draft / name).parent for name in files}:
        copying.sync_folder(folder)
    return found


def _copy(file: Path, draft: Path, name: str) -> None:
    target = draft / name
    for parent in reversed(target.relative_to(draft).parents):
        (draft / parent).mkdir(mode=0o700, exist_ok=True)
    _write(target, file.read_bytes())


def _write(target: Path, content: bytes) -> None:
    handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _named(draft: Path, folder: Path, now: datetime) -> Path:
    """Give the backup the first name of its second that is free."""
    name = f"syncer-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    path, number = folder / name, 1
    while not _renamed(draft, path):
        number += 1
        path = folder / f"{name}-{number}"
    copying.sync_folder(folder)
    return path


def _renamed(draft: Path, path: Path) -> bool:
    """Give the backup its name; return False where the name is taken, also in just this moment."""
    if os.path.lexists(path):
        return False
    try:
        draft.rename(path)
    except OSError as error:
        if error.errno in {EEXIST, ENOTDIR, ENOTEMPTY}:
            return False
        raise
    return True


def _document(backup: Backup) -> dict[str, Any]:
    return {
        "made_by": _MADE_BY,
        "made": backup.made.astimezone(UTC).isoformat(),
        "database": str(backup.database),
        "version": backup.version,
        "files": dict(backup.files),
    }


def _read(path: Path) -> Backup | None:
    """Return the backup in a folder, None for a folder that is none of ours."""
    try:
        doc = json.loads((path / MANIFEST).read_bytes())
        if doc["made_by"] != _MADE_BY:
            return None
        made = datetime.fromisoformat(doc["made"]).astimezone(UTC)
        return Backup(path, Path(doc["database"]), made, doc["version"], doc["files"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


@contextmanager
def _blamed(folder: Path) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise StoreError(f"no backup was made in {folder}: {error}") from None
    except OSError as error:
        about = f" ({error.filename})" if error.filename is not None else ""
        said = f"no backup was made in {folder}: {error.strerror or type(error).__name__}{about}."
        if error.errno in _DISK:
            raise StoreError(f"{said} Look at its space, then run again.") from None
        raise ConfigError(said, fix="Name a folder that you may write to; it is made where the one above is.") from None
