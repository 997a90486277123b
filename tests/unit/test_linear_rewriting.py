"""The sandbox's editor: another spelling, the same meaning."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.text.canonical import canonical
from syncer_linear.sandbox.rewriting import rewritten

LINES = st.sampled_from(
    [
        "- one",
        "- two",
        "- [x] ticked",
        "- [ ] open",
        "snake_case word",
        "version 1\\.5 of x",
        "`code_with_it` and https://example.org/a_b",
        "## Head",
        "> - quoted",
        "---",
        "```\n- kept_as is\n```",
        "1. first",
        "**bold** _soft_",
        "",
        "  - nested",
        "trailing   ",
    ]
)


@given(st.lists(LINES, max_size=8), st.sampled_from("-+*"))
def test_rewriting_keeps_the_meaning(lines: list[str], bullet: str) -> None:
    # One bullet a text: lists that differ in nothing else become one in Linear.
    text = "\n".join(re.sub(r"^(\s*)- ", rf"\1{bullet} ", line) for line in lines)

    assert canonical(rewritten(text)) == canonical(text)


@given(st.lists(LINES, max_size=8).map("\n".join))
def test_what_linear_wrote_it_writes_again(text: str) -> None:
    assert rewritten(rewritten(text)) == rewritten(text)


@pytest.mark.parametrize(
    ("given_", "stored"),
    [
        ("- a\n+ b", "* a\n* b"),
        ("- [x] done", "* [X] done"),
        ("a_b", "a\\_b"),
        ("a\\-b", "a-b"),
        ("`a_b`", "`a_b`"),
        ("end  \n\n", "end"),
        ("```\n- a_b\n```", "```\n- a_b\n```"),
        (" \n", None),
        ("", None),
    ],
)
def test_linear_has_its_own_spelling(given_: str, stored: str | None) -> None:
    assert rewritten(given_) == stored
