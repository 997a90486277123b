"""Apply: each action becomes intent, call, receipt; what the receipt shows becomes base."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.attempts import (
    action_digest,
    dropped_if_refused,
    entries_of,
    intended,
    is_awaited,
    opened,
    park,
    parked_id,
    patch_out,
)
from syncer.creation import create
from syncer.diary import tell_applied, tell_failed, tell_postponed
from syncer.engine.plan import Action, Move
from syncer.errors import (
    ConnectorError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    StaleError,
    SyncerError,
    UnavailableError,
    UnwritableError,
    WaitingError,
)
from syncer.intake import reread
from syncer.links import Copy
from syncer.live import Live, Session
from syncer.mirrors import talk
from syncer.model import (
    ABSENT,
    JSON,
    Address,
    Delta,
    Patch,
    Ref,
    State,
)
from syncer.receipts import after_write, archived, combine
from syncer.report import plain
from syncer.store import items, journal
from syncer.store.items import Row
from syncer.store.records import append

FRESH_SECONDS = 30.0
"""A copy read longer ago than this is read again before it is written."""
CHUNK = 100
FORBIDDEN = 403
LOST_ANSWERS = 3
"""So many lost or forbidding answers in a row, and the connection is left alone for this run."""


async def apply(session: Session, live: Live, actions: Sequence[Action]) -> list[Action]:
    """Send one connection's actions in order; return them as they ended. Never raises a
    `ConnectorError`: what failed is parked, and a connection that is down is left out."""
    ended: list[Action] = []
    lost = 0
    for start in range(0, len(actions), CHUNK):
        chunk = actions[start : start + CHUNK]
        moved = await _refresh(session, live, chunk)
        for action in chunk:
            if live.name in session.down or lost >= LOST_ANSWERS or session.halted():
                return ended
            if action.ref in moved:
                continue
            outcome, ambiguous = await _attempt(session, live, action)
            lost = lost + 1 if ambiguous else 0
            if outcome is not None:
                ended.append(outcome)
    return ended


async def _refresh(session: Session, live: Live, actions: Sequence[Action]) -> frozenset[Ref]:
    """Read again what was read too long ago; return the copies that moved on, to be planned anew."""
    refs = [a.ref for a in actions if a.ref is not None and a.do != "comment"]
    if not refs:
        return frozenset()
    limit = session.clock() - timedelta(seconds=FRESH_SECONDS)
    if session.unlisted_since is not None:
        limit = max(limit, session.unlisted_since)
    with session.store.read() as tx:
        rows = items.rows_by_ref(tx, session.sync, refs)
    never = datetime.min.replace(tzinfo=UTC)
    read = {ref: session.direct.get(ref, never) if live.place.lags else r.copy.read_at for ref, r in rows.items()}
    old = [Address(ref, r.copy.key) for ref, r in rows.items() if read[ref] < limit]
    if not old:
        return frozenset()
    try:
        return await reread(session, live, old)
    except ConnectorError as error:
        session.lose(live.name, error)
        return frozenset()


async def _attempt(session: Session, live: Live, action: Action) -> tuple[Action | None, bool]:
    """Do one action; return it as it ended (None: to be planned anew), and whether its answer was lost."""
    try:
        return await _sent(session, live, action), False
    except StaleError as error:
        tell_postponed(action, error)
        if action.ref is not None:
            await _reread_quietly(session, live, Address(action.ref, action.key))
        return None, False
    except WaitingError as error:
        tell_postponed(action, error)
        return None, False
    except NotFoundError as error:
        return await _vanished(session, live, action, error), False
    except (ConnectorError, UnwritableError) as error:
        return _failed(session, live, action, error)


async def _sent(session: Session, live: Live, action: Action) -> Action | None:
    match action.do:
        case "create":
            return await create(session, live, action)
        case "comment":
            return await talk(session, live, action)
        case "archive":
            return await _archive(session, live, action)
        case _:
            return await _update(session, live, action)


def _failed(session: Session, live: Live, action: Action, error: SyncerError) -> tuple[Action, bool]:
    """Park what failed; what says nothing about this action leaves its connection out of the run."""
    failed = replace(action, state="failed")
    # A 403 may be about this record alone (locked, protected); several in a row are not.
    forbidden = isinstance(error, CredentialsError) and error.status == FORBIDDEN
    unsent = isinstance(error, UnavailableError) and not error.sent
    shut = isinstance(error, CredentialsError) and not forbidden
    if isinstance(error, ConnectorError) and (unsent or shut):
        tell_failed(action, error)
        session.lose(live.name, error)
        return failed, False
    lost = isinstance(error, UnavailableError | ProtocolError)
    park(session, action, error, kind="settling" if lost else "write")
    return failed, lost or forbidden


async def _vanished(session: Session, live: Live, action: Action, error: NotFoundError) -> Action | None:
    """Ask what became of a copy that could not be written; where it is away, plan anew without it."""
    if action.ref is not None:
        await _reread_quietly(session, live, Address(action.ref, action.key))
        with session.store.read() as tx:
            row = items.rows_by_ref(tx, session.sync, [action.ref]).get(action.ref)
        if row is None or row.copy.state is not State.HERE:
            return None
    park(session, action, error, kind="write")
    return replace(action, state="failed")


async def _reread_quietly(session: Session, live: Live, address: Address) -> None:
    try:
        await reread(session, live, [address])
    except ConnectorError as error:
        session.lose(live.name, error)


async def _update(session: Session, live: Live, action: Action) -> Action | None:
    if is_awaited(session, action):
        return None
    try:
        return await _together(session, live, action)
    except NotFoundError:
        raise
    except (RejectedError, UnwritableError):
        if len(action.fields) == 1:
            raise
    return await _apart(session, live, action)


async def _apart(session: Session, live: Live, action: Action) -> Action:
    """One field of several was refused, and nobody says which: send each alone, so that the rest moves."""
    failed = False
    for name, move in action.fields.items():
        alone = replace(action, fields={name: move})
        try:
            ended = await _together(session, live, alone)
        except NotFoundError:
            raise
        except (RejectedError, UnwritableError) as error:
            park(session, alone, error, kind="write")
            failed = True
        else:
            failed = failed or (ended is not None and ended.state == "failed")
    return replace(action, state="failed" if failed else "applied")


async def _together(session: Session, live: Live, action: Action) -> Action | None:
    """Send all fields of an action, in as few writes as the tracker takes."""
    with session.store.read() as tx:
        row = items.rows_by_ref(tx, session.sync, [action.ref]).get(action.ref) if action.ref else None
    if row is None:
        return None
    patch: dict[str, JSON | Delta] = {}
    for name, move in action.fields.items():
        part = live.mapper.patch(name, move.after, row.copy.seen, move.owed)
        if part is not ABSENT:
            combine(patch, part)
    copy, unseen = row.copy, set[str]()
    for step in live.connector.steps(patch):
        copy, bare = await _send(session, live, action, row, copy, step)
        unseen |= bare
    unmet = _unmet(live, {n: m for n, m in action.fields.items() if n not in unseen}, copy)
    for name in unmet:
        alone = replace(action, fields={name: action.fields[name]})
        park(session, alone, RejectedError(f"{live.name} answered without {name} as sent"), kind="write")
    return replace(action, state="failed" if unmet else "applied")


async def _send(
    session: Session, live: Live, action: Action, row: Row, copy: Copy, step: Patch
) -> tuple[Copy, frozenset[str]]:
    """Send one step; return the copy as the answer shows it, and the fields whose answer shows nothing.

    The intent of such a step stays open: a direct read judges it, as it judges a lost answer.
    """
    fields = [n for n in action.fields if any(x in step for x in live.mapper.codecs[n].natives)]
    doc: dict[str, JSON] = {
        "ref": str(copy.ref),
        "key": copy.key,
        "fields": fields,
        "patch": patch_out(step),
        "stamp": copy.updated.isoformat(),
        "digests": {n: action_digest(replace(action, fields={n: action.fields[n]})) for n in fields},
        "moves": {n: [plain(action.fields[n].before), plain(action.fields[n].after)] for n in fields},
        "because": action.because,
    }
    intent = intended(session, action, doc)
    opened(session, intent)
    try:
        receipt = await live.connector.update(Address(copy.ref, copy.key), step, copy.seen)
    except ConnectorError as error:
        dropped_if_refused(session, intent, error)
        raise
    record = receipt.record
    if record is None:
        opened(session, replace(intent, doc={**doc, "answered": True}))
        return copy, frozenset(fields)
    written = after_write(live, copy, fields, step, record.fields)
    written = replace(written, updated=max(record.updated, copy.updated), read_at=session.clock())
    written = replace(written, key=record.key, url=record.url)
    session.direct[copy.ref] = written.read_at
    unmet = _unmet(live, {n: action.fields[n] for n in fields}, written)
    paid = [n for n in fields if n not in unmet]
    # The record is looked at again: an answer may also show what a person did meanwhile.
    with session.store.write() as tx:
        items.save_rows(tx, session.sync, [replace(row, copy=written, dirty=True)])
        journal.close_intent(tx, intent.id)
        append(tx, session.sync, session.run, session.clock(), entries_of(intent, paid))
        journal.unpark(tx, [parked_id(action.link, live.name, n) for n in ("", *paid)])
        _strike(tx, session, action, paid)
    if paid:
        tell_applied(action.do, str(copy.ref), action.link, paid, action.because)
    return written, frozenset()


def _strike(tx: Any, session: Session, action: Action, parts: Collection[str]) -> None:  # noqa: ANN401 -- a transaction
    """Take what was paid off the link's debts."""
    link = items.load_links(tx, [action.link]).get(action.link)
    if link is None:
        return
    rest = {n: o for n, o in link.owed.get(action.connection, {}).items() if n not in parts}
    items.save_links(tx, session.sync, [replace(link, owed={**link.owed, action.connection: rest})], dirty=True)


def _unmet(live: Live, fields: Mapping[str, Move], copy: Copy) -> list[str]:
    """Return the fields the tracker's answer does not show as sent."""
    found: list[str] = []
    for name, move in fields.items():
        try:
            met = live.mapper.satisfied(name, move.after, copy.seen, move.owed)
        except SyncerError:
            met = False
        if not met:
            found.append(name)
    return found


async def _archive(session: Session, live: Live, action: Action) -> Action | None:
    if action.ref is None:
        return None
    intent = intended(session, action, {"ref": str(action.ref), "key": action.key})
    opened(session, intent)
    try:
        await live.connector.archive(Address(action.ref, action.key))
    except ConnectorError as error:
        dropped_if_refused(session, intent, error)
        raise
    archived(session, live, intent, action.because)
    return replace(action, state="applied")
