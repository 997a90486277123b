"""Settle: what a crash or a lost answer left open is asked of the tracker, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from syncer.apply import after_write, created_rows, draft_of, parked_id, patch_in
from syncer.errors import ConnectorError
from syncer.intake import reread
from syncer.links import Intent, Parked
from syncer.live import Live, Session
from syncer.model import Address, Receipt, Ref, client_id, marker_for
from syncer.store import items, journal, threads
from syncer.store.records import Entry, append
from syncer.store.threads import Remark

log = structlog.get_logger()

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
        except ConnectorError as error:
            session.lose(intent.connection, error)


async def _settle_one(session: Session, live: Live, intent: Intent) -> None:
    match intent.do:
        case "create":
            await _settle_create(session, live, intent)
        case "comment":
            await _settle_comment(session, live, intent)
        case _:
            await _settle_update(session, live, intent)


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
    after, row = created_rows(session, live, link, draft.patch, receipt, fresh=False)
    with session.store.write() as tx:
        items.save_links(tx, session.sync, [after], dirty=True)
        items.save_rows(tx, session.sync, [row])
        journal.close_intent(tx, intent.id)
        journal.unpark(tx, [parked_id(intent.link, intent.connection, "")])
        entry = Entry(link.id, str(record.ref), "create", "", None, record.url, "syncer", "found after a lost answer")
        append(tx, session.sync, session.run, session.clock(), [entry])
    session.directory.learn(record.ref, link.id)
    log.info("intent.settled", do="create", ref=str(record.ref), link=link.id)


async def _settle_comment(session: Session, live: Live, intent: Intent) -> None:
    doc: Mapping[str, Any] = intent.doc
    thread = str(doc["thread"])
    marker = marker_for(session.store.key, thread, live.name)
    item = Address(Ref.parse(str(doc["item"])), str(doc["key"]))
    found = await live.connector.find_comment(item, marker, client_id(marker), intent.created)
    if found is None:
        _not_found(session, intent)
        return
    with session.store.write() as tx:
        threads.save(tx, session.sync, [Remark(found, item.ref.id, thread, mirror=True)])
        journal.close_intent(tx, intent.id)
        journal.unpark(tx, [parked_id(intent.link, intent.connection, thread)])
    log.info("intent.settled", do="comment", ref=str(found.ref), link=intent.link)


async def _settle_update(session: Session, live: Live, intent: Intent) -> None:
    """Now says what we sent: it is base. Now is still base: nothing happened. Else: a person's edit."""
    doc: Mapping[str, Any] = intent.doc
    ref = Ref.parse(str(doc["ref"]))
    await reread(session, live, [Address(ref, str(doc["key"]))])
    patch = patch_in(doc["patch"])
    with session.store.read() as tx:
        row = items.rows_by_ref(tx, session.sync, [ref]).get(ref)
    if row is not None:
        fields = [str(f) for f in doc["fields"]]
        copy = after_write(live, row.copy, fields, patch, row.copy.seen)
        with session.store.write() as tx:
            items.save_rows(tx, session.sync, [replace(row, copy=copy, dirty=True)])
    _close(session, intent, "asked the tracker")


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
    with session.store.write() as tx:
        journal.open_intent(tx, session.sync, replace(intent, asked=asked))
        journal.park(tx, session.sync, _settling(session, intent, asked[-1] + apart))
    log.info("intent.waiting", do=intent.do, link=intent.link, connection=intent.connection)


def _settling(session: Session, intent: Intent, due: datetime) -> Parked:
    spot = str(intent.doc.get("thread", "")) if intent.do == "comment" else ""
    return Parked(
        id=parked_id(intent.link, intent.connection, spot),
        link=intent.link,
        connection=intent.connection,
        ref=str(intent.doc.get("item", "")),
        field="comments" if intent.do == "comment" else "",
        kind="settling",
        error="settling: it is not known yet whether the last attempt arrived",
        attempts=1,
        next_try=due,
    )


def _close(session: Session, intent: Intent, because: str) -> None:
    spot = str(intent.doc.get("thread", "")) if intent.do == "comment" else ""
    with session.store.write() as tx:
        journal.close_intent(tx, intent.id)
        journal.unpark(tx, [parked_id(intent.link, intent.connection, spot)])
    log.info("intent.closed", do=intent.do, link=intent.link, connection=intent.connection, because=because)
