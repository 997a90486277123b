"""`syncer adopt`: which records that exist already are one item; a person decides."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncer.cli import opened
from syncer.cli.app import IN_STEP, PERSON, TROUBLE, error_document
from syncer.errors import ConfigError, ConnectorError
from syncer.log import redact
from syncer.output import clean, say, say_json, short

if TYPE_CHECKING:
    from syncer.adoption import Joined, Offer
    from syncer.cli.adopt_file import Reviewed


def register(app: typer.Typer) -> None:
    app.command("adopt")(adopt)


def adopt(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[SYNC]", help="May be left out when there is only one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the proposals to this new file, not to stdout.")] = None,
    apply: Annotated[Path | None, typer.Option("--apply", help="Link what is in a reviewed file.")] = None,
    wait: Annotated[str, typer.Option(help="How long to wait for a run of this sync to end.")] = "60s",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Propose which existing records are one item, as a file to review; --apply links them.

    Writes nothing to a tracker: the next run merges what was linked. Exit 3: some of a reviewed file
    no longer fits.
    """
    if apply is not None and out is not None:
        raise typer.BadParameter("is for proposing; --apply reads a file", param_hint="--out")
    if apply is not None:
        return _apply(ctx, name, apply, opened.seconds_of(wait), as_json=as_json)
    return _propose(ctx, name, out, opened.seconds_of(wait), as_json=as_json)


# -- proposing -------------------------------------------------------------------------------


def _propose(ctx: typer.Context, name: str | None, out: Path | None, wait: float, *, as_json: bool) -> int:
    from syncer.adoption import propose
    from syncer.cli.adopt_file import refuse_existing, save, written
    from syncer.opening import Request
    from syncer.wiring import wire

    config = opened.config_of(ctx)
    (sync,) = opened.syncs_of(config, name)
    if out is not None:
        refuse_existing(out)  # before anything is asked of a tracker
    with opened.store_of(config) as store:
        offer = asyncio.run(propose(store, wire(config, sync), Request(trigger="adopt", wait=wait)))
    if out is not None:
        save(out, written(offer))
    if as_json:
        say_json(_offer_document(offer))
    elif out is None:
        say(written(offer).rstrip("\n"))
    for lost, error in offer.down.items():
        say(f"! {lost} is left out: {clean(redact(str(error)))}", out=sys.stderr)
    say(_summary(offer, out), out=sys.stderr)
    return TROUBLE if offer.down else IN_STEP


def _offer_document(offer: Offer) -> dict[str, Any]:
    from syncer.cli.adopt_file import record_document

    return {
        "sync": offer.sync,
        "proposals": [
            {
                "records": [record_document(c) for c in p.cards],
                "confidence": p.confidence,
                "reason": p.reason,
                "link": p.link,
            }
            for p in offer.proposals
        ],
        **_trouble(list(offer.down.values())),
    }


def _trouble(errors: Sequence[ConnectorError]) -> dict[str, Any]:
    return {"error": error_document(errors[0])} if errors else {}


def _summary(offer: Offer, out: Path | None) -> str:
    number = len(offer.proposals)
    if not number:
        return f"{offer.sync}: nothing to propose"
    where = out if out is not None else "FILE"
    return f"{offer.sync}: {number} proposed. Review them, then: syncer adopt --apply {where}"


# -- applying --------------------------------------------------------------------------------


def _apply(ctx: typer.Context, name: str | None, path: Path, wait: float, *, as_json: bool) -> int:
    from syncer.adoption import join
    from syncer.cli.adopt_file import Reviewed
    from syncer.opening import Request
    from syncer.wiring import wire

    config = opened.config_of(ctx)
    reviewed = Reviewed(path)
    if name is not None and name != reviewed.sync:
        raise ConfigError(f'the file is for "{reviewed.sync}", not for "{name}"', file=str(path), key="sync")
    if reviewed.sync not in config.syncs:
        known = ", ".join(sorted(config.syncs)) or "none"
        raise ConfigError(f'no sync "{reviewed.sync}".', file=str(path), key="sync", fix=f"There are: {known}.")
    sync = config.syncs[reviewed.sync]
    wishes = reviewed.of(sync.connections)
    with opened.store_of(config) as store:
        done = asyncio.run(join(store, wire(config, sync), Request(trigger="adopt", wait=wait), wishes))
    if as_json:
        say_json(_applied_document(reviewed, done))
    else:
        _tell_applied(reviewed, done)
    errors = [one.error for one in done if one.error is not None]
    if any(isinstance(e, ConnectorError) for e in errors):
        return TROUBLE
    return PERSON if errors else IN_STEP


def _applied_document(reviewed: Reviewed, done: Sequence[Joined]) -> dict[str, Any]:
    from syncer.report import link_document

    refused = [
        {**error_document(one.error), "file": str(reviewed.path), "key": reviewed.key(n), "line": reviewed.line(n)}
        for n, one in enumerate(done)
        if one.error is not None
    ]
    return {
        "sync": reviewed.sync,
        "linked": [link_document(one.link, one.copies) for one in done if one.link is not None],
        "refused": refused,
        **_trouble([e for one in done if isinstance(e := one.error, ConnectorError)]),
    }


def _tell_applied(reviewed: Reviewed, done: Sequence[Joined]) -> None:
    from syncer.adoption import named

    for number, one in enumerate(done):
        if one.link is not None and one.news:
            names = "  ".join(named(c, copy) for c, copy in sorted(one.copies.items()))
            say(f"= {names}  {short(one.link.title)}")
        if one.error is not None:
            line = f":{reviewed.line(number)}" if reviewed.line(number) else ""
            why = clean(redact(str(one.error)))
            say(f"syncer: {reviewed.path}{line} [{reviewed.key(number)}]: {why}", out=sys.stderr)
    linked, before = sum(one.news for one in done), sum(one.error is None and not one.news for one in done)
    refused = len(done) - linked - before
    rest = f", {before} were one item before" if before else ""
    rest += f", {refused} no longer fit" if refused else ""
    say(f"{reviewed.sync}: {linked} linked{rest}. Next: syncer plan {reviewed.sync}")
