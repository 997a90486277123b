"""What a tracker silently left out of a create it answered without a body is nobody's edit."""

from __future__ import annotations

from syncer.sdk.memory_tracker import Fault
from tests.properties.board import board


def test_a_status_dropped_by_a_create_answered_without_a_body_does_not_come_back_as_an_edit() -> None:
    b = board(("a", "b"), options={"b": {"bare": ("create",)}})
    b.trackers["a"].add("One", stage="Checking")
    b.trackers["b"].faults.append(Fault("drop", "create", field="stage"))

    b.settle()

    assert [[r["stage"] for r in t.records().values()] for t in b.trackers.values()] == [["Checking"]] * 2
