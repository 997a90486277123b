"""`syncer daemon`: keeps everything in step until told to stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from syncer.cli.app import Globals
    from syncer.config import Log


def register(app: typer.Typer) -> None:
    app.command("daemon")(daemon)


def daemon(ctx: typer.Context) -> int:
    """Run all syncs by their timetable, follow webhooks, and tell how it goes.

    SIGTERM and Ctrl-C let what runs finish (again: stop now); SIGHUP reads the config again.
    """
    from syncer import log
    from syncer.config import find
    from syncer.daemon import serve

    said: Globals = ctx.obj

    def relog(table: Log) -> None:
        log.setup(
            form=said.log_format or table.format or "console",
            level=said.log_level or table.level or "info",
            levels=table.levels,
            emails=table.emails,
        )

    return asyncio.run(serve(find(said.config), relog))
