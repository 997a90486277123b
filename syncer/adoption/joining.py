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
from syncer.kinship import WAITING, _birth, _values
from syncer.links import Copy, Link
from syncer.live import Session
from syncer.model import Address, Ref, State, link_id
from syncer.run import Request, Wiring, opened
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
        await _refresh(session, [s for wish in wishes for s in wish.spots])
        found: list[Joined] = []
        for start in range(0, len(wishes), AT_ONCE):
            with store.write() as tx:
                found += [_tried(tx, session, wish) for wish in wishes[start : start + AT_ONCE]]
        return found


async def _refresh(session: Session, spots: Sequence[Spot]) -> None:
    """Read the named records anew; what is not known yet is looked for in everything that changed."""
    started = session.clock()
    refs = _known(session, spots)
    if len(refs) < len(set(spots)):
        await fetch(session, full=False)
        refs = _known(session, spots)
    with session.store.read() as tx:
        rows = items.rows_by_ref(tx, session.sync, list(refs.values()))
    for live in session.up():
        old = [r for r in rows.values() if r.copy.ref.connection == live.name and r.copy.read_at < started]
        try:
            await reread(session, live, [Address(r.copy.ref, r.copy.key) for r in old])
        except ConnectorError as error:
            session.lose(live.name, error)


def _known(session: Session, spots: Sequence[Spot]) -> dict[Spot, Ref]:
    with session.store.read() as tx:
        found = {s: located(tx, session.sync, session.rules.connections, s) for s in spots}
    return {spot: ref for spot, ref in found.items() if ref is not None}


def _tried(tx: sa.Connection, session: Session, wish: Wish) -> Joined:
    """Join, or return the error: it is raised before anything of the wish is written."""
    try:
        return _joined(tx, session, wish, _rows(tx, session, wish))
    except SyncerError as error:
        return Joined(wish, error=error)


def _rows(tx: sa.Connection, session: Session, wish: Wish) -> list[Row]:
    """Return the records of a wish. Raises `ConfigError` for those that cannot be copies of anything."""
    _refuse_doubles(wish.spots)
    rows: dict[str, Row] = {}
    for spot in wish.spots:
        ref = located(tx, session.sync, session.rules.connections, spot)
        _refuse_unread(session, ref.connection if ref is not None else spot.connection)
        if ref is None:
            where = spot.connection or " or ".join(session.rules.connections)
            raise ConfigError(f"{spot}: no such record on {where}.", fix=_unknown(session, spot))
        row = items.rows_by_ref(tx, session.sync, [ref])[ref]
        name = named(ref.connection, row.copy)
        if ref.connection in rows:
            other = named(ref.connection, rows[ref.connection].copy)
            raise _double(ref.connection, other, name)
        if row.copy.state is not State.HERE:
            raise ConfigError(f"{name} is {row.copy.state}: only a record that is here can be linked")
        if row.record.synced_by is not None:
            raise ConfigError(f"{name} is already synced by {row.record.synced_by}.", fix="Switch that off first.")
        rows[ref.connection] = row
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


def _joined(tx: sa.Connection, session: Session, wish: Wish, rows: Sequence[Row]) -> Joined:
    ids = {row.link for row in rows if row.link}
    copies = items.rows_of_links(tx, sorted(ids))
    _refuse_two(rows, copies)
    free = [row for row in rows if not row.link]
    link = _link_for(tx, session, rows)
    there = copies.get(link.id, {})
    if not free:
        return Joined(wish, link, {c: r.copy for c, r in there.items()})
    _refuse_taken(tx, session, link, free, there)
    wants = link.wants - {r.copy.ref.connection for r in free}
    items.save_links(tx, session.sync, [replace(link, wants=wants)], dirty=True)
    entries: list[Entry] = []
    for row in free:
        items.join(tx, session.sync, row.copy.ref, link.id)
        entries.append(Entry(link.id, str(row.copy.ref), "link", "", None, row.copy.url, "a person", wish.why))
    append(tx, session.sync, "", session.clock(), entries)
    refs = {row.copy.ref for row in free}
    waits = [h.id for h in journal.held(tx, session.sync) if h.field in WAITING and h.ref in refs]
    journal.release(tx, waits)
    for ref in refs:
        session.directory.learn(ref, link.id)
        log.info("copy.linked", ref=str(ref), link=link.id, because=wish.why)
    shown = {**{c: r.copy for c, r in there.items()}, **{r.copy.ref.connection: r.copy for r in free}}
    return Joined(wish, replace(link, wants=wants), shown, news=True)


def _refuse_two(rows: Sequence[Row], copies: Mapping[str, Mapping[str, Row]]) -> None:
    """Raise `ConfigError` where the records belong to different items already."""
    linked = [row for row in rows if row.link]
    for row in linked[1:]:
        if row.link == linked[0].link:
            continue
        said = [f"{_name(r)} belongs to the item of {_others(r, copies)}" for r in (linked[0], row)]
        raise ConfigError(f"{'; '.join(said)}.", fix=f"Take one out first: syncer unlink {_name(row)}")


def _refuse_taken(
    tx: sa.Connection, session: Session, link: Link, free: Sequence[Row], there: Mapping[str, Row]
) -> None:
    """Raise `ConfigError` where the item has a copy on a record's connection already, or may get one."""
    making = {i.connection for i in journal.open_intents(tx, session.sync) if i.do == "create" and i.link == link.id}
    for row in free:
        connection = row.copy.ref.connection
        if connection in there:
            others = " and ".join(_name(r) for c, r in sorted(there.items()) if c != connection)
            taken = _name(there[connection])
            raise ConfigError(
                f"{others} has a copy on {connection} already: {taken}.",
                fix=f"Take that out first: syncer unlink {taken} --from {connection}",
            )
        if connection in making:
            raise ConfigError(
                f"a copy of this item is being made on {connection}, and it is not known yet whether it arrived.",
                fix=f"Run first: syncer sync {session.sync}",
            )


def _name(row: Row) -> str:
    return named(row.copy.ref.connection, row.copy)


def _others(row: Row, copies: Mapping[str, Mapping[str, Row]]) -> str:
    others = [_name(r) for c, r in sorted(copies[row.link or ""].items()) if c != row.copy.ref.connection]
    return " and ".join(others) or row.copy.key


def _link_for(tx: sa.Connection, session: Session, rows: Sequence[Row]) -> Link:
    """Return the item the records belong to, or a new one of their own."""
    known = next((row.link for row in rows if row.link), None)
    if known is not None:
        return items.load_links(tx, [known])[known]
    rules = session.rules
    # What a tracker without kinds is taken for must not overrule what another one says.
    first = min(rows, key=lambda r: (not session.lives[r.copy.ref.connection].mapper.has("kind"), _rank(session, r)))
    link = _birth(session, first, _values(session, first))
    spread = rules.create_in if any(r.copy.ref.connection in rules.create_from for r in rows) else frozenset[str]()
    return replace(link, id=_free_id(tx, session, rows), wants=spread)


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
