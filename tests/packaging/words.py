"""The command line, asked whether it takes certain words. Nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from typer.main import get_command

from syncer.cli import app as application
from syncer.cli import commands, hoisted


def fits(words: Sequence[str], *, whole: bool = True) -> bool:
    """Say whether `syncer` takes *words*: its commands and their options; where they are the *whole* of a command
    line, also the arguments that it must have."""
    app = typer.Typer()
    commands.register(app)
    app.callback()(application._globals)
    command: Any = get_command(app)
    rest = hoisted(words)
    try:
        while True:
            context = command.make_context("syncer", list(rest))
            if not hasattr(command, "resolve_command"):
                return True
            left = [*context._protected_args, *context.args]
            if not left:
                return True  # a group that does something by itself
            _, command, rest = command.resolve_command(context, left)
    except typer.Exit:
        return True  # --help
    except application.UsageError as error:
        return not whole and type(error).__name__ == "MissingParameter"
