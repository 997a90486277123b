"""Our marker at the end of a text."""

from __future__ import annotations

import pytest

from syncer.text import canonical, find_marker, with_marker, without_marker


def test_a_marked_text_is_the_text_and_a_comment() -> None:
    assert with_marker("Words.", "v1.abc") == "Words.\n\n<!-- syncer:v1.abc -->"


@pytest.mark.parametrize("body", ["Words.", "- a\n- b", "```\ncode\n```", ""])
def test_a_marker_is_found_and_taken_off_again(body: str) -> None:
    marked = with_marker(body, "v1.abc")

    assert (find_marker(marked), without_marker(marked)) == ("v1.abc", body)


def test_a_text_carries_one_marker_at_most() -> None:
    assert with_marker(with_marker("Words.", "old"), "new") == with_marker("Words.", "new")


def test_a_marker_outlives_another_spelling() -> None:
    marked = canonical(with_marker("* a", "abc").replace("\n", "\r\n"))

    assert marked is not None
    assert find_marker(marked) == "abc"


@pytest.mark.parametrize("body", ["", "Words.", "<!-- syncer: -->", "<!-- other:abc -->", "<!-- syncer:a-b -->"])
def test_a_text_without_a_marker_has_none(body: str) -> None:
    assert find_marker(body) is None
    assert without_marker(body) == body


@pytest.mark.parametrize("marker", ["", "a b", "a-->", "\u00e9"])
def test_a_marker_that_could_not_be_found_again_is_refused(marker: str) -> None:
    with pytest.raises(ValueError, match="not a marker"):
        with_marker("Words.", marker)
