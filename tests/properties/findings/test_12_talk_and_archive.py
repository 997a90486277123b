"""What is owed to a copy that this very run archives is said first, or not at all; nothing stays parked for it."""

from __future__ import annotations

from tests.properties.board import board


def test_a_comment_for_a_copy_that_is_archived_in_the_same_run_parks_nothing_for_ever() -> None:
    b = board(("a", "b", "c"), on_gone="archive")
    one = b.trackers["a"].add("One")
    b.trackers["a"].add("Other")
    b.sync()
    b.trackers["c"].say(b.counterpart("a", one, "c"), "Words")
    b.trackers["a"].remove(one)

    b.sync(full=True)
    report = b.settle()

    assert report.parked == ()
