"""`syncer runs`: what was done, when and why."""

from __future__ import annotations

from typing import Annotated

import typer

from syncer.cli import opened
from syncer.errors import ConfigError
from syncer.output import say, say_json, short, table


def register(app: typer.Typer) -> None:
    app.command("runs")(runs)


def runs(
    ctx: typer.Context,
    id_: Annotated[str | None, typer.Argument(metavar="[ID]", help="One run, with its actions.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show the history of runs."""
    from syncer.store import records

    config = opened.config_of(ctx)
    with opened.store_of(config) as store, store.read() as tx:
        if id_ is not None:
            doc = records.load_run(tx, id_)
            if doc is None:
                raise ConfigError(f"no run {id_}", fix="`syncer runs` lists them.")
            return _one(doc, as_json=as_json)
        found = records.load_runs(tx, limit=limit)
    if as_json:
        say_json({"runs": [{k: v for k, v in doc.items() if k != "actions"} for doc in found]})
        return 0
    table(
        ("run", "sync", "started", "outcome", "read", "created", "updated", "commented", "held", "parked"),
        (
            (
                doc["run"],
                doc["sync"],
                str(doc["started"])[:19],
                doc["outcome"],
                *(
                    doc.get("tally", {}).get(k, "")
                    for k in ("read", "created", "updated", "commented", "held", "parked")
                ),
            )
            for doc in found
        ),
    )
    return 0


def _one(doc: dict[str, object], *, as_json: bool) -> int:
    if as_json:
        say_json(doc)
        return 0
    say(f"{doc['run']}  {doc['sync']}  {doc['outcome']}  {doc['started']} .. {doc['finished']}")
    actions = doc.get("actions")
    for action in actions if isinstance(actions, list) else []:
        spot = f"{action['connection']}:{action['key'] or ''}"
        say(f"  {action['do']:<8} {spot}  {short(action['title'])}  {action['state']}")
        for name, move in action["fields"].items():
            say(f"      {name}: {short(move['from'], 40)} -> {short(move['to'], 40)}")
        say(f"      because {short(action['because'], 200)}")
    return 0
