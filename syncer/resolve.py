"""A person's answer to a held field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import structlog

from syncer.diary import tell_entries
from syncer.engine import sets
from syncer.errors import ConfigError
from syncer.links import Hold, Link, Origin, Owed
from syncer.model import KINDS, PRIORITIES, SET_FIELDS, STATUSES, TEXT_FIELDS, Value
from syncer.report import plain
from syncer.store import Store, items, journal
from syncer.store.items import Row
from syncer.store.lease import lease
from syncer.store.records import Entry, append
from syncer.text import canonical

log = structlog.get_logger()

ALLOWED = {"status": STATUSES, "priority": PRIORITIES, "kind": KINDS}


async def resolve_hold(store: Store, id_: str, *, take: str | None, value: str | None, wait: float = 60.0) -> str:
    """Make the chosen value agreed and owed to all. Raises `ConfigError` for what cannot be chosen,
    `LeaseBusyError` while a run is at it for longer than *wait* seconds.

    If a copy changed after the hold was shown, the next run holds the field again.
    """
    if (take is None) == (value is None):
        raise ConfigError("say either --take CONNECTION or --value TEXT")
    sync, _ = _found(store, id_)
    async with lease(store, sync, wait=wait):
        # Asked again: a run may have changed or dissolved it while we waited.
        _, hold = _found(store, id_)
        return _resolved(store, sync, hold, take, value)


def _found(store: Store, id_: str) -> tuple[str, Hold]:
    with store.read() as tx:
        found = journal.hold_by_id(tx, id_)
    if found is None:
        raise ConfigError(f"nothing is held as {id_}", fix="`syncer held` lists them.")
    hold = found[1]
    keys = [f"{c}:{k}" for c, k in hold.values.items()]
    if hold.field == "maybe":
        fix = f"The same item? syncer link {' '.join(keys)}. Another one? syncer sync --allow creates"
        raise ConfigError(f"{id_} is a maybe, not a field.", fix=fix)
    if hold.field == "twin":
        fix = f"Close it there, or make it the copy: syncer unlink its item, then syncer link ITEM {' '.join(keys)}"
        raise ConfigError(f"{id_} is a twin, not a field.", fix=fix)
    return found


def _resolved(store: Store, sync: str, hold: Hold, take: str | None, value: str | None) -> str:
    chosen = _chosen(hold, take, value)
    with store.write() as tx:
        link = items.load_links(tx, [hold.link])[hold.link]
        rows = items.rows_of_links(tx, [hold.link])[hold.link]
        items.save_links(tx, sync, [_settled(link, hold, chosen, frozenset(rows), take)], dirty=True)
        items.save_rows(tx, sync, [_compared(row, hold.field) for row in rows.values()])
        journal.release(tx, [hold.id])
        entry = Entry(
            hold.link, str(hold.ref or ""), "resolved", hold.field, plain(hold.base), plain(chosen), "a person", hold.id
        )
        overruled = _overruled(hold, chosen, rows)
        append(tx, sync, "", datetime.now(UTC), [entry, *overruled])
    log.info("field.resolved", link=hold.link, field=hold.field, hold=hold.id)
    tell_entries(overruled)
    return f"{hold.field} is now {plain(chosen)}; the next run writes it"


def _overruled(hold: Hold, chosen: Value, rows: Mapping[str, Row]) -> list[Entry]:
    """Return the values that gave way, for the audit trail."""
    return [
        Entry(
            hold.link,
            str(rows[c].copy.ref),
            "overruled",
            hold.field,
            plain(v),
            plain(chosen),
            c,
            "a person resolved it",
        )
        for c, v in hold.values.items()
        if c in rows and v not in (chosen, hold.base)
    ]


def _chosen(hold: Hold, take: str | None, value: str | None) -> Value:
    if take is not None:
        if take not in hold.values:
            raise ConfigError(f'"{take}" has no value here', fix=f"There are: {', '.join(hold.values)}.")
        return hold.values[take]
    known = ALLOWED.get(hold.field)
    if known is not None and value not in known:
        raise ConfigError(f'"{value}" is no {hold.field}', fix=f"There are: {', '.join(known)}.")
    return _parsed(hold.field, value or "")


def _parsed(field: str, text: str) -> Value:
    """Return what a person typed as a value of *field*. Raises `ConfigError`."""
    if field in SET_FIELDS:
        return frozenset(name.strip() for name in text.split(",") if name.strip())
    if field in TEXT_FIELDS:
        return canonical(text)
    if not text:
        return None
    try:
        if field == "estimate":
            return float(text)
        return date.fromisoformat(text).isoformat() if field == "due" else text
    except ValueError:
        shape = "a number" if field == "estimate" else "a date like 2026-12-24"
        raise ConfigError(f'"{text}" is not {shape}') from None


def _compared(row: Row, field: str) -> Row:
    """Return the copy with what the person saw as its past: a change made since then asks again."""
    before = row.copy.base.get(field)
    if before is None:
        return row
    base = {**row.copy.base, field: {name: row.copy.seen.get(name) for name in before}}
    return replace(row, copy=replace(row.copy, base=base))


def _settled(link: Link, hold: Hold, chosen: Value, connections: frozenset[str], take: str | None) -> Link:
    """Return the link with the value agreed, and owed to every copy; what flapped starts anew."""
    now = datetime.now(UTC)
    origin = Origin(take or link.born, now, "a person, resolving", since=now)
    owed = {c: {**link.owed.get(c, {}), hold.field: _debt(hold, c, chosen)} for c in connections}
    return replace(
        link,
        agreed={**link.agreed, hold.field: chosen},
        origin={**link.origin, hold.field: origin},
        owed={**link.owed, **owed},
        trail={name: turns for name, turns in link.trail.items() if name != hold.field},
    )


def _debt(hold: Hold, connection: str, chosen: Value) -> Owed:
    """Return what a copy lacks of the choice: single elements of a set."""
    if not isinstance(chosen, frozenset):
        return None
    known = [v for v in (hold.base, *hold.values.values()) if isinstance(v, frozenset)]
    present = sets.as_set(hold.values.get(connection))
    return sets.lacking(present, chosen, sets.union(chosen, *known))
