"""What the sync remembers, and how the trackers stand: looked at before and after every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncer.links import Hold, Intent, Link, Parked
from syncer.model import Native
from syncer.store import items, journal
from syncer.store.items import Row
from syncer.store.records import trail
from tests.properties.board import Board

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """The store, as far as the promises speak of it. `rows`: link -> connection -> copy."""

    links: Mapping[str, Link]
    rows: Mapping[str, Mapping[str, Row]]
    holds: Mapping[tuple[str, str], Hold]
    parked: Sequence[Parked]
    intents: Sequence[Intent]
    trails: Mapping[str, Sequence[Entry]]

    @classmethod
    def read(cls, b: Board) -> Books:
        sync = b.rules.sync
        with b.store.read() as tx:
            links = {k.id: k for k in items.all_links(tx, sync)}
            return cls(
                links=links,
                rows=items.rows_of_links(tx, list(links)),
                holds={(h.link, h.field): h for h in journal.held(tx, sync)},
                parked=journal.parked_entries(tx, sync),
                intents=journal.open_intents(tx, sync),
                trails={id_: list(trail(tx, id_)) for id_ in links},
            )


@dataclass(frozen=True, slots=True)
class Look:
    """Everything at one moment: natives by (connection, record), the writes so far, the books."""

    at: datetime
    natives: Mapping[tuple[str, str], Native]
    writes: Mapping[str, int]
    books: Books

    @classmethod
    def at_board(cls, b: Board, books: Books | None = None) -> Look:
        natives = {(n, r.id): r.fields for n, t in b.trackers.items() for r in t._rows.present()}
        return cls(b.clock.now, natives, {n: len(t.effects) for n, t in b.trackers.items()}, books or Books.read(b))
