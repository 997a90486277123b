"""Our marker on comments: invisible to readers, and gone from what we read."""

from __future__ import annotations

from typing import Any

import pytest

from syncer_jira.marks import marked, unmarked

HOME = "https://acme.example/browse/ROAD-1"


def text(said: str, href: str | None = None) -> dict[str, Any]:
    marks = {"marks": [{"type": "link", "attrs": {"href": href}}]} if href else {}
    return {"type": "text", "text": said, **marks}


def doc(*inline: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "type": "doc", "content": [{"type": "paragraph", "content": list(inline)}]}


@pytest.mark.parametrize(
    "href",
    [
        "https://example.org/a",
        "https://example.org/a?b=1",
        "https://example.org/a?b=1&c=%20#frag",
        "https://example.org/?q=a+b#x?y",
    ],
)
def test_a_marker_goes_in_and_comes_out_and_leaves_the_link_as_it_was(href: str) -> None:
    before = doc(text("see "), text("there", href))

    after, marker = unmarked(marked(before, "C1.ab", HOME))

    assert (after, marker) == (before, "C1.ab")


def test_only_the_first_link_is_marked() -> None:
    made = marked(doc(text("a", "https://a.example"), text("b", "https://b.example")), "C1.ab", HOME)

    hrefs = [n["marks"][0]["attrs"]["href"] for n in made["content"][0]["content"]]
    assert hrefs == ["https://a.example?syncer=C1.ab", "https://b.example"]


def test_a_link_that_had_a_marker_gets_the_new_one_alone() -> None:
    made = marked(doc(text("a", "https://a.example/?syncer=OLD.1&x=2")), "NEW.1", HOME)

    assert made["content"][0]["content"][0]["marks"][0]["attrs"]["href"] == "https://a.example/?x=2&syncer=NEW.1"


def test_without_a_link_a_small_one_is_added_and_taken_away_again() -> None:
    before = doc(text("plain"))
    made = marked(before, "C1.ab", HOME)

    assert len(made["content"]) == 2
    assert unmarked(made) == (before, "C1.ab")


def test_a_link_jira_turned_into_a_card_still_speaks() -> None:
    card = {"type": "inlineCard", "attrs": {"url": "https://a.example/?syncer=C1.ab"}}

    after, marker = unmarked(doc(card))

    assert marker == "C1.ab"
    assert after["content"][0]["content"][0]["attrs"]["url"] == "https://a.example/"


@pytest.mark.parametrize(
    "href",
    ["https://a.example/?syncer=", "https://a.example/?syncer=a%20b", "mailto:a@b.example?syncer=C1", "/?syncer=C1"],
)
def test_what_is_no_marker_of_ours_stays(href: str) -> None:
    before = doc(text("a", href))

    assert unmarked(before) == (before, None)


def test_a_paragraph_of_a_person_that_says_synced_stays() -> None:
    before = doc(text("synced", "https://a.example/"))

    assert unmarked(before) == (before, None)


def test_what_is_no_document_is_left_alone() -> None:
    assert unmarked("wiki markup") == ("wiki markup", None)
    assert unmarked(None) == (None, None)


def test_marking_does_not_change_what_it_was_given() -> None:
    before = doc(text("a", "https://a.example"))

    marked(before, "C1.ab", HOME)

    assert before == doc(text("a", "https://a.example"))
