"""Merge and plan, batch by batch: restless links in, saved state and actions out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from syncer.attempts import BACKOFF_CAP, UPDATES, action_digest, parked_id
from syncer.conversation import talk
from syncer.diary import tell_entries, tell_holds, tell_parked, tell_unparked
from syncer.engine import sets
from syncer.engine.ledger import Circumstances, FieldError, Merged
from syncer.engine.merge import merge
from syncer.engine.plan import BURIAL, Action, birth_fields, closes, plan
from syncer.errors import ConnectorError, SyncerError
from syncer.links import Copy, Hold, Link, Origin, Parked
from syncer.live import Session
from syncer.model import CLOSED, SET_FIELDS, Address, Edited, Ref, State, Value
from syncer.store import items, journal, threads
from syncer.store.items import Row
from syncer.store.records import Entry, append
from syncer.store.threads import Remark

log = structlog.get_logger()

UNFORESEEN = "unforeseen"

Histories = dict[tuple[str, str], Edited | None]


@dataclass(slots=True)
class Batch:
    """Some links with all that is remembered of them."""

    links: dict[str, Link]
    rows: dict[str, dict[str, Row]]
    holds: dict[str, dict[str, Hold]]
    parked: dict[str, list[Parked]]
    remarks: dict[Ref, list[Remark]]
    times: dict[str, Histories] = field(default_factory=dict)
    defaults: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict)


async def decide(session: Session) -> list[Action]:
    """Merge every restless link, save what was decided, and return the writes that are due."""
    with session.store.read() as tx:
        ids = items.restless(tx, session.sync, session.digest)
    actions: list[Action] = []
    for batch_ids in items.batches(ids):
        if session.halted():
            break
        batch = _load(session, batch_ids)
        merged = await _merge_all(session, batch)
        actions += _save(session, batch, merged)
        await asyncio.sleep(0)
    return actions


def _load(session: Session, ids: Sequence[str]) -> Batch:
    with session.store.read() as tx:
        links = items.load_links(tx, ids)
        rows = items.rows_of_links(tx, ids)
        holds: dict[str, dict[str, Hold]] = {i: {} for i in ids}
        for hold in journal.held(tx, session.sync):
            if hold.link in holds and hold.field not in {"twin", "maybe"}:
                holds[hold.link][hold.field] = hold
        parked: dict[str, list[Parked]] = {i: [] for i in ids}
        for entry in journal.parked_entries(tx, session.sync):
            if entry.link in parked:
                parked[entry.link].append(entry)
        refs = [row.copy.ref for copies in rows.values() for row in copies.values()]
        remarks = threads.of_items(tx, session.sync, refs) if session.rules.comments else {}
    return Batch(links, rows, holds, parked, remarks)


# -- merge -----------------------------------------------------------------------------------


async def _merge_all(session: Session, batch: Batch) -> dict[str, Merged]:
    """Merge each link; where only a tracker's history can tell who was later, ask it and merge again."""
    merged: dict[str, Merged] = {}
    for id_, link in batch.links.items():
        try:
            merged[id_] = _merge_one(session, batch, link)
        except SyncerError:
            raise
        except Exception as error:  # noqa: BLE001 -- one item that nobody foresaw must not stop the others
            _park_unforeseen(session, batch, id_, error)
    unclear = {i: m.unclear for i, m in merged.items() if m.unclear}
    for id_, spots in unclear.items():
        batch.times[id_], batch.defaults[id_] = await _histories(session, batch.rows[id_], spots)
        merged[id_] = _merge_one(session, batch, batch.links[id_])
    return merged


def _merge_one(session: Session, batch: Batch, link: Link) -> Merged:
    copies = {c: row.copy for c, row in batch.rows[link.id].items()}
    link = _reached(session, _bury(session, batch, link), copies.keys())
    at = Circumstances(
        rules=session.rules,
        readers=session.readers(),
        holds=batch.holds[link.id],
        now=session.clock(),
        run=session.number,
        digest=session.digest,
        times=batch.times.get(link.id, {}),
        single=frozenset(session.single),
        defaults=batch.defaults.get(link.id, frozenset()),
    )
    return merge(link, copies, at)


