"""The marks a cursor holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from syncer_linear.feed import Marks

AT = datetime(2026, 11, 2, 15, 0, 30, 123_000, tzinfo=UTC)


@pytest.mark.parametrize("marks", [Marks(), Marks(AT), Marks(None, AT), Marks(AT, AT)])
def test_a_cursor_is_read_as_it_was_written(marks: Marks) -> None:
    assert Marks.parse(str(marks)) == marks


@pytest.mark.parametrize("cursor", [None, "", "2026", "[]", "null", '{"issues": 3}', '{"issues": "soon"}'])
def test_a_cursor_that_says_nothing_asks_for_everything(cursor: str | None) -> None:
    assert Marks.parse(cursor) == Marks()
