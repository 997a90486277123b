"""Creates: a copy from the draft to its first base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from syncer.attempts import (
    dropped_if_refused,
    intended,
    is_awaited,
    opened,
    parked_id,
    patch_in,
    patch_out,
)
from syncer.diary import tell_applied
from syncer.engine.plan import Action, birth_fields
from syncer.errors import (
    ConnectorError,
    RejectedError,
    WaitingError,
)
from syncer.intake import UNREAD
from syncer.links import Copy, Intent, Link
from syncer.live import Live, Session
from syncer.model import (
    ABSENT,
    JSON,
    Delta,
    Draft,
    Native,
    Patch,
    Receipt,
    Record,
    client_id,
    marker_for,
    patched,
)
from syncer.receipts import after_write, combine, written
from syncer.store import items, journal
from syncer.store.items import Row
from syncer.store.records import append


async def create(session: Session, live: Live, action: Action) -> Action | None:
    with session.store.read() as tx:
        link = items.load_links(tx, [action.link]).get(action.link)
    if link is None or action.connection not in link.wants or is_awaited(session, action):
        return None
    patch = _birth_patch(live, link, session)
    try:
        return await _made(session, live, action, patch)
    except RejectedError:
        # Trackers differ most in who may stand under whom: the item is made, its place is owed.
        codec = live.mapper.codecs.get("parent")
        lean = {n: want for n, want in patch.items() if codec is None or n not in codec.natives}
        if len(lean) == len(patch):
            raise
    return await _made(session, live, action, lean)


async def _made(session: Session, live: Live, action: Action, patch: Patch) -> Action:
    intent = intended(session, action, {"patch": patch_out(patch), "entity": live.place.entity})
    opened(session, intent)
    try:
        receipt = await live.connector.create(draft_of(session, intent))
    except ConnectorError as error:
        dropped_if_refused(session, intent, error)
        raise
    with session.store.read() as tx:
        # Another connection's worker may have written to the link while we waited.
        link = items.load_links(tx, [action.link])[action.link]
    after, row = created_rows(session, live, link, patch, receipt, untouched=True)
    with session.store.write() as tx:
        items.save_links(tx, session.sync, [after], dirty=True)
        items.save_rows(tx, session.sync, [row])
        journal.close_intent(tx, intent.id)
        journal.unpark(tx, [parked_id(link.id, live.name, "")])
        append(tx, session.sync, session.run, session.clock(), written(action, receipt.ref))
    session.directory.learn(receipt.ref, link.id)
    tell_applied("create", str(receipt.ref), link.id, action.fields, action.because)
    return replace(action, state="applied", ref=receipt.ref, key=receipt.key, url=receipt.url)


def _birth_patch(live: Live, link: Link, session: Session) -> Patch:
    """Return all that a create can carry; a reference that has no copy here yet stays owed."""
    patch: dict[str, JSON | Delta] = {}
    for name, debt in birth_fields(link, live.reader, session.rules).items():
        if live.place.at_create and name not in live.place.at_create:
            continue
        try:
            part = live.mapper.patch(name, link.agreed[name], {}, debt)
        except WaitingError:
            if name == "parent" and link.agreed.get("kind") == "subtask":
                raise
            continue
        if part is not ABSENT:
            combine(patch, part)
    return patch


def draft_of(session: Session, intent: Intent) -> Draft:
    """Return the draft an intent was opened for: the same marker, however often it is tried."""
    doc: Mapping[str, Any] = intent.doc
    marker = marker_for(session.store.key, intent.link, intent.connection)
    return Draft(str(doc["entity"]), patch_in(doc["patch"]), marker, client_id(marker))


def created_rows(
    session: Session, live: Live, link: Link, patch: Patch, receipt: Receipt, *, untouched: bool
) -> tuple[Link, Row]:
    """Return the link and the copy after a create: base is what we sent, as the receipt shows it.

    *untouched*: nobody can have edited the record yet.
    """
    now = session.clock()
    sent = patched({}, patch)
    native = dict(receipt.record.fields) if receipt.record is not None else sent
    record = _record_of(receipt, native, now)
    copy = Copy(
        ref=receipt.ref,
        key=receipt.key,
        url=receipt.url,
        created=record.created,
        updated=record.updated if receipt.record is not None else UNREAD,
        seen=native,
        read_at=now,
        state=record.state,
        own=True,
        made=True,
    )
    fields = [n for n in link.agreed if live.mapper.has(n)]
    copy = after_write(live, copy, fields, patch, native)
    if untouched and receipt.record is not None:
        # What we did not send, or what did not stick, is the tracker's own default: nobody's word.
        copy = replace(copy, base={**live.mapper.slices(native), **copy.base})
    owed: dict[str, Mapping[str, Any]] = {**link.owed, live.name: birth_fields(link, live.reader, session.rules)}
    after = replace(link, wants=link.wants - {live.name}, owed=owed)
    row = Row(copy, replace(record, fields=copy.seen), link.id, dirty=True, scoped=True)
    return after, row


def _record_of(receipt: Receipt, native: Native, now: datetime) -> Record:
    if receipt.record is not None:
        return receipt.record
    return Record(receipt.ref, receipt.key, receipt.url, now, UNREAD, native, own=True)
