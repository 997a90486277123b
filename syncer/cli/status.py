"""`syncer status`: how everything stands, on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from syncer.cli import opened
from syncer.cli.app import IN_STEP, PERSON, TROUBLE
from syncer.output import clean, say, say_json, short, span

if TYPE_CHECKING:
    from syncer.status import ConnectionStatus, Status, SyncStatus

REASON: Final = 160
"""Characters of a tracker's refusal that are shown."""

DONE: Final = ("created", "updated", "commented", "closed")


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show how everything stands, from the database alone: no network, no tokens.

    Exit 0: all is well; 1: something is parked, down, failed or has lasted too long; 3: a person decides.
    """
    from syncer.status import document, look

    config = opened.config_of(ctx)
    with opened.store_of(config) as store:
        found = look(store, config, datetime.now(UTC))
    if as_json:
        say_json(document(found))
    else:
        for line in told(found):
            say(line)
    return code_of(found)


def code_of(found: Status) -> int:
    return min((_code(one) for one in found.syncs), key=(TROUBLE, PERSON, IN_STEP).index, default=IN_STEP)


def _code(one: SyncStatus) -> int:
    outcome = (one.last or {}).get("outcome")
    if one.parked or one.stale or outcome == "failed" or any(c.down for c in one.connections):
        return TROUBLE
    return PERSON if one.held or outcome == "refused" else IN_STEP


# -- telling ---------------------------------------------------------------------------------


def told(found: Status) -> Iterator[str]:
    yield _daemon(found)
    if not found.syncs:
        yield "no sync is configured: add a [syncs.<name>] table"
    for one in found.syncs:
        yield from _sync(one, found.at)


def _daemon(found: Status) -> str:
    said = found.daemon
    if said is None:
        return "daemon: not running (syncer daemon)"
    started = said.get("started")
    since = f" for {_span(datetime.fromisoformat(started), found.at)}" if started else ""
    return f"daemon: {clean(said.get('state') or 'running')}{since} (pid {said.get('pid') or '?'})"


def _sync(one: SyncStatus, now: datetime) -> Iterator[str]:
    yield f"{one.sync}: {_outcome(one, now)}"
    yield _line("next", _next(one, now))
    yield _line("lag", span(one.lag) if one.lag >= 1 else "none")
    if one.owed or one.waiting:
        yield _line("owed", f"{one.owed} copies lack something, {one.waiting} webhook leads wait")
    yield from _waiting(one)
    width = max((len(c.name) for c in one.connections), default=0)
    for connection in one.connections:
        yield f"  {connection.name:<{width}}  {_connection(connection, now)}"
    for reason in one.stale:
        yield f"  ! {clean(reason)}"


def _outcome(one: SyncStatus, now: datetime) -> str:
    if one.last is None:
        return "never ran"
    last = one.last
    said = clean(str(last["outcome"]).replace("_", " "))
    error = f" ({short(last['error'], REASON)})" if last.get("error") else ""
    when = last.get("finished") or last["started"]
    done = ", ".join(f"{last['tally'][k]} {k}" for k in DONE if last["tally"].get(k)) or "nothing written"
    return f"{said}{error} {_span(datetime.fromisoformat(when), now)} ago: {done} ({clean(last['run'])})"


def _next(one: SyncStatus, now: datetime) -> str:
    if one.running is not None:
        return f"running now ({clean(one.running)})"
    if one.next_at is None:
        return f"when you say so (syncer sync {one.sync})"
    why = f" ({clean(one.next_why)})" if one.next_why else ""
    return f"in {_span(now, one.next_at)}{why}" if one.next_at > now else f"due{why}"


def _waiting(one: SyncStatus) -> Iterator[str]:
    if one.held:
        yield _line("held", f"{one.held}, a person decides (syncer held)")
    if one.parked:
        yield _line("parked", f"{one.parked}, to be tried again (syncer parked)")
    for guard in (one.last or {}).get("guards", ()):
        yield _line("refused", f"{short(guard['message'], REASON)}")
    different = (one.audit or {}).get("divergences")
    if different:
        yield _line("audit", f"{different} differences (syncer audit {one.sync})")


def _connection(one: ConnectionStatus, now: datetime) -> str:
    if one.down is not None:
        since = f" for {_span(one.since, now)}" if one.since is not None else ""
        return f"DOWN{since}: {short(one.down, REASON)} (syncer check)"
    if one.read_at is None:
        return "never read"
    left = _left(one.budget, now) if one.budget is not None else ""
    return f"up, read {_span(one.read_at, now)} ago{left}"


def _left(budget: Mapping[str, Any], now: datetime) -> str:
    resets = datetime.fromisoformat(budget["resets"]) if budget.get("resets") else None
    if resets is not None and resets <= now:
        return ""  # what was left then says nothing now
    until = f" for {_span(now, resets)}" if resets is not None else ""
    return f", {budget['remaining']} of {budget['limit']} {clean(budget['unit'])} left{until}"


def _line(name: str, said: str) -> str:
    return f"  {name:<8} {said}"


def _span(since: datetime, until: datetime) -> str:
    return span((until - since).total_seconds())
