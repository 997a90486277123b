"""Putting some items back: read their copies again, decide, write as every other write is written, agree again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncer.apply import apply
from syncer.attempts import parked_id
from syncer.diary import tell_entries
from syncer.engine.plan import Action
from syncer.errors import ConnectorError
from syncer.intake import reread
from syncer.links import Copy, Link, Origin
from syncer.live import Live, Session
from syncer.model import Address, Ref, State
from syncer.report import plain
from syncer.settle import verify
from syncer.store import items, journal, records
from syncer.store.items import Row
from syncer.store.records import Entry, append
from syncer.undoing.deciding import Verdict, agreed_before, verdict
from syncer.undoing.leaving import Kind, Left, left
from syncer.undoing.told import Told, Written, because_of, told

ROUNDS = 2
"""A copy that moves on while we write is read and decided once more."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some items that *run* wrote to, with what the trail tells of it and the fields that are held."""

    run: str
    links: Mapping[str, Link]
    told: Mapping[str, Told]
    held: Mapping[str, frozenset[str]]

    def wanted(self) -> dict[Ref, tuple[str, dict[str, Written]]]:
        """Return copy -> its item, and what the run wrote to it by field."""
        found: dict[Ref, tuple[str, dict[str, Written]]] = {}
        for id_, tale in self.told.items():
            for (ref, name), write in tale.writes.items():
                found.setdefault(ref, (id_, {}))[1][name] = write
        return found


@dataclass(frozen=True, slots=True)
class Judged:
    """One copy and what becomes of its fields; `kind` says why those that are left are."""

    link: str
    ref: Ref
    row: Row | None
    verdict: Verdict
    kind: Kind = "changed"


@dataclass(slots=True)
class Put:
    """How a page ended: the writes, what was left, and how many fields mean the old value again."""

    actions: list[Action] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    back: int = 0


def load(session: Session, ids: Sequence[str], run: str) -> Page:
    held: dict[str, set[str]] = {}
    with session.store.read() as tx:
        for hold in journal.held(tx, session.sync):
            held.setdefault(hold.link, set()).add(hold.field)
        tales = {i: told(list(records.trail(tx, i)), run) for i in ids}
        links = items.load_links(tx, ids)
    return Page(run, links, tales, {i: frozenset(held.get(i, ())) for i in ids})


async def put_back(session: Session, page: Page, *, dry: bool) -> Put:
    """Put the fields of a page back; dry says what would be, and writes nothing."""
    wanted = page.wanted()
    done = Put()
    judged = await _judge_all(session, page, wanted)
    if dry:
        done.actions = [_action(session, page, j) for j in judged if j.verdict.moves]
        done.back = sum(len(j.verdict.back) + len(j.verdict.moves) for j in judged)
        done.left = [one for j in judged for one in _left_of(page, j)]
        return done
    failed: dict[Ref, str] = {}
    for _ in range(ROUNDS):
        actions = [_action(session, page, j) for j in judged if j.verdict.moves and j.ref not in failed]
        if not actions:
            break
        ended = await _write(session, actions)
        await verify(session)
        failed |= _failures(session, ended)
        done.actions += [replace(a, state="failed") if a.ref in failed else a for a in ended]
        judged = await _judge_all(session, page, wanted)
    _agree_again(session, page, judged)
    done.back = sum(len(j.verdict.back) for j in judged)
    done.left = [one for j in judged for one in _left_of(page, j)]
    done.left += [one for j in judged for one in _unwritten(page, j, failed)]
    return done


# -- reading and judging ---------------------------------------------------------------------


async def _judge_all(
    session: Session, page: Page, wanted: Mapping[Ref, tuple[str, dict[str, Written]]]
) -> list[Judged]:
    await asyncio.gather(*(_read_again(session, live, list(wanted)) for live in session.up()))
    with session.store.read() as tx:
        rows = items.rows_by_ref(tx, session.sync, list(wanted))
        links = items.load_links(tx, list(page.told))
    page = replace(page, links=links)
    return [_judge(session, page, id_, ref, rows.get(ref), writes) for ref, (id_, writes) in wanted.items()]


async def _read_again(session: Session, live: Live, refs: Sequence[Ref]) -> None:
    with session.store.read() as tx:
        rows = items.rows_by_ref(tx, session.sync, [r for r in refs if r.connection == live.name])
    addresses = [Address(r.copy.ref, r.copy.key) for r in rows.values()]
    if not addresses:
        return
    try:
        await reread(session, live, addresses)
    except ConnectorError as error:
        session.lose(live.name, error)


