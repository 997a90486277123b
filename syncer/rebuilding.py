"""Rebuild: links restored from the marks on the records themselves, when the database is lost.

Every connection is listed completely. A record of our own account with our verified mark, or under an
id only we could have chosen, belongs to the link born from the record that link's id is computed from.
There is no past to compare with: the first-link rule settles values at the next run, and `plan` shows
what that would write. Nothing is written to a tracker here.

A copy that is missing now may have been deleted by a person, so it is not wanted again; where an
unlinked record of the same title stands in its place (two that a person had joined carry no mark), the
copy is wanted, so that the next run holds the two as `maybe` and makes neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from syncer.errors import ConnectorError
from syncer.intake import fetch
from syncer.kinship import birth, values_of
from syncer.links import Link
from syncer.live import Session
from syncer.log import redact
from syncer.model import Ref, State, client_id, link_id, marker_for, marker_link
from syncer.opening import Request, Wiring, opened
from syncer.report import when
from syncer.settle import settle
from syncer.store import Store, items, records
from syncer.store.items import Row
from syncer.store.lease import lease
from syncer.store.records import Entry, append

log = structlog.get_logger()

WHY: Final = "restored from the marks: the database was lost"


@dataclass(frozen=True, slots=True)
class Found:
    """The records of one link. `origin` is None where the record it was born from is not there."""

    link: str
    origin: Ref | None
    copies: Mapping[str, Ref]

    def all(self) -> dict[str, Ref]:
        return dict(self.copies) if self.origin is None else {self.origin.connection: self.origin, **self.copies}


@dataclass(slots=True)
class Rebuilt:
    """What was restored: `links` and `copies` by number. `orphans`: items whose first record is gone.
    `twins`: records that carry the mark of another's copy. `namesakes`: link -> unlinked records that may
    be its missing copies. `lacking`: link -> connections without a copy, left so."""

    sync: str
    run: str
    links: int = 0
    copies: int = 0
    orphans: list[str] = field(default_factory=list)
    twins: list[str] = field(default_factory=list)
    namesakes: dict[str, list[str]] = field(default_factory=dict)
    lacking: dict[str, list[str]] = field(default_factory=dict)
    down: Mapping[str, ConnectorError] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {
            "sync": self.sync,
            "run": self.run,
            "links": self.links,
            "copies": self.copies,
            "orphans": self.orphans,
            "twins": self.twins,
            "namesakes": self.namesakes,
            "lacking": self.lacking,
            "down": {c: redact(str(e)) for c, e in sorted(self.down.items())},
        }


async def rebuild(store: Store, wiring: Wiring, request: Request) -> Rebuilt:
    """Restore what the marks tell. With a connection down nothing is restored: an absence would not count.

    Raises `LeaseBusyError` when another process is at this sync.
    """
    async with lease(store, wiring.rules.sync, wait=request.wait), opened(store, wiring, request) as session:
        started = session.clock()
        await settle(session)
        with store.write() as tx:
            items.disturb(tx, session.sync)
        await fetch(session, full=True)
        done = Rebuilt(session.sync, session.run, down=dict(session.down))
        if not session.down:
            _restore(session, done)
        outcome = "failed" if session.down else "changed" if done.copies else "in_step"
        finished = session.clock()
        doc = {
            **done.document(),
            "trigger": "rebuild",
            "outcome": outcome,
            "started": when(started),
            "finished": when(finished),
            "tally": {"read": session.read},
            "actions": [],
        }
        with store.write() as tx:
            records.bury_unfinished(tx, session.sync)
            records.save_run(
                tx,
                id_=session.run,
                sync=session.sync,
                number=session.number,
                started=started,
                finished=finished,
                doc=doc,
            )
        log.info("links.restored", links=done.links, copies=done.copies)
        return done


def _restore(session: Session, done: Rebuilt) -> None:
    marked = _marked(session, done)
    chosen = _own_ids(session)
    batch: list[Found] = []
    met: set[str] = set()
    for row in _unlinked(session):
        id_ = link_id(session.store.key, session.sync, row.copy.ref)
        copies = {**_chosen(session, id_, chosen, row.copy.ref.connection), **marked.get(id_, {})}
        if copies:
            met.add(id_)
            batch.append(Found(id_, row.copy.ref, copies))
    batch += [
        Found(id_, None, {**_chosen(session, id_, chosen, ""), **copies})
        for id_, copies in marked.items()
        if id_ not in met
    ]
    others = _titles_of_others(session, {r for f in batch for r in f.all().values()})
    for start in range(0, len(batch), items.BATCH):
        _save(session, batch[start : start + items.BATCH], others, done)


def _titles_of_others(session: Session, claimed: set[Ref]) -> dict[tuple[str, str], list[str]]:
    """Return (connection, normalised title) -> the records that stay of no item, by key."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in _unlinked(session):
        if row.title and row.copy.ref not in claimed and row.copy.state is State.HERE:
            found.setdefault((row.copy.ref.connection, row.title), []).append(row.copy.key)
    return found


