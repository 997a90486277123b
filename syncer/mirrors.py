"""Comments on their way out: mirrors written, given another text, and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from syncer.attempts import dropped_if_refused, intended, is_awaited, opened, parked_id
from syncer.diary import tell_applied, tell_settled
from syncer.engine.comments import same_words, source_of
from syncer.engine.plan import Action
from syncer.errors import ConnectorError, NotFoundError
from syncer.links import Intent
from syncer.live import Live, Session
from syncer.model import Address, Comment, Ref, client_id, marker_for
from syncer.store import journal, threads
from syncer.store.records import Entry, append
from syncer.store.threads import Remark


async def talk(session: Session, live: Live, action: Action) -> Action | None:
    """Write what a thread lacks: a new mirror, another text for one, or its end."""
    if action.thread is None or action.ref is None or is_awaited(session, action):
        return None
    if action.said is not None and not await _is_untouched(session, live, action.said, Address(action.ref, action.key)):
        return None
    intent = _intent(session, action)
    if intent is None:
        return None
    opened(session, intent)
    try:
        written = await _sent(session, live, action)
    except NotFoundError:
        if action.said is None:
            dropped_if_refused(session, intent, NotFoundError(""))
            raise
        written = None  # a person deleted it before we came
    except ConnectorError as error:
        dropped_if_refused(session, intent, error)
        raise
    told(session, live, intent, written, action.because)
    return replace(action, state="applied", url=(written.url if written is not None else "") or action.url)


async def _is_untouched(session: Session, live: Live, mirror: Ref, item: Address) -> bool:
    """Read the mirror itself: not every tracker tells when a person edited or deleted one."""
    present = {c.ref: c for c in await live.connector.comments(item)}
    with session.store.write() as tx:
        known = threads.known(tx, session.sync, [mirror]).get(mirror)
        if known is None:
            return False
        now = present.get(mirror, known.comment)
        gone = mirror not in present
        threads.save(tx, session.sync, [replace(known, comment=now, gone=gone, read_at=session.clock())])
    return not gone and known.wrote in {"", now.body}


def _intent(session: Session, action: Action) -> Intent | None:
    """Return the intent: what is to be sent, and what the mirror said before."""
    with session.store.read() as tx:
        remarks = threads.of_thread(tx, session.sync, action.thread or "")
    origin = next((r for r in remarks if not r.mirror), None)
    mirror = next((r for r in remarks if r.comment.ref == action.said), None)
    if origin is None or (action.said is not None and mirror is None):
        return None
    doc: dict[str, Any] = {
        "thread": action.thread,
        "item": str(action.ref),
        "key": action.key,
        "text": action.text,
        "source": source_of(origin.comment),
    }
    if mirror is not None:
        doc |= {"said": str(action.said), "was": mirror.comment.body}
    return intended(session, action, doc)


async def _sent(session: Session, live: Live, action: Action) -> Comment | None:
    """Send it; return the comment as it stands, None where it was taken back."""
    if action.ref is None:
        return None
    item = Address(action.ref, action.key)
    marker = marker_for(session.store.key, action.thread or "", live.name)
    if action.said is None:
        return await live.connector.comment(item, action.text or "", marker, client_id(marker))
    if action.text is None:
        await live.connector.delete_comment(item, action.said)
        return None
    return await live.connector.edit_comment(item, action.said, action.text, marker)


def told(session: Session, live: Live, intent: Intent, written: Comment | None, because: str) -> None:
    """Keep what became of a comment's intent: *written* as it stands now, None where it is no more."""
    doc: Mapping[str, Any] = intent.doc
    item, thread = Ref.parse(str(doc["item"])), str(doc["thread"])
    now = session.clock()
    with session.store.write() as tx:
        if written is not None:
            kept = Remark(written, item.id, thread, mirror=True, read_at=now, wrote=written.body, source=doc["source"])
            threads.save(tx, session.sync, [kept])
        else:
            known = threads.known(tx, session.sync, [Ref.parse(str(doc["said"]))])
            threads.save(tx, session.sync, [replace(r, gone=True, read_at=now) for r in known.values()])
        journal.close_intent(tx, intent.id)
        journal.unpark(tx, [parked_id(intent.link, live.name, thread)])
        spot = str(written.ref) if written is not None else str(doc["said"])
        entry = Entry(intent.link, spot, "comment", "comments", doc.get("was"), doc["text"], "syncer", because)
        append(tx, session.sync, session.run, now, [entry])
    tell_applied("comment", spot, intent.link, ["comments"], because)


async def settle_comment(session: Session, live: Live, intent: Intent) -> bool:
    """Ask what became of a comment whose answer was lost. Return False where it cannot be said yet."""
    doc: Mapping[str, Any] = intent.doc
    item = Address(Ref.parse(str(doc["item"])), str(doc["key"]))
    marker = marker_for(session.store.key, str(doc["thread"]), live.name)
    if "said" not in doc:
        found = await live.connector.find_comment(item, marker, client_id(marker), intent.created)
        if found is None:
            return False
        told(session, live, intent, found, "found after a lost answer")
        return True
    said = Ref.parse(str(doc["said"]))
    present = {c.ref: c for c in await live.connector.comments(item)}
    _judge(session, live, intent, present.get(said))
    return True


def _judge(session: Session, live: Live, intent: Intent, now: Comment | None) -> None:
    """It says what we sent: done. It says what it said before: never arrived. Else a person was there."""
    doc: Mapping[str, Any] = intent.doc
    if now is None:
        told(session, live, intent, None, "found gone after a lost answer")
    elif doc["text"] is not None and now.body != doc["was"] and same_words(now.body, str(doc["text"])):
        told(session, live, intent, now, "found after a lost answer")
    else:
        with session.store.write() as tx:
            known = threads.known(tx, session.sync, [now.ref])
            threads.save(tx, session.sync, [replace(r, comment=now) for r in known.values()])
            journal.close_intent(tx, intent.id)
            journal.unpark(tx, [parked_id(intent.link, live.name, str(doc["thread"]))])
        tell_settled(intent, "the tracker never got it, or a person has edited it since")
