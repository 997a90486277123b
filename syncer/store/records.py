"""Runs and the audit trail.

The trail is a chain: every entry carries the hash of the one before it, and the database refuses to
change or delete one. A long text is in the chain only as its hash and length; the words stand beside
it in `texts`, where they can be erased without breaking the chain. What is older than a person wants
to keep is cut off at the old end (`pruning`); the cut is recorded in `meta` and told in the chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from syncer.store import aside, meta, words
from syncer.store import encoding as code
from syncer.store.items import upsert
from syncer.store.schema import audit, copies, runs, texts

CUT: Final = "cut"
"""The act of the entry that tells of a cut."""

DONE: Final = {"create": "created", "update": "updated", "comment": "commented", "close": "closed"}


# -- runs ------------------------------------------------------------------------------------


def next_number(tx: sa.Connection, sync: str) -> int:
    query = sa.select(sa.func.max(runs.c.number)).where(runs.c.sync == sync)
    return int(tx.execute(query).scalar() or 0) + 1


def save_run(
    tx: sa.Connection,
    *,
    id_: str,
    sync: str,
    number: int,
    started: datetime,
    finished: datetime | None,
    doc: Mapping[str, Any],
) -> None:
    bodies: dict[str, str] = {}
    short = aside.put_aside(doc, bodies)
    row = {
        "id": id_,
        "sync": sync,
        "number": number,
        "started": code.stamp(started),
        "finished": code.stamp(finished),
        "doc": code.dumps(short),
    }
    old = tx.execute(sa.select(runs.c.doc).where(runs.c.id == id_)).scalar()
    now = aside.hashes(short)
    words.keep(tx, bodies, {words.of_run(id_): now})
    upsert(tx, runs, [row])
    words.let_go(tx, {words.of_run(id_): aside.hashes(code.loads(old or "")) - now})


def load_runs(tx: sa.Connection, *, sync: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Return run documents, newest first."""
    query = sa.select(runs.c.doc).order_by(runs.c.started.desc(), runs.c.number.desc()).limit(limit)
    if sync is not None:
        query = query.where(runs.c.sync == sync)
    return words.with_texts(tx, [code.loads(r[0]) for r in tx.execute(query)])


def load_run(tx: sa.Connection, id_: str) -> dict[str, Any] | None:
    row = tx.execute(sa.select(runs.c.doc).where(runs.c.id == id_)).first()
    if row is None:
        return None
    doc: dict[str, Any] = words.with_texts(tx, [code.loads(row[0])])[0]
    return doc


def bury_unfinished(tx: sa.Connection, sync: str) -> list[str]:
    """Mark as failed the runs that a killed process left running; return their ids.

    Only who holds the sync's lease may call it: then nobody else can be running. What such a run had
    done by then is counted from the audit trail.
    """
    buried: list[str] = []
    for row in tx.execute(sa.select(runs).where(runs.c.sync == sync, runs.c.finished == "")).all():
        doc = code.loads(row.doc)
        if doc.get("outcome") != "running":
            continue
        doc |= {"outcome": "failed", "error": "interrupted", "tally": tally_of(tx, row.id)}
        tx.execute(sa.update(runs).where(runs.c.id == row.id).values(doc=code.dumps(doc)))
        buried.append(row.id)
    return buried


def tally_of(tx: sa.Connection, run: str) -> dict[str, int]:
    writes = {(e["act"], e["ref"]) for _, e in _entries(tx, audit.c.run == run) if e["act"] in DONE}
    return {name: sum(1 for act, _ in writes if act == did) for did, name in DONE.items()}


