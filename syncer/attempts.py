"""One attempt at one write: its intent on disk before it is sent, its place among the parked when it fails."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from syncer.diary import tell_parked
from syncer.engine.plan import Action
from syncer.errors import ConnectorError, ProtocolError, SyncerError, UnavailableError
from syncer.links import Intent, Parked
from syncer.live import Session
from syncer.model import JSON, Delta, Patch
from syncer.report import plain
from syncer.store import journal
from syncer.store.records import Entry

UPDATES = frozenset({"update", "close"})
"""What changes fields of a record that is there."""

BACKOFF_CAP = timedelta(hours=6)


def intended(session: Session, action: Action, doc: Mapping[str, Any]) -> Intent:
    """Return the intent of a write about to be sent; `opened` puts it on disk."""
    return Intent(
        id=uuid.uuid4().hex,
        run=session.run,
        link=action.link,
        connection=action.connection,
        do=action.do,
        created=session.clock(),
        doc=doc,
    )


def opened(session: Session, intent: Intent) -> None:
    with session.store.write() as tx:
        journal.open_intent(tx, session.sync, intent)


def is_awaited(session: Session, action: Action) -> bool:
    """Say whether an earlier attempt at this write may still have arrived: no second is sent."""
    with session.store.read() as tx:
        known = journal.open_intents(tx, session.sync, link=action.link, connection=action.connection)
    return any(i.do == action.do and i.doc.get("thread") == action.thread for i in known)


def dropped_if_refused(session: Session, intent: Intent, error: ConnectorError) -> None:
    """Close the intent of a write that certainly had no effect; an ambiguous one stays open."""
    ambiguous = isinstance(error, ProtocolError) or (isinstance(error, UnavailableError) and error.sent)
    if not ambiguous:
        with session.store.write() as tx:
            journal.close_intent(tx, intent.id)


def patch_out(patch: Patch) -> dict[str, JSON]:
    return {
        name: {"+": sorted(want.add), "-": sorted(want.remove)} if isinstance(want, Delta) else want
        for name, want in patch.items()
    }


def patch_in(raw: Mapping[str, Any]) -> Patch:
    """Return a patch as the journal keeps it."""
    return {
        name: Delta(frozenset(want["+"]), frozenset(want["-"]))
        if isinstance(want, dict) and want.keys() == {"+", "-"}
        else want
        for name, want in raw.items()
    }


def entries_of(intent: Intent, fields: Collection[str]) -> list[Entry]:
    """Return the lines of the audit trail for what a write changed, as its intent remembers it."""
    doc: Mapping[str, Any] = intent.doc
    return [
        Entry(intent.link, str(doc["ref"]), intent.do, n, before, after, "syncer", str(doc["because"]))
        for n, (before, after) in doc["moves"].items()
        if n in fields
    ]


# -- parking ---------------------------------------------------------------------------------


def parked_id(link: str, connection: str, spot: str) -> str:
    return "P" + hashlib.blake2b(f"{link}\0{connection}\0{spot}".encode(), digest_size=5).hexdigest()


def action_digest(action: Action) -> str:
    """Return what tells a retry of the same write from a newer wish."""
    said = [(n, plain(m.after)) for n, m in sorted(action.fields.items())]
    return hashlib.blake2b(repr((action.do, action.thread, said)).encode(), digest_size=6).hexdigest()


def park(session: Session, action: Action, error: SyncerError, *, kind: str) -> None:
    """Set a failed action aside until its next attempt. A refused field is parked by its own name, so
    that the others go on; a doubt is one of the whole write."""
    only = next(iter(action.fields), "") if action.do in UPDATES and len(action.fields) == 1 else ""
    fields = "comments" if action.do == "comment" else ",".join(sorted(action.fields))
    spot = parked_id(action.link, action.connection, action.thread or (only if kind == "write" else ""))
    entry = Parked(
        id=spot,
        link=action.link,
        connection=action.connection,
        ref=str(action.ref or ""),
        field=fields,
        kind=kind,
        error=str(error),
        attempts=1,
        next_try=session.clock(),
        digest=action_digest(action),
    )
    keep_parked(session, entry)


def keep_parked(session: Session, entry: Parked) -> None:
    """Keep a failure, each attempt of the same twice as far from the next as the one before."""
    with session.store.write() as tx:
        before = next((p for p in journal.parked_entries(tx, session.sync, entry.link) if p.id == entry.id), None)
        attempts = before.attempts + 1 if before is not None else 1
        pause = min(timedelta(minutes=1) * 2 ** min(attempts - 1, 10), BACKOFF_CAP)
        kept = replace(entry, attempts=attempts, next_try=session.clock() + pause)
        journal.park(tx, session.sync, kept)
    session.failed.add((entry.link, entry.connection))
    tell_parked(kept)
