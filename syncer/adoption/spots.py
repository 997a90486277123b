"""Records as a person names them: `<connection>:<key>`, or by address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from syncer.engine.likeness import homes, page
from syncer.links import Copy
from syncer.model import Ref
from syncer.store import items
from syncer.store.items import Row


@dataclass(frozen=True, slots=True)
class Spot:
    """A record as a person names it: by connection and key, by its address, or by both."""

    connection: str = ""
    key: str = ""
    url: str = ""

    def __str__(self) -> str:
        return f"{self.connection}:{self.key}" if self.key else self.url


def named(connection: str, copy: Copy) -> str:
    return f"{connection}:{copy.key}"


def located(tx: sa.Connection, sync: str, connections: Sequence[str], spots: Iterable[Spot]) -> dict[Spot, Row]:
    """Return the records a person means, without those that were never read."""
    chances = {s: list(_chances(tx, sync, connections, s)) for s in spots}
    rows = items.rows_by_ref(tx, sync, list({ref for refs in chances.values() for ref in refs}))
    found = ((s, next((rows[r] for r in refs if _is_at(rows[r], s)), None)) for s, refs in chances.items())
    return {spot: row for spot, row in found if row is not None}


def _chances(tx: sa.Connection, sync: str, connections: Sequence[str], spot: Spot) -> Iterator[Ref]:
    keys = list(_keys(spot))
    for connection in [spot.connection] if spot.connection else connections:
        for key in keys:
            ref = items.ref_of_key(tx, sync, connection, key)
            if ref is not None:
                yield ref
                if spot.key:
                    break


def _is_at(row: Row, spot: Spot) -> bool:
    return not spot.url or bool(homes(row.copy.url, row.copy.key) & homes(spot.url, row.copy.key))


def _keys(spot: Spot) -> Iterator[str]:
    """Yield the keys that may be meant: people write road-12 and 7, addresses end in the key or a title."""
    said = [spot.key] if spot.key else page(spot.url).split("/")[:0:-1]
    for key in said:
        yield from dict.fromkeys((key, key.upper(), f"#{key}"))
