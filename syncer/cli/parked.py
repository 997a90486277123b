"""`syncer parked`: the failures that wait for their next attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from syncer.cli import opened
from syncer.errors import ConfigError
from syncer.output import say, say_json

group = typer.Typer(help="Failures waiting.", invoke_without_command=True, no_args_is_help=False)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="parked")


@group.callback(invoke_without_command=True)
def parked(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show what failed, why, and when it is tried again."""
    if ctx.invoked_subcommand is not None:
        return 0
    from syncer.report import parked_document
    from syncer.store import journal
    from syncer.telling import tell_parked

    config = opened.config_of(ctx)
    with opened.store_of(config) as store, store.read() as tx:
        found = journal.parked_entries(tx)
    if as_json:
        say_json({"parked": [parked_document(p) for p in found]})
        return 0
    for entry in found:
        tell_parked(entry)
    say("try them at the next run: syncer parked retry" if found else "nothing is parked")
    return 0


@group.command("retry")
def retry(
    ctx: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Make parked items due at the next run."""
    from syncer.store import journal

    config = opened.config_of(ctx)
    with opened.store_of(config) as store, store.write() as tx:
        number = journal.retry_now(tx, ids or None, datetime.now(UTC))
    if ids and not number:
        raise ConfigError(f"nothing is parked as {', '.join(ids)}", fix="`syncer parked` lists them.")
    if as_json:
        say_json({"due": number})
    else:
        say(f"{number} due at the next run")
    return 0
