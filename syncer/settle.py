"""Settle: what a crash or a lost answer left open is asked of the tracker, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from syncer.attempts import entries_of, keep_parked, parked_id, patch_in
from syncer.creation import created_rows, draft_of
from syncer.diary import tell_applied, tell_settled, tell_waiting
from syncer.errors import ConnectorError, NotFoundError, RejectedError
from syncer.intake import BREATH, reread
from syncer.links import Copy, Intent, Parked
from syncer.live import Live, Session
from syncer.mirrors import settle_comment
from syncer.model import Address, Patch, Receipt, Ref, State, patched
from syncer.receipts import after_write, archived, landed
from syncer.store import items, journal
from syncer.store.records import Entry, append

SKEW = timedelta(minutes=2)
"""How far a tracker's clock may be from ours."""

ASKS = 2
"""How often a tracker must deny a create, `settle_wait` apart, before it is believed."""


async def settle(session: Session) -> None:
    """Close every open intent that the trackers can answer for; the rest wait, parked as `settling`."""
    with session.store.read() as tx:
        intents = journal.open_intents(tx, session.sync)
    for intent in intents:
        live = session.lives.get(intent.connection)
        if live is None or intent.connection in session.down:
            continue
        try:
            await _settle_one(session, live, intent)
        except NotFoundError:
            await _lost_its_record(session, live, intent)
        except RejectedError as error:
            # The question was refused, so nothing is known: this one waits, the others go on.
            _wait(session, intent, session.clock() + timedelta(seconds=session.settle_wait), str(error))
        except ConnectorError as error:
            session.lose(intent.connection, error)


async def _settle_one(session: Session, live: Live, intent: Intent) -> None:
    match intent.do:
        case "create":
            await _settle_create(session, live, intent)
        case "comment":
            if not await settle_comment(session, live, intent):
                _not_found(session, intent)
        case "archive":
            await _settle_archive(session, live, intent)
        case _:
            await _settle_update(session, live, intent)


async def _lost_its_record(session: Session, live: Live, intent: Intent) -> None:
    """The record a write was for is out of reach: read it to know why; there is nothing left to settle."""
    spot = str(intent.doc.get("item") or intent.doc.get("ref") or "")
    if not spot:
        _wait(session, intent, session.clock() + timedelta(seconds=session.settle_wait), "the tracker cannot say")
        return
    ref = Ref.parse(spot)
    try:
        await reread(session, live, [Address(ref, str(intent.doc["key"]))])
    except ConnectorError as error:
        session.lose(live.name, error)
        return
    if _is_hidden(session, ref):
        _wait(session, intent, session.clock() + timedelta(seconds=session.settle_wait), "its record is out of reach")
    else:
        _close(session, intent, "its record is no longer there")


def _is_hidden(session: Session, ref: Ref) -> bool:
    """Say whether a record may come back with the write on it."""
    with session.store.read() as tx:
        row = items.rows_by_ref(tx, session.sync, [ref]).get(ref)
    return row is not None and row.copy.state is State.UNREACHABLE


async def _settle_archive(session: Session, live: Live, intent: Intent) -> None:
    ref = Ref.parse(str(intent.doc["ref"]))
    answer = (await live.connector.get([Address(ref, str(intent.doc["key"]))]))[ref]
    if answer.state is State.UNREACHABLE:
        _wait(session, intent, session.clock() + timedelta(seconds=session.settle_wait), "its record is out of reach")
    elif answer.state is State.ARCHIVED:
        archived(session, live, intent, "found after a lost answer")
    else:
        _close(session, intent, "the tracker never got it")


async def _settle_create(session: Session, live: Live, intent: Intent) -> None:
    draft = draft_of(session, intent)
    record = await live.connector.find(draft, intent.created)
    if record is None:
        _not_found(session, intent)
        return
    receipt = Receipt(record.ref, record.key, record.url, record)
    with session.store.read() as tx:
        link = items.load_links(tx, [intent.link]).get(intent.link)
    if link is None:
        _close(session, intent, "the item is no longer synced")
        return
    # What nobody has edited since says only its tracker's own defaults where we sent nothing.
    untouched = record.updated - record.created <= BREATH
    after, row = created_rows(session, live, link, draft.patch, receipt, untouched=untouched)
    with session.store.write() as tx:
        items.save_links(tx, session.sync, [after], dirty=True)
        items.save_rows(tx, session.sync, [row])
        journal.close_intent(tx, intent.id)
        journal.unpark(tx, [parked_id(intent.link, intent.connection, "")])
        entry = Entry(link.id, str(record.ref), "create", "", None, record.url, "syncer", "found after a lost answer")
        append(tx, session.sync, session.run, session.clock(), [entry])
    session.directory.learn(record.ref, link.id)
    tell_applied("create", str(record.ref), link.id, (), entry.why)


async def verify(session: Session) -> None:
    """Read what was written without an answer that shows it, and judge those writes."""
    with session.store.read() as tx:
        unseen = [i for i in journal.open_intents(tx, session.sync) if i.doc.get("answered")]
    for live in session.up():
        mine = [i for i in unseen if i.connection == live.name]
        refs = {Ref.parse(str(i.doc["ref"])): str(i.doc["key"]) for i in mine}
        if not refs:
            continue
        try:
            await reread(session, live, [Address(ref, key) for ref, key in refs.items()])
            for intent in mine:
                await _judge_update(session, live, intent)
        except ConnectorError as error:
            session.lose(live.name, error)