# -- the audit trail -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit trail: a write, or an edit that was taken or overruled.

    `act`: edit, overruled, create, update, comment, close, archive, link, unlink, resolved ...
    """

    link: str
    ref: str
    act: str
    field: str
    before: Any
    after: Any
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What a look at the whole chain found. `broken` is the number of the first entry that does not
    fit, None where all do; `last` is the hash of the newest, to be kept elsewhere. `cut`: where its
    old end was cut off."""

    entries: int
    last: str
    broken: int | None = None
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the trail begins now: after the entry `seq` of hash `hash`. Nothing that was said from `before`
    on is missing. Entries up to the cut may still be there for a while; they are no part of the trail."""

    seq: int
    hash: str
    before: str

    def document(self) -> dict[str, Any]:
        return {"seq": self.seq, "hash": self.hash, "before": self.before}


def append(tx: sa.Connection, sync: str, run: str, at: datetime, entries: Sequence[Entry]) -> None:
    """Add entries to the chain: each carries the hash of the one before it."""
    if not entries:
        return
    newest = tx.execute(sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    seq, last = (newest.seq, newest.hash) if newest is not None else (0, "")
    stamp = code.stamp(at)
    bodies: dict[str, str] = {}
    said: dict[str, set[str]] = {}
    rows: list[dict[str, Any]] = []
    for number, entry in enumerate(entries, start=seq + 1):
        short = _short(entry, bodies)
        doc = code.dumps(short)
        digest = _chained(last, sync, run, entry.link, stamp, doc)
        row = {"seq": number, "sync": sync, "run": run, "link": entry.link, "at": stamp, "doc": doc}
        rows.append({**row, "previous": last, "hash": digest})
        said[words.of_entry(number)] = aside.hashes(short)
        last = digest
    words.keep(tx, bodies, said)
    tx.execute(sa.insert(audit), rows)


def _short(entry: Entry, bodies: dict[str, str]) -> dict[str, Any]:
    return {
        "ref": entry.ref,
        "act": entry.act,
        "field": entry.field,
        "from": aside.put_aside(entry.before, bodies),
        "to": aside.put_aside(entry.after, bodies),
        "who": entry.who,
        "why": entry.why,
    }


def trail(tx: sa.Connection, link: str) -> Iterator[dict[str, Any]]:
    """Yield the audit entries of one link, oldest first. A long text that was erased is its hash and length."""
    for row, doc in _entries(tx, audit.c.link == link):
        yield {"run": row.run, "at": row.at, **doc}


def written_by(tx: sa.Connection, run: str) -> Iterator[dict[str, Any]]:
    """Yield the audit entries of one run, oldest first, each with its `link`."""
    for row, doc in _entries(tx, audit.c.run == run):
        yield {"run": row.run, "at": row.at, "link": row.link, **doc}


def wrote_before_cut(tx: sa.Connection, run: str) -> str:
    """Return from when on the trail is kept, where *run* began before that: what it wrote is not known in full.

    "" where all of it is, and for an unknown run.
    """
    start = cut(tx)
    started = tx.execute(sa.select(runs.c.started).where(runs.c.id == run)).scalar()
    return start.before if start is not None and started is not None and started < start.before else ""


def spots_of(tx: sa.Connection, *, connection: str = "", key: str = "", url: str = "") -> list[tuple[str, str]]:
    """Return (link, ref) of the records of a key on a connection, or at an address; link is "" for one of no item."""
    wanted = sa.and_(copies.c.connection == connection, sa.func.lower(copies.c.key) == key.lower())
    query = sa.select(copies.c.link, copies.c.connection, copies.c.entity, copies.c.id)
    query = query.where(copies.c.url == url if url else wanted).order_by(copies.c.connection, copies.c.id)
    return [(r.link, f"{r.connection}:{r.entity}:{r.id}") for r in tx.execute(query)]


def links_of_ref(tx: sa.Connection, ref: str) -> list[str]:
    """Return the links whose trail speaks of a record, newest first: also those it has left since."""
    said = code.dumps({"ref": ref})[1:-1]
    query = sa.select(audit.c.link, sa.func.max(audit.c.seq)).where(audit.c.doc.contains(said, autoescape=True))
    query = query.where(audit.c.link != "").group_by(audit.c.link).order_by(sa.func.max(audit.c.seq).desc())
    return [row[0] for row in tx.execute(query)]


def known_link(tx: sa.Connection, id_: str) -> bool:
    """Say whether the trail has ever spoken of a link of this id."""
    return tx.execute(sa.select(audit.c.seq).where(audit.c.link == id_).limit(1)).first() is not None


def export(tx: sa.Connection) -> Iterator[dict[str, Any]]:
    """Yield the whole chain, oldest first, with what is needed to check it elsewhere.

    `hash` is SHA-256 over previous, sync, run, link, at and doc, joined by NUL, in UTF-8. `texts` are
    the long texts of the entry by their own SHA-256, as far as they were not erased. Of a trail that
    was cut the first `previous` is the hash of the last entry that was cut off.
    """
    for row in _chain(tx, cut(tx)):
        kept = words.bodies_of(tx, aside.hashes(code.loads(row.doc)))
        plain = {name: getattr(row, name) for name in ("seq", "sync", "run", "link", "at", "doc", "previous", "hash")}
        yield {**plain, "texts": kept} if kept else plain


def examined(tx: sa.Connection) -> Chain:
    """Go through the whole chain and the texts beside it, from its cut on.

    A cut counts as broken unless the chain tells of it. What was cut off at the new end shows only by
    comparing `last` with a hash kept elsewhere.
    """
    start = cut(tx)
    last, number = (start.hash if start is not None else ""), 0
    told: Any = None
    for row in _chain(tx, start):
        digest = _chained(last, row.sync, row.run, row.link, row.at, row.doc)
        doc = code.loads(row.doc)
        kept = words.bodies_of(tx, aside.hashes(doc))
        if row.previous != last or row.hash != digest or any(aside.hash_of(b) != name for name, b in kept.items()):
            return Chain(number, last, row.seq, start)
        if doc["act"] == CUT:
            told = doc["from"]
        last, number = row.hash, number + 1
    if start is not None and told != start.document():
        return Chain(number, last, start.seq + 1, start)
    return Chain(number, last, None, start)


def _chain(tx: sa.Connection, start: Cut | None) -> Iterator[Any]:
    yield from tx.execute(sa.select(audit).where(audit.c.seq > (start.seq if start else 0)).order_by(audit.c.seq))


def intact(tx: sa.Connection) -> bool:
    """Say whether nobody has changed or removed a line of the trail."""
    return examined(tx).broken is None


def cut(tx: sa.Connection) -> Cut | None:
    """Return where the old end of the trail was cut off, None where nothing was."""
    seq, hash_, before = (meta.said(tx, f"cut.{name}") for name in ("seq", "hash", "before"))
    return Cut(int(seq), hash_ or "", before or "") if seq else None


def record_cut(tx: sa.Connection, found: Cut, at: datetime) -> None:
    """Begin the trail after *found*, and tell so in the trail. Only then may entries up to it be deleted."""
    append(tx, "", "", at, [Entry("", "", CUT, "", found.document(), None, "syncer", "older than is to be kept")])
    for name, value in found.document().items():
        meta.say(tx, f"cut.{name}", str(value))


def _chained(*said: str) -> str:
    return aside.hash_of("\0".join(said))


def _entries(tx: sa.Connection, wanted: sa.ColumnElement[bool]) -> Iterator[tuple[Any, dict[str, Any]]]:
    for row in tx.execute(sa.select(audit).where(wanted).order_by(audit.c.seq)):
        doc: dict[str, Any] = words.with_texts(tx, [code.loads(row.doc)])[0]
        yield row, doc


def erase(tx: sa.Connection, hash_: str) -> bool:
    """Erase a long text from the trail and the runs; the chain keeps its hash. Say whether it was there.

    Like every deletion in SQLite the words are overwritten in the database file, and leave its
    write-ahead log at the next checkpoint.
    """
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql("PRAGMA secure_delete = ON")
    return bool(tx.execute(sa.delete(texts).where(texts.c.hash == hash_)).rowcount)
