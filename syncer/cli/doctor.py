"""`syncer doctor`: a file to send along with a bug report."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncer.cli import opened
from syncer.errors import ConfigError, SyncerError
from syncer.model import Problem
from syncer.output import clean, say, say_json

if TYPE_CHECKING:
    from syncer.config import Config
    from syncer.store import Store


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option(help="The file to write (default: here, named by the time).")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no tracker, use no tokens.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Pack what a bug report needs: no secrets, no titles, no texts, no e-mails, no names of people."""
    from syncer.diagnosis import content, examine, pack

    now = datetime.now(UTC)
    path = out or Path(f"syncer-doctor-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    problems: list[Problem] = []
    config = _config(ctx, problems)
    store = _store(config, problems) if config is not None else None
    try:
        if config is not None and not offline:
            problems += _asked(config)
        parts = examine(config, store, problems, now, os.environ)
    finally:
        if store is not None:
            store.close()
    pack(parts, path, now)
    if as_json:
        contents = [{"name": p.name, "what": p.what, "bytes": len(content(p))} for p in parts]
        say_json({"file": str(path), "contents": contents})
        return 0
    for part in parts:
        say(f"  {part.name:<17} {part.what}")
    say(f"{clean(path)} is written. It is plain text inside: look through it before you send it.")
    return 0


def _config(ctx: typer.Context, problems: list[Problem]) -> Config | None:
    try:
        return opened.config_of(ctx)
    except ConfigError as error:
        problems.append(_problem(error))
        return None


def _store(config: Config, problems: list[Problem]) -> Store | None:
    """Open the database, if there is one: a doctor makes none."""
    from syncer.diagnosis import database_of
    from syncer.wiring import open_store

    path = database_of(config)
    if path is not None and not path.exists():
        problems.append(Problem("warning", "there is no database yet"))
        return None
    try:
        return open_store(config)
    except SyncerError as error:
        problems.append(_problem(error))
        return None


def _asked(config: Config) -> list[Problem]:
    """Return what the trackers say, or that they could not be asked."""
    from syncer.inspection import inspect

    try:
        return asyncio.run(inspect(config.unlocked()))
    except SyncerError as error:
        return [_problem(error)]
    except Exception as error:  # noqa: BLE001 -- what ails the patient must not keep the doctor from writing it down
        return [Problem("error", f"the check itself failed: {type(error).__name__}")]


def _problem(error: SyncerError) -> Problem:
    if isinstance(error, ConfigError):
        return Problem("error", error.message, error.connection, error.file, error.key, error.fix)
    return Problem("error", str(error))
