"""Rebuild: the database is lost, the key is kept; the marks tell what belongs together."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from syncer.opening import Request
from syncer.rebuilding import Rebuilt, rebuild
from syncer.store import items, records
from tests.properties.board import Board, board
from tests.properties.mortal import MortalStore


def lost(b: Board) -> None:
    """Lose the database and keep its key."""
    b.store = MortalStore.fresh()


def rebuilt(b: Board) -> Rebuilt:
    b.clock.pass_(seconds=5)
    return asyncio.run(rebuild(b.store, b.wiring(), Request()))


def membership(b: Board) -> dict[str, dict[str, str]]:
    with b.store.read() as tx:
        rows = items.rows_of_links(tx, [k.id for k in items.all_links(tx, "s")])
    return {link: {c: r.copy.ref.id for c, r in copies.items()} for link, copies in rows.items()}


def natives(b: Board) -> dict[str, dict[str, Any]]:
    return {n: t.records() for n, t in b.trackers.items()}


OPTIONS = {"c": {"client_ids": True}}


def test_the_links_come_back_as_they_were_and_no_tracker_is_written_to() -> None:
    b = board(options=OPTIONS)
    for name in b.trackers:
        b.trackers[name].add(f"Born on {name}", tags=["x", name], text=f"Words of {name}", stage="Doing")
    b.settle()
    before, effects = membership(b), b.writes()
    lost(b)

    found = rebuilt(b)

    assert membership(b) == before
    assert (found.links, found.copies, found.orphans, found.twins, found.namesakes) == (3, 9, [], [], {})
    assert b.writes() == effects


def test_the_next_runs_make_no_record_and_no_comment_and_keep_every_value() -> None:
    b = board(options=OPTIONS)
    one = b.trackers["a"].add("One", tags=["x", "y"], text="Words", stage="Doing", who=["u-ann"])
    b.trackers["a"].say(one, "Said on a")
    b.sync()
    b.trackers["c"].say(b.counterpart("a", one, "c"), "Said on c")
    b.settle()
    before, said, effects = natives(b), {n: len(t.comments()) for n, t in b.trackers.items()}, b.writes()
    lost(b)
    rebuilt(b)

    report = b.settle()

    assert (natives(b), {n: len(t.comments()) for n, t in b.trackers.items()}) == (before, said)
    assert b.writes() == effects
    assert (report.outcome, report.held, report.parked) == ("in_step", (), ())


@pytest.mark.parametrize("orphaned", [False, True])
def test_where_we_choose_the_ids_the_id_alone_tells(*, orphaned: bool) -> None:
    b = board(options=OPTIONS)
    one = b.trackers["a"].add("One")
    b.sync()
    before = membership(b)
    tracker = b.trackers["c"]
    tracker._put(replace(tracker.row(b.counterpart("a", one, "c")), marker=None))
    if orphaned:
        b.trackers["a"].remove(one)
    lost(b)

    rebuilt(b)

    gone = {"a"} if orphaned else set()
    assert membership(b) == {link: {c: i for c, i in there.items() if c not in gone} for link, there in before.items()}


def test_a_later_edit_flows_again() -> None:
    b = board(options=OPTIONS)
    one = b.trackers["a"].add("One", tags=["x"])
    b.sync()
    lost(b)
    rebuilt(b)
    b.sync()
    b.trackers["c"].edit(b.counterpart("a", one, "c"), headline="Two", tags=["x", "y"])

    b.settle()

    assert {r["headline"] for t in natives(b).values() for r in t.values()} == {"Two"}
    assert [sorted(r["tags"]) for t in natives(b).values() for r in t.values()] == [["x", "y"]] * 3


def test_values_that_differ_follow_the_first_link_rule_and_labels_unite() -> None:
    b = board()
    one = b.trackers["a"].add("One", tags=["x"])
    b.sync()
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Edited while it was lost", tags=["x", "z"])
    lost(b)
    rebuilt(b)

    planned = b.plan()
    b.settle()

    assert {(a.do, a.connection) for a in planned.actions} == {("update", "a"), ("update", "b"), ("update", "c")}
    assert {r["headline"] for t in natives(b).values() for r in t.values()} == {"One"}
    assert [sorted(r["tags"]) for t in natives(b).values() for r in t.values()] == [["x", "z"]] * 3


def test_an_item_never_synced_is_no_part_of_it_and_is_born_at_the_next_run() -> None:
    b = board()
    b.trackers["a"].add("One")
    b.sync()
    b.trackers["b"].add("New")
    lost(b)
    found = rebuilt(b)

    b.settle()

    assert found.links == 1
    assert [len(t.records()) for t in b.trackers.values()] == [2, 2, 2]


def test_a_copy_that_is_missing_is_not_made_again() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["c"].remove(b.counterpart("a", one, "c"))
    b.sync(full=True)
    lost(b)

    found = rebuilt(b)
    b.settle()

    assert list(found.lacking.values()) == [["c"]]
    assert [len(t.records()) for t in b.trackers.values()] == [1, 1, 0]


@pytest.mark.parametrize("client_ids", [False, True])
def test_copies_whose_first_record_is_gone_are_still_one_item(*, client_ids: bool) -> None:
    b = board(options={"c": {"client_ids": client_ids}})
    one = b.trackers["a"].add("One")
    b.sync()
    there = {n: b.counterpart("a", one, n) for n in ("b", "c")}
    b.trackers["a"].remove(one)
    lost(b)

    found = rebuilt(b)
    b.settle()
    b.trackers["b"].edit(there["b"], headline="Two")
    b.settle()

    assert len(found.orphans) == 1
    assert list(membership(b).values()) == [there]
    assert b.trackers["c"].row(there["c"]).fields["headline"] == "Two"
    assert b.trackers["a"].records() == {}


def test_a_mark_that_somebody_copied_gains_nothing() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    mark = b.trackers["b"].row(b.counterpart("a", one, "b")).marker
    b.trackers["b"].add("Give me that", marker=mark)
    before = membership(b)
    lost(b)

    rebuilt(b)

    assert membership(b) == before


def test_a_mark_of_another_key_is_no_mark() -> None:
    b = board()
    b.trackers["a"].add("One")
    b.sync()
    b.store = MortalStore.memory(key=b"another")  # type: ignore[assignment]  # a store like any other

    assert rebuilt(b).links == 0


def test_of_two_records_with_one_mark_the_older_is_the_copy() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    copy = b.trackers["b"].row(b.counterpart("a", one, "b"))
    b.clock.pass_(minutes=1)
    twin = b.trackers["b"].insert({"headline": "One"}, by="u-bot", marker=copy.marker)
    before = membership(b)
    lost(b)

    found = rebuilt(b)

    assert membership(b) == before
    assert found.twins == [f"b:{twin.key}"]


def test_records_a_person_had_joined_wait_for_a_person_again() -> None:
    b = board(match="title")
    b.trackers["a"].add("One")
    b.trackers["b"].add("one")
    b.sync()
    b.rules = board().rules  # the titles settle nothing from now on
    lost(b)

    found = rebuilt(b)
    report = b.settle()

    assert [len(n) for n in found.namesakes.values()] == [1]
    assert {h.field for h in report.held} == {"maybe"}
    assert [len(t.records()) for t in b.trackers.values()] == [1, 1, 1]


def test_with_a_connection_down_nothing_is_restored() -> None:
    b = board()
    b.trackers["a"].add("One")
    b.sync()
    lost(b)
    b.trackers["b"].down = True

    first = rebuilt(b)
    nothing = membership(b)
    b.trackers["b"].down = False
    second = rebuilt(b)

    assert (set(first.down), first.links, nothing) == ({"b"}, 0, {})
    assert second.links == 1


def test_a_sync_before_the_rebuild_duplicates_nothing_and_the_rebuild_still_works() -> None:
    b = board(options=OPTIONS)
    b.trackers["a"].add("One")
    b.sync()
    before, effects = membership(b), b.writes()
    lost(b)

    refused = b.sync()
    rebuilt(b)
    report = b.settle()

    assert {h.field for h in refused.held} == {"maybe"}
    assert (membership(b), b.writes()) == (before, effects)
    assert (report.held, report.outcome) == ((), "in_step")


def test_rebuilding_what_is_whole_changes_nothing() -> None:
    b = board(options=OPTIONS)
    b.trackers["a"].add("One", tags=["x"])
    b.settle()
    before, effects = membership(b), b.writes()

    found = rebuilt(b)
    report = b.sync()

    assert (found.links, found.copies, membership(b)) == (0, 0, before)
    assert (report.outcome, b.writes()) == ("in_step", effects)


def test_a_link_that_lost_one_copy_gets_it_back() -> None:
    b = board()
    b.trackers["a"].add("One")
    b.settle()
    before = membership(b)
    (link,) = before
    with b.store.write() as tx:
        row = items.rows_of_links(tx, [link])[link]["c"]
        items.drop_link(tx, "none")
        tx.exec_driver_sql("DELETE FROM copies WHERE connection = 'c'")
    assert row.link == link

    found = rebuilt(b)

    assert (found.links, found.copies, membership(b)) == (0, 1, before)


def test_a_rebuild_is_a_run_and_every_join_is_in_the_trail() -> None:
    b = board()
    b.trackers["a"].add("One")
    b.sync()
    lost(b)

    found = rebuilt(b)

    with b.store.read() as tx:
        doc = records.load_run(tx, found.run)
        (link,) = [k.id for k in items.all_links(tx, "s")]
        told = list(records.trail(tx, link))
    assert doc is not None
    assert (doc["trigger"], doc["outcome"], doc["links"]) == ("rebuild", "changed", 1)
    assert {(e["act"], e["run"]) for e in told} == {("link", found.run)}
    assert len(told) == 3
