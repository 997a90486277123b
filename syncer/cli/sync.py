"""`syncer plan` and `syncer sync`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncer.cli import opened
from syncer.cli.app import IN_STEP, PERSON, TROUBLE, error_document
from syncer.errors import ConfigError
from syncer.output import say, say_json

if TYPE_CHECKING:
    from syncer.run import Report

ALLOWED = frozenset({"creates", "updates", "closes", "archives", "empty"})

SyncName = Annotated[str | None, typer.Argument(metavar="[SYNC]", help="May be left out when there is only one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
All = Annotated[bool, typer.Option("--all", help="Every sync.")]
Full = Annotated[bool, typer.Option("--full", help="List everything again, not only what changed.")]
Allow = Annotated[str, typer.Option("--allow", help="Let guards through: creates,updates,closes,archives,empty.")]


def register(app: typer.Typer) -> None:
    app.command("plan")(plan)
    app.command("sync")(sync)


def plan(
    ctx: typer.Context,
    name: SyncName = None,
    everything: All = False,
    full: Full = False,
    allow: Allow = "",
    out: Annotated[Path | None, typer.Option(help="Save the plan for `sync --plan`.")] = None,
    as_json: AsJson = False,
) -> int:
    """Show what a run would do and why. Writes nothing. Exit 0: nothing to do; 3: something to do."""
    from syncer.opening import Request
    from syncer.run import fingerprint
    from syncer.run import plan as run_plan
    from syncer.telling import tell_report
    from syncer.wiring import wire

    config = opened.config_of(ctx)
    request = Request(full=full, allow=_allowed(allow))
    code, docs = IN_STEP, []
    with opened.store_of(config) as store:
        for one in opened.syncs_of(config, name, everything=everything):
            report = asyncio.run(run_plan(store, wire(config, one), request))
            docs.append(_plan_document(report))
            code = _worse(code, _plan_code(report))
            if out is not None:
                _save_plan(out, one.name, [fingerprint(a) for a in report.actions])
            if not as_json:
                tell_report(report, planned=True)
    if as_json:
        say_json(docs[0] if len(docs) == 1 else {"plans": docs})
    return code


def sync(
    ctx: typer.Context,
    name: SyncName = None,
    everything: All = False,
    full: Full = False,
    allow: Allow = "",
    plan_file: Annotated[Path | None, typer.Option("--plan", help="Apply a saved plan, and nothing else.")] = None,
    wait: Annotated[str, typer.Option(help="How long to wait for another run of this sync.")] = "60s",
    as_json: AsJson = False,
) -> int:
    """Run one sync now."""
    from syncer.opening import Request
    from syncer.run import document
    from syncer.run import sync as run_sync
    from syncer.telling import tell_report
    from syncer.wiring import wire

    config = opened.config_of(ctx)
    only = None
    if plan_file is not None:
        name, only = _load_plan(plan_file, name)
    request = Request(full=full, allow=_allowed(allow), wait=opened.seconds_of(wait), only=only)
    code, docs = IN_STEP, []
    with opened.store_of(config) as store:
        for one in opened.syncs_of(config, name, everything=everything):
            report = asyncio.run(run_sync(store, wire(config, one), request, _progress()))
            docs.append({**document(report), **_trouble(report)})
            code = _worse(code, _refused(report, only) or sync_code(report))
            if not as_json:
                tell_report(report, planned=False)
    if as_json:
        say_json(docs[0] if len(docs) == 1 else {"runs": docs})
    return code


def sync_code(report: Report) -> int:
    """Return the exit code of a run, the first that applies of 1, 3, 0."""
    if report.parked or report.down or any(a.state == "failed" for a in report.actions):
        return TROUBLE
    return PERSON if report.held or report.guards else IN_STEP


def _plan_code(report: Report) -> int:
    code = sync_code(report)
    return PERSON if code == IN_STEP and report.actions else code


def _refused(report: Report, only: frozenset[str] | None) -> int | None:
    """A saved plan whose actions are no longer what would be done is refused as far as it moved."""
    if only is None:
        return None
    missing = len(only) - sum(1 for a in report.actions if a.state in {"applied", "failed"})
    if missing > 0:
        say(f"refused: {missing} action(s) of the plan no longer fit, because something moved since", out=sys.stderr)
        return TROUBLE if sync_code(report) == TROUBLE else PERSON
    return None


def _worse(one: int, other: int) -> int:
    order = (TROUBLE, PERSON, IN_STEP)
    return min((one, other), key=order.index)


def _trouble(report: Report) -> dict[str, Any]:
    error = next(iter(report.down.values()), None)
    return {"error": error_document(error)} if error is not None else {}


def _plan_document(report: Report) -> dict[str, Any]:
    from syncer.report import action_document, hold_document, parked_document
    from syncer.run import guard_document

    return {
        "sync": report.sync,
        "actions": [action_document(a) for a in report.actions],
        "held": [hold_document(h) for h in report.held],
        "parked": [parked_document(p) for p in report.parked],
        "guards": [guard_document(g) for g in report.guards],
        **_trouble(report),
    }


def _allowed(said: str) -> frozenset[str]:
    names = frozenset(n.strip() for n in said.split(",") if n.strip())
    unknown = sorted(names - ALLOWED)
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(sorted(ALLOWED))}", param_hint="--allow")
    return names


def _save_plan(path: Path, sync_name: str, prints: list[str]) -> None:
    handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump({"version": 1, "sync": sync_name, "actions": prints}, file, indent=1)


def _load_plan(path: Path, name: str | None) -> tuple[str, frozenset[str]]:
    try:
        doc = json.loads(path.read_text())
        sync_name, prints = str(doc["sync"]), frozenset(str(p) for p in doc["actions"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError("this is no plan that `syncer plan --out` wrote", file=str(path)) from None
    if name is not None and name != sync_name:
        raise ConfigError(f'the plan is for "{sync_name}", not for "{name}"', file=str(path))
    return sync_name, prints


def _progress() -> Any:  # noqa: ANN401 -- a callable or a no-op
    """Return a progress bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        return lambda *_: None
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("writing", total=None)

    def step(_: str, done: int, total: int) -> None:
        if not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.stop()

    return step
