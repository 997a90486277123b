"""The drift audit: every link in full, ignoring cursors. It writes nothing, not even to the store.

It reads every connection completely into a copy of the store in memory, and compares what is there
with what was agreed. A copy that says the nearest word its tracker has does not diverge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from syncer.engine import sets
from syncer.engine.plan import is_copied
from syncer.engine.state import Rules
from syncer.engine.views import Reader, View
from syncer.errors import ConnectorError, SyncerError
from syncer.intake import fetch
from syncer.kinship import relate
from syncer.links import Copy, Hold, Link, Parked
from syncer.live import Session
from syncer.log import redact
from syncer.model import FIELDS, SET_FIELDS, Delta, Ref, State, Value, marker_link
from syncer.opening import Request, Wiring, opened
from syncer.report import plain, when
from syncer.store import Store, items, journal, records
from syncer.store import encoding as code

Standing = Literal["held", "parked", "owed", "edited", "new", "unreadable", "drifted"]
"""Why a field diverges: it waits for a person, or for its next attempt; the next run writes it, takes a
person's edit, or compares it for the first time; it cannot be read; or nothing will ever mend it."""


# -- the comparison --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Divergence:
    """A field whose copies do not all mean what was agreed. `values` is every readable copy's meaning,
    `behind` the connections that differ, `since` when it came to be so, as far as is known."""

    link: str
    title: str
    field: str
    agreed: Value
    values: Mapping[str, Value]
    behind: tuple[str, ...]
    state: Standing
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A link looked at in full. `nearest`: how many copies say only the nearest word."""

    divergences: tuple[Divergence, ...] = ()
    nearest: int = 0


def compare(
    link: Link,
    copies: Mapping[str, Copy],
    readers: Mapping[str, Reader],
    rules: Rules,
    holds: Mapping[str, Hold],
    parked: Sequence[Parked],
) -> Compared:
    """Compare every copy of *link* with what was agreed. Pure."""
    found: list[Divergence] = []
    nearest = 0
    for name in FIELDS:
        if rules.rule(name).skip:
            continue
        values: dict[str, Value] = {}
        behind: dict[str, View | None] = {}
        based = True
        for connection, reader in readers.items():
            copy = copies.get(connection)
            if copy is None or rules.rule(name).set_once == connection or rules.withholds(name, connection):
                continue
            view = reader.view(copy, name, link.agreed.get(name), rules.rule(name))
            if isinstance(view, str):
                behind[connection] = None
            elif view is not None:
                values[connection] = view.now
                based = based and view.based
                agrees = _agrees(view, reader, link, rules)
                nearest += agrees and name in link.agreed and not _same(view, link, rules)
                if not agrees:
                    behind[connection] = view
        # Without agreement, what trackers put into records we made is nobody's word, and may differ.
        if name not in link.agreed and not based and len({*values.values()}) > 1:
            behind |= dict.fromkeys(values)
        if behind:
            found.append(_divergence(link, name, values, behind, holds.get(name), parked))
    return Compared(tuple(found), nearest)


def _agrees(view: View, reader: Reader, link: Link, rules: Rules) -> bool:
    """Say whether the copy means what was agreed, or says it as nearly as its tracker can."""
    if view.field not in link.agreed or _same(view, link, rules):
        return True
    agreed = link.agreed[view.field]
    if view.field not in SET_FIELDS:
        return reader.agrees(view, agreed)
    if reader.mapper.strangers(view.field, view.copy.seen):
        return True  # somebody we cannot name holds the place: absent, which is no difference
    lacking, extra = _elements(view, link, rules)
    try:
        return reader.mapper.satisfied(view.field, agreed, view.copy.seen, Delta(lacking, extra))
    except SyncerError:
        return False


def _same(view: View, link: Link, rules: Rules) -> bool:
    if view.field in SET_FIELDS:
        return not any(_elements(view, link, rules))
    return view.now == link.agreed[view.field]


def _elements(view: View, link: Link, rules: Rules) -> tuple[frozenset[str], frozenset[str]]:
    """Return what the copy lacks of the agreed set, and has beyond it, of the elements left to us."""
    rule = rules.rule(view.field)
    now, agreed = sets.allowed(view.now, rule), sets.allowed(link.agreed[view.field], rule)
    return sets.difference(agreed, now), sets.difference(now, agreed)


def _divergence(
    link: Link,
    name: str,
    values: Mapping[str, Value],
    behind: Mapping[str, View | None],
    hold: Hold | None,
    parked: Sequence[Parked],
) -> Divergence:
    state, since = _standing(link, name, behind, hold, parked)
    return Divergence(link.id, link.title, name, link.agreed.get(name), values, tuple(sorted(behind)), state, since)


def _standing(
    link: Link, name: str, behind: Mapping[str, View | None], hold: Hold | None, parked: Sequence[Parked]
) -> tuple[Standing, datetime | None]:
    origin = link.origin.get(name)
    agreed_at = origin.at if origin is not None else None
    edits = [v.copy.updated for v in behind.values() if v is not None and v.edited]
    if hold is not None:
        return "held", hold.since
    if any(p.connection in behind and (not p.field or name in p.field.split(",")) for p in parked):
        return "parked", agreed_at
    if any(name in link.owed.get(c, {}) for c in behind):
        return "owed", agreed_at
    if edits:
        return "edited", min(edits)
    if name not in link.agreed:
        return "new", None
    return ("unreadable" if None in behind.values() else "drifted"), None


# -- the audit -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Away:
    """A copy that is not here: gone, moved, archived or unreachable. `known`: a run has noticed before."""

    link: str
    title: str
    ref: Ref
    key: str
    url: str
    state: State
    known: bool
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Stray:
    """A record that is not where it belongs.

    `twin`: the item has another copy there. `maybe`: it has a namesake elsewhere. `mark`: it carries
    our mark, and no link knows of it. `new`: it is in scope and of no item yet. `missing`: an item
    lacks its copy on `connection`.
    """

    kind: Literal["twin", "maybe", "mark", "new", "missing"]
    connection: str
    link: str
    key: str
    url: str
    because: str


@dataclass(slots=True)
class Audit:
    """What an audit found. `checked`: links compared; `nearest`: copies that say only the nearest word."""

    sync: str
    at: datetime
    checked: int = 0
    records: int = 0
    nearest: int = 0
    divergences: list[Divergence] = field(default_factory=list)
    away: list[Away] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    down: dict[str, ConnectorError] = field(default_factory=dict)
    emptied: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)

    def in_step(self) -> bool:
        """Say whether there is nothing a person must look at. What is away and known to be is answered."""
        news = [a for a in self.away if not a.known or a.state is State.UNREACHABLE]
        return not (self.divergences or news or self.strays or self.emptied)


async def audit(store: Store, wiring: Wiring, resting: Mapping[str, ConnectorError] = {}) -> Audit:
    """Compare everything. Connections that are down, or *resting* (and why), are left out, and in `down`."""
    shadow = store.snapshot()
    try:
        async with opened(shadow, wiring, Request(trigger="audit", full=True, resting=resting)) as session:
            with shadow.write() as tx:
                items.disturb(tx, session.sync)
            away_before = _away_refs(session)
            await fetch(session, full=True)
            found = Audit(session.sync, session.clock(), records=session.read, emptied=dict(session.emptied))
            _compare_all(session, found, away_before)
            _look_for_strays(session, found)
            meters = {n: live.meter for n, live in session.lives.items()} | session.unopened
            found.down = dict(session.down)
            found.requests = {n: m.requests for n, m in sorted(meters.items())}
            return found
    finally:
        shadow.close()


def _pages(session: Session) -> Iterator[tuple[dict[str, Link], dict[str, dict[str, items.Row]]]]:
    with session.store.read() as tx:
        ids = [k.id for k in items.all_links(tx, session.sync)]
    for batch in items.batches(ids):
        with session.store.read() as tx:
            page = items.load_links(tx, batch), items.rows_of_links(tx, batch)
        yield page


def _away_refs(session: Session) -> set[Ref]:
    return {
        row.copy.ref
        for _, rows in _pages(session)
        for copies in rows.values()
        for row in copies.values()
        if row.copy.state is not State.HERE
    }


def _compare_all(session: Session, found: Audit, away_before: set[Ref]) -> None:
    readers = {c: r for c, r in session.readers().items() if c not in session.emptied}
    holds: dict[str, dict[str, Hold]] = {}
    parked: dict[str, list[Parked]] = {}
    with session.store.read() as tx:
        for hold in journal.held(tx, session.sync):
            holds.setdefault(hold.link, {})[hold.field] = hold
        for entry in journal.parked_entries(tx, session.sync):
            parked.setdefault(entry.link, []).append(entry)
    for links, rows in _pages(session):
        for id_, link in links.items():
            copies = {c: row.copy for c, row in rows[id_].items()}
            one = compare(link, copies, readers, session.rules, holds.get(id_, {}), parked.get(id_, ()))
            found.checked += 1
            found.nearest += one.nearest
            found.divergences += _dated(session, link, one.divergences)
            found.away += _away(session, found, link, copies, away_before)
            found.strays += [
                Stray("missing", c, id_, "", "", f"{link.title or id_} has no copy on {c} yet")
                for c in sorted(link.wants - copies.keys() - session.down.keys())
                if is_copied(copies)
            ]


def _dated(session: Session, link: Link, divergences: Sequence[Divergence]) -> list[Divergence]:
    """Return divergences with their age: where nothing else tells, since the trail last spoke of the field."""
    if all(d.since is not None for d in divergences):
        return list(divergences)
    with session.store.read() as tx:
        last = {e["field"]: code.moment(e["at"]) for e in records.trail(tx, link.id)}
    return [d if d.since else replace(d, since=last.get(d.field) or link.created) for d in divergences]


def _away(session: Session, found: Audit, link: Link, copies: Mapping[str, Copy], before: set[Ref]) -> list[Away]:
    away = [c for n, c in sorted(copies.items()) if c.state is not State.HERE and n not in session.down]
    if not away:
        return []
    with session.store.read() as tx:
        noted = {e["ref"]: code.moment(e["at"]) for e in records.trail(tx, link.id) if e["act"] in {"gone", "archive"}}
    return [
        Away(
            link=link.id,
            title=link.title,
            ref=c.ref,
            key=c.key,
            url=c.url,
            state=c.state,
            known=c.ref in before,
            since=noted.get(str(c.ref)) if c.ref in before else found.at,
        )
        for c in away
    ]


def _look_for_strays(session: Session, found: Audit) -> None:
    """Judge every record of no item as a run would, on the copy of the store."""
    with session.store.read() as tx:
        ours = {k.id for k in items.all_links(tx, session.sync)}
    relate(session)
    twins: set[Ref] = set()
    with session.store.read() as tx:
        for hold in journal.held(tx, session.sync):
            if hold.ref is None or hold.field not in {"twin", "maybe"}:
                continue
            twins.add(hold.ref)
            row = items.rows_by_ref(tx, session.sync, [hold.ref]).get(hold.ref)
            if row is not None:
                kind: Literal["twin", "maybe"] = "twin" if hold.field == "twin" else "maybe"
                found.strays.append(_stray(kind, row, hold.link, hold.reason))
        for ref, _, marker in list(items.marked(tx, session.sync)):
            link = marker_link(session.store.key, marker, ref.connection)
            if link is None or link in ours or ref in twins or ref.connection in session.down:
                continue
            row = items.rows_by_ref(tx, session.sync, [ref])[ref]
            if not row.apart:
                found.strays.append(_stray("mark", row, link, "it carries our mark, but no link knows of it"))
    for links, rows in _pages(session):
        for id_ in links.keys() - ours:
            found.strays += [_stray("new", row, "", "it is in scope and of no item yet") for row in rows[id_].values()]


def _stray(kind: Literal["twin", "maybe", "mark", "new"], row: items.Row, link: str, because: str) -> Stray:
    return Stray(kind, row.copy.ref.connection, link, row.copy.key, row.copy.url, because)


# -- documents -------------------------------------------------------------------------------


def document(found: Audit) -> dict[str, Any]:
    """Return an audit as `audit --json` prints it."""
    return {
        "sync": found.sync,
        "checked": found.checked,
        "records": found.records,
        "nearest": found.nearest,
        "divergences": [_divergence_document(d, found.at) for d in found.divergences],
        "away": [_away_document(a, found.at) for a in found.away],
        "strays": [
            {"kind": s.kind, "connection": s.connection, "link": s.link or None, "key": s.key or None}
            | {"url": s.url or None, "because": s.because}
            for s in found.strays
        ],
        "emptied": found.emptied,
        "down": {c: redact(str(e)) for c, e in sorted(found.down.items())},
        "requests": found.requests,
    }


def _divergence_document(one: Divergence, now: datetime) -> dict[str, Any]:
    return {
        "link": one.link,
        "title": one.title,
        "field": one.field,
        "agreed": plain(one.agreed),
        "values": {c: plain(v) for c, v in one.values.items()},
        "behind": list(one.behind),
        "state": one.state,
        "since": when(one.since),
        "age_seconds": age(one.since, now),
    }


def _away_document(one: Away, now: datetime) -> dict[str, Any]:
    return {
        "link": one.link,
        "title": one.title,
        "connection": one.ref.connection,
        "ref": str(one.ref),
        "key": one.key,
        "url": one.url,
        "state": str(one.state),
        "known": one.known,
        "since": when(one.since),
        "age_seconds": age(one.since, now),
    }


def age(since: datetime | None, now: datetime) -> int | None:
    """Return how many seconds ago that was; a tracker's clock that is ahead of ours makes it no less than 0."""
    return None if since is None else max(0, int((now - since).total_seconds()))
