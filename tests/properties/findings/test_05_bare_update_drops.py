"""What a tracker silently did not write is still owed, though it answered without a body."""

from __future__ import annotations

from syncer.sdk.memory_tracker import Fault
from tests.properties.board import board


def test_a_title_dropped_by_an_update_answered_without_a_body_does_not_come_back_as_an_edit() -> None:
    b = board(("a", "b"), options={"b": {"bare": ("update",)}})
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="New")
    b.trackers["b"].faults.append(Fault("drop", "update", field="headline"))

    b.settle()

    assert [[r["headline"] for r in t.records().values()] for t in b.trackers.values()] == [["New"]] * 2
