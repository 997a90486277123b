"""Puts every command group on the application."""

from __future__ import annotations

import typer

from syncer.cli import adopt, audit, check, connectors, demo, held, history, linking, links, parked, rebuild, sync, undo


def register(app: typer.Typer) -> None:
    for group in (demo, check, sync, adopt, history, held, parked, links, linking, audit, undo, rebuild, connectors):
        group.register(app)
