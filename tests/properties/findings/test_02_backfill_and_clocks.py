"""`backfill = false` leaves out what was said before the item was linked, by whatever clock."""

from __future__ import annotations

from datetime import timedelta

from tests.properties.board import board


def test_what_is_said_after_the_link_is_mirrored_though_the_trackers_clock_is_behind() -> None:
    b = board(("a", "b"), options={"a": {"skew": timedelta(minutes=-7)}}, backfill=False)
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].say(one, "Words")

    b.settle()

    assert len(b.trackers["b"].comments()) == 1
