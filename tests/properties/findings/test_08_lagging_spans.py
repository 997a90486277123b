"""A lagging listing says how a record was, not how it is: it bounds no edit's time from below."""

from __future__ import annotations

from datetime import timedelta

from tests.properties.board import board


def test_of_two_edits_that_listings_hid_the_later_one_wins() -> None:
    slow = {"lag": timedelta(seconds=20)}
    b = board(("a", "b", "c"), options={"b": slow, "c": slow})
    b.lagging = frozenset({"b", "c"})
    one = b.trackers["a"].add("One", stage="Next")
    b.settle()
    for at, stage in (("a", "Inbox"), ("b", "Checking"), ("c", "Dropped")):
        b.clock.pass_(seconds=2)
        b.trackers[at].edit(one if at == "a" else b.counterpart("a", one, at), stage=stage)

    b.settle()

    assert [[r["stage"] for r in t.records().values()] for t in b.trackers.values()] == [["Dropped"]] * 3
