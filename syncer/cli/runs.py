"""`syncer runs`: what was done, when, on whose request, and at what price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from syncer.cli import opened
from syncer.errors import ConfigError
from syncer.output import clean, say, say_json, short, table

COUNTED = ("read", "created", "updated", "commented", "held", "parked")


def register(app: typer.Typer) -> None:
    app.command("runs")(runs)


def runs(
    ctx: typer.Context,
    id_: Annotated[str | None, typer.Argument(metavar="[ID]", help="One run, with its actions.")] = None,
    sync: Annotated[str | None, typer.Option(metavar="NAME", help="Only the runs of this sync.")] = None,
    limit: Annotated[
        int | None, typer.Option(help="How many, newest first (20; with --follow 0, of each sync).", min=0)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on: tell runs as they start and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; one a line with --follow.")] = False,
) -> int:
    """Show the history of runs."""
    from syncer.store import records

    if id_ is not None and (follow or sync is not None):
        raise ConfigError("say either an ID or which runs", fix="`syncer runs ID`, or --sync and --follow without ID.")
    config = opened.config_of(ctx)
    with opened.store_of(config) as store:
        if follow:
            from syncer.cli.follow import follow as follow_runs

            names = [s.name for s in opened.syncs_of(config, sync, everything=True)]
            return follow_runs(store, names, limit or 0, as_json=as_json)
        with store.read() as tx:
            doc = records.load_run(tx, id_) if id_ is not None else None
            found = records.load_runs(tx, sync=sync, limit=20 if limit is None else limit) if id_ is None else []
    if id_ is not None:
        if doc is None:
            raise ConfigError(f"no run {id_}", fix="`syncer runs` lists them.")
        _tell_one(doc, as_json=as_json)
        return 0
    if sync is not None and not found:
        opened.syncs_of(config, sync)  # a sync that never ran is no mistake, one that never was is
    if as_json:
        say_json({"runs": [{k: v for k, v in doc.items() if k != "actions"} for doc in found]})
    else:
        _tell_all(found)
    return 0


# -- figures of one run ----------------------------------------------------------------------


def took(doc: Mapping[str, Any]) -> str:
    """Return how long a run was at work, "" for one that has not said when it ended."""
    if not doc.get("finished"):
        return ""
    seconds = (datetime.fromisoformat(doc["finished"]) - datetime.fromisoformat(doc["started"])).total_seconds()
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}min {int(rest)}s" if minutes else f"{rest:.1f}s"


def outcome(doc: Mapping[str, Any]) -> str:
    error = f" ({short(doc['error'], 160)})" if doc.get("error") else ""
    return f"{clean(doc['outcome'])}{error}"


def requests(doc: Mapping[str, Any]) -> Mapping[str, int]:
    found: Mapping[str, int] = doc.get("tally", {}).get("requests") or {}
    return found


# -- telling ---------------------------------------------------------------------------------


def _tell_all(found: list[dict[str, Any]]) -> None:
    table(
        ("run", "sync", "started", "took", "outcome", *COUNTED, "requests"),
        (
            (
                doc["run"],
                doc["sync"],
                str(doc["started"])[:19],
                took(doc),
                doc.get("error") or doc["outcome"],
                *(doc.get("tally", {}).get(k, "") for k in COUNTED),
                sum(requests(doc).values()) if doc.get("finished") else "",
            )
            for doc in found
        ),
    )


def _tell_one(doc: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(doc)
        return
    for line in _story(doc):
        say(line)


def _story(doc: Mapping[str, Any]) -> Iterator[str]:
    spent = f"  took {took(doc)}" if took(doc) else ""
    yield f"{doc['run']}  {doc['sync']}  {outcome(doc)}  {doc['started']} .. {doc.get('finished') or '?'}{spent}"
    if doc.get("trigger"):
        yield f"  asked for by {clean(doc['trigger'])}"
    for action in doc.get("actions") or ():
        yield from _action(action)
    for hold in doc.get("held") or ():
        yield f"  ? held {hold['id']}  {clean(hold['field'])}: {short(hold.get('reason'), 160)}"
        yield from (f"      {clean(c)}: {short(value)}" for c, value in hold["values"].items())
    for entry in doc.get("parked") or ():
        spot = " ".join(clean(p) for p in (entry.get("ref") or entry["connection"], entry.get("field")) if p)
        yield f"  ! parked {entry['id']}  {spot}: {short(entry['error'], 160)}  (tried {entry['attempts']}x)"
    for name, error in (doc.get("down") or {}).items():
        yield f"  ! {clean(name)} was left out: {short(error, 160)}"
    for guard in doc.get("guards") or ():
        yield f"  ! refused: {clean(guard['message'])}"
    if doc.get("stopped"):
        yield "  ! it was told to stop before it was done; the next run went on from there"
    for name, seconds in (doc.get("waited") or {}).items():
        yield f"  {clean(name)} made it wait {seconds}s"
    asked = ", ".join(f"{clean(name)} {number}" for name, number in requests(doc).items())
    yield f"  requests: {asked or 'none'}"


def _action(action: Mapping[str, Any]) -> Iterator[str]:
    spot = f"{clean(action['connection'])}:{clean(action['key'] or '')}"
    yield f"  {action['do']:<8} {spot}  {short(action['title'])}  {clean(action['state'])}"
    for name, move in action["fields"].items():
        yield f"      {clean(name)}: {short(move['from'], 40)} -> {short(move['to'], 40)}"
    yield f"      because {short(action['because'], 200)}"
