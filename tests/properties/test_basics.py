"""The pipeline over in-memory trackers, one claim at a time."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest

from syncer.engine.state import Limits
from syncer.sdk.memory import Crash
from syncer.sdk.memory_tracker import Fault, FaultKind
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


def test_an_edit_already_taken_is_no_edit_again() -> None:
    b = board(conflicts="prefer:a")
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="From a")
    b.sync()
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="From b")

    b.sync()

    assert {t.row(b.counterpart("a", one, n)).fields["headline"] for n, t in b.trackers.items()} == {"From b"}


@pytest.mark.parametrize("mishap", ["crash_after", "after"])
def test_a_create_whose_answer_was_lost_is_not_sent_again_while_listings_lag(mishap: FaultKind) -> None:
    b = board(options={"b": {"lag": timedelta(seconds=30)}})
    b.lagging = frozenset({"b"})
    b.sync()
    b.clock.pass_(seconds=120)
    b.trackers["a"].add("One")
    b.trackers["b"].faults.append(Fault(mishap, "create"))
    with contextlib.suppress(Crash):
        b.sync()

    waiting = b.sync()
    b.settle()

    assert [p.kind for p in waiting.parked] == ["settling"]
    assert [len(t.records()) for t in b.trackers.values()] == [1, 1, 1]


def test_a_connection_that_suddenly_lists_nothing_is_not_believed() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["b"].hide(b.counterpart("a", one, "b"))
    before = b.writes()

    report = b.sync(full=True)

    assert (report.outcome, [g.flag for g in report.guards], b.writes()) == ("refused", ["empty"], before)


def test_a_plan_past_its_limits_is_refused_with_the_flag_that_lets_it_through() -> None:
    b = board(limits=Limits(creates=1))
    for n in range(2):
        b.trackers["a"].add(f"Item {n}")

    refused = b.sync()
    let_through = b.sync(allow=frozenset({"creates"}))

    assert (refused.outcome, {g.flag for g in refused.guards}) == ("refused", {"creates"})
    assert let_through.count("create") == 4


def test_a_namesake_elsewhere_waits_for_a_person() -> None:
    b = board()
    b.trackers["a"].add("Fix the login")
    b.trackers["b"].add("fix the  Login")

    report = b.sync()

    assert {h.field for h in report.held} == {"maybe"}
    assert [len(t.records()) for t in b.trackers.values()] == [1, 1, 0]


def test_a_copied_marker_gains_nothing() -> None:
    b = board()
    one = b.trackers["a"].add("Secret plans")
    b.sync()
    theirs = b.trackers["b"].row(b.counterpart("a", one, "b")).marker
    b.trackers["b"].add("Give me that", marker=theirs)

    report = b.sync()

    assert [h.field for h in report.held] == ["twin"]
    assert [len(t.records()) for t in b.trackers.values()] == [1, 2, 1]


def test_an_unmapped_status_parks_that_field_and_the_rest_moves() -> None:
    b = board(options={"a": {"statuses": {"Next": "new", "In QA": "odd"}}})
    one = b.trackers["a"].add("One", stage="Next")
    b.sync()
    b.trackers["a"].edit(one, stage="In QA", headline="Renamed")

    report = b.sync()

    assert [(p.field, "In QA" in p.error) for p in report.parked] == [("status", True)]
    assert b.trackers["b"].row(b.counterpart("a", one, "b")).fields["headline"] == "Renamed"


def test_plan_and_sync_agree_and_plan_writes_nothing() -> None:
    b = board()
    b.trackers["a"].add("One")

    planned = b.plan()

    assert b.writes() == 0
    assert [a.do for a in planned.actions] == ["create", "create"]
    assert b.agreed() == {}


def test_a_deleted_copy_is_never_recreated() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["b"].remove(b.counterpart("a", one, "b"))

    b.settle()
    b.sync(full=True)

    assert [len(t.records()) for t in b.trackers.values()] == [1, 0, 1]


def test_a_connection_that_is_down_keeps_its_debts() -> None:
    b = board()
    one = b.trackers["a"].add("One", tags=["x"])
    b.sync()
    b.trackers["c"].down = True
    b.trackers["a"].edit(one, headline="New", tags=["y"])
    b.sync()
    b.sync()
    b.trackers["c"].down = False

    b.sync()

    native = b.trackers["c"].row(b.counterpart("a", one, "c")).fields
    assert (native["headline"], native["tags"]) == ("New", ["y"])


def test_an_older_edit_that_comes_late_does_not_win() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["c"].down = True
    b.trackers["c"].edit(b.counterpart("a", one, "c"), headline="Older")
    b.clock.pass_(minutes=5)
    b.trackers["a"].edit(one, headline="Newer")
    b.sync()
    b.trackers["c"].down = False

    b.sync()

    assert {t.row(b.counterpart("a", one, n)).fields["headline"] for n, t in b.trackers.items()} == {"Newer"}


def test_a_listing_that_lags_behind_our_own_write_is_not_believed() -> None:
    b = board(options={"b": {"lag": timedelta(seconds=30)}})
    one = b.trackers["a"].add("One")
    b.sync()
    b.clock.pass_(minutes=5)
    b.sync()
    b.trackers["a"].edit(one, headline="New")
    b.sync()

    b.sync(full=True)

    assert {t.row(b.counterpart("a", one, n)).fields["headline"] for n, t in b.trackers.items()} == {"New"}


def test_a_label_added_while_a_copy_was_being_made_reaches_it() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.trackers["c"].faults.append(Fault("crash_before", "create"))
    with pytest.raises(Crash):
        b.sync()
    b.trackers["a"].edit(one, tags=["x"])

    b.settle()

    assert [next(iter(t.records().values()))["tags"] for t in b.trackers.values()] == [["x"]] * 3
