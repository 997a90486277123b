"""Runs and the audit trail.

The trail is a chain: every entry carries the hash of the one before it, and the database refuses to
change or delete one. A long text is in the chain only as its hash and length; the words stand beside
it in `texts`, where they can be erased without breaking the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from syncer.store import encoding as code
from syncer.store.items import batches, upsert
from syncer.store.schema import audit, copies, runs, texts

LONG: Final = 200
"""A text longer than this, in characters, stands beside the chain and not in it."""

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
    aside: dict[str, str] = {}
    row = {
        "id": id_,
        "sync": sync,
        "number": number,
        "started": code.stamp(started),
        "finished": code.stamp(finished),
        "doc": code.dumps(_put_aside(doc, aside)),
    }
    _keep(tx, aside)
    upsert(tx, runs, [row])


def load_runs(tx: sa.Connection, *, sync: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Return run documents, newest first."""
    query = sa.select(runs.c.doc).order_by(runs.c.started.desc(), runs.c.number.desc()).limit(limit)
    if sync is not None:
        query = query.where(runs.c.sync == sync)
    return _with_texts(tx, [code.loads(r[0]) for r in tx.execute(query)])


def load_run(tx: sa.Connection, id_: str) -> dict[str, Any] | None:
    row = tx.execute(sa.select(runs.c.doc).where(runs.c.id == id_)).first()
    if row is None:
        return None
    doc: dict[str, Any] = _with_texts(tx, [code.loads(row[0])])[0]
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
        doc |= {"outcome": "failed", "error": "interrupted", "tally": _tally(tx, row.id)}
        tx.execute(sa.update(runs).where(runs.c.id == row.id).values(doc=code.dumps(doc)))
        buried.append(row.id)
    return buried


def _tally(tx: sa.Connection, run: str) -> dict[str, int]:
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
    fit, None where all do; `last` is the hash of the newest, to be kept elsewhere."""

    entries: int
    last: str
    broken: int | None = None


def append(tx: sa.Connection, sync: str, run: str, at: datetime, entries: Sequence[Entry]) -> None:
    """Add entries to the chain: each carries the hash of the one before it."""
    if not entries:
        return
    last = tx.execute(sa.select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).scalar() or ""
    aside: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for entry in entries:
        doc = code.dumps(
            {
                "ref": entry.ref,
                "act": entry.act,
                "field": entry.field,
                "from": _put_aside(entry.before, aside),
                "to": _put_aside(entry.after, aside),
                "who": entry.who,
                "why": entry.why,
            }
        )
        stamp = code.stamp(at)
        digest = _chained(last, sync, run, entry.link, stamp, doc)
        row = {"sync": sync, "run": run, "link": entry.link, "at": stamp, "doc": doc}
        rows.append({**row, "previous": last, "hash": digest})
        last = digest
    _keep(tx, aside)
    tx.execute(sa.insert(audit), rows)


def trail(tx: sa.Connection, link: str) -> Iterator[dict[str, Any]]:
    """Yield the audit entries of one link, oldest first. A long text that was erased is its hash and length."""
    for row, doc in _entries(tx, audit.c.link == link):
        yield {"run": row.run, "at": row.at, **doc}


def written_by(tx: sa.Connection, run: str) -> Iterator[dict[str, Any]]:
    """Yield the audit entries of one run, oldest first, each with its `link`."""
    for row, doc in _entries(tx, audit.c.run == run):
        yield {"run": row.run, "at": row.at, "link": row.link, **doc}


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
    the long texts of the entry by their own SHA-256, as far as they were not erased.
    """
    for row in tx.execute(sa.select(audit).order_by(audit.c.seq)):
        kept = _texts(tx, _hashes(code.loads(row.doc)))
        plain = {name: getattr(row, name) for name in ("seq", "sync", "run", "link", "at", "doc", "previous", "hash")}
        yield {**plain, "texts": kept} if kept else plain


def examined(tx: sa.Connection) -> Chain:
    """Go through the whole chain and the texts beside it. What was cut off at the end shows only by
    comparing `last` with a hash kept elsewhere."""
    last, number = "", 0
    for row in tx.execute(sa.select(audit).order_by(audit.c.seq)):
        digest = _chained(last, row.sync, row.run, row.link, row.at, row.doc)
        kept = _texts(tx, _hashes(code.loads(row.doc)))
        if row.previous != last or row.hash != digest or any(_hash(body) != name for name, body in kept.items()):
            return Chain(number, last, row.seq)
        last, number = row.hash, number + 1
    return Chain(number, last)


def intact(tx: sa.Connection) -> bool:
    """Say whether nobody has changed or removed a line of the trail."""
    return examined(tx).broken is None


def _chained(*said: str) -> str:
    return _hash("\0".join(said))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _entries(tx: sa.Connection, wanted: sa.ColumnElement[bool]) -> Iterator[tuple[Any, dict[str, Any]]]:
    for row in tx.execute(sa.select(audit).where(wanted).order_by(audit.c.seq)):
        doc: dict[str, Any] = _with_texts(tx, [code.loads(row.doc)])[0]
        yield row, doc


# -- long texts ------------------------------------------------------------------------------


def erase(tx: sa.Connection, hash_: str) -> bool:
    """Erase a long text from the trail and the runs; the chain keeps its hash. Say whether it was there.

    Like every deletion in SQLite the words are overwritten in the database file, and leave its
    write-ahead log at the next checkpoint.
    """
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql("PRAGMA secure_delete = ON")
    return bool(tx.execute(sa.delete(texts).where(texts.c.hash == hash_)).rowcount)


def _put_aside(value: Any, aside: dict[str, str]) -> Any:  # noqa: ANN401 -- any JSON
    """Return *value* with each long text replaced by what stands for it; the texts go into *aside*."""
    if isinstance(value, str) and len(value) > LONG:
        name = _hash(value)
        aside[name] = value
        return {"sha256": name, "length": len(value)}
    if isinstance(value, Mapping):
        return {k: _put_aside(v, aside) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_put_aside(v, aside) for v in value]
    return value


def _keep(tx: sa.Connection, aside: Mapping[str, str]) -> None:
    upsert(tx, texts, [{"hash": name, "body": body} for name, body in aside.items()])


def _with_texts(tx: sa.Connection, docs: list[Any]) -> list[Any]:
    kept = _texts(tx, _hashes(docs))
    return [_given_back(doc, kept) for doc in docs] if kept else docs


def _given_back(value: Any, kept: Mapping[str, str]) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(value, dict):
        if _stands_for_text(value):
            return kept.get(value["sha256"], value)
        return {k: _given_back(v, kept) for k, v in value.items()}
    return [_given_back(v, kept) for v in value] if isinstance(value, list) else value


def _hashes(value: Any) -> set[str]:  # noqa: ANN401 -- any JSON
    if isinstance(value, dict):
        if _stands_for_text(value):
            return {value["sha256"]}
        return {h for v in value.values() for h in _hashes(v)}
    return {h for v in value for h in _hashes(v)} if isinstance(value, list) else set()


def _stands_for_text(value: Mapping[str, Any]) -> bool:
    return value.keys() == {"sha256", "length"}


def _texts(tx: sa.Connection, hashes: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in batches(hashes):
        found |= {r.hash: r.body for r in tx.execute(sa.select(texts).where(texts.c.hash.in_(batch)))}
    return found
