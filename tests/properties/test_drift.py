"""The drift audit: everything compared, whatever the cursors say, and nothing written."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from syncer.drift import Audit, audit, document
from syncer.engine.state import FieldRule
from syncer.sdk.memory_tracker import Fault
from syncer.store import items
from tests.properties.board import Board, board


def audited(b: Board) -> Audit:
    b.clock.pass_(seconds=5)
    return asyncio.run(audit(b.store, b.wiring()))


def standing(found: Audit) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(d.field, d.state, d.behind) for d in found.divergences]


def behind_our_back(b: Board, connection: str, record: str, **native: Any) -> None:
    """Change a copy so that no feed will ever tell: as a bug of ours, or a tracker's, would leave it."""
    b.trackers[connection].edit(record, **native)
    row = b.trackers[connection].row(record)
    with b.store.write() as tx:
        for rows in items.rows_of_links(tx, [k.id for k in items.all_links(tx, "s")]).values():
            stored = rows[connection]
            if stored.copy.ref.id == record:
                base = {
                    name: {n: row.fields[n] for n in part} if set(part) & native.keys() else part
                    for name, part in stored.copy.base.items()
                }
                copy = replace(stored.copy, seen=row.fields, updated=row.updated, base=base)
                items.save_rows(tx, "s", [replace(stored, copy=copy)])


def test_a_board_in_step_has_no_divergence_and_is_not_written_to() -> None:
    b = board()
    b.trackers["a"].add("One", text="Words", stage="Doing", tags=["x"], who=["u-ann"])
    b.trackers["b"].add("Two")
    b.sync()
    before, dump = b.writes(), everything(b)

    found = audited(b)

    assert (found.in_step(), found.checked, found.divergences) == (True, 2, [])
    assert (b.writes(), everything(b)) == (before, dump)


def everything(b: Board) -> list[str]:
    with b.store.read() as tx:
        raw: Any = tx.connection.driver_connection
        return list(raw.iterdump())


def test_a_copy_that_drifted_without_anybody_noticing_is_reported_with_every_value_and_its_age() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    behind_our_back(b, "b", b.counterpart("a", one, "b"), headline="Crooked")
    b.clock.pass_(days=3)

    found = audited(b)

    assert standing(found) == [("title", "drifted", ("b",))]
    (doc,) = document(found)["divergences"]
    assert (doc["agreed"], doc["values"]) == ("One", {"a": "One", "b": "Crooked", "c": "One"})
    assert 3 * 86_400 <= doc["age_seconds"] < 3 * 86_400 + 60
    assert not found.in_step()


def test_an_edit_no_run_has_taken_yet_is_told_apart_from_drift() -> None:
    b = board()
    one = b.trackers["a"].add("One", tags=["x"])
    b.sync()
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Two", tags=["x", "y"])

    assert standing(audited(b)) == [("title", "edited", ("b",)), ("labels", "edited", ("b",))]


def test_what_is_owed_to_a_copy_says_so_and_since_when() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["c"].down = True
    b.trackers["a"].edit(one, headline="Two")
    b.sync()
    b.trackers["c"].down = False
    b.clock.pass_(hours=2)

    found = audited(b)

    assert standing(found) == [("title", "owed", ("c",))]
    assert 7200 <= document(found)["divergences"][0]["age_seconds"] < 7260


def test_a_held_field_says_so() -> None:
    b = board(conflicts="ask")
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="From b")
    b.sync()

    assert standing(audited(b)) == [("title", "held", ("a", "b"))]


def test_a_parked_write_says_so() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="Two")
    b.trackers["c"].faults.append(Fault("reject", "update"))
    b.sync()

    assert standing(audited(b)) == [("title", "parked", ("c",))]


def test_the_nearest_word_is_no_divergence() -> None:
    b = board(options={"b": {"statuses": {"Next": "new", "Shipped": "over"}}})
    b.trackers["a"].add("One", stage="Checking")
    b.sync()

    found = audited(b)

    assert found.in_step()
    assert found.nearest == 1


def test_a_status_nobody_mapped_is_reported_as_unreadable_or_parked() -> None:
    b = board(options={"a": {"statuses": {"Next": "new", "In QA": "odd"}}})
    one = b.trackers["a"].add("One", stage="Next")
    b.sync()
    b.trackers["a"].edit(one, stage="In QA")

    before = standing(audited(b))
    b.sync()
    after = standing(audited(b))

    assert before == [("status", "unreadable", ("a",))]
    assert after == [("status", "parked", ("a",))]


def test_fields_left_to_others_are_no_divergence() -> None:
    b = board(fields={"labels": FieldRule(ignore=("infra/*",)), "due": FieldRule(skip=True)})
    one = b.trackers["a"].add("One", tags=["x"])
    b.sync()
    there = b.counterpart("a", one, "b")
    b.trackers["b"].edit(there, tags=["x", "infra/1"], deadline="2027-01-01")

    assert audited(b).in_step()


@pytest.mark.parametrize("fate", ["remove", "hide", "move"])
def test_a_copy_that_is_away_is_reported(fate: str) -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.trackers["a"].add("Two")
    b.sync()
    getattr(b.trackers["b"], fate)(b.counterpart("a", one, "b"))

    before = audited(b)
    b.sync(full=True)
    after = audited(b)

    (away,) = before.away
    assert (away.ref.connection, away.known, before.in_step()) == ("b", False, False)
    assert [a.known for a in after.away] == [True]
    assert after.in_step() is (fate != "hide")


def test_a_twin_a_stray_mark_and_a_record_of_no_item_are_reported() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    copy = b.trackers["b"].row(b.counterpart("a", one, "b"))
    b.trackers["b"].insert({"headline": "Twin"}, by="u-bot", marker=copy.marker)
    b.trackers["c"].add("Newcomer")

    found = audited(b)

    assert sorted((s.kind, s.connection) for s in found.strays) == [("new", "c"), ("twin", "b")]
    assert not found.in_step()


def test_a_mark_no_link_knows_of_is_reported() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    there = b.counterpart("a", one, "b")
    with b.store.write() as tx:
        (link,) = [k.id for k in items.all_links(tx, "s")]
        rows = items.rows_of_links(tx, [link])[link]
        items.save_rows(tx, "s", [replace(rows[c], link=None) for c in rows])
        items.join(tx, "s", rows["c"].copy.ref, None)
        items.drop_link(tx, link)

    found = audited(b)

    marks = [(s.connection, s.key) for s in found.strays if s.kind == "mark"]
    assert marks == [("b", b.trackers["b"].row(there).key)], "what a person parted is where it belongs"


def test_a_copy_not_made_yet_is_reported_as_missing() -> None:
    b = board()
    b.trackers["c"].faults.append(Fault("reject", "create"))
    b.trackers["a"].add("One")
    b.sync()

    assert [(s.kind, s.connection) for s in audited(b).strays] == [("missing", "c")]


def test_a_connection_that_is_down_is_left_out_and_said() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    behind_our_back(b, "b", b.counterpart("a", one, "b"), headline="Crooked")
    b.trackers["c"].down = True

    found = audited(b)

    assert set(found.down) == {"c"}
    assert standing(found) == [("title", "drifted", ("b",))]
