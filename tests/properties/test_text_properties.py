"""What holds for every text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from syncer.text import (
    canonical,
    find_marker,
    live,
    merge,
    neutralise,
    parse,
    revive,
    with_marker,
    without_marker,
    write,
)
from syncer.text.spans import plain
from syncer.text.tree import Paragraph
from syncer_jira.adf import from_markdown, to_markdown, writable

SYNTAX = st.sampled_from(
    [
        *("a", "b ", "\u00e9", " ", "    ", "\n", "\n\n", "\t", "\u00a0", "@bob", "#12", "."),
        *("*", "**", "_", "__", "~", "~~", "`", "``", "```\n", "\\", "!", "[", "](", ")", "![", "(", ":"),
        *("- ", "* ", "+", "1. ", "2) ", "> ", "# ", "[x] ", "[ ] ", "|", "| - |", "---", "==="),
        *("<b>", "</b>", "<br>", "<!-- c -->", "<div>\n", "&amp;", "&#32;", "&nbsp;"),
        *("https://x.y/z", "<http://a>", "[a]: /u\n"),
    ]
)
SOUP = st.lists(SYNTAX, max_size=25).map("".join)
TEXTS = st.one_of(SOUP, st.text(max_size=60), st.text(st.characters(exclude_categories=()), max_size=60))


MARKS = st.sampled_from(["{}", "{}", "**{}**", "_{}_", "~~{}~~", "`{}`", "[{}](/u)"])
LINE = st.lists(MARKS, min_size=1, max_size=5).map(" ".join)
LEAF = st.one_of(
    LINE,
    LINE.map("## {}".format),
    st.just("```\n{}\n```"),
    st.tuples(LINE, LINE, LINE).map(lambda cells: "| {} | {} |\n| --- | --- |\n| {} | |".format(*cells)),
    st.tuples(LINE, LINE).map(lambda lines: "- [ ] {}\n- [x] {}".format(*lines)),
)


def _within(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    blocks = st.lists(inner, min_size=1, max_size=3).map("\n\n".join)
    return st.one_of(
        blocks,
        blocks.map(lambda text: re.sub(r"(?m)^", "> ", text)),
        blocks.map(lambda text: "- " + text.replace("\n", "\n  ")),
        blocks.map(lambda text: "1. " + text.replace("\n", "\n   ")),
    )


def _numbered(text: str) -> str:
    return text.format(*(f"w{number}" for number in range(text.count("{}"))))


DOCUMENTS = st.recursive(LEAF, _within, max_leaves=8).map(_numbered)
"""Ordinary documents of numbered words, so that none can go missing unseen."""


def seen(text: str | None) -> list[str]:
    return re.findall(r"w\d+", text or "")


@given(TEXTS)
def test_the_canonical_form_is_its_own_canonical_form(text: str) -> None:
    once = canonical(text)

    assert once != ""
    assert canonical(once) == once


@given(TEXTS)
def test_the_canonical_form_can_be_sent_and_shown(text: str) -> None:
    once = canonical(text) or ""

    once.encode()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", once)


@given(DOCUMENTS)
def test_writing_a_tree_reads_back_as_the_tree(text: str) -> None:
    tree = parse(text)

    assert parse(write(tree)) == tree


@given(DOCUMENTS)
def test_no_word_is_lost_on_the_way_to_jira_and_back(text: str) -> None:
    assert seen(to_markdown(from_markdown(text))) == seen(text)


@given(TEXTS)
def test_a_document_in_adf_is_stable(text: str) -> None:
    adf = from_markdown(text)
    markdown = to_markdown(adf)

    assert from_markdown(markdown) == adf
    assert to_markdown(from_markdown(markdown)) == markdown
    assert writable(adf)


WORDS = st.text(st.characters(exclude_categories=["C"]), max_size=40)


@given(WORDS, st.lists(st.sampled_from(["em", "strong", "strike", "code"]), unique=True), WORDS)
def test_words_typed_in_jira_read_as_they_were_typed(before: str, marks: list[str], words: str) -> None:
    marked = {"type": "text", "text": words, "marks": [{"type": mark} for mark in marks]}
    content = [{"type": "text", "text": before}, marked, {"type": "text", "text": before}]
    adf = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": content}]}

    blocks = parse(to_markdown(adf) or "").blocks

    assert all(isinstance(block, Paragraph) for block in blocks)
    read = "".join(plain(block.spans) for block in blocks if isinstance(block, Paragraph))
    assert read.split() == f"{before}{words}{before}".split()


LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=8).map("\n".join)


@given(LINES, LINES)
def test_a_side_that_changed_nothing_yields(base: str, edited: str) -> None:
    assert merge(base, base, edited) == merge(base, edited, base) == merge(base, edited, edited) == edited


@given(LINES, LINES, LINES)
def test_a_merge_does_not_care_who_is_who(base: str, ours: str, theirs: str) -> None:
    assert merge(base, ours, theirs) == merge(base, theirs, ours)


@given(st.lists(st.uuids().map(str), min_size=3, max_size=12, unique=True), st.data())
def test_edits_with_a_line_between_them_both_survive(lines: list[str], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(lines) - 3))
    second = data.draw(st.integers(first + 2, len(lines) - 1))
    ours, theirs = list(lines), list(lines)
    ours[first], theirs[second] = "ours", "theirs"

    merged = merge("\n".join(lines), "\n".join(ours), "\n".join(theirs))

    both = list(lines)
    both[first], both[second] = "ours", "theirs"
    assert merged == "\n".join(both)


@given(TEXTS)
def test_a_silenced_text_pings_nobody_and_means_the_same(text: str) -> None:
    silent = neutralise(text)

    assert live(silent) == frozenset()
    assert canonical(silent) == canonical(text)
    assert live(revive(silent)) == live(text)


@given(TEXTS)
def test_a_marker_can_be_taken_off_again(text: str) -> None:
    body = without_marker(text).rstrip()
    marked = with_marker(body, "v1.ab")

    assert (find_marker(marked), without_marker(marked)) == ("v1.ab", body)
