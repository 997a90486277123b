"""Folded sections and images, between Linear's Markdown and everybody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.text.canonical import canonical
from syncer_linear.bodies import heard, said

FOLDED = "<details>\n<summary>Log</summary>\n\nLine one\n\n- a\n\n</details>\n\nAfter"


def test_a_folded_section_is_said_in_linears_way() -> None:
    assert "<" not in said(FOLDED)
    assert said(FOLDED).startswith("+++ Log\n")


def test_a_folded_section_comes_back_as_it_was() -> None:
    assert heard(said(FOLDED)) == canonical(FOLDED)


def test_sections_may_lie_in_sections() -> None:
    nested = "<details>\n<summary>A</summary>\n\n<details>\n<summary>B</summary>\n\nx\n\n</details>\n\n</details>"

    assert heard(said(nested)) == canonical(nested)


@pytest.mark.parametrize("text", ["+++ never closed\n\ntext", "+++", "a +++ b", "```\n+++ Code\n+++\n```"])
def test_what_only_looks_like_a_section_stays(text: str) -> None:
    assert heard(text) == canonical(text)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("![shot](https://example.org/a.png)", "[shot](https://example.org/a.png)"),
        ("see ![](https://example.org/a.png) there", "see [image](https://example.org/a.png) there"),
        ("[![build](https://ci.example/b.svg)](https://ci.example)", "[build](https://ci.example)"),
        ("![own](https://uploads.linear.app/x/y)", "![own](https://uploads.linear.app/x/y)"),
        ("`![code](https://example.org/a.png)`", "`![code](https://example.org/a.png)`"),
        ("```\n![code](https://example.org/a.png)\n```", "```\n![code](https://example.org/a.png)\n```"),
        ("\\![text](https://example.org)", "\\![text](https://example.org)"),
    ],
)
def test_an_image_of_elsewhere_is_sent_as_a_link(text: str, sent: str) -> None:
    assert said(text) == sent


@given(st.text(alphabet="ab `~+-*_[]()!<>#\n\\", max_size=60))
def test_what_is_sent_is_settled_and_heard_again_the_same(text: str) -> None:
    body = canonical(text)
    if body is None:
        return
    sent = said(body)

    assert heard(said(heard(sent) or "")) == heard(sent)
