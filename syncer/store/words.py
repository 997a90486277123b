"""The long texts of the audit trail and the runs. A text is kept as long as anything refers to it.

Who refers to it is in `uses`, a row for each text of each entry and run: whether a text may go is one
look into an index, however long the trail is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from syncer.store import aside
from syncer.store.items import batches, upsert
from syncer.store.schema import texts, uses


def of_entry(seq: int) -> str:
    """Return the name by which `uses` knows an entry of the audit trail."""
    return f"audit:{seq}"


def of_run(id_: str) -> str:
    return f"run:{id_}"


def keep(tx: sa.Connection, bodies: Mapping[str, str], said: Mapping[str, Collection[str]]) -> None:
    """Keep texts by their hash; *said*: owner -> the hashes it refers to, also of texts kept or erased before."""
    upsert(tx, texts, [{"hash": name, "body": body} for name, body in bodies.items()])
    upsert(tx, uses, [{"hash": name, "owner": owner} for owner, names in said.items() for name in sorted(names)])


def let_go(tx: sa.Connection, said: Mapping[str, Collection[str]]) -> int:
    """Forget that each owner refers to the hashes it *said*, and the texts nobody refers to now; return how many."""
    rows = [{"name": name, "who": owner} for owner, names in said.items() for name in sorted(names)]
    if not rows:
        return 0
    one = sa.and_(uses.c.hash == sa.bindparam("name"), uses.c.owner == sa.bindparam("who"))
    tx.execute(sa.delete(uses).where(one), rows)
    unused = ~sa.exists().where(uses.c.hash == texts.c.hash)
    gone = 0
    for batch in batches({row["name"] for row in rows}):
        gone += tx.execute(sa.delete(texts).where(texts.c.hash.in_(batch), unused)).rowcount
    return gone


def bodies_of(tx: sa.Connection, hashes: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in batches(hashes):
        found |= {r.hash: r.body for r in tx.execute(sa.select(texts).where(texts.c.hash.in_(batch)))}
    return found


def with_texts(tx: sa.Connection, docs: list[Any]) -> list[Any]:
    """Return documents with their long texts; of one that was erased its hash and length."""
    kept = bodies_of(tx, aside.hashes(docs))
    return [aside.given_back(doc, kept) for doc in docs] if kept else docs
