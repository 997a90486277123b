"""Link: records that a person calls one item become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import sqlalchemy as sa
import structlog

from syncer.adoption.spots import Spot, located, named
from syncer.errors import ConfigError, ConnectorError, SyncerError
from syncer.intake import fetch, reread
from syncer.kinship import WAITING, birth, values_of
from syncer.links import Copy, Link
from syncer.live import Session
from syncer.model import Address, Ref, State, link_id
from syncer.opening import Request, Wiring, opened
from syncer.settle import settle
from syncer.store import Store, items, journal
from syncer.store.items import Row
from syncer.store.lease import lease
from syncer.store.records import Entry, append

log = structlog.get_logger()

AT_ONCE: Final = 100
"""Wishes kept in one transaction."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Records that a person wants to be one item, and why."""

    spots: tuple[Spot, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of a wish: the item with its copies, or the error that says what does not fit.
    `news` is False where they were one item before."""

    wish: Wish
    link: Link | None = None
    copies: Mapping[str, Copy] = field(default_factory=dict)
    news: bool = False
    error: SyncerError | None = None


async def join(store: Store, wiring: Wiring, request: Request, wishes: Sequence[Wish]) -> list[Joined]:
    """Make each wish one item, or say in its `error` why not: all or nothing per wish, in order.

    Reads what is named as it is now. Nothing is written to a tracker; the next run merges. Raises
    `LeaseBusyError` when another process is at this sync.
    """
    async with lease(store, wiring.rules.sync, wait=request.wait), opened(store, wiring, request) as session:
        await settle(session)
        refs = await _refresh(session, [s for wish in wishes for s in wish.spots])
        found: list[Joined] = []
        for start in range(0, len(wishes), AT_ONCE):
            found += _joined_at_once(session, refs, wishes[start : start + AT_ONCE])
        _release(session, frozenset(c.ref for done in found for c in done.copies.values()))
        return found


async def _refresh(session: Session, spots: Sequence[Spot]) -> dict[Spot, Ref]:
    """Read the named records anew; what is not known yet is looked for in everything that changed."""
    started = session.clock()
    rows = _known(session, spots)
    if len(rows) < len(set(spots)):
        await fetch(session, full=False)
        rows = _known(session, spots)
    for live in session.up():
        old = {r.copy.ref: r.copy.key for r in rows.values() if r.copy.read_at < started}
        addresses = [Address(ref, key) for ref, key in old.items() if ref.connection == live.name]
        try:
            await reread(session, live, addresses)
        except ConnectorError as error:
            session.lose(live.name, error)
    return {spot: row.copy.ref for spot, row in rows.items()}


def _known(session: Session, spots: Sequence[Spot]) -> dict[Spot, Row]:
    with session.store.read() as tx:
        return located(tx, session.sync, session.rules.connections, spots)


def _release(session: Session, refs: frozenset[Ref]) -> None:
    """Let go of what waited for a person to say what is said now."""
    with session.store.write() as tx:
        over = [h.id for h in journal.held(tx, session.sync) if h.field in WAITING and h.ref in refs]
        for batch in items.batches(over):
            journal.release(tx, batch)


# -- one wish --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Desk:
    """One transaction, with the records its wishes name and the lines it will add to the trail."""

    tx: sa.Connection
    session: Session
    refs: Mapping[Spot, Ref]
    rows: dict[Ref, Row]
    making: frozenset[tuple[str, str]]
    entries: list[Entry] = field(default_factory=list)


def _joined_at_once(session: Session, refs: Mapping[Spot, Ref], wishes: Sequence[Wish]) -> list[Joined]:
    with session.store.write() as tx:
        wanted = [refs[s] for wish in wishes for s in wish.spots if s in refs]
        rows = items.rows_by_ref(tx, session.sync, wanted)
        making = frozenset((i.link, i.connection) for i in journal.open_intents(tx, session.sync) if i.do == "create")
        desk = _Desk(tx, session, refs, rows, making)
        found = [_tried(desk, wish) for wish in wishes]
        append(tx, session.sync, "", session.clock(), desk.entries)
    return found


def _tried(desk: _Desk, wish: Wish) -> Joined:
    """Join, or return the error: it is raised before anything of the wish is written."""
    try:
        return _joined(desk, wish, _rows(desk, wish))
    except SyncerError as error:
        return Joined(wish, error=error)


def _rows(desk: _Desk, wish: Wish) -> list[Row]:
    """Return the records of a wish. Raises `ConfigError` for those that cannot be copies of anything."""
    _refuse_doubles(wish.spots)
    rows: dict[str, Row] = {}
    for spot in wish.spots:
        row = desk.rows.get(desk.refs[spot]) if spot in desk.refs else None
        _refuse_unread(desk.session, row.copy.ref.connection if row is not None else spot.connection)
        if row is None:
            where = spot.connection or " or ".join(desk.session.rules.connections)
            raise ConfigError(f"{spot}: no such record on {where}.", fix=_unknown(desk.session, spot))
        connection = row.copy.ref.connection
        if connection in rows:
            raise _double(connection, _name(rows[connection]), _name(row))
        if row.copy.state is not State.HERE:
            raise ConfigError(f"{_name(row)} is {row.copy.state}: only a record that is here can be linked")
        if row.record.synced_by is not None:
            message = f"{_name(row)} is already synced by {row.record.synced_by}."
            raise ConfigError(message, fix="Switch that off first.")
        rows[connection] = row
    return list(rows.values())


def _refuse_doubles(spots: Sequence[Spot]) -> None:
    seen: dict[str, Spot] = {}
    for spot in spots:
        other = seen.setdefault(spot.connection, spot)
        if spot.connection and other != spot:
            raise _double(spot.connection, str(other), str(spot))


def _double(connection: str, one: str, other: str) -> ConfigError:
    return ConfigError(f"{one} and {other} are both on {connection}: an item has one copy there")


def _refuse_unread(session: Session, connection: str) -> None:
    """Raise why *connection* (any of them, for "") could not be read: what is stored may be long past."""
    for name, error in session.down.items():
        if not connection or name == connection:
            raise error


def _unknown(session: Session, spot: Spot) -> str:
    places = {n: live.place.url for n, live in session.lives.items() if not spot.connection or n == spot.connection}
    return f"Looked in {', '.join(u for u in places.values() if u)}."


def _joined(desk: _Desk, wish: Wish, rows: Sequence[Row]) -> Joined:
    copies = items.rows_of_links(desk.tx, sorted({row.link for row in rows if row.link}))
    _refuse_two(rows, copies)
    free = [row for row in rows if not row.link]
    link = _link_for(desk, rows)
    there = copies.get(link.id, {})
    shown = {c: r.copy for c, r in there.items()}
    if not free:
        return Joined(wish, link, shown)
    _refuse_taken(desk, link, free, there)
    link = replace(link, wants=link.wants - {r.copy.ref.connection for r in free})
    items.save_links(desk.tx, desk.session.sync, [link], dirty=True)
    for row in free:
        ref = row.copy.ref
        items.join(desk.tx, desk.session.sync, ref, link.id)
        desk.rows[ref] = replace(row, link=link.id)
        desk.entries.append(Entry(link.id, str(ref), "link", "", None, row.copy.url, "a person", wish.why))
        desk.session.directory.learn(ref, link.id)
        log.info("copy.linked", link=link.id, ref=str(ref), because=wish.why)
    return Joined(wish, link, shown | {r.copy.ref.connection: r.copy for r in free}, news=True)


def _refuse_two(rows: Sequence[Row], copies: Mapping[str, Mapping[str, Row]]) -> None:
    """Raise `ConfigError` where the records belong to different items already."""
    linked = [row for row in rows if row.link]
    for row in linked[1:]:
        if row.link == linked[0].link:
            continue
        said = [f"{_name(r)} belongs to the item of {_others(r, copies)}" for r in (linked[0], row)]
        raise ConfigError(f"{'; '.join(said)}.", fix=f"Take one out first: syncer unlink {_name(row)}")


def _refuse_taken(desk: _Desk, link: Link, free: Sequence[Row], there: Mapping[str, Row]) -> None:
    """Raise `ConfigError` where the item has a copy on a record's connection already, or may get one."""
    for row in free:
        connection = row.copy.ref.connection
        if connection in there:
            others = " and ".join(_name(r) for c, r in sorted(there.items()) if c != connection)
            taken = _name(there[connection])
            raise ConfigError(
                f"the item of {others} has a copy on {connection} already: {taken}.",
                fix=f"Take that out first: syncer unlink {taken} --from {connection}",
            )
        if (link.id, connection) in desk.making:
            raise ConfigError(
                f"a copy of this item is being made on {connection}, and it is not known yet whether it arrived.",
                fix=f"Run first: syncer sync {desk.session.sync}",
            )


def _name(row: Row) -> str:
    return named(row.copy.ref.connection, row.copy)


def _others(row: Row, copies: Mapping[str, Mapping[str, Row]]) -> str:
    others = [_name(r) for c, r in sorted(copies[row.link or ""].items()) if c != row.copy.ref.connection]
    return " and ".join(others) or row.copy.key


def _link_for(desk: _Desk, rows: Sequence[Row]) -> Link:
    """Return the item the records belong to, or a new one of their own."""
    known = next((row.link for row in rows if row.link), None)
    if known is not None:
        return items.load_links(desk.tx, [known])[known]
    session, rules = desk.session, desk.session.rules
    # What a tracker without kinds is taken for must not overrule what another one says.
    first = min(rows, key=lambda r: (not session.lives[r.copy.ref.connection].mapper.has("kind"), _rank(session, r)))
    link = birth(session, first, values_of(session, first))
    spread = rules.create_in if any(r.copy.ref.connection in rules.create_from for r in rows) else frozenset[str]()
    return replace(link, id=_free_id(desk.tx, session, rows), wants=spread)


def _rank(session: Session, row: Row) -> int:
    return session.rules.rank(row.copy.ref.connection)


def _free_id(tx: sa.Connection, session: Session, rows: Sequence[Row]) -> str:
    """Return the id of a new link. The item that was born from a record keeps its id when that record
    is parted from it, so a record's own id may be taken."""
    refs = [r.copy.ref for r in sorted(rows, key=lambda r: _rank(session, r))]
    number = 0
    while True:
        sync = session.sync if not number else f"{session.sync}\0{number}"
        ids = [link_id(session.store.key, sync, ref) for ref in refs]
        taken = items.load_links(tx, ids)
        free = next((id_ for id_ in ids if id_ not in taken), None)
        if free is not None:
            return free
        number += 1
