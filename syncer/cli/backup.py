"""`syncer backup`: a whole copy of what syncer remembers, made while others use it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncer.cli import opened
from syncer.errors import ConfigError
from syncer.output import clean, say, say_json

if TYPE_CHECKING:
    from syncer.config import Config
    from syncer.store.backups import Backup


def register(app: typer.Typer) -> None:
    app.command("backup")(backup)


def backup(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where backups are kept, each in its own folder.")],
    keep: Annotated[
        int | None, typer.Option(metavar="N", help="Keep the newest N backups there; remove older ones.", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Back up the database, its key, the config and your mapping files, also while syncer runs.

    The copy is checked before it gets its name. No token is in it.
    """
    from syncer.store import backups

    config = opened.config_of(ctx)
    database = _database(config)
    made = backups.make(database, _plain(folder), _files(config), datetime.now(UTC))
    removed = backups.prune(made, keep) if keep is not None else []
    if as_json:
        say_json(_document(made, removed))
    else:
        _tell(config, made, removed)
    return 0


def _database(config: Config) -> Path:
    scheme, _, path = config.store.url.partition(":///")
    name = path.partition("?")[0]
    if scheme != "sqlite" or name in {"", ":memory:"}:
        raise ConfigError("only the file of an SQLite database is backed up.", file=str(config.file), key="store.url")
    return Path(name)


def _files(config: Config) -> dict[str, Path]:
    """Return the config and the mapping files, by their names within a backup: in it as they stand to each other."""
    base = _plain(config.base)
    found = {f"config/{config.file.name}": _plain(config.file)}
    mappings = {_plain(c.mapping) for c in config.connections.values() if c.mapping is not None}
    beside = {m for m in mappings if m.is_relative_to(base)}
    found |= {f"config/{m.relative_to(base)}": m for m in sorted(beside)}
    found |= {f"elsewhere/{n}/{m.name}": m for n, m in enumerate(sorted(mappings - beside), start=1)}
    return found


def _plain(path: Path) -> Path:
    """Return *path* from the root, without `..`; a symbolic link keeps its name."""
    return Path(os.path.normpath(path.absolute()))


def _document(made: Backup, removed: list[Path]) -> Mapping[str, object]:
    return {
        "backup": str(made.path),
        "made": made.made.isoformat(),
        "database": str(made.database),
        "version": made.version,
        "files": dict(made.files),
        "has_key": made.has_key,
        "removed": [str(path) for path in removed],
    }


def _tell(config: Config, made: Backup, removed: list[Path]) -> None:
    say(f"{clean(made.path)}: whole, version {made.version}")
    for name in made.files:
        say(f"  {clean(name)}")
    if not made.has_key:
        where = "no key file beside the database" if config.store.key is None else "what [store] key refers to"
        say(f"! the markers' key is not in it: {where}")
    if removed:
        say(f"removed: {', '.join(clean(path.name) for path in removed)}")
