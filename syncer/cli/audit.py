"""`syncer audit`: whether everything really is in step, whatever the cursors say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from syncer.cli import opened
from syncer.cli.app import IN_STEP, PERSON, TROUBLE, error_document
from syncer.output import clean, say, say_json, short

if TYPE_CHECKING:
    from datetime import datetime

    from syncer.drift import Audit, Divergence

STANDING: Final = {
    "held": "held: syncer held",
    "parked": "parked: syncer parked",
    "owed": "owed: the next run writes it",
    "edited": "edited there: the next run takes it",
    "new": "not compared yet: the next run does",
    "unreadable": "it cannot be read there",
    "drifted": "drifted: nothing will mend it by itself",
}

UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def register(app: typer.Typer) -> None:
    app.command("audit")(audit)


def audit(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[SYNC]", help="May be left out when there is only one.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every sync.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Compare every item in full and report each divergence with its age. Writes nothing anywhere.

    Exit 0: in step; 3: something a person must look at; 1: a connection is down.
    """
    from syncer.drift import audit as run_audit
    from syncer.drift import document
    from syncer.wiring import wire

    config = opened.config_of(ctx)
    code, docs = IN_STEP, []
    with opened.store_of(config) as store:
        for one in opened.syncs_of(config, name, everything=everything):
            found = asyncio.run(run_audit(store, wire(config, one)))
            docs.append({**document(found), **_trouble(found)})
            code = min((code, _code(found)), key=(TROUBLE, PERSON, IN_STEP).index)
            if not as_json:
                _tell(found)
    if as_json:
        say_json(docs[0] if len(docs) == 1 else {"audits": docs})
    return code


def _code(found: Audit) -> int:
    if found.down:
        return TROUBLE
    return IN_STEP if found.in_step() else PERSON


def _trouble(found: Audit) -> dict[str, Any]:
    error = next(iter(found.down.values()), None)
    return {"error": error_document(error)} if error is not None else {}


def _tell(found: Audit) -> None:
    for one in found.divergences:
        _tell_divergence(one, found.at)
    for away in found.away:
        known = "" if away.known else " (no run has noticed yet)"
        say(f"! {clean(away.ref.connection)}:{clean(away.key)}  {short(away.title)}: {away.state}{known}")
    for stray in found.strays:
        spot = f"{stray.connection}:{stray.key}" if stray.key else stray.connection
        say(f"? {stray.kind:<8} {clean(spot)}  {clean(stray.because)}")
    for connection, number in found.emptied.items():
        say(f"! {clean(connection)} lists nothing, though {number} copies are known there")
    for connection, error in found.down.items():
        say(f"! {clean(connection)} is left out: {clean(error)}")
    say(_summary(found))


def _tell_divergence(one: Divergence, now: datetime) -> None:
    from syncer.drift import age
    from syncer.report import plain

    old = _span(age(one.since, now))
    say(f"~ {one.field}  {short(one.title)}  ({one.link})  {STANDING[one.state]}{old}")
    say(f"      agreed: {short(plain(one.agreed))}")
    for connection, value in one.values.items():
        say(f"      {clean(connection)}: {short(plain(value))}{'  <-' if connection in one.behind else ''}")
    for connection in sorted(set(one.behind) - one.values.keys()):
        say(f"      {clean(connection)}: cannot be read  <-")


def _span(seconds: int | None) -> str:
    if seconds is None:
        return ""
    for size, unit in UNITS:
        if seconds >= size:
            return f", for {seconds // size}{unit}"
    return f", for {seconds}s"


def _summary(found: Audit) -> str:
    counts = {
        "divergences": len(found.divergences),
        "copies away": len(found.away),
        "records that belong nowhere yet": len(found.strays),
    }
    what = ", ".join(f"{word} {number}" for word, number in counts.items() if number) or "in step"
    near = f"; values said by the nearest word {found.nearest}" if found.nearest else ""
    asked = ", ".join(f"{c} {n}" for c, n in found.requests.items())
    return f"{found.sync}: items compared {found.checked}: {what}{near} (requests: {asked})"
