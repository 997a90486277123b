"""`syncer check`: is it fit to run, and what to type next."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from syncer.cli import opened
from syncer.model import Problem
from syncer.output import clean, say, say_json


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(
    ctx: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="No network, no tokens: the files alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Check config, credentials, permissions, mapping coverage and people."""
    config = opened.config_of(ctx)
    problems: list[Problem] = []
    if not offline:
        from syncer.inspection import inspect

        problems = asyncio.run(inspect(config.unlocked()))
    errors = [p for p in problems if p.level == "error"]
    if as_json:
        say_json({"ok": not errors, "problems": [asdict(p) for p in problems]})
    else:
        for problem in problems:
            _tell(problem)
        say(_next(offline=offline, failed=bool(errors), number=len(config.connections)))
    if not errors:
        return 0
    return 2 if any(p.key is not None for p in errors) else 1


def _tell(problem: Problem) -> None:
    where = ": ".join(p for p in (problem.connection, problem.key and f"[{problem.key}]") if p)
    say(f"{problem.level}: {where + ': ' if where else ''}{clean(problem.message)}")
    if problem.fix:
        say(f"  {clean(problem.fix)}")


def _next(*, offline: bool, failed: bool, number: int) -> str:
    if failed:
        return "Fix the errors above, then: syncer check"
    if offline:
        return f"The files are fine ({number} connections). Next, with tokens at hand: syncer check"
    return f"All {number} connections answer. Next: syncer plan"
