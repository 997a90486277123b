"""`syncer links`: the link table."""

from __future__ import annotations

from typing import Annotated

import typer

from syncer.cli import opened
from syncer.output import say_json, short, table


def register(app: typer.Typer) -> None:
    app.command("links")(links)


def links(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[SYNC]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show every item with its copies and what they still lack."""
    from syncer.report import link_document
    from syncer.store import items

    config = opened.config_of(ctx)
    docs = []
    with opened.store_of(config) as store, store.read() as tx:
        for sync in opened.syncs_of(config, name, everything=True):
            found = list(items.all_links(tx, sync.name))
            for batch in items.batches(link.id for link in found):
                rows = items.rows_of_links(tx, batch)
                chosen = [link for link in found if link.id in rows]
                docs += [link_document(k, {c: r.copy for c, r in rows[k.id].items()}) for k in chosen]
    if as_json:
        say_json({"links": docs})
        return 0
    table(
        ("item", "kind", "title", "owed"),
        (
            (
                "  ".join(f"{c}:{copy['key']}" for c, copy in doc["copies"].items()),
                doc["kind"] or "",
                short(doc["title"]),
                ", ".join(f"{c}: {' '.join(f)}" for c, f in doc["owed"].items()),
            )
            for doc in docs
        ),
    )
    return 0
