"""The pipeline over in-memory trackers, one claim at a time."""

from __future__ import annotations

import pytest

from syncer.sdk.memory import Crash
from syncer.sdk.memory_tracker import Fault
from tests.properties.board import board


def test_an_item_is_copied_everywhere_once() -> None:
    b = board()
    b.trackers["a"].add("One", text="Words", stage="Doing", tags=["x"])

    b.sync()
    b.sync()

    assert [t.records()[next(iter(t.records()))]["headline"] for t in b.trackers.values()] == ["One"] * 3
    assert [len(t.records()) for t in b.trackers.values()] == [1, 1, 1]


def test_a_second_run_makes_no_writes() -> None:
    b = board()
    b.trackers["a"].add("One")
    b.trackers["b"].add("Two")
    b.sync()
    before = b.writes()

    report = b.sync()

    assert (b.writes(), report.outcome) == (before, "in_step")


def test_edits_of_different_fields_on_three_sides_all_survive() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="New")
    b.trackers["b"].edit(b.counterpart("a", one, "b"), stage="Doing")
    b.trackers["c"].edit(b.counterpart("a", one, "c"), rank="P1")

    b.sync()

    for name, tracker in b.trackers.items():
        native = tracker.row(b.counterpart("a", one, name)).fields
        assert (native["headline"], native["stage"], native["rank"]) == ("New", "Doing", "P1")


def test_a_comment_whose_mirror_never_left_is_mirrored_later() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].say(one, "Words")
    b.trackers["b"].faults.append(Fault("crash_before", "comment"))
    with pytest.raises(Crash):
        b.sync()

    b.settle()

    assert [len(t.comments()) for t in b.trackers.values()] == [1, 1, 1]


def test_a_comment_waits_for_a_connection_that_is_down() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].say(one, "Words")
    b.trackers["c"].down = True
    b.sync()
    b.trackers["c"].down = False

    b.sync()

    assert [len(t.comments()) for t in b.trackers.values()] == [1, 1, 1]