def _reached(session: Session, link: Link, copies: Collection[str]) -> Link:
    """Want a copy on a connection that joined the sync since."""
    rules = session.rules
    everywhere = frozenset(rules.connections)
    joined = (everywhere - link.reach) & rules.create_in if link.reach else frozenset[str]()
    if link.born not in rules.create_from or link.buried:
        joined = frozenset()
    return replace(link, reach=everywhere, wants=link.wants | (joined - frozenset(copies)))


def _bury(session: Session, batch: Batch, link: Link) -> Link:
    """Apply `on_gone` once to every copy that was found to be gone."""
    rows = batch.rows[link.id]
    gone = frozenset(c for c, r in rows.items() if r.copy.state is State.GONE)
    away = frozenset(c for c, r in rows.items() if r.copy.state is not State.HERE)
    newly = gone - link.buried
    link = _restored(session, rows, link, link.buried - away)
    link = replace(link, buried=gone | (link.buried & away))
    rest = rows.keys() - gone
    if not newly or not rest or session.rules.on_gone == "keep":
        return link
    link = replace(link, wants=frozenset())
    shut = rest
    if session.rules.on_gone == "archive":
        filed = frozenset(c for c in rest if "archive" in session.abilities.get(c, ()))
        link = replace(link, ending=link.ending | filed)
        shut = rest - filed
    return _closed(session, link, shut, min(newly))


def _restored(session: Session, rows: Mapping[str, Row], link: Link, back: Collection[str]) -> Link:
    """Owe a copy that came back from the dead all that was agreed meanwhile: its debts were forgotten."""
    owed = {c: dict(f) for c, f in link.owed.items()}
    readers = session.readers()
    for connection in back:
        if connection not in rows or connection not in readers:
            continue
        debts = birth_fields(link, readers[connection], session.rules)
        for name in SET_FIELDS & link.agreed.keys():
            said = readers[connection].value(name, rows[connection].copy)
            agreed = sets.as_set(link.agreed[name])
            debts[name] = sets.lacking(said, agreed, sets.union(said, agreed))
        owed[connection] = debts
    return replace(link, owed=owed)


def _closed(session: Session, link: Link, connections: Collection[str], gone: str) -> Link:
    if not connections or link.agreed.get("status") in CLOSED:
        return link
    owed = {c: dict(f) for c, f in link.owed.items()}
    for connection in connections:
        owed.setdefault(connection, {})["status"] = None
    now = session.clock()
    origin = Origin(gone, now, BURIAL, since=now)
    return replace(
        link,
        agreed={**link.agreed, "status": "canceled"},
        origin={**link.origin, "status": origin},
        owed=owed,
    )


async def _histories(
    session: Session, rows: Mapping[str, Row], spots: frozenset[tuple[str, str]]
) -> tuple[Histories, frozenset[tuple[str, str]]]:
    """Ask each tracker in doubt when the fields were last changed; None where it cannot say. Return also
    the fields that a tracker with a whole memory says were never changed."""
    never: set[tuple[str, str]] = set()
    found: Histories = dict.fromkeys(spots)
    for connection in sorted({c for c, _ in spots}):
        live, row = session.lives.get(connection), rows.get(connection)
        if live is None or row is None or connection in session.down:
            continue
        fields = frozenset(f for c, f in spots if c == connection)
        try:
            known = await live.connector.history(Address(row.copy.ref, row.copy.key), fields)
        except ConnectorError as error:
            log.warning("history.refused", link=row.link, ref=str(row.copy.ref), reason=str(error))
            continue
        for name in fields & known.keys():
            found[connection, name] = known[name]
        if live.place.remembers:
            never |= {(connection, name) for name in fields - known.keys()}
    return found, frozenset(never)


# -- save ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Decided:
    """What is to be kept of one link, and what is due for it."""

    link: Link
    restless: bool
    actions: list[Action]
    rows: list[Row]
    entries: list[Entry]
    holds: list[Hold]
    released: list[str]
    parked: list[Parked]
    unparked: list[str]
    remarks: list[Remark]


def _save(session: Session, batch: Batch, merged: Mapping[str, Merged]) -> list[Action]:
    """Keep what was decided in one transaction: agreed, owed, audit, bases. Then say what is due."""
    decided: list[Decided] = []
    for id_, result in merged.items():
        try:
            decided.append(_decided(session, batch, id_, result))
        except SyncerError:
            raise
        except Exception as error:  # noqa: BLE001 -- one item that nobody foresaw must not stop the others
            _park_unforeseen(session, batch, id_, error)
    _keep(session, decided)
    _tell(batch, decided)
    return [a for d in decided for a in d.actions]


