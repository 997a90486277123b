"""Match: every record just read gets a link, stays alone for a reason, or waits for a person."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import structlog

from syncer.engine import match
from syncer.engine.match import Evidence, Verdict
from syncer.engine.plan import Action
from syncer.errors import SyncerError
from syncer.links import Hold, Link, Origin
from syncer.live import Session
from syncer.model import (
    ABSENT,
    FIELDS,
    Absent,
    Record,
    Ref,
    State,
    Value,
    client_id,
    link_id,
    marker_for,
    marker_link,
    normal_title,
)
from syncer.store import items, journal
from syncer.store.items import Row
from syncer.store.records import Entry, append

log = structlog.get_logger()

WAITING = frozenset({"maybe", "twin"})
"""Holds of whole records, not of fields."""


def relate(session: Session) -> None:
    """Judge all unlinked records that were read anew, and those that wait for a person."""
    with session.store.read() as tx:
        rows = [r for batch in items.unlinked_dirty(tx, session.sync, list(session.lives)) for r in batch]
    rows += _waiting(session, {r.copy.ref for r in rows})
    chosen = _chosen_ids(session)
    candidates: list[tuple[Row, Mapping[str, Value | Absent]]] = []
    for start in range(0, len(rows), items.BATCH):
        candidates += _judge_batch(session, rows[start : start + items.BATCH], chosen)
    _be_born(session, candidates)


def _waiting(session: Session, judged: Collection[Ref]) -> list[Row]:
    """Return the twins and maybes to be judged again; let go of those that are none any more."""
    with session.store.read() as tx:
        holds = [h for h in journal.held(tx, session.sync) if h.field in WAITING and h.ref is not None]
        rows = items.rows_by_ref(tx, session.sync, [h.ref for h in holds if h.ref is not None])
    over = [h.id for h in holds if h.ref not in rows or rows[h.ref].link or rows[h.ref].copy.state is not State.HERE]
    with session.store.write() as tx:
        journal.release(tx, over)
    waiting = {h.ref for h in holds if h.id not in over}
    return [rows[r] for r in rows if r in waiting and r not in judged and r.connection in session.lives]


def _chosen_ids(session: Session) -> dict[Ref, str]:
    """Return record -> link for the ids that open creates chose."""
    with session.store.read() as tx:
        intents = [i for i in journal.open_intents(tx, session.sync) if i.do == "create"]
    return {_chosen(session, i.link, i.connection): i.link for i in intents}


def _chosen(session: Session, link: str, connection: str) -> Ref:
    """Return the ref of the copy of *link* where we choose the ids."""
    return Ref(connection, "issue", client_id(marker_for(session.store.key, link, connection)))


def _judge_batch(
    session: Session, rows: Sequence[Row], chosen: Mapping[Ref, str]
) -> list[tuple[Row, Mapping[str, Value | Absent]]]:
    """Settle what evidence settles; return the records that may be born as items of their own."""
    born: list[tuple[Row, Mapping[str, Value | Absent]]] = []
    outside: list[Ref] = []
    released: list[str] = []
    for row in rows:
        if row.copy.ref.connection in session.down:
            continue
        values = values_of(session, row)
        verdict = match.judge(row.record, values, _evidence(session, row, chosen), session.rules)
        released += [_hold_id(name, row.copy.ref) for name in _disproved(verdict)]
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
        # They stay to be judged until their link, or their hold, is saved.
        items.scope(tx, session.sync, [row.copy.ref for row, _ in born])
        for batch in items.batches(released):
            journal.release(tx, batch)
    return born


def _disproved(verdict: Verdict) -> tuple[str, ...]:
    """Return what the record surely waits for no longer."""
    match verdict.kind:
        case "twin":
            return ("maybe",)
        case "birth":
            return ("twin",)
        case _:
            return ("maybe", "twin")


def _hold_id(name: str, ref: Ref) -> str:
    return "H" + hashlib.blake2b(f"{name}\0{ref}".encode(), digest_size=5).hexdigest()


def values_of(session: Session, row: Row) -> dict[str, Value | Absent]:
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


def _evidence(session: Session, row: Row, chosen: Mapping[Ref, str]) -> Evidence:
    ref, marker = row.copy.ref, row.record.marker
    author = author_names(session, row.record)
    marked = marker_link(session.store.key, marker, ref.connection) if marker else None
    marked = marked or chosen.get(ref)
    if marked is None:
        return Evidence(author=author, apart=row.apart)
    with session.store.read() as tx:
        links = items.load_links(tx, [marked])
        copy = items.rows_of_links(tx, [marked])[marked].get(ref.connection)
    lacks = marked in links and copy is None
    return Evidence(marked, copy.copy.ref if copy else None, lacks=lacks, author=author, apart=row.apart)


def author_names(session: Session, record: Record) -> frozenset[str]:
    """Return every name `where.authors` may call the author by."""
    author, connection = record.author, record.ref.connection
    if author is None:
        return frozenset()
    names = {author.id, author.name, author.email, session.directory.person(connection, author)}
    if any(a.id == author.id for a in session.lives[connection].place.accounts):
        names.add("members")
    return frozenset(n.casefold() for n in names if n)


def _join(session: Session, row: Row, verdict: Verdict) -> None:
    ref, link = row.copy.ref, verdict.link or ""
    with session.store.write() as tx:
        items.save_rows(tx, session.sync, [replace(row, copy=replace(row.copy, made=True))])
        items.join(tx, session.sync, ref, link)
        known = items.load_links(tx, [link])[link]
        items.save_links(tx, session.sync, [replace(known, wants=known.wants - {ref.connection})], dirty=True)
        entry = Entry(link, str(ref), "link", "", None, row.copy.url, "", verdict.because)
        append(tx, session.sync, session.run, session.clock(), [entry])
    session.directory.learn(ref, link)
    log.info("copy.linked", link=link, ref=str(ref), because=verdict.because)


def _report_twin(session: Session, row: Row, verdict: Verdict) -> None:
    ref = row.copy.ref
    _wait(session, "twin", row, verdict.link or "", {ref.connection: row.copy.key}, verdict.because)


def _wait(session: Session, name: str, row: Row, link: str, values: Mapping[str, Value], why: str) -> None:
    entry = Hold(
        id=_hold_id(name, row.copy.ref),
        link=link,
        field=name,
        ref=row.copy.ref,
        base=None,
        values=values,
        since=session.clock(),
        reason=why,
    )
    with session.store.write() as tx:
        known = journal.hold_by_id(tx, entry.id)
        since = known[1].since if known is not None else entry.since
        journal.hold(tx, session.sync, replace(entry, since=since))
        items.clean(tx, session.sync, [row.copy.ref])
    if known is None:
        log.warning("record.held", link=link, ref=str(row.copy.ref), hold=entry.id, kind=name, reason=why)


# -- births ----------------------------------------------------------------------------------


def _be_born(session: Session, candidates: Sequence[tuple[Row, Mapping[str, Value | Absent]]]) -> None:
    """Make items of records that belong to none; those with a namesake elsewhere wait for a person."""
    paired = _pair(session, candidates) if session.rules.match == "title" else set()
    rest = [(row, values) for row, values in candidates if row.copy.ref not in paired]
    namesakes = _namesakes(session, rest)
    earlier = _earlier(session, rest)
    copies = {ref for refs in earlier.values() for ref in refs}
    released: list[str] = []
    for start in range(0, len(rest), items.BATCH):
        links: list[Link] = []
        entries: list[Entry] = []
        joins: list[tuple[Ref, str]] = []
        for row, values in rest[start : start + items.BATCH]:
            link = birth(session, row, values)
            doubt = _doubt(row, earlier.get(link.id), namesakes.get(row.copy.ref), copied=row.copy.ref in copies)
            if doubt is not None:
                because, elsewhere = doubt
                _wait(session, "maybe", row, "", {row.copy.ref.connection: row.copy.key, **elsewhere}, because)
                continue
            links.append(link)
            joins.append((row.copy.ref, link.id))
            released.append(_hold_id("maybe", row.copy.ref))
            entries.append(Entry(link.id, str(row.copy.ref), "link", "", None, row.copy.url, "", "a new item"))
        with session.store.write() as tx:
            items.save_links(tx, session.sync, links, dirty=True)
            for ref, link_ in joins:
                items.join(tx, session.sync, ref, link_)
            append(tx, session.sync, session.run, session.clock(), entries)
        for ref, link_ in joins:
            session.directory.learn(ref, link_)
            log.info("copy.linked", link=link_, ref=str(ref), because="a new item")
    with session.store.write() as tx:
        for batch in items.batches(released):
            journal.release(tx, batch)


def _doubt(
    row: Row, earlier: Mapping[Ref, str] | None, namesakes: Mapping[str, Value] | None, *, copied: bool
) -> tuple[str, Mapping[str, Value]] | None:
    """Return why a record is not made an item of its own, with the keys of the records in doubt."""
    if earlier or copied:
        return "an earlier database linked it: syncer rebuild", {r.connection: k for r, k in (earlier or {}).items()}
    if namesakes:
        return "an unlinked record with the same title exists: adopt, link, or --allow creates", namesakes
    return None


def _earlier(
    session: Session, candidates: Sequence[tuple[Row, Mapping[str, Value | Absent]]]
) -> dict[str, dict[Ref, str]]:
    """Return link -> (record, key) of unlinked records that were made as its copies: the database was lost."""
    births = {link_id(session.store.key, session.sync, row.copy.ref): row.copy.ref for row, _ in candidates}
    found: dict[str, dict[Ref, str]] = {}
    with session.store.read() as tx:
        for ref, key, marker in items.marked(tx, session.sync):
            link = marker_link(session.store.key, marker, ref.connection)
            if link in births:
                found.setdefault(link, {})[ref] = key
        ids = {
            _chosen(session, link, c): link
            for link, ref in births.items()
            for c in session.rules.connections
            if c != ref.connection
        }
        for ref, row in items.rows_by_ref(tx, session.sync, list(ids)).items():
            if row.link is None and row.record.own:
                found.setdefault(ids[ref], {})[ref] = row.copy.key
    return found


def _namesakes(
    session: Session, candidates: Sequence[tuple[Row, Mapping[str, Value | Absent]]]
) -> dict[Ref, dict[str, Value]]:
    """Return, per record, the records elsewhere that bear its title and may be the same item: unlinked
    ones in scope, and copies of an item that is still to get a copy where this record is."""
    if "creates" in session.allowed:
        return {}
    titles = {row.title for row, _ in candidates}
    with session.store.read() as tx:
        alone = items.same_title(tx, session.sync, titles)
        linked = items.items_with_title(tx, session.sync, titles)
        links = items.load_links(tx, list({link for found in linked.values() for link, _, _ in found}))
    namesakes: dict[Ref, dict[str, Value]] = {}
    for row, _ in candidates:
        here = row.copy.ref.connection
        others = {r.connection: key for r, key in alone.get(row.title, ()) if r.connection != here}
        waiting = [(r, key) for link, r, key in linked.get(row.title, ()) if _lacks(session, links[link], here)]
        others |= {r.connection: key for r, key in waiting}
        if others:
            namesakes[row.copy.ref] = {c: str(k) for c, k in others.items()}
    return namesakes


def _lacks(session: Session, link: Link, connection: str) -> bool:
    """Say whether the item is to get a copy there: it waits for one, or the connection has just joined."""
    newcomer = bool(link.reach) and connection not in link.reach and connection in session.rules.create_in
    return connection in link.wants or newcomer


def without_namesakes(session: Session, actions: Sequence[Action]) -> list[Action]:
    """Leave out creates where an unlinked record of that title is in scope: the two may be one item."""
    titles = {a.link: normal_title(a.title) for a in actions if a.do == "create"}
    if "creates" in session.allowed or not titles:
        return list(actions)
    with session.store.read() as tx:
        alone = items.same_title(tx, session.sync, titles.values())
    taken = {(title, ref.connection) for title, found in alone.items() for ref, _ in found}
    return [a for a in actions if a.do != "create" or (titles[a.link], a.connection) not in taken]


def birth(session: Session, row: Row, values: Mapping[str, Value | Absent]) -> Link:
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
        reach=frozenset(session.rules.connections),
    )


def _pair(session: Session, candidates: Sequence[tuple[Row, Mapping[str, Value | Absent]]]) -> set[Ref]:
    """With `match = "title"`: link records whose title is unique on both sides."""
    rows = {row.copy.ref: (row, values) for row, values in candidates}
    with session.store.read() as tx:
        groups = match.pairs_by_title(list(items.scoped_titles(tx, session.sync)))
        stored = items.rows_by_ref(tx, session.sync, [r for g in groups for r in g])
    done: set[Ref] = set()
    for group in groups:
        up = [r for r in group if r.connection not in session.down and r.connection in session.lives]
        if not group & rows.keys() or not up:
            continue
        # What a tracker without kinds is taken for must not overrule what another one says.
        kindless = {r for r in up if not session.lives[r.connection].mapper.has("kind")}
        first = min(up, key=lambda r: (r in kindless, session.rules.rank(r.connection)))
        row = stored[first]
        link = birth(session, row, rows[first][1] if first in rows else values_of(session, row))
        link = replace(link, wants=link.wants - {r.connection for r in group})
        with session.store.write() as tx:
            items.save_links(tx, session.sync, [link], dirty=True)
            for ref in sorted(group):
                items.join(tx, session.sync, ref, link.id)
            entry = Entry(link.id, str(first), "link", "", None, row.copy.url, "", "the titles match")
            append(tx, session.sync, session.run, session.clock(), [entry])
        for ref in sorted(group):
            session.directory.learn(ref, link.id)
            log.info("copy.linked", link=link.id, ref=str(ref), because="the titles match")
        done |= group
    return done