def _judge(session: Session, page: Page, id_: str, ref: Ref, row: Row | None, writes: dict[str, Written]) -> Judged:
    link = page.links.get(id_)
    if ref.connection in session.down or ref.connection not in session.lives:
        return _whole(id_, ref, row, writes, "down", f"{ref.connection} cannot be reached")
    if row is None or link is None or row.link != id_:
        return _whole(id_, ref, row, writes, "away", "it is no copy of this item any more")
    if row.copy.state is not State.HERE:
        return _whole(id_, ref, row, writes, "away", f"it is {row.copy.state}")
    reader = session.lives[ref.connection].reader
    found = verdict(link, row.copy, reader, session.rules, page.told[id_], writes, page.held[id_])
    return Judged(id_, ref, row, found)


def _whole(id_: str, ref: Ref, row: Row | None, writes: Mapping[str, Written], kind: Kind, because: str) -> Judged:
    return Judged(id_, ref, row, Verdict(left=dict.fromkeys(writes, because)), kind)


def _left_of(page: Page, one: Judged) -> list[Left]:
    title = page.links[one.link].title if one.link in page.links else ""
    return [
        left(one.kind, one.link, title, one.ref, one.row, because, name=name)
        for name, because in one.verdict.left.items()
    ]


# -- writing ---------------------------------------------------------------------------------


def _action(session: Session, page: Page, one: Judged) -> Action:
    copy = one.row.copy if one.row is not None else None
    return Action(
        do="update",
        link=one.link,
        connection=one.ref.connection,
        because=because_of(page.run),
        ref=one.ref,
        key=copy.key if copy is not None else "",
        url=copy.url if copy is not None else "",
        title=page.links[one.link].title,
        fields=one.verdict.moves,
    )


async def _write(session: Session, actions: Sequence[Action]) -> list[Action]:
    """Let every connection work through its own actions, side by side."""
    parts = await asyncio.gather(
        *(apply(session, live, [a for a in actions if a.connection == live.name]) for live in session.up())
    )
    return [a for part in parts for a in part]


def _failures(session: Session, ended: Sequence[Action]) -> dict[Ref, str]:
    """Return why writes failed, or were silently dropped. They are no wish of the next run: only a lost
    answer stays, to be settled."""
    found: dict[Ref, str] = {}
    for action in ended:
        if action.ref is None:
            continue
        # A whole write that is in doubt is parked under no name, a refused field under its own.
        spots = {parked_id(action.link, action.connection, n) for n in ("", *action.fields)}
        with session.store.write() as tx:
            entries = [e for e in journal.parked_entries(tx, session.sync, action.link) if e.id in spots]
            refused = [e for e in entries if e.kind == "write"]
            journal.unpark(tx, [e.id for e in refused])
        if action.state == "failed" or refused:
            lost = session.down.get(action.connection)
            found[action.ref] = entries[0].error if entries else str(lost or "it could not be written")
    return found


def _unwritten(page: Page, one: Judged, failed: Mapping[Ref, str]) -> list[Left]:
    because = failed.get(one.ref, "it moved on while we wrote: try again")
    title = page.links[one.link].title if one.link in page.links else ""
    return [left("failed", one.link, title, one.ref, one.row, because, name=name) for name in one.verdict.moves]


# -- agreeing again --------------------------------------------------------------------------


def _agree_again(session: Session, page: Page, judged: Sequence[Judged]) -> None:
    """Move what was agreed back where the run had moved it; nothing is owed for that."""
    readers = session.readers()
    for id_, tale in page.told.items():
        mine = sorted((j for j in judged if j.link == id_), key=lambda j: session.rules.rank(j.ref.connection))
        with session.store.write() as tx:
            link = items.load_links(tx, [id_]).get(id_)
            if link is None:
                continue
            after, entries = link, []
            for name in tale.turned:
                copies: dict[str, Copy] = {
                    j.ref.connection: j.row.copy for j in mine if j.row is not None and name in j.verdict.back
                }
                agreed = agreed_before(after, name, tale, copies, readers) if name not in page.held[id_] else None
                if agreed is None:
                    continue
                value, spot = agreed
                was, ref = after.agreed.get(name), str(copies[spot].ref)
                why = because_of(page.run)
                entries.append(Entry(id_, ref, "undo", name, plain(was), plain(value), "syncer", why))
                origin = Origin(spot, session.clock(), why)
                after = replace(after, agreed={**after.agreed, name: value}, origin={**after.origin, name: origin})
            if entries:
                title = after.agreed.get("title")
                after = replace(after, title=title if isinstance(title, str) else after.title)
                items.save_links(tx, session.sync, [after], dirty=True)
                append(tx, session.sync, session.run, session.clock(), entries)
        tell_entries(entries)
