"""`syncer demo`: the main job on sandboxes; no credentials, no config."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the sandboxes running, with a config to play with.")
    ] = False,
) -> int:
    """Start three sandboxes on loopback, sync a backlog, edit it, sync again, show what happened."""
    from syncer.demo.play import perform

    return perform(keep=keep)
