"""The tables, and the forward-only steps that made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from syncer.store import aside, encoding

metadata = sa.MetaData()
_text, _int = sa.Text, sa.Integer


def _column(
    name: str, type_: type[sa.types.TypeEngine[str] | sa.types.TypeEngine[int]], *, key: bool = False
) -> sa.Column[object]:
    return sa.Column(
        name, type_, primary_key=key, nullable=False, server_default=None if key else ("0" if type_ is _int else "")
    )


meta = sa.Table("meta", metadata, _column("name", _text, key=True), _column("value", _text))

catalogue = sa.Table(
    "catalogue",
    metadata,
    _column("connection", _text, key=True),
    _column("name", _text, key=True),
    _column("value", _text),
    _column("at", _text),
)

cursors = sa.Table(
    "cursors",
    metadata,
    _column("sync", _text, key=True),
    _column("connection", _text, key=True),
    _column("value", _text),
    _column("place", _text),
    _column("listed_at", _text),
)

links = sa.Table(
    "links",
    metadata,
    _column("id", _text, key=True),
    _column("sync", _text),
    _column("born", _text),
    _column("title", _text),
    _column("created", _text),
    _column("digest", _text),
    _column("owing", _int),
    _column("dirty", _int),
    _column("doc", _text),
    sa.Index("links_by_sync", "sync", "dirty", "owing"),
)

copies = sa.Table(
    "copies",
    metadata,
    _column("sync", _text, key=True),
    _column("connection", _text, key=True),
    _column("entity", _text, key=True),
    _column("id", _text, key=True),
    _column("link", _text),
    _column("key", _text),
    _column("url", _text),
    _column("title", _text),
    _column("created", _text),
    _column("updated", _text),
    _column("state", _text),
    _column("marker", _text),
    _column("read_at", _text),
    _column("known_until", _text),
    _column("own", _int),
    _column("dirty", _int),
    _column("scoped", _int),
    _column("apart", _int),
    _column("above", _text),
    _column("more", _text),
    _column("seen", _text),
    _column("base", _text),
    sa.Index("copies_by_link", "link"),
    sa.Index("copies_by_id", "sync", "connection", "id"),
    sa.Index("copies_dirty", "sync", "dirty"),
    sa.Index("copies_by_key", "sync", "connection", "key"),
    sa.Index("copies_by_title", "sync", "title"),
    sa.Index("copies_by_above", "sync", "connection", "above"),
)

comments = sa.Table(
    "comments",
    metadata,
    _column("sync", _text, key=True),
    _column("connection", _text, key=True),
    _column("id", _text, key=True),
    _column("item", _text),
    _column("thread", _text),
    _column("mirror", _int),
    _column("gone", _int),
    _column("early", _int),
    _column("created", _text),
    _column("updated", _text),
    _column("read_at", _text),
    _column("wrote", _text),
    _column("source", _text),
    _column("doc", _text),
    sa.Index("comments_by_item", "sync", "connection", "item"),
    sa.Index("comments_by_thread", "thread"),
)

holds = sa.Table(
    "holds",
    metadata,
    _column("id", _text, key=True),
    _column("sync", _text),
    _column("link", _text),
    _column("field", _text),
    _column("ref", _text),
    _column("since", _text),
    _column("doc", _text),
    sa.Index("holds_by_sync", "sync", "link"),
)

parked = sa.Table(
    "parked",
    metadata,
    _column("id", _text, key=True),
    _column("sync", _text),
    _column("link", _text),
    _column("connection", _text),
    _column("ref", _text),
    _column("field", _text),
    _column("kind", _text),
    _column("error", _text),
    _column("attempts", _int),
    _column("next_try", _text),
    _column("digest", _text),
    sa.Index("parked_by_sync", "sync", "link"),
)

intents = sa.Table(
    "intents",
    metadata,
    _column("id", _text, key=True),
    _column("sync", _text),
    _column("run", _text),
    _column("link", _text),
    _column("connection", _text),
    _column("do", _text),
    _column("created", _text),
    _column("asked", _text),
    _column("doc", _text),
    sa.Index("intents_by_sync", "sync", "connection"),
)

runs = sa.Table(
    "runs",
    metadata,
    _column("id", _text, key=True),
    _column("sync", _text),
    _column("number", _int),
    _column("started", _text),
    _column("finished", _text),
    _column("doc", _text),
    sa.Index("runs_by_sync", "sync", "number"),
    sa.Index("runs_by_age", "started"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    _column("sync", _text),
    _column("run", _text),
    _column("link", _text),
    _column("at", _text),
    _column("doc", _text),
    _column("previous", _text),
    _column("hash", _text),
    sa.Index("audit_by_link", "link"),
    sa.Index("audit_by_run", "run"),
)


texts = sa.Table(
    "texts",
    metadata,
    _column("hash", _text, key=True),
    _column("body", _text),
)
"""Long values of the audit trail and the runs, by the hash that stands for them: they can be erased."""

uses = sa.Table(
    "uses",
    metadata,
    _column("hash", _text, key=True),
    _column("owner", _text, key=True),
    sqlite_with_rowid=False,
)
"""Who refers to a long text: "audit:<seq>", "run:<id>"."""

leads = sa.Table(
    "leads",
    metadata,
    _column("sync", _text, key=True),
    _column("connection", _text, key=True),
    _column("entity", _text, key=True),
    _column("id", _text, key=True),
    _column("comment", _text, key=True),
    _column("key", _text),
    _column("at", _text),
    _column("noted", _text),
)
"""What webhooks said is worth a look, until a run has looked."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    _column("connection", _text, key=True),
    _column("id", _text, key=True),
    _column("at", _text),
    sa.Index("deliveries_by_age", "at"),
)

