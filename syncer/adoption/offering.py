"""Adopt: which records that exist already are probably one item, for a person to review."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from syncer.engine import match
from syncer.engine.adopt import Card, Proposal, Speech, proposals, speech
from syncer.engine.state import Scope
from syncer.errors import ConnectorError, SyncerError
from syncer.intake import fetch
from syncer.kinship import author_names, relate, values_of
from syncer.live import Live, Session
from syncer.model import JSON, Absent, State, Value, fold
from syncer.opening import Request, Wiring, opened
from syncer.settle import settle
from syncer.store import Store, items, journal
from syncer.store.items import Row
from syncer.store.lease import lease


@dataclass(frozen=True, slots=True)
class Offer:
    """Proposals for a person to review, and the connections that could not be read."""

    sync: str
    proposals: tuple[Proposal, ...]
    down: Mapping[str, ConnectorError]


async def propose(store: Store, wiring: Wiring, request: Request) -> Offer:
    """Return which unlinked records are probably one item. Works on a copy of the store; writes nothing.

    Raises `LeaseBusyError` when another process is at this sync.
    """
    async with lease(store, wiring.rules.sync, wait=request.wait):
        shadow = store.snapshot()
        try:
            async with opened(shadow, wiring, request) as session:
                await settle(session)
                await fetch(session, full=False)
                _recognise(session)
                found = proposals(_cards(session), session.rules.connections)
                return Offer(session.sync, tuple(found), dict(session.down))
        finally:
            shadow.close()


def _recognise(session: Session) -> None:
    """Let our own marks join what they join; nothing is born. Then have everything looked at."""
    rules = session.rules
    session.rules = replace(rules, create_from=frozenset())
    relate(session)
    session.rules = rules
    with session.store.write() as tx:
        items.disturb(tx, session.sync)


def _cards(session: Session) -> list[Card]:
    """Return what may be adopted: unlinked records in scope, and copies of items that lack one somewhere."""
    up = [live.name for live in session.up()]
    with session.store.read() as tx:
        twins = {h.ref for h in journal.held(tx, session.sync) if h.field == "twin"}
        alone = [r for batch in items.unlinked_dirty(tx, session.sync, up) for r in batch]
    cards = [_card(session, row) for row in alone if row.copy.ref not in twins and _adoptable(session, row)]
    return [*cards, *_lacking(session, frozenset(up))]


def _adoptable(session: Session, row: Row) -> bool:
    record, connection = row.record, row.copy.ref.connection
    if row.copy.state is not State.HERE or record.synced_by is not None:
        return False
    values, author = values_of(session, row), author_names(session, record)
    scopes = (session.rules.scope, session.rules.scopes.get(connection, Scope()))
    return all(match.out_of_scope(record, values, scope, author) is None for scope in scopes)


def _lacking(session: Session, up: frozenset[str]) -> Iterator[Card]:
    """Yield the copies of items that could take in another; where one is being made, none is lacking."""
    with session.store.read() as tx:
        making = {(i.link, i.connection) for i in journal.open_intents(tx, session.sync) if i.do == "create"}
        ids = [link.id for link in items.all_links(tx, session.sync)]
    for batch in items.batches(ids):
        with session.store.read() as tx:
            found = items.rows_of_links(tx, batch)
        for id_, rows in found.items():
            lacks = frozenset(c for c in up - rows.keys() if (id_, c) not in making)
            here = [r for c, r in rows.items() if c in up and r.copy.state is State.HERE]
            for row in here if lacks else ():
                yield replace(_card(session, row), link=id_, lacks=lacks, doubts=())


def _card(session: Session, row: Row) -> Card:
    copy, author = row.copy, row.record.author
    live = session.lives[copy.ref.connection]
    title = _read(live, "title", row)
    labels, people = _read(live, "labels", row), _read(live, "assignees", row)
    return Card(
        ref=copy.ref,
        key=copy.key,
        url=copy.url,
        title=title if isinstance(title, str) else "",
        created=copy.created.date(),
        creator=session.directory.person(live.name, author) if author is not None else None,
        people=people if isinstance(people, frozenset) else frozenset(),
        labels=frozenset(map(fold, labels)) if isinstance(labels, frozenset) else frozenset(),
        says=tuple(_says(live, row)),
        doubts=tuple(_doubts(live, row)),
    )


def _read(live: Live, name: str, row: Row) -> Value | Absent:
    try:
        return live.mapper.read(name, row.copy.seen)
    except SyncerError:
        return None


def _says(live: Live, row: Row) -> Iterator[Speech]:
    """Yield what a record's native texts say of others: read raw, whatever format they are in."""
    for name, where in (("title", "title"), ("body", "description")):
        if not live.mapper.has(name):
            continue
        said = speech(where, "\n".join(_texts(live.mapper.slice(name, row.copy.seen))))
        if said.pages or said.keys:
            yield said


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)


def _doubts(live: Live, row: Row) -> Iterator[str]:
    name, record = f"{live.name}:{row.copy.key}", row.record
    if not record.own and not _is_member(live, row):
        yield f"the author of {name} is not a member of {live.name}"
    if record.marker is not None and not record.own:
        yield f"{name} carries a mark of ours that another account put there"
    if row.apart:
        yield f"a person parted {name} from its item before"


def _is_member(live: Live, row: Row) -> bool:
    """Say whether the author belongs to the place. Where a public one names nobody, nobody does."""
    author, accounts = row.record.author, live.place.accounts
    if not accounts and live.place.private:
        return True
    return author is not None and any(a.id.casefold() == author.id.casefold() for a in accounts)
