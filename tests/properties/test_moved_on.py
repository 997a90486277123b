"""A copy that moved on since it was read is read again and planned again, in the same run."""

from __future__ import annotations

from datetime import timedelta

from tests.properties.board import board


def test_an_edit_the_listing_hides_is_seen_before_the_write_and_the_write_still_happens() -> None:
    b = board(("a", "b"), options={"b": {"lag": timedelta(seconds=20)}})
    one = b.trackers["a"].add("One")
    b.sync()
    b.clock.pass_(minutes=5)
    b.sync()
    b.clock.pass_(minutes=5)
    theirs = b.counterpart("a", one, "b")
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(theirs, rank="P1")

    b.sync()

    for name, record in (("a", one), ("b", theirs)):
        native = b.trackers[name].row(record).fields
        assert (native["headline"], native["rank"]) == ("From a", "P1"), name


def test_an_edit_of_the_same_field_the_listing_hides_is_not_overwritten() -> None:
    b = board(("a", "b"), options={"b": {"lag": timedelta(seconds=20)}})
    one = b.trackers["a"].add("One")
    b.sync()
    b.clock.pass_(minutes=5)
    b.sync()
    b.clock.pass_(minutes=5)
    theirs = b.counterpart("a", one, "b")
    b.trackers["a"].edit(one, headline="From a")
    b.clock.pass_(seconds=2)
    b.trackers["b"].edit(theirs, headline="From b, later")

    b.sync()

    found = [b.trackers[n].row(r).fields["headline"] for n, r in (("a", one), ("b", theirs))]
    assert found == ["From b, later"] * 2
