"""Markdown to ADF: valid to the published schema, and stable when it comes back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from syncer_jira.adf import from_markdown, to_markdown, writable

ROOT = Path(__file__).parents[2]

TRICKY = [
    "# One\n\n## Two\n\n###### Six",
    "# a **b** `c` [d](e)",
    "#",
    "# a\\\nb",
    "**a _b ~~c~~_** ~~**d**~~",
    "**`a`** _[b](c)_ [`d`](e) [**f** _g_](h)",
    "a**b**c *d*e",
    "a\\\nb\nc",
    "a<br>b",
    "- a\n- b\n  - c\n    1. d\n\n    text",
    "-\n- a",
    "- - a",
    "1. - 2. a",
    "0. a\n1. b",
    "7. a\n8. b",
    "- a\n\n* b\n\n1. c\n\n1) d",
    "- [ ] a\n- [x] b\n  - [ ] c",
    "- [ ]\n- [x]",
    "- [ ] a\n- b",
    "1. [x] a",
    "- [ ] a\n\n  text",
    "- [ ] a\n  1. b",
    "> - [ ] a",
    "> a\n>\n> b",
    ">",
    "> > > a\n\n> b",
    "> # a `b`\n>\n> ---",
    "> | a | b |\n> | --- | --- |\n> | c | **d** |",
    "> - a\n>   > b",
    "- > a\n  >\n  > - b",
    "- # a\n\n  ---",
    "- ___",
    "- | a |\n  | --- |\n  | b |",
    "- ```py\n  x = 1\n  ```",
    "```\n```",
    "```c++ title\n\n  a\n\n```",
    "~~~ a`b\nc\n~~~",
    "---",
    "| a | b |\n| :-- | --: |\n| `x \\| y` | **z**<br>w |\n|  |  |",
    "|  |\n| --- |",
    "| ![a](https://a.example/b) |\n| --- |",
    "![a](https://a.example/b.png)",
    "![](https://a.example/b.png 'title')",
    "![a]()",
    "text ![a](https://a.example/b.png) text",
    "text\n![a](https://a.example/b.png)\ntext",
    "[![a](https://a.example/b.png)](https://a.example)",
    "![a](b) ![c](d)",
    "- ![a](b)",
    "- [ ] ![a](b)",
    "# ![a](b)",
    '[a](b "c \\" d")',
    "[](b)",
    "[a]()",
    "https://a.example/b_c, <https://d.example>e",
    "<bob@a.example>",
    "<!-- note -->",
    "a <!-- note --> b",
    "<details><summary>a</summary>\n\nb\n\n</details>",
    "<pre>\na\n\n  b\n</pre>",
    "- <div>\n  a\n  </div>",
    "a <kbd>Ctrl</kbd>+<kbd>C</kbd>",
    "<a href='https://a.example'>b</a>",
    "| <b>a</b> |\n| --- |",
    "\\<b> \\*a\\* \\[a](b) \\`a\\` \\&amp; \\# 1\\.",
    "\\# a\n\\- b\n1\\. c\n\\> d",
    "`` ` `` ``` `` ``` ` a `",
    "\u00a0a\u00a0 \u2028 \u200bb \U0001f600",
    "&nbsp;&#32;a&#10;b",
    "@bob #12 owner/repo#3",
    "a  b\tc",
    "\u2063<b\u2063>",
    "<\u2063b>",
    "[a]: b\n\n[a] [a][] [c][a]",
    ">" * 200 + " a",
    "*" * 200 + "a" + "*" * 200,
    "[" * 200 + "a" + "](b)" * 200,
]


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("content", ()):
        yield from nodes(child)


def types(markdown: str) -> list[str]:
    return [node["type"] for node in from_markdown(markdown)["content"]]


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft4Validator:
    folder = ROOT / os.environ.get("SYNCER_CONTRACTS", "../shared/contracts")
    file = folder / "adf" / "adf-schema-full.json"
    if not file.is_file():
        pytest.skip("no published ADF schema here (SYNCER_CONTRACTS)")
    return jsonschema.Draft4Validator(json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("markdown", TRICKY)
def test_every_document_is_valid_to_the_published_schema(markdown: str, schema: jsonschema.Draft4Validator) -> None:
    assert [error.message for error in schema.iter_errors(from_markdown(markdown))] == []


@pytest.mark.parametrize("markdown", TRICKY)
def test_what_was_written_reads_back_to_the_same_document(markdown: str) -> None:
    once = from_markdown(markdown)

    assert from_markdown(to_markdown(once)) == once


@pytest.mark.parametrize("markdown", TRICKY)
def test_a_second_pass_changes_nothing(markdown: str) -> None:
    once = to_markdown(from_markdown(markdown))

    assert to_markdown(from_markdown(once)) == once


@pytest.mark.parametrize("markdown", TRICKY)
def test_what_we_write_we_may_write_again(markdown: str) -> None:
    assert writable(from_markdown(markdown))


def test_nothing_is_an_empty_document() -> None:
    assert from_markdown(None) == {"version": 1, "type": "doc", "content": []}


def test_the_same_text_gives_the_same_document() -> None:
    assert from_markdown("- [ ] a\n- [x] b") == from_markdown("* [ ] a\n* [X] b")


@pytest.mark.parametrize(
    "text",
    [
        "# a\n\n## b",
        "a **b** _c_ ~~d~~ `e`",
        '[a](https://a.example "b")',
        "- a\n- b\n  - c",
        "3. a\n4. b",
        "- [ ] a\n- [x] b\n  - [ ] c",
        "> a\n>\n> - b",
        "```py\na\n\nb\n```",
        "| a | b |\n| --- | --- |\n| c | d |",
        "a\\\nb",
        "![a](https://a.example/b.png)",
        "a\n\n---\n\nb",
        "<!-- note -->\n\na <kbd>b</kbd>\n\n<details>\n<summary>c</summary>\n\nd\n\n</details>",
    ],
)
def test_what_adf_can_say_comes_back_as_it_was(text: str) -> None:
    assert to_markdown(from_markdown(text)) == text


def test_a_soft_break_is_a_space() -> None:
    assert to_markdown(from_markdown("a\nb")) == "a b"


def test_a_check_list_is_a_task_list() -> None:
    [tasks] = from_markdown("- [ ] a\n- [x] b\n  - [ ] c")["content"]

    assert tasks["type"] == "taskList"
    assert [(node["type"], node["attrs"].get("state")) for node in tasks["content"]] == [
        ("taskItem", "TODO"),
        ("taskItem", "DONE"),
        ("taskList", None),
    ]


def test_tasks_have_ids_of_their_own() -> None:
    ids = [
        node["attrs"]["localId"]
        for node in nodes(from_markdown("- [ ] a\n- [ ] a"))
        if "localId" in node.get("attrs", {})
    ]

    assert len(ids) == len(set(ids)) == 3


def test_boxes_that_no_task_list_can_hold_are_shown_as_signs() -> None:
    assert to_markdown(from_markdown("- [ ] a\n- [x] b\n- c")) == "- \u2610 a\n- \u2611 b\n- c"


def test_a_quote_in_a_quote_keeps_its_words() -> None:
    assert to_markdown(from_markdown("> a\n>\n> > b")) == "> a\n>\n> b"


def test_a_heading_in_a_quote_becomes_strong_words() -> None:
    assert to_markdown(from_markdown("> # a")) == "> **a**"


def test_strong_code_is_code() -> None:
    assert to_markdown(from_markdown("**a `b`**")) == "**a** `b`"


def test_an_image_on_its_own_line_parts_the_paragraph() -> None:
    assert types("a\n![b](https://a.example/b.png)\nc") == ["paragraph", "mediaSingle", "paragraph"]


def test_an_image_among_words_is_a_link() -> None:
    assert to_markdown(from_markdown("a ![b](https://a.example/b.png) c")) == "a [b](https://a.example/b.png) c"


def test_a_table_begins_with_header_cells() -> None:
    [table] = from_markdown("| a |\n| --- |\n| b |")["content"]

    assert [row["content"][0]["type"] for row in table["content"]] == ["tableHeader", "tableCell"]


def test_html_somebody_typed_in_jira_stays_words() -> None:
    typed = {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": "a <b> c"}]}],
    }

    assert to_markdown(typed) == "a \\<b> c"


def test_no_text_node_is_empty() -> None:
    for markdown in TRICKY:
        assert all(node["text"] for node in nodes(from_markdown(markdown)) if node["type"] == "text")
