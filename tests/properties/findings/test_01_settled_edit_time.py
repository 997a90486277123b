"""An edit taken in an earlier run is no newer than it was: other fields move a record's stamp too."""

from __future__ import annotations

from tests.properties.board import board


def test_a_later_edit_that_comes_late_is_not_taken_for_older_because_another_field_moved_the_stamp() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.sync()
    two = b.counterpart("a", one, "b")
    b.clock.pass_(seconds=10)
    b.trackers["b"].edit(two, headline="Earlier")
    b.clock.pass_(seconds=10)
    b.trackers["a"].edit(one, headline="Later")
    b.clock.pass_(seconds=10)
    b.trackers["b"].edit(two, tags=["x"])
    b.trackers["a"].down = True
    b.sync()
    b.trackers["a"].down = False

    b.sync()

    assert {t.records()[r]["headline"] for t, r in ((b.trackers["a"], one), (b.trackers["b"], two))} == {"Later"}
