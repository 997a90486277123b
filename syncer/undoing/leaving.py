"""What an undo leaves as it is, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from syncer.links import Link
from syncer.live import Session
from syncer.model import Ref
from syncer.store import items, threads
from syncer.store.items import Row
from syncer.undoing.told import Told

Kind = Literal["changed", "away", "down", "failed", "created", "commented", "archived"]


@dataclass(frozen=True, slots=True)
class Left:
    """`changed`: somebody has edited since, or only a person can say; `away`: the copy is not here any
    more; `down`, `failed`: the tracker could not be written; `created`, `commented`, `archived`: made by
    the run, and never taken back by us. `advice` says what to do or type."""

    kind: Kind
    link: str
    title: str
    connection: str
    ref: str
    key: str
    url: str
    because: str
    field: str = ""
    advice: str = ""

    def document(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "link": self.link,
            "title": self.title,
            "connection": self.connection,
            "ref": self.ref,
            "key": self.key or None,
            "url": self.url or None,
            "field": self.field or None,
            "because": self.because,
            "advice": self.advice or None,
        }


def left(
    kind: Kind, link: str, title: str, ref: Ref, row: Row | None, because: str, *, name: str = "", advice: str = ""
) -> Left:
    """Return what is left of the record *ref*, as stored in *row*."""
    key, url = (row.copy.key, row.copy.url) if row is not None else ("", "")
    return Left(kind, link, title, ref.connection, str(ref), key, url, because, name, advice)


def made_by(session: Session, links: Mapping[str, Link], tales: Mapping[str, Told]) -> Iterator[Left]:
    """Yield what the run made or put away: never taken back by us, with what to type."""
    for id_, tale in tales.items():
        title = links[id_].title if id_ in links else ""
        with session.store.read() as tx:
            rows = items.rows_by_ref(tx, session.sync, [*tale.created, *tale.archived])
            said = threads.known(tx, session.sync, list(tale.spoken))
        for ref in tale.created:
            row = rows.get(ref)
            spot = f"{ref.connection}:{row.copy.key}" if row is not None else str(ref)
            advice = f"syncer unlink {spot}, then delete it there"
            yield left("created", id_, title, ref, row, "the run made it", advice=advice)
        for ref in tale.archived:
            yield left("archived", id_, title, ref, rows.get(ref), "the run put it away", advice="take it out there")
        for ref in tale.spoken:
            url = said[ref].comment.url if ref in said else ""
            advice = "edit or delete it there"
            one = left("commented", id_, title, ref, None, "the run wrote this comment", advice=advice)
            yield replace(one, url=url)
