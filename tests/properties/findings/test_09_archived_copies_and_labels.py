"""What is put away is owed what happened meanwhile: labels too."""

from __future__ import annotations

import pytest

from tests.properties.board import board


@pytest.mark.parametrize("away", ["archive", "hide", "move"])
def test_a_label_added_while_a_copy_was_away_reaches_it_when_it_is_back(away: str) -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One", tags=["x"])
    b.trackers["a"].add("Other")
    b.sync()
    two = b.counterpart("a", one, "b")
    getattr(b.trackers["b"], away)(two)
    b.sync(full=True)
    b.clock.pass_(seconds=10)
    b.trackers["a"].edit(one, tags=["y"])
    b.sync()
    b.trackers["b"].restore(two)

    b.settle()

    assert b.trackers["b"].row(two).fields["tags"] == ["y"]