async def _settle_update(session: Session, live: Live, intent: Intent) -> None:
    await reread(session, live, [Address(Ref.parse(str(intent.doc["ref"])), str(intent.doc["key"]))])
    await _judge_update(session, live, intent)


async def _judge_update(session: Session, live: Live, intent: Intent) -> None:
    """Now says what we sent: it is base. Now is still base: nothing happened. A step of our own way
    to a status: base, and still owed. Anything else is a person's edit."""
    ref = Ref.parse(str(intent.doc["ref"]))
    if _is_hidden(session, ref):
        _wait(session, intent, session.clock() + timedelta(seconds=session.settle_wait), "its record is out of reach")
        return
    patch = patch_in(intent.doc["patch"])  # type: ignore[arg-type]  # written by patch_out
    with session.store.read() as tx:
        row = items.rows_by_ref(tx, session.sync, [ref]).get(ref)
    dropped: list[str] = []
    if row is not None:
        fields = [str(f) for f in intent.doc["fields"]]  # type: ignore[union-attr]  # written by _send
        copy = after_write(live, row.copy, fields, patch, row.copy.seen)
        done = [f for f in fields if landed(live, f, copy.seen, _part(live, f, patch))]
        copy, dropped = await _explained(live, intent, copy, fields, patch)
        with session.store.write() as tx:
            items.save_rows(tx, session.sync, [replace(row, copy=copy, dirty=True)])
            append(tx, session.sync, intent.run, session.clock(), entries_of(intent, done))
            journal.close_intent(tx, intent.id)
        if done:
            tell_applied(intent.do, str(ref), intent.link, done, str(intent.doc["because"]))
    _close(session, intent, "asked the tracker")
    if dropped and intent.doc.get("answered"):
        _park_dropped(session, intent, ref, dropped)


async def _explained(
    live: Live, intent: Intent, copy: Copy, fields: Sequence[str], patch: Patch
) -> tuple[Copy, list[str]]:
    """Return the copy with our own doing taken for base, and the fields our write did not change."""
    if copy.state is not State.HERE:
        return copy, []
    base = dict(copy.base)
    unlanded = [f for f in fields if not landed(live, f, copy.seen, _part(live, f, patch))]
    stands = [f for f in unlanded if base.get(f) == live.mapper.slice(f, copy.seen)]
    stamp = datetime.fromisoformat(str(intent.doc["stamp"]))
    doubtful = [f for f in unlanded if f == "status" or f in stands] if copy.updated > stamp else []
    known = await live.connector.history(Address(copy.ref, copy.key), frozenset(doubtful)) if doubtful else {}
    for name, last in known.items():
        # Trackers' histories name people by id or by name.
        ours = last.who in {live.place.me.id, live.place.me.name}
        if name not in stands and ours and last.at >= intent.created - SKEW:
            base[name] = live.mapper.slice(name, copy.seen)  # a step on our way
        elif name in stands and not ours and last.at > stamp:
            # A person put back what stood before, after ours had arrived: an edit of theirs.
            base[name] = live.mapper.slice(name, patched(copy.seen, patch))
            stands.remove(name)
    return replace(copy, base=base), stands


def _part(live: Live, name: str, patch: Patch) -> Patch:
    """Return what of a patch says *name*."""
    return {n: want for n, want in patch.items() if n in live.mapper.codecs[name].natives}


def _park_dropped(session: Session, intent: Intent, ref: Ref, fields: Sequence[str]) -> None:
    digests: Any = intent.doc["digests"]
    for name in fields:
        entry = Parked(
            id=parked_id(intent.link, intent.connection, name),
            link=intent.link,
            connection=intent.connection,
            ref=str(ref),
            field=name,
            kind="write",
            error=f"{intent.connection} took the write and does not show {name} as sent",
            attempts=1,
            next_try=session.clock(),
            digest=str(digests[name]),
        )
        keep_parked(session, entry)


def _not_found(session: Session, intent: Intent) -> None:
    """Believe an absence only when it was asked for often enough and long enough apart."""
    now = session.clock()
    asked = intent.asked
    apart = timedelta(seconds=session.settle_wait)
    if not asked or now - asked[-1] >= apart:
        asked = (*asked, now)
    if len(asked) >= ASKS and asked[-1] - asked[-2] >= apart:
        _close(session, intent, "the tracker never got it")
        return
    _wait(session, replace(intent, asked=asked), asked[-1] + apart, "")


def _wait(session: Session, intent: Intent, due: datetime, why: str) -> None:
    with session.store.write() as tx:
        journal.open_intent(tx, session.sync, intent)
        journal.park(tx, session.sync, _settling(session, intent, due, why))
    tell_waiting(intent, why)


def _settling(session: Session, intent: Intent, due: datetime, why: str) -> Parked:
    spot = str(intent.doc.get("thread", "")) if intent.do == "comment" else ""
    doubt = f" ({why})" if why else ""
    return Parked(
        id=parked_id(intent.link, intent.connection, spot),
        link=intent.link,
        connection=intent.connection,
        ref=str(intent.doc.get("item", "")),
        field="comments" if intent.do == "comment" else "",
        kind="settling",
        error=f"settling: it is not known yet whether the last attempt arrived{doubt}",
        attempts=1,
        next_try=due,
    )


def _close(session: Session, intent: Intent, because: str) -> None:
    spot = str(intent.doc.get("thread", "")) if intent.do == "comment" else ""
    with session.store.write() as tx:
        journal.close_intent(tx, intent.id)
        journal.unpark(tx, [parked_id(intent.link, intent.connection, spot)])
    tell_settled(intent, because)
