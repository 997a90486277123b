"""Records as a person names them: `<connection>:<key>`, or by address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from syncer.engine.likeness import homes, page
from syncer.links import Copy
from syncer.model import Ref
from syncer.store import items


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


def located(tx: sa.Connection, sync: str, connections: Sequence[str], spot: Spot) -> Ref | None:
    """Return the record a person means, None where no such record was ever read."""
    keys = list(_keys(spot))
    for connection in [spot.connection] if spot.connection else connections:
        for key in keys:
            ref = items.ref_of_key(tx, sync, connection, key)
            if ref is None:
                continue
            copy = items.rows_by_ref(tx, sync, [ref])[ref].copy
            if not spot.url or homes(copy.url, copy.key) & homes(spot.url, copy.key):
                return ref
    return None


def _keys(spot: Spot) -> Iterator[str]:
    """Yield the keys that may be meant: people write road-12 and 7, addresses end in the key or a title."""
    said = [spot.key] if spot.key else page(spot.url).split("/")[:0:-1]
    for key in said:
        yield from dict.fromkeys((key, key.upper(), f"#{key}"))