pulse = sa.Table(
    "pulse",
    metadata,
    _column("sync", _text, key=True),
    _column("name", _text, key=True),
    _column("at", _text),
    _column("doc", _text),
)
"""The newest of what the daemon knows of a sync, by name: its audit, its next run, what it has told people."""


def _first(tx: sa.Connection) -> None:
    metadata.create_all(tx)


def _second(tx: sa.Connection) -> None:
    """Comments that follow their origin, children that follow their parent, an audit trail for good."""
    metadata.create_all(tx)
    for table in (copies, comments):
        _complete(tx, table)
    if tx.dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            tx.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS audit_no_{change.lower()} BEFORE {change} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
            )
        # INSERT OR REPLACE deletes without asking the trigger on DELETE.
        tx.exec_driver_sql(
            "CREATE TRIGGER IF NOT EXISTS audit_no_replace BEFORE INSERT ON audit "
            "WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq) "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )


def _third(tx: sa.Connection) -> None:
    """What the daemon remembers, who refers to a long text, an audit trail that may be cut at its old end."""
    metadata.create_all(tx)
    _complete(tx, runs)
    for table, owner in ((audit, sa.literal("audit:") + sa.cast(audit.c.seq, _text)), (runs, "run:" + runs.c.id)):
        _note_uses(tx, table, owner)
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_delete")
        # Only rows up to the cut that was recorded before; whether the trail tells of that cut is for `examined`.
        tx.exec_driver_sql(
            "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit WHEN OLD.seq > "
            "COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'cut.seq'), 0) "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )


def _note_uses(tx: sa.Connection, table: sa.Table, owner: sa.ColumnElement[str]) -> None:
    """Note the long texts that the rows of an older database refer to."""
    said = sa.select(owner, table.c.doc).where(table.c.doc.contains('"sha256"', autoescape=True))
    for rows in tx.execute(said).partitions(400):
        found = [{"hash": h, "owner": who} for who, doc in rows for h in aside.hashes(encoding.loads(doc))]
        if found:
            tx.execute(sa.insert(uses), found)


def _complete(tx: sa.Connection, table: sa.Table) -> None:
    """Add the columns and indexes that an older database lacks."""
    there = sa.inspect(tx)
    have = {c["name"] for c in there.get_columns(table.name)}
    for column in table.c:
        if column.name not in have:
            kind = column.type.compile(tx.dialect)
            default = "0" if isinstance(column.type, sa.Integer) else "''"
            tx.exec_driver_sql(f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {kind} NOT NULL DEFAULT {default}')
    indexed = {i["name"] for i in there.get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in indexed:
            index.create(tx)


MIGRATIONS: Sequence[Callable[[sa.Connection], None]] = (_first, _second, _third)
"""Step n brings version n-1 to n. Forward only; never edited once released."""
