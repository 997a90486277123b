"""Puts every command group on the application."""

from __future__ import annotations

import typer

from syncer.cli import (
    adopt,
    audit,
    backup,
    check,
    connectors,
    daemon,
    demo,
    doctor,
    held,
    history,
    hooks,
    linking,
    links,
    parked,
    rebuild,
    runs,
    status,
    sync,
    undo,
)


def register(app: typer.Typer) -> None:
    groups = (
        demo,
        check,
        sync,
        daemon,
        status,
        adopt,
        runs,
        history,
        held,
        parked,
        links,
        linking,
        audit,
        undo,
        rebuild,
        hooks,
        backup,
        doctor,
        connectors,
    )
    for group in groups:
        group.register(app)
