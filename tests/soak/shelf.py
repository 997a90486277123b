"""What the sync remembers, as far as the soak asks for it; read after every run."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from syncer.links import Hold, Intent, Link, Parked
from syncer.store import Store, items, journal
from syncer.store import encoding as code
from syncer.store.records import trail
from syncer.store.schema import audit, copies
from tests.properties.company import KEY

SYNC = "roadmap"


@dataclass(frozen=True, slots=True)
class Spot:
    """A linked copy: its link, its ref as the trail writes it, the tracker's stamp on what was read of it
    last, and the fields that have a base."""

    link: str
    ref: str
    updated: str
    base: str

    def shows(self, when: datetime) -> bool:
        """Say whether what people did *when* has been read; GitHub's stamps are whole seconds."""
        return self.updated >= code.stamp(when.replace(microsecond=0))

    def has_base(self, name: str) -> bool:
        return f'"{name}":' in self.base


@dataclass(slots=True)
class Shelf:
    """`spots` by (connection, key); `lengths` of the trails and `links` by link."""

    spots: Mapping[tuple[str, str], Spot] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    holds: Sequence[Hold] = ()
    parked: Sequence[Parked] = ()
    intents: Sequence[Intent] = ()
    trails: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    @classmethod
    def read(cls, disk: Path) -> Shelf:
        with _read(disk) as tx:
            rows = tx.execute(sa.select(copies).where(copies.c.link != "")).all()
            counted = tx.execute(sa.select(audit.c.link, sa.func.count()).group_by(audit.c.link)).all()
            return cls(
                spots={
                    (r.connection, r.key): Spot(r.link, f"{r.connection}:{r.entity}:{r.id}", r.updated, r.base)
                    for r in rows
                },
                lengths={r[0]: r[1] for r in counted},
                links={k.id: k for k in items.all_links(tx, SYNC)},
                holds=journal.held(tx, SYNC),
                parked=journal.parked_entries(tx, SYNC),
                intents=journal.open_intents(tx, SYNC),
            )

    def trail(self, disk: Path, links: Sequence[str]) -> None:
        """Fetch the trails of some links into `trails`."""
        with _read(disk) as tx:
            self.trails |= {id_: list(trail(tx, id_)) for id_ in links if id_ not in self.trails}

    def tally(self, disk: Path) -> Counter[str]:
        with _read(disk) as tx:
            act = sa.func.json_extract(audit.c.doc, "$.act")
            return Counter({str(r[0]): int(r[1]) for r in tx.execute(sa.select(act, sa.func.count()).group_by(act))})


@contextlib.contextmanager
def _read(disk: Path) -> Iterator[sa.Connection]:
    store = Store.open(f"sqlite:///{disk}", key=KEY)
    try:
        with store.read() as tx:
            yield tx
    finally:
        store.close()
