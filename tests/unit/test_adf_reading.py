"""ADF to Markdown: every node in words, and which documents may be overwritten."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.text import canonical
from syncer_jira.adf import from_markdown, to_markdown, writable

Node = dict[str, Any]


def doc(*content: Any) -> Node:
    return {"version": 1, "type": "doc", "content": list(content)}


def node(kind: str, *content: Any, **attrs: Any) -> Node:
    out: Node = {"type": kind}
    if attrs:
        out["attrs"] = attrs
    if content:
        out["content"] = list(content)
    return out


def text(words: str, *marks: str | Node) -> Node:
    said = [{"type": mark} if isinstance(mark, str) else mark for mark in marks]
    return {"type": "text", "text": words, "marks": said} if said else {"type": "text", "text": words}


def p(*content: Any) -> Node:
    return node("paragraph", *[text(child) if isinstance(child, str) else child for child in content])


def link(url: str) -> Node:
    return {"type": "link", "attrs": {"href": url}}


def cell(*content: Any, kind: str = "tableCell", **attrs: Any) -> Node:
    return node(kind, *content, **attrs)


def row(*cells: Node) -> Node:
    return node("tableRow", *cells)


OURS: dict[str, tuple[Node, str | None]] = {
    "empty": (doc(), None),
    "empty paragraphs": (doc(p(), p("a"), p()), "a"),
    "heading": (doc(node("heading", text("a"), level=2)), "## a"),
    "heading with a break": (doc(node("heading", text("a"), node("hardBreak"), text("b"), level=1)), "# a<br>b"),
    "marks": (doc(p(text("a", "strong"), text("b", "em", "strong"), text(" c", "strike"))), None),
    "space at a mark's edge": (doc(p("a", text(" b ", "strong"), "c")), "a **b** c"),
    "punctuation at a mark's edge": (doc(p(text("Note:", "strong"), "text")), "**Note**:text"),
    "overlapping marks": (doc(p(text("a", "em"), text("b", "em", "strong"), text("c", "strong"))), None),
    "line end in a text": (doc(p("a\nb")), "a\nb"),
    "words like markdown": (
        doc(p("# a *b* [c](d) <e> `f` &amp;")),
        "\\# a \\*b\\* \\[c](d) \\<e> \\`f\\` &amp;".replace("&", "\\&"),
    ),
    "bare url": (doc(p("see https://a.example/b_c.")), "see https://a.example/b_c."),
    "link": (doc(p(text("a", link("https://a.example")))), "[a](https://a.example)"),
    "code": (doc(p(text("a`b", "code"))), "``a`b``"),
    "code in two nodes": (doc(p(text("a", "code"), text("b", "code"))), "`ab`"),
    "rule": (doc(p("a"), node("rule"), p("b")), "a\n\n---\n\nb"),
    "list": (
        doc(node("bulletList", node("listItem", p("a"), node("orderedList", node("listItem", p("b")), order=4)))),
        None,
    ),
    "tasks": (
        doc(node("taskList", node("taskItem", text("a"), localId="1", state="DONE"), localId="0")),
        "- [x] a",
    ),
    "code block": (doc(node("codeBlock", text("a\n```\nb"), language="py")), "````py\na\n```\nb\n````"),
    "table": (
        doc(node("table", row(cell(p("a"), kind="tableHeader")), row(cell(p("b|c"), p("d"))), layout="default")),
        "| a |\n| --- |\n| b\\|c<br>d |",
    ),
    "external image": (
        doc(node("mediaSingle", node("media", type="external", url="https://a.example/b.png", alt="c"), layout="wide")),
        "![c](https://a.example/b.png)",
    ),
}

THEIRS: dict[str, tuple[Node, str | None]] = {
    "mention": (doc(p("a ", node("mention", id="5b1", text="@Ann Lee"), "!")), "a @Ann Lee!"),
    "mention without a name": (doc(p(node("mention", id="5b1"))), "@5b1"),
    "emoji": (doc(p(node("emoji", shortName=":smile:", text="\U0001f604"))), "\U0001f604"),
    "emoji without its text": (doc(p(node("emoji", shortName=":acme:"))), ":acme:"),
    "date": (doc(p(node("date", timestamp="1767225600000"))), "2026-01-01"),
    "date out of range": (doc(p(node("date", timestamp="9" * 30))), "9" * 30),
    "status": (doc(p(node("status", text="In QA", color="blue"))), "In QA"),
    "placeholder": (doc(p(node("placeholder", text="Type here"))), "Type here"),
    "panel": (doc(node("panel", p("a"), node("heading", text("b"), level=2), panelType="info")), "> a\n>\n> ## b"),
    "expand": (doc(node("expand", p("b"), title="a")), "**a**\n\nb"),
    "smart link": (doc(p("a ", node("inlineCard", url="https://a.example/b"))), "a https://a.example/b"),
    "smart link of data": (doc(p(node("inlineCard", data={"url": "https://a.example/b"}))), "https://a.example/b"),
    "block card": (doc(node("blockCard", url="https://a.example/b")), "https://a.example/b"),
    "embed card": (doc(node("embedCard", url="https://a.example/b", layout="wide")), "https://a.example/b"),
    "file": (
        doc(node("mediaSingle", node("media", type="file", id="1", collection=""), layout="center")),
        "[attachment]",
    ),
    "named file": (
        doc(node("mediaGroup", node("media", type="file", id="1", collection="", alt="a.pdf"))),
        "[attachment: a.pdf]",
    ),
    "inline file": (doc(p("a ", node("mediaInline", id="1", collection=""))), "a [attachment]"),
    "caption": (
        doc(
            node(
                "mediaSingle",
                node("media", type="external", url="https://a.example/b"),
                node("caption", text("c")),
                layout="wide",
            )
        ),
        "![](https://a.example/b)\n\nc",
    ),
    "decision": (
        doc(node("decisionList", node("decisionItem", text("a"), localId="1", state="DECIDED"), localId="0")),
        "- a",
    ),
    "layout": (
        doc(node("layoutSection", node("layoutColumn", p("a"), width=50), node("layoutColumn", p("b"), width=50))),
        "a\n\nb",
    ),
    "extension": (doc(node("extension", extensionKey="toc", extensionType="com.example")), "[toc]"),
    "bodied extension": (doc(node("bodiedExtension", p("a"), extensionKey="x", extensionType="y")), "a"),
    "inline extension": (doc(p(node("inlineExtension", extensionKey="x", extensionType="y", text="a"))), "a"),
    "something new": (doc(node("hologram", p("a"), depth=3), node("glyph", text="b")), "a\n\nb"),
    "underline": (doc(p(text("a", "underline"))), "a"),
    "colour": (doc(p(text("a", {"type": "textColor", "attrs": {"color": "#ff0000"}}))), "a"),
    "subscript": (doc(p("H", text("2", {"type": "subsup", "attrs": {"type": "sub"}}), "O")), "H2O"),
    "aligned": (doc({**p("a"), "marks": [{"type": "alignment", "attrs": {"align": "center"}}]}), "a"),
    "table without a header": (
        doc(node("table", row(cell(p("a"))), row(cell(p("b"))))),
        "| a |\n| --- |\n| b |",
    ),
    "table with merged cells": (
        doc(
            node(
                "table",
                row(cell(p("a"), kind="tableHeader"), cell(p("b"), kind="tableHeader")),
                row(cell(p("c"), colspan=2)),
            )
        ),
        "| a | b |\n| --- | --- |\n| c |  |",
    ),
    "list in a cell": (
        doc(
            node(
                "table",
                row(cell(p("a"), kind="tableHeader")),
                row(cell(node("bulletList", node("listItem", p("b")), node("listItem", p("c"))))),
            )
        ),
        "| a |\n| --- |\n| \u2022 b<br>\u2022 c |",
    ),
}


@pytest.mark.parametrize(("adf", "expected"), [*OURS.values(), *THEIRS.values()], ids=[*OURS, *THEIRS])
def test_every_node_is_read_in_words(adf: Node, expected: str | None) -> None:
    markdown = to_markdown(adf)

    assert markdown == canonical(markdown)
    if expected is not None or not adf["content"]:
        assert markdown == expected


@pytest.mark.parametrize("adf", [adf for adf, _ in OURS.values()], ids=OURS)
def test_what_markdown_can_say_may_be_overwritten(adf: Node) -> None:
    assert writable(adf)


@pytest.mark.parametrize("adf", [adf for adf, _ in THEIRS.values()], ids=THEIRS)
def test_what_markdown_cannot_say_is_never_overwritten(adf: Node) -> None:
    assert not writable(adf)


@pytest.mark.parametrize("adf", [adf for adf, _ in [*OURS.values(), *THEIRS.values()]], ids=[*OURS, *THEIRS])
def test_what_was_read_and_written_once_is_stable(adf: Node) -> None:
    written = from_markdown(to_markdown(adf))

    assert from_markdown(to_markdown(written)) == written


def test_overlapping_marks_are_nested() -> None:
    adf = doc(p(text("a ", "em"), text("b", "em", "strong"), text(" c", "strong")))

    assert to_markdown(adf) == "_a_ **_b_** **c**"


@pytest.mark.parametrize("said", [None, ""])
def test_nothing_reads_as_nothing(said: str | None) -> None:
    assert to_markdown(said) is None
    assert writable(said)


def test_a_string_is_taken_for_markdown() -> None:
    assert to_markdown("* a") == "- a"


@pytest.mark.parametrize(
    "adf",
    [
        {},
        {"type": "doc"},
        {"type": "doc", "content": None},
        {"type": "doc", "content": "words"},
        {"type": "doc", "content": [None, 3, "x", {}]},
        doc({"type": "paragraph", "content": [{"type": "text"}, {"type": "text", "text": None, "marks": 3}]}),
        doc({"type": "heading", "attrs": {"level": "high"}}, {"type": "orderedList", "attrs": None}),
        doc({"type": "table", "content": [{"type": "tableRow"}]}),
        doc({"type": "taskList", "content": [{"type": "taskList", "content": []}]}),
    ],
)
def test_broken_documents_do_not_raise(adf: Node) -> None:
    assert to_markdown(adf) in {None, "#", "-"}
    assert writable(adf) in {True, False}


def test_words_nested_too_deep_are_kept() -> None:
    deep = p("bottom")
    for _ in range(3_000):
        deep = node("blockquote", deep)

    assert "bottom" in (to_markdown(doc(deep)) or "")
    assert writable(doc(deep))


def test_local_ids_and_sizes_that_jira_adds_do_not_count() -> None:
    adf = from_markdown("# a\n\n- b\n\n| c |\n| --- |\n| d |\n\n![e](https://a.example/f.png)")
    for block in adf["content"]:
        block.setdefault("attrs", {})["localId"] = "x"
    adf["content"][3]["content"][0]["attrs"] |= {"width": 200, "height": 100}

    assert writable(adf)
    assert to_markdown(adf) == "# a\n\n- b\n\n| c |\n| --- |\n| d |\n\n![e](https://a.example/f.png)"
