"""A tracker with one seat beside trackers with many: who is taken off makes room for who is left."""

from __future__ import annotations

import pytest

from tests.properties.board import Board, board


def seated(**options: object) -> Board:
    """Ann and Cyd everywhere but on b, which has one seat, and Ann on it; then Ann is taken off."""
    b = board(options={"b": {"single_assignee": True, **options}})
    one = b.trackers["a"].add("One", who=["u-ann"])
    b.sync()
    b.trackers["a"].edit(one, who=["u-ann", "u-cyd"])
    b.settle()
    b.clock.pass_(seconds=10)
    b.trackers["a"].edit(one, who=["u-cyd"])
    return b


def test_who_is_left_takes_the_seat() -> None:
    b = seated()

    b.settle()

    assert [[r["who"] for r in t.records().values()] for t in b.trackers.values()] == [[["u-cyd"]]] * 3


@pytest.mark.parametrize("bare", [(), ("update",)])
def test_taking_somebody_off_the_seat_is_written_once(bare: tuple[str, ...]) -> None:
    b = seated(bare=bare)
    b.settle()
    before = b.writes()

    report = b.sync()

    assert (report.outcome, b.writes()) == ("in_step", before)
