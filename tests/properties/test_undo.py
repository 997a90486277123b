"""Undo: what a run wrote is put back where nobody has edited since, and nothing does it again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from syncer.engine.state import FieldRule
from syncer.errors import ConfigError
from syncer.opening import Request
from syncer.sdk.memory import Crash
from syncer.sdk.memory_tracker import Fault
from syncer.store import records
from syncer.undoing import Undone, document, undo
from tests.properties.board import Board, board


def undone(b: Board, run: str, *, dry: bool = False) -> Undone:
    b.clock.pass_(seconds=5)
    return asyncio.run(undo(b.store, b.wiring(), run, Request(), dry=dry))


def values(b: Board, one: str, native: str = "headline") -> dict[str, Any]:
    """Return the native value of every copy of an item born on a."""
    return {n: t.row(b.counterpart("a", one, n)).fields[native] for n, t in b.trackers.items()}


def linked(b: Board, **native: Any) -> str:
    one = b.trackers["a"].add("One", **native)
    b.sync()
    return one


def left(found: Undone) -> list[tuple[str, str, str]]:
    return [(o.kind, o.connection, o.field) for o in found.left]


def test_what_a_run_wrote_is_put_back_and_the_person_s_own_edit_stays() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run

    found = undone(b, run)

    assert values(b, one) == {"a": "Two", "b": "One", "c": "One"}
    assert (found.back, found.left, found.report.outcome) == (2, (), "changed")


def test_the_next_runs_do_not_do_it_again() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two", tags=["x"], stage="Doing")
    run = b.sync().run
    undone(b, run)
    before = b.writes()

    reports = [b.sync(), b.sync(full=True), b.sync()]

    assert {r.outcome for r in reports} == {"in_step"}
    assert b.writes() == before
    assert values(b, one) == {"a": "Two", "b": "One", "c": "One"}


@pytest.mark.parametrize(("at", "said"), [("a", "One"), ("a", "Three"), ("b", "Two"), ("b", "Three"), ("c", "Two")])
def test_a_later_edit_flows_to_all_whoever_makes_it_and_whatever_it_says(at: str, said: str) -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    undone(b, b.sync().run)
    b.trackers[at].edit(b.counterpart("a", one, at), headline=said)

    b.settle()

    assert set(values(b, one).values()) == {said}


def test_an_undo_is_a_run_and_can_be_undone() -> None:
    b = board()
    one = linked(b, tags=["x"])
    b.trackers["a"].edit(one, headline="Two", tags=["y"], text="Words")
    run = b.sync().run

    first = undone(b, run)
    second = undone(b, first.report.run)
    again = b.sync()

    with b.store.read() as tx:
        docs = {d["run"]: d for d in records.load_runs(tx)}
    assert docs[first.report.run]["undoes"] == run
    assert docs[second.report.run]["trigger"] == f"undo of {first.report.run}"
    assert set(values(b, one).values()) == {"Two"}
    assert [list(v) for v in values(b, one, "tags").values()] == [["y"]] * 3
    assert set(values(b, one, "text").values()) == {"Words"}
    assert (second.left, again.outcome) == ((), "in_step")


def test_a_copy_edited_since_is_left_and_listed() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two", stage="Doing")
    run = b.sync().run
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Mine")

    found = undone(b, run)

    assert values(b, one) == {"a": "Two", "b": "Mine", "c": "One"}
    assert values(b, one, "stage") == {"a": "Doing", "b": "Inbox", "c": "Inbox"}
    assert left(found) == [("changed", "b", "title")]
    b.settle()
    assert set(values(b, one).values()) == {"Mine"}


def test_an_item_edited_and_synced_since_is_left_on_every_copy() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    b.trackers["c"].edit(b.counterpart("a", one, "c"), headline="Three")
    b.sync()
    before = b.writes()

    found = undone(b, run)

    assert left(found) == [("changed", "b", "title"), ("changed", "c", "title")]
    assert b.writes() == before


def test_a_copy_that_came_to_say_the_old_value_again_needs_nothing() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    b.trackers["c"].edit(b.counterpart("a", one, "c"), headline="One")

    found = undone(b, run)

    assert (found.back, found.left) == (2, ())
    assert len([a for a in found.report.actions if a.state == "applied"]) == 1


def test_in_a_set_only_the_elements_the_run_moved_go_back() -> None:
    b = board()
    one = linked(b, tags=["keep", "old"])
    b.trackers["a"].edit(one, tags=["keep", "new"])
    run = b.sync().run
    there = b.counterpart("a", one, "b")
    b.trackers["b"].edit(there, tags=["keep", "new", "mine"])

    undone(b, run)
    after = values(b, one, "tags")
    b.settle()

    assert sorted(after["b"]) == ["keep", "mine", "old"]
    assert sorted(after["c"]) == ["keep", "old"]
    assert "mine" in values(b, one, "tags")["a"], "an edit of the set still flows"
    assert "new" not in values(b, one, "tags")["c"], "and what was undone does not come back with it"


def test_an_overruled_value_comes_back_to_the_copy_that_had_it() -> None:
    b = board(conflicts="prefer:a")
    one = linked(b)
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="From b")
    run = b.sync().run

    undone(b, run)
    b.sync()

    assert values(b, one) == {"a": "From a", "b": "From b", "c": "One"}


def test_an_older_debt_that_was_paid_late_goes_back_alone() -> None:
    b = board()
    one = linked(b)
    b.trackers["c"].down = True
    b.trackers["a"].edit(one, headline="Two")
    b.sync()
    b.trackers["c"].down = False
    run = b.sync().run

    undone(b, run)
    b.sync()
    between = values(b, one)
    b.trackers["a"].edit(one, headline="One")
    b.settle()

    assert between == {"a": "Two", "b": "Two", "c": "One"}
    assert set(values(b, one).values()) == {"One"}


def test_a_nearest_word_is_known_again_and_put_back() -> None:
    b = board(options={"b": {"statuses": {"Next": "new", "Shipped": "over"}}})
    one = linked(b, stage="Checking")
    b.trackers["a"].edit(one, stage="Dropped")
    run = b.sync().run

    undone(b, run)
    after = values(b, one, "stage")
    quiet = b.sync()
    b.trackers["a"].edit(one, stage="Shipped")
    b.settle()

    assert after == {"a": "Dropped", "b": "Next", "c": "Checking"}
    assert quiet.outcome == "in_step"
    assert values(b, one, "stage") == {"a": "Shipped", "b": "Shipped", "c": "Shipped"}


def test_a_close_that_followed_a_deletion_is_taken_back_and_stays_so() -> None:
    b = board(on_gone="close")
    one = linked(b, stage="Doing")
    ids = {n: b.counterpart("a", one, n) for n in ("b", "c")}
    b.trackers["a"].remove(one)
    b.trackers["a"].add("Other")
    run = b.sync(full=True).run

    found = undone(b, run)
    stages = {n: b.trackers[n].row(i).fields["stage"] for n, i in ids.items()}
    b.sync(full=True)
    b.trackers["b"].edit(ids["b"], stage="Dropped")
    b.settle()

    assert stages == {"b": "Doing", "c": "Doing"}
    assert [k for k, _, _ in left(found)] == ["created", "created"], "the other item's copies"
    assert {b.trackers[n].row(i).fields["stage"] for n, i in ids.items()} == {"Dropped"}


def test_what_the_run_made_is_left_with_what_to_type() -> None:
    b = board()
    one = b.trackers["a"].add("One", stage="Doing")
    b.trackers["a"].say(one, "Words")
    run = b.sync().run
    before = b.writes()

    found = undone(b, run)

    assert b.writes() == before
    assert sorted({k for k, _, _ in left(found)}) == ["commented", "created"]
    made = next(o for o in found.left if (o.kind, o.connection) == ("created", "b"))
    key = b.trackers["b"].row(b.counterpart("a", one, "b")).key
    assert made.advice == f"syncer unlink b:{key}, then delete it there"
    assert all(o.url for o in found.left)


def test_a_dry_run_shows_the_same_and_writes_nothing() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    before = b.writes()

    planned = undone(b, run, dry=True)
    with b.store.read() as tx:
        known = len(records.load_runs(tx))
    writes = b.writes()
    real = undone(b, run)

    assert (writes, known) == (before, 2)
    assert [a.state for a in planned.report.actions] == ["planned", "planned"]
    assert planned.back == real.back == 2
    assert [dict(a.fields) for a in planned.report.actions] == [dict(a.fields) for a in real.report.actions]


@pytest.mark.parametrize("calls", [("b",), ("b", "c")])
@pytest.mark.parametrize("kind", ["crash_before", "crash_after"])
def test_an_undo_that_died_is_finished_by_the_next(kind: Any, calls: tuple[str, ...]) -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    for name in calls:
        b.trackers[name].faults.append(Fault(kind, "update"))
    with pytest.raises(Crash):
        undone(b, run)
    for name in calls:
        b.trackers[name].faults.clear()

    b.sync()
    found = undone(b, run)
    before = b.writes()
    b.sync()

    assert values(b, one) == {"a": "Two", "b": "One", "c": "One"}
    assert (found.back, found.left, b.writes()) == (2, (), before)
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Two")
    b.settle()
    assert set(values(b, one).values()) == {"Two"}


def test_a_connection_that_is_down_is_said_and_put_back_by_the_next_undo() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    b.trackers["c"].down = True

    first = undone(b, run)
    b.trackers["c"].down = False
    b.sync()
    second = undone(b, run)

    assert left(first) == [("down", "c", "title")]
    assert (second.back, second.left) == (2, ())
    assert values(b, one) == {"a": "Two", "b": "One", "c": "One"}


def test_a_write_that_is_refused_is_said_and_no_wish_of_the_next_run() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    b.trackers["c"].faults.append(Fault("reject", "update"))

    found = undone(b, run)
    after = b.sync()

    assert left(found) == [("failed", "c", "title")]
    assert "422" in found.left[0].because
    assert (after.parked, after.outcome) == ((), "in_step")
    assert values(b, one)["c"] == "Two"


def test_a_held_field_is_left_to_the_person_it_waits_for() -> None:
    b = board(conflicts="ask")
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="From b")
    b.sync()

    found = undone(b, run)

    assert left(found) == [("changed", "b", "title"), ("changed", "c", "title")]
    assert all("held" in o.because for o in found.left)


def test_a_field_that_is_no_longer_synced_is_left() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, stage="Doing")
    run = b.sync().run
    b.rules = board(fields={"status": FieldRule(skip=True)}).rules

    assert {o.because for o in undone(b, run).left} == {"the field is no longer synced there"}


def test_an_erased_text_cannot_come_back() -> None:
    b = board()
    one = linked(b, text="Old words. " * 40)
    b.trackers["a"].edit(one, text="New")
    run = b.sync().run
    with b.store.write() as tx:
        for line in list(records.export(tx)):
            for name in line.get("texts", {}):
                records.erase(tx, name)

    assert {o.because for o in undone(b, run).left} == {"its text was erased from the audit trail"}


def test_a_long_text_comes_back_whole() -> None:
    b = board()
    old = "Old words.\n\n" * 40
    one = linked(b, text=old.strip())
    b.trackers["a"].edit(one, text="New")
    run = b.sync().run

    undone(b, run)

    assert values(b, one, "text") == {"a": "New", "b": old.strip(), "c": old.strip()}


def test_a_run_that_never_was_is_refused() -> None:
    with pytest.raises(ConfigError, match="no run R0"):
        undone(board(), "R0")


def test_the_document_says_what_was_undone_and_what_was_left() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Mine")

    doc = document(undone(b, run))

    assert (doc["undoes"], doc["back"]) == (run, 1)
    (one_left,) = doc["left"]
    assert (one_left["kind"], one_left["connection"], one_left["field"]) == ("changed", "b", "title")
    assert doc.keys() >= {"run", "sync", "trigger", "outcome", "started", "finished", "tally", "actions"}


def test_a_copy_whose_nearest_word_serves_a_later_edit_too_is_left() -> None:
    b = board(options={"b": {"statuses": {"Next": "new", "Shipped": "over"}}})
    one = linked(b, stage="Doing")
    b.trackers["a"].edit(one, stage="Shipped")
    run = b.sync().run
    b.trackers["a"].edit(one, stage="Dropped")
    b.sync()

    found = undone(b, run)

    assert left(found) == [("changed", "b", "status"), ("changed", "c", "status")]
    assert values(b, one, "stage") == {"a": "Dropped", "b": "Shipped", "c": "Dropped"}


def test_an_element_that_was_taken_out_and_put_in_again_since_stays() -> None:
    b = board()
    one = linked(b)
    b.trackers["a"].edit(one, tags=["x", "y"])
    run = b.sync().run
    for tags in (["y"], ["x", "y"]):
        b.trackers["a"].edit(one, tags=tags)
        b.sync()

    undone(b, run)
    b.sync()

    assert values(b, one, "tags") == {"a": ["x", "y"], "b": ["x"], "c": ["x"]}


VALUES: dict[str, list[Any]] = {
    "headline": ["One", "Two", "Three"],
    "text": [None, "Words", "Other words\n\nand more"],
    "stage": ["Inbox", "Next", "Doing", "Shipped", "Dropped"],
    "rank": ["-", "P1", "P4"],
    "tags": [[], ["x"], ["x", "y"], ["z"]],
    "who": [[], ["u-ann"], ["u-bob"]],
    "deadline": [None, "2027-01-01"],
}
LOSSY = {"Inbox": "new", "Next": "new", "Shipped": "over"}
edits = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(VALUES)), st.integers(0, 4)), min_size=1, max_size=6
)


def made(b: Board, one: str, wishes: list[tuple[str, str, int]]) -> None:
    for name, native, number in wishes:
        tracker, values_ = b.trackers[name], VALUES[native]
        value = values_[number % len(values_)]
        if native == "stage" and name == "b" and value not in LOSSY:
            value = "Next"
        tracker.edit(b.counterpart("a", one, name), **{native: value})


def test_an_assignee_a_run_put_on_a_tracker_for_one_is_taken_off_again() -> None:
    b = board(options={"c": {"single_assignee": True}})
    one = linked(b)
    b.trackers["a"].edit(one, who=["u-ann"])
    run = b.sync().run

    found = undone(b, run)

    assert (found.back, values(b, one, "who")) == (2, {"a": ["u-ann"], "b": [], "c": []})


def everything(b: Board) -> dict[str, Any]:
    """Return all native values; the order of names in a list says nothing."""
    return {
        n: [{k: sorted(v) if isinstance(v, list) else v for k, v in r.items()} for r in t.records().values()]
        for n, t in b.trackers.items()
    }


@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(before=edits, after=edits, at=st.sampled_from("abc"))
def test_an_undo_right_after_a_run_leaves_every_tracker_as_the_run_found_it(
    before: list[tuple[str, str, int]], after: list[tuple[str, str, int]], at: str
) -> None:
    b = board(options={"b": {"statuses": LOSSY}, "c": {"single_assignee": True}})
    one = linked(b, stage="Next", tags=["x"])
    made(b, one, before)
    b.settle()
    made(b, one, after)
    as_found = everything(b)
    run = b.sync().run

    found = undone(b, run)
    as_left = everything(b)
    writes = b.writes()
    quiet = [b.sync(), b.sync(full=True)]
    written_by_quiet = b.writes() - writes
    b.trackers[at].edit(b.counterpart("a", one, at), headline="Later", rank="P3")
    b.settle()

    assert (as_left, found.left) == (as_found, ())
    assert ({r.outcome for r in quiet}, written_by_quiet) == ({"in_step"}, 0)
    assert set(values(b, one).values()) == {"Later"}
    assert set(values(b, one, "rank").values()) == {"P3"}


def test_a_tracker_that_answers_without_a_body_is_put_back_too() -> None:
    b = board(options={n: {"bare": ("create", "update")} for n in "abc"})
    one = linked(b, tags=["x"])
    b.settle()
    b.trackers["a"].edit(one, headline="Two", tags=["y"], stage="Doing")
    run = b.sync().run

    found = undone(b, run)
    after, writes = values(b, one), b.writes()
    quiet = [b.sync(), b.sync(full=True)]
    written_by_quiet = b.writes() - writes
    again = undone(b, found.report.run)
    b.settle()

    assert (after, found.left) == ({"a": "Two", "b": "One", "c": "One"}, ())
    assert ({r.outcome for r in quiet}, written_by_quiet) == ({"in_step"}, 0)
    assert (set(values(b, one).values()), again.left) == ({"Two"}, ())
    assert list(values(b, one, "tags").values()) == [["y"]] * 3


@pytest.mark.parametrize("bare", [(), ("update",)])
def test_a_write_that_was_silently_dropped_is_said_and_leaves_nothing_behind(bare: tuple[str, ...]) -> None:
    b = board(options={"c": {"bare": bare}})
    one = linked(b)
    b.trackers["a"].edit(one, headline="Two")
    run = b.sync().run
    b.trackers["c"].faults.append(Fault("drop", "update", field="headline"))

    found = undone(b, run)
    b.trackers["c"].faults.clear()
    quiet = b.sync()

    assert left(found) == [("failed", "c", "title")]
    assert (quiet.outcome, quiet.parked) == ("in_step", ())
    assert values(b, one) == {"a": "Two", "b": "One", "c": "Two"}
