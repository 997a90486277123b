"""`syncer undo`: put back what a run wrote, wherever nobody has edited since."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from syncer.cli import opened
from syncer.cli.app import IN_STEP, PERSON, TROUBLE
from syncer.errors import ConfigError
from syncer.log import redact
from syncer.output import clean, say, say_json, short

if TYPE_CHECKING:
    from syncer.config import Config, Sync
    from syncer.store import Store
    from syncer.undoing import Left, Undone


def register(app: typer.Typer) -> None:
    app.command("undo")(undo)


def undo(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, from `syncer runs`.")],
    dry: Annotated[bool, typer.Option("--dry-run", help="Show what would be put back; write nothing.")] = False,
    wait: Annotated[str, typer.Option(help="How long to wait for a run of this sync to end.")] = "60s",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Put back what a run wrote. What it created is left, and listed. An undo can be undone.

    Exit 0: all put back; 3: some left because somebody edited since; 1: a tracker could not be written.
    """
    from syncer.opening import Request
    from syncer.undoing import document
    from syncer.undoing import undo as run_undo
    from syncer.wiring import wire

    config = opened.config_of(ctx)
    request = Request(trigger="undo", wait=opened.seconds_of(wait))
    with opened.store_of(config) as store:
        wiring = wire(config, _sync_of(config, store, run))
        undone = asyncio.run(run_undo(store, wiring, run, request, dry=dry))
    if as_json:
        say_json(document(undone))
    else:
        _tell(undone, dry=dry)
    kinds = {one.kind for one in undone.left}
    if kinds & {"down", "failed"}:
        return TROUBLE
    return PERSON if kinds & {"changed", "away"} else IN_STEP


def _sync_of(config: Config, store: Store, run: str) -> Sync:
    from syncer.store import records

    with store.read() as tx:
        doc = records.load_run(tx, run)
    if doc is None:
        raise ConfigError(f"no run {run}", fix="`syncer runs` lists them.")
    if doc["sync"] not in config.syncs:
        raise ConfigError(f"{run} was a run of {doc['sync']}, which is not in the config", file=str(config.file))
    return config.syncs[doc["sync"]]


def _tell(undone: Undone, *, dry: bool) -> None:
    from syncer.telling import tell_action

    for action in undone.report.actions:
        tell_action(action)
    for one in undone.left:
        _tell_left(one)
    for name, error in undone.report.down.items():
        say(f"! {clean(name)} is left out: {clean(redact(str(error)))}")
    say(_summary(undone, dry=dry))


def _tell_left(one: Left) -> None:
    spot = f"{one.connection}:{one.key}" if one.key else one.url or one.ref
    name = f" {one.field}" if one.field else ""
    say(f"- {one.kind:<9} {clean(spot)}{name}  {short(one.title)}: {clean(one.because)}")
    if one.advice:
        say(f"      {clean(one.advice)}")


def _summary(undone: Undone, *, dry: bool) -> str:
    number = len(undone.left)
    rest = f", {number} left as listed" if number else ""
    if dry:
        return f"{undone.report.sync}: {undone.back} fields would be as before {undone.undoes}{rest}"
    said = f"{undone.report.sync}: {undone.back} fields are as before {undone.undoes}{rest}"
    return f"{said}. To take this back: syncer undo {undone.report.run}"
