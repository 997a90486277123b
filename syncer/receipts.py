"""What the answer to a write means: what of it becomes base, and what the trail says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncer.attempts import (
    parked_id,
)
from syncer.connector import Names, People
from syncer.diary import tell_applied
from syncer.engine import sets
from syncer.engine.plan import Action
from syncer.errors import (
    SyncerError,
)
from syncer.links import Copy, Intent
from syncer.live import Live, Session
from syncer.model import (
    JSON,
    Delta,
    Native,
    Patch,
    Ref,
    State,
    patched,
    shows,
)
from syncer.report import plain
from syncer.store import items, journal
from syncer.store.records import Entry, append


def after_write(live: Live, copy: Copy, fields: Sequence[str], patch: Patch, native: Native) -> Copy:
    """Return the copy after a write: only what we wrote enters base, and only if *native* shows it.

    In a set only our elements move, so that a person's edit in the same answer still shows.
    """
    base: dict[str, Native] = dict(copy.base)
    for name in fields:
        codec = live.mapper.codecs[name]
        mine = {n: patch[n] for n in codec.natives if n in patch}
        if not mine or not landed(live, name, native, mine):
            continue
        before = base.get(name) or {}
        part: dict[str, JSON] = {}
        for n in codec.natives:
            want = mine.get(n)
            if isinstance(want, Delta):
                part[n] = patched(before, {n: want})[n]
            elif n in mine or not isinstance(before.get(n), list):
                part[n] = native.get(n)
            else:
                part[n] = before[n]
        base[name] = part
    return replace(copy, seen=native, base=base)


def landed(live: Live, name: str, native: Native, mine: Patch) -> bool:
    """Say whether *native* shows what was sent, word for word or in meaning."""
    if all(shows(native.get(n), want) for n, want in mine.items()):
        return True
    if isinstance(live.mapper.codecs[name], Names | People):
        return False
    try:
        return live.mapper.read(name, native) == live.mapper.read(name, patched(native, mine))
    except SyncerError:
        return False


def archived(session: Session, live: Live, intent: Intent, because: str) -> None:
    """Keep that the copy an intent was opened for has been archived."""
    ref = Ref.parse(str(intent.doc["ref"]))
    with session.store.write() as tx:
        row = items.rows_by_ref(tx, session.sync, [ref]).get(ref)
        link = items.load_links(tx, [intent.link]).get(intent.link)
        if row is not None:
            copy = replace(row.copy, state=State.ARCHIVED, read_at=session.clock())
            items.save_rows(tx, session.sync, [replace(row, copy=copy, dirty=True)])
        if link is not None:
            items.save_links(tx, session.sync, [replace(link, ending=link.ending - {live.name})], dirty=True)
        journal.close_intent(tx, intent.id)
        journal.unpark(tx, [parked_id(intent.link, live.name, "")])
        entry = Entry(intent.link, str(ref), "archive", "", None, None, "syncer", because)
        append(tx, session.sync, session.run, session.clock(), [entry])
    tell_applied("archive", str(ref), intent.link, (), because)


def written(action: Action, ref: Ref) -> list[Entry]:
    return [
        Entry(
            action.link,
            str(ref),
            action.do,
            name,
            plain(move.before),
            plain(move.after),
            "syncer",
            action.because,
        )
        for name, move in action.fields.items()
    ]


def combine(patch: dict[str, JSON | Delta], part: Patch) -> None:
    for name, want in part.items():
        have = patch.get(name)
        if isinstance(have, Delta) and isinstance(want, Delta):
            patch[name] = Delta(sets.union(have.add, want.add), sets.union(have.remove, want.remove))
        else:
            patch[name] = want
