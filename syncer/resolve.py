"""A person's answer to a held field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from syncer.errors import ConfigError
from syncer.links import Hold, Link, Origin
from syncer.model import PRIORITIES, STATUSES, Value
from syncer.report import plain
from syncer.store import Store, items, journal
from syncer.store.items import Row
from syncer.store.records import Entry, append

ALLOWED = {"status": STATUSES, "priority": PRIORITIES}


def resolve_hold(store: Store, id_: str, *, take: str | None, value: str | None) -> str:
    """Make the chosen value agreed and owed to all. Raises `ConfigError` for what cannot be chosen.

    If a copy changed after the hold was shown, the next run holds the field again.
    """
    if (take is None) == (value is None):
        raise ConfigError("say either --take CONNECTION or --value TEXT")
    with store.read() as tx:
        found = journal.hold_by_id(tx, id_)
    if found is None:
        raise ConfigError(f"nothing is held as {id_}", fix="`syncer held` lists them.")
    sync, hold = found
    if hold.field in {"twin", "maybe"}:
        raise ConfigError(f"{id_} is a {hold.field}, not a field", fix="Join or leave the records themselves.")
    chosen = _chosen(hold, take, value)
    with store.write() as tx:
        link = items.load_links(tx, [hold.link])[hold.link]
        rows = items.rows_of_links(tx, [hold.link])[hold.link]
        items.save_links(tx, sync, [_settled(link, hold, chosen, frozenset(rows), take)], dirty=True)
        items.save_rows(tx, sync, [_compared(row, hold.field) for row in rows.values()])
        journal.release(tx, [id_])
        entry = Entry(
            hold.link, str(hold.ref or ""), "resolved", hold.field, plain(hold.base), plain(chosen), "a person", id_
        )
        append(tx, sync, "", datetime.now(UTC), [entry])
    return f"{hold.field} is now {plain(chosen)}; the next run writes it"


def _chosen(hold: Hold, take: str | None, value: str | None) -> Value:
    if take is not None:
        if take not in hold.values:
            raise ConfigError(f'"{take}" has no value here', fix=f"There are: {', '.join(hold.values)}.")
        return hold.values[take]
    known = ALLOWED.get(hold.field)
    if known is not None and value not in known:
        raise ConfigError(f'"{value}" is no {hold.field}', fix=f"There are: {', '.join(known)}.")
    return value


def _compared(row: Row, field: str) -> Row:
    """Return the copy with what the person saw as its past: a change made since then asks again."""
    before = row.copy.base.get(field)
    if before is None:
        return row
    base = {**row.copy.base, field: {name: row.copy.seen.get(name) for name in before}}
    return replace(row, copy=replace(row.copy, base=base))


def _settled(link: Link, hold: Hold, chosen: Value, connections: frozenset[str], take: str | None) -> Link:
    """Return the link with the value agreed, and owed to every copy."""
    origin = Origin(take or link.born, datetime.now(UTC), "a person, resolving")
    owed = {c: {**link.owed.get(c, {}), hold.field: None} for c in connections}
    return replace(
        link,
        agreed={**link.agreed, hold.field: chosen},
        origin={**link.origin, hold.field: origin},
        owed={**link.owed, **owed},
    )
