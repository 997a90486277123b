"""Match: every record just read gets a link, stays alone for a reason, or waits for a person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from syncer.engine import match
from syncer.engine.match import Evidence, Verdict
from syncer.errors import SyncerError
from syncer.links import Hold, Link, Origin
from syncer.live import Session
from syncer.model import (
    ABSENT,
    FIELDS,
    Absent,
    Ref,
    Value,
    client_id,
    link_id,
    marker_for,
    marker_link,
)
from syncer.store import items, journal
from syncer.store.items import Row
from syncer.store.records import Entry, append

log = structlog.get_logger()


def relate(session: Session) -> None:
    """Judge all unlinked records that were read anew."""
    with session.store.read() as tx:
        rows = [r for batch in items.unlinked_dirty(tx, session.sync, list(session.lives)) for r in batch]
    candidates: list[tuple[Row, Mapping[str, Value | Absent]]] = []
    for start in range(0, len(rows), items.BATCH):
        candidates += _judge_batch(session, rows[start : start + items.BATCH])
    _be_born(session, candidates)


def _judge_batch(session: Session, rows: Sequence[Row]) -> list[tuple[Row, Mapping[str, Value | Absent]]]:
    """Settle what evidence settles; return the records that may be born as items of their own."""
    born: list[tuple[Row, Mapping[str, Value | Absent]]] = []
    outside: list[Ref] = []
    for row in rows:
        if row.copy.ref.connection in session.down:
            continue
        values = _values(session, row)
        verdict = match.judge(row.record, values, _evidence(session, row), session.rules)
        match verdict.kind:
            case "birth":
                born.append((row, values))
            case "join":
                _join(session, row, verdict)
            case "twin":
                _report_twin(session, row, verdict)
                outside.append(row.copy.ref)
            case "alone":
                log.debug("record.left", ref=str(row.copy.ref), because=verdict.because)
                outside.append(row.copy.ref)
    with session.store.write() as tx:
        items.clean(tx, session.sync, outside, scoped=False)
        for row, _ in born:
            items.clean(tx, session.sync, [row.copy.ref], scoped=True)
    return born


def _values(session: Session, row: Row) -> dict[str, Value | Absent]:
    """Return what the record means, as far as it can be read; kind falls back to the default."""
    live = session.lives[row.copy.ref.connection]
    values: dict[str, Value | Absent] = {}
    for name in FIELDS:
        try:
            values[name] = live.mapper.read(name, row.copy.seen)
        except SyncerError:
            values[name] = ABSENT
    if values["kind"] is ABSENT and not live.mapper.has("kind"):
        values["kind"] = live.tables.default_kind
    return values


def _evidence(session: Session, row: Row) -> Evidence:
    ref, marker = row.copy.ref, row.record.marker
    marked = marker_link(session.store.key, marker, ref.connection) if marker else None
    if marked is None:
        marked = _by_client_id(session, ref)
    if marked is None:
        return Evidence()
    with session.store.read() as tx:
        links = items.load_links(tx, [marked])
        copy = items.rows_of_links(tx, [marked])[marked].get(ref.connection)
    return Evidence(marked, copy.copy.ref if copy else None, lacks=marked in links and copy is None)


def _by_client_id(session: Session, ref: Ref) -> str | None:
    """Return the link whose open intent made a record under this very id."""
    with session.store.read() as tx:
        for intent in journal.open_intents(tx, session.sync):
            if intent.do == "create" and intent.connection == ref.connection:
                marker = marker_for(session.store.key, intent.link, ref.connection)
                if client_id(marker) == ref.id:
                    return intent.link
    return None


def _join(session: Session, row: Row, verdict: Verdict) -> None:
    ref, link = row.copy.ref, verdict.link or ""
    with session.store.write() as tx:
        items.join(tx, session.sync, ref, link)
        known = items.load_links(tx, [link])[link]
        items.save_links(tx, session.sync, [replace(known, wants=known.wants - {ref.connection})], dirty=True)
        entry = Entry(link, str(ref), "link", "", None, row.copy.url, "", verdict.because)
        append(tx, session.sync, session.run, session.clock(), [entry])
    session.directory.learn(ref, link)
    log.info("copy.linked", ref=str(ref), link=link, because=verdict.because)


def _report_twin(session: Session, row: Row, verdict: Verdict) -> None:
    ref = row.copy.ref
    _wait(session, "twin", row, verdict.link or "", {ref.connection: row.copy.key}, verdict.because)
    log.warning("record.twin", ref=str(ref), link=verdict.link)


def _wait(session: Session, name: str, row: Row, link: str, values: Mapping[str, Value], why: str) -> None:
    entry = Hold(
        id="H" + hashlib.blake2b(f"{name}\0{row.copy.ref}".encode(), digest_size=5).hexdigest(),
        link=link,
        field=name,
        ref=row.copy.ref,
        base=None,
        values=values,
        since=session.clock(),
        reason=why,
    )
    with session.store.write() as tx:
        known = {h.id for h in journal.held(tx, session.sync)}
        if entry.id not in known:
            journal.hold(tx, session.sync, entry)


# -- births ----------------------------------------------------------------------------------


def _be_born(session: Session, candidates: Sequence[tuple[Row, Mapping[str, Value | Absent]]]) -> None:
    """Make items of records that belong to none; those with a namesake elsewhere wait for a person."""
    paired = _pair(session, candidates) if session.rules.match == "title" else set()
    rest = [(row, values) for row, values in candidates if row.copy.ref not in paired]
    namesakes = _namesakes(session, rest)
    released: list[str] = []
    for start in range(0, len(rest), items.BATCH):
        links: list[Link] = []
        entries: list[Entry] = []
        joins: list[tuple[Ref, str]] = []
        for row, values in rest[start : start + items.BATCH]:
            elsewhere = namesakes.get(row.copy.ref)
            if elsewhere:
                because = "an unlinked record with the same title exists: adopt, link, or --allow creates"
                shown = {row.copy.ref.connection: row.copy.key, **elsewhere}
                _wait(session, "maybe", row, "", shown, because)
                continue
            link = _birth(session, row, values)
            links.append(link)
            joins.append((row.copy.ref, link.id))
            released.append("H" + hashlib.blake2b(f"maybe\0{row.copy.ref}".encode(), digest_size=5).hexdigest())
            entries.append(Entry(link.id, str(row.copy.ref), "link", "", None, row.copy.url, "", "a new item"))
        with session.store.write() as tx:
            items.save_links(tx, session.sync, links, dirty=True)
            for ref, link_ in joins:
                items.join(tx, session.sync, ref, link_)
            append(tx, session.sync, session.run, session.clock(), entries)
        for ref, link_ in joins:
            session.directory.learn(ref, link_)
    with session.store.write() as tx:
        for batch in items.batches(released):
            journal.release(tx, batch)


def _namesakes(
    session: Session, candidates: Sequence[tuple[Row, Mapping[str, Value | Absent]]]
) -> dict[Ref, dict[str, Value]]:
    """Return, per record, the unlinked records in scope elsewhere that bear its title."""
    if "creates" in session.allowed:
        return {}
    titles = {row.title for row, _ in candidates}
    with session.store.read() as tx:
        known = items.same_title(tx, session.sync, titles)
    found: dict[Ref, dict[str, Value]] = {}
    for row, _ in candidates:
        ref = row.copy.ref
        title = row.title
        others = {r.connection: key for r, key in known.get(title, ()) if r.connection != ref.connection}
        if others:
            found[ref] = {c: str(k) for c, k in others.items()}
    return found


def _birth(session: Session, row: Row, values: Mapping[str, Value | Absent]) -> Link:
    """Return the link of a new item. Its values are agreed by the merge; only a kind that its
    tracker cannot say is given here."""
    ref, title = row.copy.ref, values["title"]
    live = session.lives[ref.connection]
    kind = values["kind"]
    agreed: dict[str, Value] = {}
    if not live.mapper.has("kind") and not isinstance(kind, Absent):
        agreed["kind"] = kind
    wants = session.rules.create_in - {ref.connection}
    return Link(
        id=link_id(session.store.key, session.sync, ref),
        born=ref.connection,
        title=title if isinstance(title, str) else "",
        created=session.clock(),
        agreed=agreed,
        origin={n: Origin(ref.connection, row.copy.created) for n in agreed},
        wants=frozenset(wants),
    )


def _pair(session: Session, candidates: Sequence[tuple[Row, Mapping[str, Value | Absent]]]) -> set[Ref]:
    """With `match = "title"`: link records whose title is unique on both sides."""
    rows = {row.copy.ref: (row, values) for row, values in candidates}
    with session.store.read() as tx:
        groups = match.pairs_by_title(list(items.scoped_titles(tx, session.sync)))
        stored = items.rows_by_ref(tx, session.sync, [r for g in groups for r in g])
    done: set[Ref] = set()
    for group in groups:
        first = min(group, key=lambda r: session.rules.rank(r.connection))
        if not group & rows.keys() or first.connection in session.down:
            continue
        row = stored[first]
        link = _birth(session, row, rows[first][1] if first in rows else _values(session, row))
        link = replace(link, wants=link.wants - {r.connection for r in group})
        with session.store.write() as tx:
            items.save_links(tx, session.sync, [link], dirty=True)
            for ref in sorted(group):
                items.join(tx, session.sync, ref, link.id)
            entry = Entry(link.id, str(first), "link", "", None, row.copy.url, "", "the titles match")
            append(tx, session.sync, session.run, session.clock(), [entry])
        for ref in group:
            session.directory.learn(ref, link.id)
        done |= group
    return done
