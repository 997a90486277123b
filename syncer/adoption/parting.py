"""Unlink: a person takes copies out of their item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
import structlog

from syncer.adoption.spots import Spot, located, named
from syncer.errors import ConfigError
from syncer.links import Copy, Link
from syncer.store import Store, items, journal
from syncer.store.items import Row
from syncer.store.lease import lease
from syncer.store.records import Entry, append

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parted:
    """What was taken apart. `kept` are the copies that stay one item, none where the link is gone."""

    link: Link
    parted: Mapping[str, Copy]
    kept: Mapping[str, Copy]


async def part(
    store: Store, sync: str, connections: Sequence[str], spot: Spot, *, from_: str | None, wait: float, now: datetime
) -> Parted:
    """Take the copy on *from_*, or every copy, out of the item of *spot*; only a person joins it again.

    An item left with one copy is no item: that copy is parted as well. Raises `ConfigError` for what
    is not linked, `LeaseBusyError` when another process is at this sync.
    """
    async with lease(store, sync, wait=wait):
        with store.write() as tx:
            return _parted(tx, sync, connections, spot, from_, now)


def _parted(
    tx: sa.Connection, sync: str, connections: Sequence[str], spot: Spot, from_: str | None, now: datetime
) -> Parted:
    found = located(tx, sync, connections, [spot]).get(spot)
    id_ = found.link if found is not None else None
    if id_ is None:
        why = "belongs to no item" if found is not None else "is not known"
        raise ConfigError(f"{spot} {why}.", fix="`syncer links` lists the items.")
    link, rows = items.load_links(tx, [id_])[id_], items.rows_of_links(tx, [id_])[id_]
    if from_ is not None and from_ not in rows:
        there = ", ".join(_name(r) for _, r in sorted(rows.items()))
        raise ConfigError(f"{spot} has no copy on {from_}.", fix=f"It has: {there}.")
    kept = {c: r for c, r in rows.items() if from_ is not None and c != from_}
    if len(kept) < 2:  # noqa: PLR2004 -- one copy alone is in step with itself
        kept = {}
    going = {c: r for c, r in rows.items() if c not in kept}
    for row in going.values():
        items.join(tx, sync, row.copy.ref, None)
    _forget(tx, sync, id_, None if not kept else frozenset(going))
    if kept:
        items.save_links(tx, sync, [_without(link, frozenset(going))], dirty=True)
    else:
        items.drop_link(tx, id_)
    why = f"taken out of the item on {from_}" if kept else "the item was taken apart"
    entries = [Entry(id_, str(r.copy.ref), "unlink", "", r.copy.url, None, "a person", why) for r in going.values()]
    append(tx, sync, "", now, entries)
    for row in going.values():
        log.info("copy.unlinked", link=id_, ref=str(row.copy.ref), because=why)
    return Parted(link, {c: r.copy for c, r in going.items()}, {c: r.copy for c, r in kept.items()})


def _without(link: Link, going: frozenset[str]) -> Link:
    """Return the link as if it had never had the copies that go, nor wanted any there."""
    return replace(
        link,
        owed={c: f for c, f in link.owed.items() if c not in going},
        wants=link.wants - going,
        buried=link.buried - going,
        ending=link.ending - going,
    )


def _forget(tx: sa.Connection, sync: str, link: str, going: frozenset[str] | None) -> None:
    """Drop what waits for the copies that go; for None, all that waits for the link."""
    for intent in journal.open_intents(tx, sync):
        if intent.link == link and (going is None or intent.connection in going):
            journal.close_intent(tx, intent.id)
    waiting = journal.parked_entries(tx, sync, link)
    journal.unpark(tx, [p.id for p in waiting if going is None or p.connection in going])
    if going is None:
        journal.release(tx, [h.id for h in journal.held(tx, sync, link)])


def _name(row: Row) -> str:
    return named(row.copy.ref.connection, row.copy)
