"""Puts every command group on the application."""

from __future__ import annotations

import typer

from syncer.cli import (
    adopt,
    audit,
    check,
    connectors,
    daemon,
    demo,
    held,
    history,
    linking,
    links,
    parked,
    rebuild,
    sync,
    undo,
)


def register(app: typer.Typer) -> None:
    groups = (
        demo,
        check,
        sync,
        daemon,
        adopt,
        history,
        held,
        parked,
        links,
        linking,
        audit,
        undo,
        rebuild,
        connectors,
    )
    for group in groups:
        group.register(app)
