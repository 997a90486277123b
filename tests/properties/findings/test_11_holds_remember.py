"""A hold keeps every copy's value, also of a connection that is down when it is looked at again."""

from __future__ import annotations

import asyncio

from syncer.resolve import resolve_hold
from tests.properties.board import board
from tests.properties.test_rules import edit, entries, shown


def test_a_value_of_a_connection_that_went_down_is_still_shown_and_audited_when_it_loses() -> None:
    b = board(conflicts="ask")
    one = b.trackers["a"].add("One")
    b.settle()
    records = [one, b.counterpart("a", one, "b"), b.counterpart("a", one, "c")]
    edit(b, "a", records[0], headline="From a")
    edit(b, "b", records[1], headline="From b")
    b.sync()
    b.trackers["b"].down = True

    held = b.sync(full=True).held[0]
    asyncio.run(resolve_hold(b.store, held.id, take="a", value=None))
    b.trackers["b"].down = False
    b.settle()

    assert dict(held.values) == {"a": "From a", "b": "From b", "c": "One"}
    assert [e[:3] for e in entries(b, "overruled")] == [("title", "From b", "From a")]
    assert shown(b, records, "headline") == ["From a"] * 3
