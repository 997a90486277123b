"""Three-way merges, line by line."""

from __future__ import annotations

import pytest

from syncer.text import merge

BASE = "one\ntwo\nthree\nfour\nfive"


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        ("ONE\ntwo\nthree\nfour\nfive", "one\ntwo\nthree\nfour\nFIVE", "ONE\ntwo\nthree\nfour\nFIVE"),
        ("ONE\ntwo\nthree\nfour\nfive", "one\ntwo\nTHREE\nfour\nfive", "ONE\ntwo\nTHREE\nfour\nfive"),
        ("one\ntwo\nthree\nfour", "zero\none\ntwo\nthree\nfour\nfive", "zero\none\ntwo\nthree\nfour"),
        ("one\nthree\nfour\nfive", "one\nthree\nfour\nfive\nsix", "one\nthree\nfour\nfive\nsix"),
        (
            "one\nnew\ntwo\nthree\nfour\nfive",
            "one\ntwo\nthree\nnew\nfour\nfive",
            "one\nnew\ntwo\nthree\nnew\nfour\nfive",
        ),
        ("ONE\ntwo\nthree\nfour\nfive", "ONE\ntwo\nthree\nfour\nFIVE", "ONE\ntwo\nthree\nfour\nFIVE"),
    ],
)
def test_edits_of_different_lines_merge(ours: str, theirs: str, merged: str) -> None:
    assert merge(BASE, ours, theirs) == merged
    assert merge(BASE, theirs, ours) == merged


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("one\nTWO\nthree\nfour\nfive", "one\n2\nthree\nfour\nfive"),
        ("one\nTWO\nthree\nfour\nfive", "one\nthree\nfour\nfive"),
        (BASE + "\nsix", BASE + "\n6"),
        ("", "one\nTWO\nthree\nfour\nfive"),
    ],
)
def test_different_edits_of_the_same_line_conflict(ours: str, theirs: str) -> None:
    assert merge(BASE, ours, theirs) is None
    assert merge(BASE, theirs, ours) is None


def test_no_line_is_made_up_where_the_last_one_goes() -> None:
    assert merge("a\nb", "a", "x\na\nb") == "x\na"


def test_repeated_lines_do_not_confuse_it() -> None:
    base = "\n\n".join(f"p{n}" for n in range(50))

    merged = merge(base, base.replace("p3\n", "p3 ours\n"), base.replace("p40", "p40 theirs"))

    assert merged == base.replace("p3\n", "p3 ours\n").replace("p40", "p40 theirs")


def test_two_long_texts_with_nothing_in_common_conflict_soon() -> None:
    base, ours, theirs = ("\n".join(f"{side}{n}" for n in range(5_000)) for side in "abc")

    assert merge(base, ours, theirs) is None
