"""Puts every command group on the application."""

from __future__ import annotations

import typer

from syncer.cli import check, connectors, demo, held, history, links, parked, sync


def register(app: typer.Typer) -> None:
    for group in (demo, check, sync, history, held, parked, links, connectors):
        group.register(app)
