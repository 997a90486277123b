"""`syncer held`: the fields that wait for a person."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from syncer.cli import opened
from syncer.output import say, say_json

group = typer.Typer(help="Conflicts waiting for a person.", invoke_without_command=True, no_args_is_help=False)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="held")


@group.callback(invoke_without_command=True)
def held(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show every held field with each copy's value beside the agreed one."""
    if ctx.invoked_subcommand is not None:
        return 0
    from syncer.report import hold_document
    from syncer.store import journal
    from syncer.telling import tell_hold

    config = opened.config_of(ctx)
    with opened.store_of(config) as store, store.read() as tx:
        found = journal.held(tx)
    if as_json:
        say_json({"held": [hold_document(h) for h in found]})
        return 0
    for hold in found:
        tell_hold(hold)
    if not found:
        say("nothing is held")
    else:
        say("choose: syncer held resolve ID --take CONNECTION   (or --value TEXT)")
    return 0


@group.command("resolve")
def resolve(
    ctx: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    take: Annotated[str | None, typer.Option(help="The connection whose value becomes agreed.")] = None,
    value: Annotated[str | None, typer.Option(help="A value of your own; of a set, separated by commas.")] = None,
    wait: Annotated[str, typer.Option(help="How long to wait for a run of this sync to end.")] = "60s",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Choose the value of a held field; the next run writes it."""
    from syncer.resolve import resolve_hold

    config = opened.config_of(ctx)
    with opened.store_of(config) as store:
        said = asyncio.run(resolve_hold(store, id_, take=take, value=value, wait=opened.seconds_of(wait)))
    if as_json:
        say_json({"resolved": id_, "message": said})
    else:
        say(said)
    return 0
