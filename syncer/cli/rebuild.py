"""`syncer rebuild`: restore the links from the marks on the records, when the database is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncer.cli import opened
from syncer.cli.app import IN_STEP, PERSON, TROUBLE, error_document
from syncer.errors import ConfigError, ConnectorError
from syncer.log import redact
from syncer.output import clean, say, say_json

if TYPE_CHECKING:
    from syncer.adoption import Joined
    from syncer.cli.adopt_file import Reviewed
    from syncer.config import Sync
    from syncer.rebuilding import Rebuilt
    from syncer.run import Report


def register(app: typer.Typer) -> None:
    app.command("rebuild")(rebuild)


def rebuild(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[SYNC]", help="May be left out when there is only one.")
    ] = None,
    adopt: Annotated[Path | None, typer.Option("--adopt", help="Link what is in this reviewed file, too.")] = None,
    wait: Annotated[str, typer.Option(help="How long to wait for a run of this sync to end.")] = "60s",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Restore the links from the marks on the records, and show what the next run would write.

    Writes nothing to a tracker. Exit 0: nothing to look at; 3: look before the next run; 1: a connection is down.
    """
    from syncer.cli.adopt_file import Reviewed
    from syncer.opening import Request
    from syncer.rebuilding import rebuild as run_rebuild
    from syncer.run import plan
    from syncer.wiring import wire

    config = opened.config_of(ctx)
    (sync,) = opened.syncs_of(config, name)
    reviewed = Reviewed(adopt) if adopt is not None else None
    if reviewed is not None:
        _refuse_another(reviewed, sync)
    request = Request(trigger="rebuild", wait=opened.seconds_of(wait))
    with opened.store_of(config) as store:
        done = asyncio.run(run_rebuild(store, wire(config, sync), request))
        joined: list[Joined] = []
        ahead: Report | None = None
        if not done.down:
            if reviewed is not None:
                from syncer.adoption import join

                wishes = reviewed.of(sync.connections)
                joined = asyncio.run(join(store, wire(config, sync), request, wishes))
            ahead = asyncio.run(plan(store, wire(config, sync), Request(trigger="rebuild")))
    if as_json:
        say_json(_document(done, joined, ahead))
    else:
        _tell(done, joined, ahead)
    return _code(done, joined, ahead)


def _refuse_another(reviewed: Reviewed, sync: Sync) -> None:
    if reviewed.sync != sync.name:
        message = f'the file is for "{reviewed.sync}", not for "{sync.name}"'
        raise ConfigError(message, file=str(reviewed.path), key="sync")


def _code(done: Rebuilt, joined: list[Joined], ahead: Report | None) -> int:
    errors = [one.error for one in joined if one.error is not None]
    if done.down or ahead is None or ahead.down or any(isinstance(e, ConnectorError) for e in errors):
        return TROUBLE
    doubts = errors or done.twins or done.namesakes or ahead.actions or ahead.held or ahead.parked
    return PERSON if doubts else IN_STEP


def _document(done: Rebuilt, joined: list[Joined], ahead: Report | None) -> dict[str, Any]:
    from syncer.report import action_document, hold_document

    down = list(done.down.values()) or (list(ahead.down.values()) if ahead is not None else [])
    return {
        **done.document(),
        "adopted": sum(1 for one in joined if one.error is None),
        "refused": [error_document(one.error) for one in joined if one.error is not None],
        "differing": [action_document(a) for a in ahead.actions if a.do == "update"] if ahead is not None else [],
        "actions": [action_document(a) for a in ahead.actions if a.do != "update"] if ahead is not None else [],
        "held": [hold_document(h) for h in ahead.held] if ahead is not None else [],
        **({"error": error_document(down[0])} if down else {}),
    }


def _tell(done: Rebuilt, joined: list[Joined], ahead: Report | None) -> None:
    from syncer.telling import tell_action, tell_hold

    for lost, error in done.down.items():
        say(f"! {clean(lost)} is down, so nothing was restored: {clean(redact(str(error)))}")
    for twin in done.twins:
        say(f"? {clean(twin)} carries the mark of an item that has another copy there: left alone")
    for link, names in done.namesakes.items():
        say(f"? {clean(', '.join(names))} may belong to {link}: the next run holds them (syncer held, syncer link)")
    if done.lacking:
        say(f"- {len(done.lacking)} items lack a copy somewhere; it may have been deleted, and is not made again")
    for one in joined:
        if one.error is not None:
            say(f"! not adopted: {clean(redact(str(one.error)))}")
    if ahead is not None and (ahead.actions or ahead.held):
        say("the next run would write, because there is no past to compare with:")
        for action in ahead.actions:
            tell_action(action)
        for hold in ahead.held:
            tell_hold(hold)
    adopted = sum(1 for one in joined if one.error is None)
    also = f", adopted {adopted}" if adopted else ""
    say(f"{done.sync}: items restored {done.links}, copies {done.copies}{also}. Next: syncer sync {done.sync}")