def _decided(session: Session, batch: Batch, id_: str, result: Merged) -> Decided:
    before = batch.rows[id_]
    held = frozenset(h.field for h in result.holds)
    reasons = {c.field: c.because for c in result.changed}
    planned = plan(result.link, result.copies, session.readers(), session.rules, reasons, held)
    fresh, stale = _field_errors(session, batch, id_, (*result.errors, *planned.errors), before)
    due, gone = _due(session, batch, id_, planned.actions)
    said, found = talk(session, planned.link, before, batch.remarks)
    # What is being put away is told nothing more.
    said = [a for a in said if a.connection not in planned.link.ending]
    due_talk, _ = _due(session, batch, id_, said)
    wished = {parked_id(id_, a.connection, a.thread or "") for a in said}
    hushed = [
        p.id
        for p in batch.parked[id_]
        if p.kind == "write" and p.field == "comments" and p.id not in wished and _connection_up(session, p)
    ]
    up = session.readers()
    return Decided(
        link=planned.link,
        # Comments are no field with debts: a link is restless until none of its mirrors is missing.
        restless=bool(said),
        actions=due + [a for a in due_talk if a.connection in up],
        rows=[_row_after(before[c], copy) for c, copy in result.copies.items()],
        entries=_burials(batch.links[id_], result.link, before) + _entries(result, before),
        holds=list(result.holds),
        released=[h.id for name, h in batch.holds[id_].items() if name not in held],
        parked=fresh,
        unparked=[*stale, *gone, *hushed, *(p.id for p in batch.parked[id_] if p.kind == UNFORESEEN)],
        remarks=found,
    )


def _keep(session: Session, decided: Sequence[Decided]) -> None:
    rows = [r for d in decided for r in d.rows if r.copy.ref.connection not in session.down]
    with session.store.write() as tx:
        items.save_rows(tx, session.sync, rows)
        items.save_links(tx, session.sync, [d.link for d in decided if not d.restless])
        items.save_links(tx, session.sync, [d.link for d in decided if d.restless], dirty=True)
        append(tx, session.sync, session.run, session.clock(), [e for d in decided for e in d.entries])
        journal.release(tx, [i for d in decided for i in d.released])
        journal.unpark(tx, [i for d in decided for i in d.unparked])
        for one in decided:
            for hold in one.holds:
                journal.hold(tx, session.sync, hold)
            for entry in one.parked:
                journal.park(tx, session.sync, entry)
        threads.save(tx, session.sync, [r for d in decided for r in d.remarks])


def _tell(batch: Batch, decided: Sequence[Decided]) -> None:
    """Say in the log what is news about each item."""
    for one in decided:
        id_ = one.link.id
        held, parked = batch.holds[id_], {p.id: p for p in batch.parked[id_]}
        tell_entries(one.entries)
        tell_holds([h for h in one.holds if h.field not in held], [h for h in held.values() if h.id in one.released])
        for entry in one.parked:
            if entry.id not in parked or parked[entry.id].attempts != entry.attempts:
                tell_parked(entry)
        tell_unparked([p for p in parked.values() if p.id in one.unparked])


def _park_unforeseen(session: Session, batch: Batch, id_: str, error: Exception) -> None:
    """Set an item aside that made the program stumble; it is looked at again at every run."""
    log.error("item.unforeseen", link=id_, exc_info=error)
    now = session.clock()
    spot = parked_id(id_, batch.links[id_].born, UNFORESEEN)
    known = next((p for p in batch.parked[id_] if p.id == spot), None)
    entry = Parked(
        id=spot,
        link=id_,
        connection=batch.links[id_].born,
        ref="",
        field="",
        kind=UNFORESEEN,
        error=f"{type(error).__name__} while deciding: please report it; the log has the details",
        attempts=known.attempts + 1 if known is not None else 1,
        next_try=now,
    )
    with session.store.write() as tx:
        journal.park(tx, session.sync, entry)
        items.save_links(tx, session.sync, [batch.links[id_]], dirty=True)


def _row_after(row: Row, copy: Copy) -> Row:
    return replace(row, copy=replace(copy, known_until=None), dirty=False)


