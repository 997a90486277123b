"""An undo, start to end: it is a run of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from syncer.engine.plan import Action
from syncer.errors import ConfigError
from syncer.live import Session
from syncer.opening import Request, Wiring, opened
from syncer.report import when
from syncer.run import Report
from syncer.run import document as run_document
from syncer.settle import settle
from syncer.store import Store, items, journal, records
from syncer.store.lease import lease
from syncer.undoing.leaving import Left, made_by
from syncer.undoing.putting import load, put_back
from syncer.undoing.told import because_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Undone:
    """An undo as it ended, or (dry) as it would. `back`: how many fields mean the old value again."""

    report: Report
    undoes: str
    back: int
    left: tuple[Left, ...]


async def undo(store: Store, wiring: Wiring, run: str, request: Request, *, dry: bool = False) -> Undone:
    """Put back what *run* wrote. Raises `ConfigError` for a run that is none of this sync, and
    `LeaseBusyError`; failures of single copies are in the answer, never raised."""
    _refuse_unknown(store, wiring, run)
    if dry:
        shadow = store.snapshot()
        try:
            async with opened(shadow, wiring, request) as session:
                return await _perform(session, run, session.clock(), dry=True)
        finally:
            shadow.close()
    async with lease(store, wiring.rules.sync, wait=request.wait), opened(store, wiring, request) as session:
        started = session.clock()
        doc = {"run": session.run, "sync": session.sync, "trigger": because_of(run), "outcome": "running"}
        with store.write() as tx:
            records.bury_unfinished(tx, session.sync)
        _save(session, started, None, {**doc, "started": when(started), "finished": None})
        undone = await _perform(session, run, started, dry=False)
        _save(session, started, undone.report.finished, document(undone))
        log.info("run.undone", undoes=run, back=undone.back, left=len(undone.left))
        return undone


def _refuse_unknown(store: Store, wiring: Wiring, run: str) -> None:
    with store.read() as tx:
        doc, since = records.load_run(tx, run), records.wrote_before_cut(tx, run)
    if doc is None or doc["sync"] != wiring.rules.sync:
        raise ConfigError(f"{wiring.rules.sync} has no run {run}", fix="`syncer runs` lists them.")
    if since:
        fix = "What it wrote is not known in full any more ([store.keep] audit)."
        raise ConfigError(f"{run} began before {since}, when the audit trail begins now.", fix=fix)


def _save(session: Session, started: datetime, finished: datetime | None, doc: Mapping[str, Any]) -> None:
    with session.store.write() as tx:
        records.save_run(
            tx, id_=session.run, sync=session.sync, number=session.number, started=started, finished=finished, doc=doc
        )


async def _perform(session: Session, run: str, started: datetime, *, dry: bool) -> Undone:
    await settle(session)
    with session.store.read() as tx:
        ids = list(dict.fromkeys(e["link"] for e in records.written_by(tx, run) if e["link"]))
    actions: list[Action] = []
    left: list[Left] = []
    back = 0
    for batch in items.batches(ids):
        page = load(session, batch, run)
        put = await put_back(session, page, dry=dry)
        actions += put.actions
        left += [*put.left, *made_by(session, page.links, page.told)]
        back += put.back
    return Undone(_report(session, run, started, actions, left), run, back, tuple(left))


def _report(session: Session, run: str, started: datetime, actions: Sequence[Action], left: Sequence[Left]) -> Report:
    with session.store.read() as tx:
        held = tuple(journal.held(tx, session.sync))
        parked = tuple(journal.parked_entries(tx, session.sync))
    meters = {n: live.meter for n, live in session.lives.items()} | session.unopened
    return Report(
        sync=session.sync,
        run=session.run,
        trigger=because_of(run),
        outcome=_outcome(session, actions, left),
        started=started,
        finished=session.clock(),
        actions=tuple(actions),
        held=held,
        parked=parked,
        guards=(),
        down=dict(session.down),
        read=session.read,
        requests={n: m.requests for n, m in sorted(meters.items())},
    )


def _outcome(session: Session, actions: Sequence[Action], left: Sequence[Left]) -> str:
    if len(session.down) == len(session.rules.connections):
        return "failed"
    if any(one.kind in {"down", "failed"} for one in left):
        return "partial"
    return "changed" if any(a.state == "applied" for a in actions) else "in_step"


def document(undone: Undone) -> dict[str, Any]:
    """Return an undo as `undo --json` prints it: a run's document, and what was left."""
    return {
        **run_document(undone.report),
        "undoes": undone.undoes,
        "back": undone.back,
        "left": [one.document() for one in undone.left],
    }
