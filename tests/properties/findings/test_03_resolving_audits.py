"""Who resolves a hold overrules the others: the audit trail keeps what they had said."""

from __future__ import annotations

import asyncio

from syncer.resolve import resolve_hold
from syncer.store.records import trail
from tests.properties.board import board


def test_the_values_that_lose_when_a_hold_is_resolved_are_in_the_audit_trail() -> None:
    b = board(("a", "b"), conflicts="ask")
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="From b")
    hold = b.sync().held[0]

    asyncio.run(resolve_hold(b.store, hold.id, take="a", value=None))
    b.sync()

    with b.store.read() as tx:
        lost = [(e["from"], e["to"]) for e in trail(tx, hold.link) if e["act"] == "overruled"]
    assert lost == [("From b", "From a")]