def _entries(result: Merged, rows: Mapping[str, Row]) -> list[Entry]:
    found = [
        Entry(
            result.link.id,
            str(rows[c.origin.connection].copy.ref) if c.origin.connection in rows else "",
            "edit",
            c.field,
            _plain(c.before),
            _plain(c.after),
            c.origin.who or c.origin.connection,
            c.because,
        )
        for c in result.changed
    ]
    found += [
        Entry(
            result.link.id,
            str(rows[o.connection].copy.ref) if o.connection in rows else "",
            "overruled",
            o.field,
            _plain(o.value),
            _plain(o.agreed),
            o.connection,
            o.because,
        )
        for o in result.overruled
    ]
    return found


def _burials(before: Link, after: Link, rows: Mapping[str, Row]) -> list[Entry]:
    """Return the ends that were found, and the status that follows from them."""
    newly = sorted(after.buried - before.buried)
    refs = {c: str(rows[c].copy.ref) for c in newly}
    found = [Entry(after.id, refs[c], "gone", "", None, None, c, f"{c} says it is deleted") for c in newly]
    if newly and closes(after) and not closes(before):
        was, now = before.agreed.get("status"), after.agreed.get("status")
        why = f"the copy on {newly[0]} is gone"
        found.append(Entry(after.id, refs[newly[0]], "edit", "status", was, now, BURIAL, why))
    return found


def _plain(value: Value) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


def _field_errors(
    session: Session, batch: Batch, link: str, errors: Sequence[FieldError], rows: Mapping[str, Row]
) -> tuple[list[Parked], list[str]]:
    """Park the fields that cannot be read or written; return also the ids of those that can again."""
    now = session.clock()
    known = {p.id: p for p in batch.parked[link]}
    fresh: dict[str, Parked] = {}
    for error in errors:
        id_ = parked_id(link, error.connection, error.field)
        old = known.get(id_)
        # One attempt a run that is due, however many rounds look at it.
        waits = old is not None and old.next_try > now
        attempts = (old.attempts if waits else old.attempts + 1) if old else 1
        later = now + min(timedelta(minutes=1) * 2 ** min(attempts - 1, 10), BACKOFF_CAP)
        row = rows.get(error.connection)
        fresh[id_] = Parked(
            id=id_,
            link=link,
            connection=error.connection,
            ref=str(row.copy.ref) if row else "",
            field=error.field,
            kind="field",
            error=f"{error.message} ({error.connection}:{row.copy.key})" if row else error.message,
            attempts=attempts,
            next_try=old.next_try if old is not None and waits else later,
        )
    stale = [p.id for p in known.values() if p.kind == "field" and p.id not in fresh]
    return list(fresh.values()), [i for i in stale if _connection_up(session, known[i])]


def _connection_up(session: Session, entry: Parked) -> bool:
    return entry.connection in session.lives and entry.connection not in session.down


def _due(session: Session, batch: Batch, link: str, actions: Sequence[Action]) -> tuple[list[Action], list[str]]:
    """Leave out what is parked and not due, unless it is another wish than the one that failed."""
    parked = {p.id: p for p in batch.parked[link]}
    due: list[Action] = []
    wanted: set[str] = set()
    for action in actions:
        whole = parked_id(link, action.connection, action.thread or "")
        wanted |= {whole, *(parked_id(link, action.connection, n) for n in action.fields)}
        if (link, action.connection) in session.failed or _waits(session, parked.get(whole), action):
            continue
        ripe = _ripe(session, parked, action)
        if ripe is not None:
            due.append(ripe)
    # A write failure whose wish has gone (somebody set it by hand) is a failure no more.
    gone = [
        p.id
        for p in parked.values()
        if p.kind == "write" and p.field != "comments" and p.id not in wanted and _connection_up(session, p)
    ]
    return due, gone


def _waits(session: Session, entry: Parked | None, action: Action) -> bool:
    if entry is None or entry.next_try <= session.clock():
        return False
    return entry.kind == "settling" or entry.digest == action_digest(action)


def _ripe(session: Session, parked: Mapping[str, Parked], action: Action) -> Action | None:
    """Return the action without the fields that wait for their next attempt."""
    if action.do not in UPDATES:
        return action
    fields = {
        name: move
        for name, move in action.fields.items()
        if not _waits(
            session,
            parked.get(parked_id(action.link, action.connection, name)),
            replace(action, fields={name: move}),
        )
    }
    return replace(action, fields=fields) if fields else None
