"""Edits made where we do not look yet: on a copy just made and never read, and on a set that is held."""

from __future__ import annotations

import pytest

from syncer.engine.state import Limits
from syncer.sdk.memory import Crash
from syncer.sdk.memory_tracker import Fault
from syncer.store import items
from syncer.store.records import trail
from tests.properties.board import Board, board


def made_and_died(**options: object) -> tuple[Board, str]:
    """Return a board whose run died right after the create on "b", and the record there."""
    b = board(options={"a": {"fields": ("title", "body", "kind", "status", "labels")}, "b": {**options}})
    b.trackers["a"].add("One")
    b.trackers["b"].faults.append(Fault("crash_after", "create"))
    with pytest.raises(Crash):
        b.sync()
    b.clock.pass_(minutes=10)
    (record,) = b.trackers["b"].records()
    return b, record


@pytest.mark.parametrize("remembers", [True, False])
def test_what_a_person_says_on_a_copy_never_read_is_their_word(remembers: bool) -> None:  # noqa: FBT001 -- a parameter
    b, record = made_and_died(keeps_history=remembers)
    b.trackers["b"].edit(record, rank="P1", deadline="2027-01-01")

    b.settle()

    (theirs,) = b.trackers["c"].records().values()
    assert (theirs["rank"], theirs["deadline"]) == ("P1", "2027-01-01")


def test_a_default_of_a_copy_never_read_is_nobodys_word() -> None:
    b, record = made_and_died(priorities=["P3", "P1", "P2", "P4"])
    b.trackers["b"].edit(record, headline="Touched")

    b.settle()

    (theirs,) = b.trackers["c"].records().values()
    assert (b.trackers["b"].row(record).fields["rank"], theirs["rank"]) == ("P3", b.trackers["c"].priorities[0])


def test_a_set_held_for_flapping_stays_held_while_the_copies_differ() -> None:
    b = board(("a", "b"), limits=Limits(flaps=0))
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, tags=["x"])
    b.sync()
    b.trackers["b"].edit(b.counterpart("a", one, "b"), tags=[])

    held = b.sync()
    again = b.sync(full=True)

    assert [h.field for h in held.held] == [h.field for h in again.held] == ["labels"]


def test_an_empty_field_of_a_copy_never_read_is_no_edit_in_the_trail() -> None:
    b, record = made_and_died()
    b.trackers["b"].edit(record, headline="Touched")

    b.settle()

    with b.store.read() as tx:
        (link,) = items.all_links(tx, "s")
        edits = {e["field"] for e in trail(tx, link.id) if e["act"] == "edit"}
    assert edits.isdisjoint({"due", "estimate", "priority"})