def _marked(session: Session, done: Rebuilt) -> dict[str, dict[str, Ref]]:
    """Return link -> connection -> the unlinked record of our own that carries its mark, the oldest where
    several do; the others are twins."""
    found: dict[str, dict[str, list[Ref]]] = {}
    with session.store.read() as tx:
        for ref, _, marker in items.marked(tx, session.sync):
            link = marker_link(session.store.key, marker, ref.connection)
            if link is not None:
                found.setdefault(link, {}).setdefault(ref.connection, []).append(ref)
        several = [r for there in found.values() for refs in there.values() if len(refs) > 1 for r in refs]
        rows = items.rows_by_ref(tx, session.sync, several)
    done.twins += [
        f"{r.connection}:{rows[r].copy.key}"
        for there in found.values()
        for refs in there.values()
        for r in _by_age(refs, rows)[1:]
    ]
    return {link: {c: _by_age(refs, rows)[0] for c, refs in there.items()} for link, there in found.items()}


def _by_age(refs: Sequence[Ref], rows: Mapping[Ref, Row]) -> list[Ref]:
    return list(refs) if len(refs) == 1 else sorted(refs, key=lambda r: (rows[r].copy.created, r))


def _unlinked(session: Session) -> Iterator[Row]:
    with session.store.read() as tx:
        for rows in items.unlinked_dirty(tx, session.sync, list(session.rules.connections)):
            yield from (r for r in rows if not r.apart)


def _own_ids(session: Session) -> dict[tuple[str, str], Ref]:
    """Return the records of our own account that carry no mark: their id may be one that we chose."""
    found = (r.copy.ref for r in _unlinked(session) if r.record.own and not r.record.marker)
    return {(ref.connection, ref.id): ref for ref in found}


def _chosen(session: Session, link: str, own: Mapping[tuple[str, str], Ref], but: str) -> dict[str, Ref]:
    """Return connection -> the record under the id that we would have chosen for the link's copy there."""
    found: dict[str, Ref] = {}
    for connection in session.rules.connections:
        if connection != but and own:
            ref = own.get((connection, client_id(marker_for(session.store.key, link, connection))))
            if ref is not None:
                found[connection] = ref
    return found


# -- saving ----------------------------------------------------------------------------------


def _save(session: Session, batch: Sequence[Found], others: Mapping[tuple[str, str], list[str]], done: Rebuilt) -> None:
    ids = [f.link for f in batch]
    with session.store.read() as tx:
        known = items.load_links(tx, ids)
        there = items.rows_of_links(tx, ids)
        rows = items.rows_by_ref(tx, session.sync, [r for f in batch for r in f.all().values()])
    links: list[Link] = []
    joins: list[tuple[Ref, str]] = []
    for one in batch:
        members = {c: rows[r] for c, r in one.all().items() if r in rows}
        done.twins += [f"{c}:{row.copy.key}" for c, row in members.items() if c in there[one.link]]
        fresh = {c: row for c, row in members.items() if c not in there[one.link]}
        if not fresh:
            continue
        if one.link in known:
            link = replace(known[one.link], wants=known[one.link].wants - fresh.keys())
        else:
            link = _born_again(session, one, members)
            done.links += 1
            done.orphans += [one.link] if one.origin is None else []
        links.append(_with_namesakes(session, link, {**there[one.link], **members}, others, done))
        joins += [(row.copy.ref, one.link) for row in fresh.values()]
    entries = [Entry(link, str(ref), "link", "", None, rows[ref].copy.url, "syncer", WHY) for ref, link in joins]
    with session.store.write() as tx:
        items.save_links(tx, session.sync, links, dirty=True)
        for ref, link_ in joins:
            items.join(tx, session.sync, ref, link_)
        append(tx, session.sync, session.run, session.clock(), entries)
    for ref, link_ in joins:
        session.directory.learn(ref, link_)
        log.info("copy.linked", link=link_, ref=str(ref), because=WHY)
    done.copies += len(joins)


def _born_again(session: Session, one: Found, members: Mapping[str, Row]) -> Link:
    """Return the link as it was born; its values are agreed by the merge, as at a first link."""
    born = one.origin.connection if one.origin is not None else min(members, key=session.rules.rank)
    row = members[born]
    return replace(birth(session, row, values_of(session, row)), id=one.link, wants=frozenset())


def _with_namesakes(
    session: Session,
    link: Link,
    members: Mapping[str, Row],
    others: Mapping[tuple[str, str], list[str]],
    done: Rebuilt,
) -> Link:
    """Return the link wanting a copy where an unlinked record of its title stands; note what it lacks."""
    titles = {row.title for row in members.values()}
    wants: set[str] = set()
    for connection in sorted((session.rules.create_in & {*session.rules.connections}) - members.keys()):
        alone = [f"{connection}:{key}" for title in titles for key in others.get((connection, title), ())]
        if alone:
            wants.add(connection)
            done.namesakes.setdefault(link.id, []).extend(alone)
        else:
            done.lacking.setdefault(link.id, []).append(connection)
    return replace(link, wants=link.wants | wants)
