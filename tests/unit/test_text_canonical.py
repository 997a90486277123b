"""One spelling for what means the same."""

from __future__ import annotations

import time

import pytest

from syncer.text import canonical, parse, write


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("* a\n* b", "- a\n- b"),
        ("+ a\n\n+ b", "- a\n- b"),
        ("1) a\n1) b", "1. a\n2. b"),
        ("7. a\n9. b", "7. a\n8. b"),
        ("- a\n    - b", "- a\n  - b"),
        ("* [X] done\n* [ ] open", "- [x] done\n- [ ] open"),
        ("- [ ]", "- [ ]"),
        ("Title\n=====\n\nPart\n---", "# Title\n\n## Part"),
        ("# Title #", "# Title"),
        ("*a* __b__ ***c***", "_a_ **b** **_c_**"),
        ("in*tra*word", "in*tra*word"),
        ("~gone~ ~~gone~~", "~~gone~~ ~~gone~~"),
        ("    code", "```\ncode\n```"),
        ("~~~ py\ncode\n~~~", "```py\ncode\n```"),
        ("````\n```\n````", "````\n```\n````"),
        ("a  \nb", "a\\\nb"),
        ("a<br>b", "a\\\nb"),
        ("a\nb", "a\nb"),
        ("***", "---"),
        ("- ***", "- ___"),
        ("<https://a.example>", "https://a.example"),
        ("see <https://a.example/x_y>.", "see https://a.example/x_y."),
        ("<bob@a.example>", "<bob@a.example>"),
        ("[a](<b c> 'd')", '[a](<b c> "d")'),
        ("[a][1]\n\n[1]: /b", "[a](/b)"),
        ("![a](b)", "![a](b)"),
        ("[![a](b)](c)", "[![a](b)](c)"),
        ("|a|b|\n|-|:-:|\n|1|", "| a | b |\n| --- | :-: |\n| 1 |  |"),
        ("| a |\n|---|\n| x \\| `y \\| z` |", "| a |\n| --- |\n| x \\| `y \\| z` |"),
        (">a\nb", "> a\n> b"),
        ("<!-- note -->\ntext", "<!-- note -->\n\ntext"),
        ("a <kbd>b</kbd>", "a <kbd>b</kbd>"),
        ("&copy; &lt;b&gt;", "\u00a9 \\<b>"),
        ("a\r\n\r\nb\r", "a\n\nb"),
        ("a\n\n\n\nb   ", "a\n\nb"),
        ("@\u200bbob #\u200b12", "@bob #12"),
    ],
)
def test_what_means_the_same_is_spelled_the_same(written: str, expected: str) -> None:
    assert canonical(written) == expected


@pytest.mark.parametrize("nothing", [None, "", " ", "\n\n", "\t\n \n", "\x00", "&#32;"])
def test_no_words_are_none(nothing: str | None) -> None:
    assert canonical(nothing) is None


@pytest.mark.parametrize(
    "text",
    [
        "snake_case and 2 * 3 * 4",
        "costs ~5 days",
        "3 < 4 & 5 > 4",
        "C:\\dir\\file",
        "[a] note [b]",
        "1,000 - or more",
        "a#b #tag",
        "Version 1.2. Then 3) last",
    ],
)
def test_plain_words_are_not_escaped(text: str) -> None:
    assert canonical(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "\\# no heading",
        "\\- no bullet",
        "1\\. no number",
        "\\> no quote",
        "\\*no\\* emphasis",
        "\\_\\_no\\_\\_ strong",
        "\\`no\\` code",
        "\\[no](link)",
        "\\<b> no tag",
        "\\&amp; no entity",
        "a\n\\---",
        "a\n\\===",
        "a | b\n\\--- | ---",
        "- \\[ ] no box",
        "# a \\#",
    ],
)
def test_words_that_look_like_markdown_stay_words(text: str) -> None:
    assert canonical(text) == text


def test_two_lists_in_a_row_stay_two() -> None:
    assert canonical("- a\n\n* b\n\n1. c\n\n1) d") == "- a\n\n* b\n\n1. c\n\n1) d"


def test_a_bare_url_keeps_its_underscores_and_stars() -> None:
    assert canonical("https://a.example/_x_*y*z") == "https://a.example/_x_*y*z"


def test_a_url_is_bracketed_where_words_would_run_into_it() -> None:
    assert canonical("<https://a.example>text") == "<https://a.example>text"


def test_marks_that_touch_words_lose_no_words() -> None:
    text = canonical("a **b**c **(d)** *e*f")

    assert text == "a **b**c **(d)** *e*f"


def test_writing_what_was_parsed_is_the_canonical_form() -> None:
    text = "# A\n\n- b\n\n  c\n\n> d"

    assert write(parse(text)) == canonical(text) == text


HOSTILE = {
    "quotes": ">" * 5_000,
    "lists": "- " * 5_000,
    "stairs": "".join(" " * (2 * n) + "- a\n" for n in range(200)),
    "brackets": "[" * 5_000,
    "images": "![" * 2_500,
    "stars": "*a " * 5_000,
    "mixed": "*_" * 5_000,
    "ticks": "".join("`" * n + " " for n in range(150)),
    "tags": "<a b=" * 3_000,
    "comments": "<!-- " * 3_000,
    "pipes": "|a" * 3_000 + "\n" + "|-" * 3_000,
    "surrogates": "\ud800\udfff" * 100 + "x",
    "controls": "".join(map(chr, range(32))) + "x",
    "a megabyte": "words and **more** words\n" * 40_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_settled_in_bounded_time(text: str) -> None:
    start = time.perf_counter()
    once = canonical(text)
    spent = time.perf_counter() - start

    assert once is not None
    assert canonical(once) == once
    assert spent < 10


def test_nesting_too_deep_keeps_its_own_spelling() -> None:
    assert canonical(">" * 500 + " deep\r\n") == ">" * 500 + " deep"


def test_lone_surrogates_can_be_sent_afterwards() -> None:
    text = canonical("a\ud800b")

    assert text == "a\ufffdb"
    assert text.encode()
