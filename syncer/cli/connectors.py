"""`syncer connectors`: installed plugins and their abilities."""

from __future__ import annotations

from typing import Annotated

import typer

from syncer.output import say_json, table


def register(app: typer.Typer) -> None:
    app.command("connectors")(connectors)


def connectors(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show the installed connectors."""
    from syncer import plugins

    found = [plugins.plugin(name) for name in plugins.installed()]
    docs = [{"name": p.name, "version": p.version, "abilities": sorted(p.abilities)} for p in found]
    if as_json:
        say_json({"connectors": docs})
    else:
        table(("name", "version", "abilities"), ((d["name"], d["version"], ", ".join(d["abilities"])) for d in docs))
    return 0
