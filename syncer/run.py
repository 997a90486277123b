"""A run, start to end: request, lease, settle, fetch, read, match, merge, plan, guard, apply, save."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
import structlog

from syncer.apply import apply
from syncer.connector import Budget
from syncer.decide import decide
from syncer.engine.guards import Guard, refusals
from syncer.engine.plan import Action, ordered
from syncer.errors import ConnectorError, StoreError, SyncerError
from syncer.intake import UNREAD, fetch, follow, reread
from syncer.kinship import relate, without_namesakes
from syncer.links import Hold, Parked
from syncer.live import Live, Session, together
from syncer.log import redact
from syncer.opening import Request, Wiring, opened
from syncer.report import action_document, hold_document, parked_document, when
from syncer.settle import settle, verify
from syncer.store import Store, items, journal, pulse, records
from syncer.store.lease import lease

log = structlog.get_logger()

GOOD = frozenset({"in_step", "changed"})

ROUNDS = 4
"""A round's writes may owe others (a status after a create, a child after its parent)."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, or (a plan) would do. `down`: connections left out, and why. `stopped`: it was told to
    stop before it was done. `waited`: seconds each connection had to wait for its limits; `budgets`: what is left."""

    sync: str
    run: str
    trigger: str
    outcome: str
    started: datetime
    finished: datetime
    actions: tuple[Action, ...]
    held: tuple[Hold, ...]
    parked: tuple[Parked, ...]
    guards: tuple[Guard, ...]
    down: Mapping[str, ConnectorError]
    read: int
    requests: Mapping[str, int]
    stopped: bool = False
    waited: Mapping[str, float] = field(default_factory=dict)
    budgets: Mapping[str, Budget] = field(default_factory=dict)

    def count(self, do: str) -> int:
        return sum(1 for a in self.actions if a.do == do and a.state == "applied")


Progress = Callable[[str, int, int], None]


def _silent(_: str, __: int, ___: int) -> None:
    return


async def sync(store: Store, wiring: Wiring, request: Request, progress: Progress = _silent) -> Report:
    """Run one sync now. Raises `LeaseBusyError` when another process is at it; failures of single
    items and connections are in the report, never raised."""
    async with lease(store, wiring.rules.sync, wait=request.wait), opened(store, wiring, request) as session:
        started = session.clock()
        _note_start(session, request, started)
        log.info("run.started", trigger=request.trigger)
        try:
            done, guards = await _perform(session, request, progress)
        except SyncerError as error:
            _note_failure(session, request, started, error)
            raise
        return _finish(session, _report(session, request, started, done, guards))


async def plan(store: Store, wiring: Wiring, request: Request) -> Report:
    """Return what `sync` would do now. Works on a copy of the store in memory; writes nothing."""
    shadow = store.snapshot()
    async with opened(shadow, wiring, request) as session:
        started = session.clock()
        await _look(session, request)
        actions = await _due(session, request)
        guards = _guards(session, actions, request)
        report = _report(session, request, started, actions, guards)
    shadow.close()
    return report


# -- the ten steps ---------------------------------------------------------------------------


async def _perform(session: Session, request: Request, progress: Progress) -> tuple[list[Action], list[Guard]]:
    await _look(session, request)
    done: list[Action] = []
    for round_ in range(ROUNDS):
        if session.halted():
            break
        if round_:
            await _read_new(session)
        actions = await _due(session, request)
        guards = _guards(session, [*done, *actions], request)
        if not actions and not guards:
            break
        if guards:
            return [*done, *actions], guards
        ended = await _apply(session, actions, progress)
        done += ended
        # What moved on since it was read, or waits for another, is planned anew.
        if len(ended) == len(actions) and not any(a.state == "applied" for a in ended):
            break
    else:
        await _read_new(session)
    return done, []


async def _look(session: Session, request: Request) -> None:
    """Settle, fetch, read and match."""
    if request.full:
        with session.store.write() as tx:
            items.disturb(tx, session.sync)
    await settle(session)
    await follow(session)
    if not request.leads:
        await fetch(session, full=request.full)
    relate(session)


async def _read_new(session: Session) -> None:
    """Read what was written without a full answer."""
    await verify(session)
    for live in session.up():
        with session.store.read() as tx:
            unread = items.unread(tx, session.sync, live.name, UNREAD)
        if not unread:
            continue
        try:
            await reread(session, live, unread)
        except ConnectorError as error:
            session.lose(live.name, error)


async def _due(session: Session, request: Request) -> list[Action]:
    """Decide, and return what is to be written now, in order."""
    actions = _chosen(without_namesakes(session, ordered(await decide(session))), request)
    if _listed_everything(session):
        return actions
    now = [a for a in actions if a.do != "create"]
    if len(now) < len(actions):
        reason = "a connection has never been listed completely"
        log.warning("creates.deferred", creates=len(actions) - len(now), reason=reason)
    return now


def _listed_everything(session: Session) -> bool:
    """The first run lists every connection completely before it creates anything."""
    with session.store.read() as tx:
        marks = [items.bookmark(tx, session.sync, c) for c in session.rules.connections]
    return all(m is not None and m.listed_at is not None for m in marks)


def _chosen(actions: list[Action], request: Request) -> list[Action]:
    if request.only is None:
        return actions
    return [a for a in actions if fingerprint(a) in request.only]


def fingerprint(action: Action) -> str:
    """Return what tells an action of a saved plan from any other: also where it starts from."""
    moves = [(n, _plain(m.before), _plain(m.after)) for n, m in sorted(action.fields.items())]
    return repr((action.do, action.link, action.connection, str(action.ref or ""), action.thread, moves))


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


def _guards(session: Session, actions: Sequence[Action], request: Request) -> list[Guard]:
    return refusals(actions, session.rules.limits, request.allow, session.emptied)


async def _apply(session: Session, actions: Sequence[Action], progress: Progress) -> list[Action]:
    """Let every connection work through its own actions, side by side."""
    total, count = len(actions), 0

    async def one(live: Live) -> list[Action]:
        nonlocal count
        mine = [a for a in actions if a.connection == live.name]
        ended: list[Action] = []
        for start in range(0, len(mine), 25):
            part = mine[start : start + 25]
            ended += await apply(session, live, part)
            count += len(part)
            progress("apply", count, total)
            if live.name in session.down or session.halted():
                break
        return ended

    results = await together(*(one(live) for live in session.up()))
    return [a for part in results for a in part]


# -- the record of a run ---------------------------------------------------------------------


def _note_start(session: Session, request: Request, started: datetime) -> None:
    doc = {"run": session.run, "sync": session.sync, "trigger": request.trigger, "outcome": "running"}
    with session.store.write() as tx:
        records.bury_unfinished(tx, session.sync)
        records.save_run(
            tx,
            id_=session.run,
            sync=session.sync,
            number=session.number,
            started=started,
            finished=None,
            doc={**doc, "started": started.isoformat(), "finished": None},
        )


def _note_failure(session: Session, request: Request, started: datetime, error: SyncerError) -> None:
    """Remember a run that broke off, as far as the store lets us."""
    doc: dict[str, object] = {"run": session.run, "sync": session.sync, "trigger": request.trigger}
    doc |= {"outcome": "failed", "error": redact(str(error))}
    doc |= {"started": when(started), "finished": when(session.clock())}
    with contextlib.suppress(StoreError), session.store.write() as tx:
        tally = records.tally_of(tx, session.run)
        records.save_run(
            tx,
            id_=session.run,
            sync=session.sync,
            number=session.number,
            started=started,
            finished=session.clock(),
            doc={**doc, "tally": tally},
        )


def _report(
    session: Session, request: Request, started: datetime, actions: Sequence[Action], guards: Sequence[Guard]
) -> Report:
    with session.store.read() as tx:
        held = tuple(journal.held(tx, session.sync))
        parked = tuple(journal.parked_entries(tx, session.sync))
    meters = {n: live.meter for n, live in session.lives.items()} | session.unopened
    return Report(
        sync=session.sync,
        run=session.run,
        trigger=request.trigger,
        outcome=_outcome(session, actions, parked, guards),
        started=started,
        finished=session.clock(),
        actions=tuple(actions),
        held=held,
        parked=parked,
        guards=tuple(guards),
        down=dict(session.down),
        read=session.read,
        requests={n: m.requests for n, m in sorted(meters.items())},
        stopped=session.halted(),
        waited={n: m.waited for n, m in sorted(meters.items()) if m.waited},
        budgets={n: m.left for n, m in sorted(meters.items()) if m.left is not None},
    )


def _outcome(session: Session, actions: Sequence[Action], parked: Sequence[Parked], guards: Sequence[Guard]) -> str:
    if guards:
        return "refused"
    if len(session.down) == len(session.rules.connections):
        return "failed"
    if session.down or session.halted() or parked or any(a.state == "failed" for a in actions):
        return "partial"
    return "changed" if any(a.state == "applied" for a in actions) else "in_step"


def _finish(session: Session, report: Report) -> Report:
    doc = document(report)
    with session.store.write() as tx:
        records.save_run(
            tx,
            id_=session.run,
            sync=session.sync,
            number=session.number,
            started=report.started,
            finished=report.finished,
            doc=doc,
        )
        _say_pulse(tx, report)
    _tell(report)
    return report


def _tell(report: Report) -> None:
    for guard in report.guards:
        log.warning(
            "run.refused", connection=guard.connection, guard=guard.flag, number=guard.number, limit=guard.limit
        )
    log.info(
        "run.finished",
        outcome=report.outcome,
        read=report.read,
        created=report.count("create"),
        updated=report.count("update"),
        commented=report.count("comment"),
        closed=report.count("close"),
        archived=report.count("archive"),
        held=len(report.held),
        parked=len(report.parked),
        requests=sum(report.requests.values()),
        seconds=round((report.finished - report.started).total_seconds(), 1),
    )


def _say_pulse(tx: sa.Connection, report: Report) -> None:
    """Tell other processes how the sync and its connections are."""
    if report.stopped:
        return
    if report.outcome in GOOD:
        pulse.say(tx, report.sync, "good", {"run": report.run}, report.finished)
    for name in sorted(report.requests.keys() | report.down.keys()):
        _, before = pulse.heard(tx, report.sync, f"connection/{name}") or (None, {})
        down = redact(str(report.down[name])) if name in report.down else None
        asked = report.requests.get(name, 0)
        read = down is None and asked > 0
        if down is None and not read:
            continue  # nothing was asked of it: what was known last stands
        left = report.budgets.get(name)
        doc = {
            "read_at": when(report.finished) if read else before.get("read_at"),
            "down": down,
            "since": (before.get("since") or when(report.finished)) if down else None,
            "budget": budget_document(left) if left is not None else before.get("budget"),
            "requests": asked,
        }
        pulse.say(tx, report.sync, f"connection/{name}", doc, report.finished)


def budget_document(left: Budget) -> dict[str, object]:
    return {"limit": left.limit, "remaining": left.remaining, "resets": when(left.resets), "unit": left.unit}


def document(report: Report) -> dict[str, object]:
    """Return a run as `sync --json` prints it."""
    return {
        "run": report.run,
        "sync": report.sync,
        "trigger": report.trigger,
        "outcome": report.outcome,
        "started": when(report.started),
        "finished": when(report.finished),
        "tally": tally_of(report),
        "actions": [action_document(a) for a in report.actions],
        "held": [hold_document(h) for h in report.held],
        "parked": [parked_document(p) for p in report.parked],
        "guards": [guard_document(g) for g in report.guards],
        "down": {c: redact(str(e)) for c, e in sorted(report.down.items())},
        "stopped": report.stopped,
        "waited": {c: round(s, 1) for c, s in report.waited.items()},
        "budgets": {c: budget_document(b) for c, b in report.budgets.items()},
    }


def guard_document(guard: Guard) -> dict[str, object]:
    return {
        "connection": guard.connection,
        "flag": guard.flag,
        "number": guard.number,
        "limit": guard.limit,
        "message": guard.message,
    }


def tally_of(report: Report) -> Mapping[str, object]:
    """Return the counts of a run as `sync --json` shows them."""
    return {
        "read": report.read,
        "created": report.count("create"),
        "updated": report.count("update"),
        "commented": report.count("comment"),
        "closed": report.count("close"),
        "held": len(report.held),
        "parked": len(report.parked),
        "requests": dict(report.requests),
    }
