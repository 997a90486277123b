"""A copy that comes back out of the bin gets what it missed: it is the same copy, and all copies agree again."""

from __future__ import annotations

import pytest

from tests.properties.board import board


@pytest.mark.parametrize(("on_gone", "stage"), [("keep", "Inbox"), ("close", "Dropped")])
def test_a_copy_restored_after_it_was_found_gone_gets_what_it_missed(on_gone: str, stage: str) -> None:
    b = board(("a", "b"), on_gone=on_gone)
    one = b.trackers["a"].add("One")
    b.trackers["a"].add("Other")
    b.sync()
    two = b.counterpart("a", one, "b")
    b.trackers["b"].remove(two)
    b.sync(full=True)
    b.clock.pass_(seconds=10)
    b.trackers["a"].edit(one, headline="New")
    b.sync()
    b.trackers["b"].restore(two)

    b.settle()

    native = b.trackers["b"].row(two).fields
    assert (native["headline"], native["stage"]) == ("New", stage)
