"""ADF to Markdown. Every word a reader sees in Jira is kept, in the nearest form Markdown has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from syncer.text import Doc, canonical, write
from syncer.text.spans import CONTROL, one_line, tidy
from syncer.text.tree import (
    PLAIN,
    Block,
    Break,
    Code,
    CodeSpan,
    Heading,
    Image,
    Item,
    Link,
    Listing,
    Mark,
    Marks,
    Paragraph,
    Quote,
    RawBlock,
    RawInline,
    Row,
    Rule,
    Span,
    Spans,
    Table,
    Text,
)
from syncer_jira.adf_write import HIDDEN

Node: TypeAlias = Mapping[str, Any]

_DEEPEST = 40
"""Levels. Words below are kept, their shape is not."""
_INLINE = frozenset(
    {
        "text",
        "hardBreak",
        "inlineCard",
        "media",
        "mediaInline",
        "mention",
        "emoji",
        "date",
        "status",
        "placeholder",
        "inlineExtension",
    }
)
_MARKS: dict[str, Mark] = {"em": "em", "strong": "strong", "strike": "strike"}
_RAW = re.compile(rf"<{HIDDEN}([^{HIDDEN}]*){HIDDEN}")
_RAW_BLOCK = f"<{HIDDEN}{HIDDEN}"


def to_markdown(adf: Mapping[str, Any] | str | None) -> str | None:
    """Return what *adf* says as canonical Markdown, None where it says nothing.

    A string, as older servers answer, is taken for Markdown. Nodes and attributes that are not
    known are read for their words. Never raises on JSON.
    """
    if adf is None or isinstance(adf, str):
        return canonical(adf)
    return canonical(write(Doc(tuple(_blocks(_content(adf), 0)))))


def _content(node: Node) -> Sequence[Node]:
    content = node.get("content")
    return [child for child in content if isinstance(child, Mapping)] if isinstance(content, list | tuple) else []


def _attr(node: Node, name: str) -> str:
    """Return an attribute as text, empty where there is none."""
    attrs = node.get("attrs")
    value = attrs.get(name) if isinstance(attrs, Mapping) else None
    return "" if value is None or isinstance(value, bool | list | Mapping) else CONTROL.sub("", str(value))


def _own_text(node: Node) -> str:
    text = node.get("text")
    return CONTROL.sub("", text) if isinstance(text, str) else ""


def _number(node: Node, name: str, default: int) -> int:
    try:
        return int(float(_attr(node, name)))
    except (ValueError, OverflowError):
        return default


def _blocks(nodes: Iterable[Node], depth: int) -> Iterator[Block]:
    words: list[Node] = []
    for node in nodes:
        if node.get("type") in _INLINE:
            words.append(node)
            continue
        yield from _paragraph(words)
        words = []
        if depth < _DEEPEST:
            yield from _block(node, depth + 1)
        else:
            yield from _paragraph([{"type": "text", "text": _all_words(node)}])
    yield from _paragraph(words)


def _paragraph(nodes: Sequence[Node]) -> Iterator[Block]:
    raw = _raw_block(nodes)
    if raw:
        yield RawBlock(raw)
    elif spans := tidy(_spans(nodes)):
        yield Paragraph(spans)


def _raw_block(nodes: Sequence[Node]) -> str | None:
    if not nodes or not _own_text(nodes[0]).startswith(_RAW_BLOCK):
        return None
    lines = ("\n" if node.get("type") == "hardBreak" else _own_text(node) for node in nodes)
    return "".join(lines).replace(HIDDEN, "").strip()


def _block(node: Node, depth: int) -> Iterator[Block]:  # noqa: C901, PLR0912 -- one case per node type
    match node.get("type"):
        case "paragraph":
            yield from _paragraph(_content(node))
        case "heading":
            level = min(max(_number(node, "level", 1), 1), 6)
            yield Heading(level, one_line(tidy(_spans(_content(node)))))
        case "blockquote" | "panel":
            yield Quote(tuple(_blocks(_content(node), depth)))
        case "bulletList" | "decisionList":
            yield from _list(_content(node), None, depth)
        case "orderedList":
            yield from _list(_content(node), max(_number(node, "order", 1), 0), depth)
        case "taskList":
            yield from _tasks(_content(node), depth)
        case "codeBlock":
            text = "".join(_own_text(child) for child in _content(node))
            yield Code(text, " ".join(_attr(node, "language").split()))
        case "rule":
            yield Rule()
        case "table":
            yield from _table(_content(node), depth)
        case "expand" | "nestedExpand":
            if title := _attr(node, "title").strip():
                yield Paragraph(tidy([Text(title, frozenset({"strong"}))]))
            yield from _blocks(_content(node), depth)
        case "blockCard" | "embedCard":
            yield from _paragraph([{**node, "type": "inlineCard"}])
        case "mediaGroup" | "mediaSingle":
            for child in _content(node):
                yield from _blocks([child], depth)
        case "extension" | "bodiedExtension" | "syncBlock" | "bodiedSyncBlock" if not _content(node):
            yield Paragraph(tidy([_named(node)]))
        case _:
            # A layout, something new: what is inside, or its words.
            if inner := _content(node):
                yield from _blocks(inner, depth)
            elif words := _attr(node, "text"):
                yield Paragraph(tidy([Text(words)]))


def _list(nodes: Sequence[Node], start: int | None, depth: int) -> Iterator[Block]:
    items = tuple(Item(tuple(_blocks(_content(node), depth))) for node in nodes)
    if items:
        yield Listing(items, start)


def _tasks(nodes: Sequence[Node], depth: int) -> Iterator[Block]:
    items: list[Item] = []
    for node in nodes:
        if node.get("type") == "taskList" and depth < _DEEPEST:
            nested = tuple(_tasks(_content(node), depth + 1))
            # ADF puts a nested list beside the task it belongs to.
            parent = items.pop() if items else Item(())
            items.append(Item(parent.blocks + nested, parent.done))
        else:
            items.append(Item(tuple(_blocks(_content(node), depth)), _attr(node, "state") == "DONE"))
    if items:
        yield Listing(tuple(items))


def _table(nodes: Sequence[Node], depth: int) -> Iterator[Block]:
    rows = [_row(node, depth) for node in nodes]
    width = max((len(row) for row in rows), default=0)
    if width:
        even: list[Row] = [(*row, *([()] * (width - len(row)))) for row in rows]
        yield Table((None,) * width, even[0], tuple(even[1:]))


def _row(node: Node, depth: int) -> Row:
    cells: list[Spans] = []
    for cell in _content(node):
        cells.append(_cell(tuple(_blocks(_content(cell), depth))))
        cells += [()] * (min(_number(cell, "colspan", 1), 50) - 1)
    return tuple(cells)


def _cell(blocks: Iterable[Block]) -> Spans:
    """Return what Markdown can hold in a table's cell: one line, parted by `<br>`."""
    spans: list[Span] = []
    for line in _lines(blocks):
        spans += [Break(hard=True), *line] if spans else line
    return one_line(tidy(spans))


def _lines(blocks: Iterable[Block]) -> Iterator[Sequence[Span]]:
    for block in blocks:
        match block:
            case Paragraph(spans) | Heading(_, spans):
                yield spans
            case Code(text):
                yield from ([CodeSpan(line)] for line in text.split("\n") if line.strip())
            case RawBlock(text):
                yield [RawInline(text)]
            case Quote(inner):
                yield from _lines(inner)
            case Listing(items):
                for item in items:
                    sign = "\u2022 " if item.done is None else "\u2611 " if item.done else "\u2610 "
                    inner_lines = list(_lines(item.blocks)) or [()]
                    yield [Text(sign), *inner_lines[0]]
                    yield from inner_lines[1:]
            case Table(_, head, rows):
                for row in (head, *rows):
                    yield [span for cell in row for span in (*cell, Text(" "))]


def _spans(nodes: Iterable[Node]) -> Iterator[Span]:
    for node in nodes:
        yield from _span(node)


def _span(node: Node) -> Iterator[Span]:
    marks, link = _marks(node)
    kind = node.get("type")
    if kind == "text" and "code" in _mark_types(node):
        text = _own_text(node).replace("\n", " ")
        if text:
            yield CodeSpan(text, marks, link)
    elif kind == "text":
        yield from _words(_own_text(node), marks, link)
    elif kind == "hardBreak":
        yield Break(hard=True, marks=marks, link=link)
    elif kind == "inlineCard":
        yield _card(node, marks)
    elif kind == "media" and _attr(node, "type") == "external" and _attr(node, "url"):
        alt = " ".join(_attr(node, "alt").split())
        yield Image(alt, _attr(node, "url"), None, marks, link)
    elif said := _said(node):
        yield from _words(said, marks, link)


def _words(text: str, marks: Marks, link: Link | None) -> Iterator[Span]:
    """Yield *text*, with the HTML that `from_markdown` hid in it."""
    start = 0
    for match in _RAW.finditer(text):
        yield Text(text[start : match.start()], marks, link)
        yield RawInline(f"<{match[1]}", marks, link)
        start = match.end()
    if text[start:]:
        yield Text(text[start:], marks, link)


def _said(node: Node) -> str:
    """Return an inline node in words, as Jira shows it."""
    match node.get("type"):
        case "mention":
            return "@" + _attr(node, "text").removeprefix("@") if _attr(node, "text") else "@" + _attr(node, "id")
        case "emoji":
            return _attr(node, "text") or _attr(node, "shortName")
        case "date":
            return _date(_attr(node, "timestamp"))
        case "media" | "mediaInline":
            name = _attr(node, "alt").strip()
            return f"[attachment: {name}]" if name else "[attachment]"
        case "inlineExtension":
            return _named(node).text
    return _attr(node, "text")


def _date(timestamp: str) -> str:
    try:
        return datetime.fromtimestamp(int(timestamp) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return timestamp


def _card(node: Node, marks: Marks) -> Text:
    attrs = node.get("attrs")
    data = attrs.get("data") if isinstance(attrs, Mapping) else None
    url = _attr(node, "url") or (_attr({"attrs": data}, "url") if isinstance(data, Mapping) else "")
    return Text(url, marks, Link(url)) if url else Text("[card]", marks)


def _named(node: Node) -> Text:
    return Text(_attr(node, "text") or f"[{_attr(node, 'extensionKey') or node.get('type')}]")


def _mark_types(node: Node) -> frozenset[str]:
    return frozenset(str(mark.get("type")) for mark in _mark_nodes(node))


def _mark_nodes(node: Node) -> Sequence[Node]:
    marks = node.get("marks")
    return [mark for mark in marks if isinstance(mark, Mapping)] if isinstance(marks, list | tuple) else []


def _marks(node: Node) -> tuple[Marks, Link | None]:
    nodes = _mark_nodes(node)
    marks = frozenset(_MARKS[kind] for kind in map(_type, nodes) if kind in _MARKS) if nodes else PLAIN
    link = next((mark for mark in nodes if mark.get("type") == "link" and _attr(mark, "href")), None)
    if link is None:
        return marks, None
    return marks, Link(_attr(link, "href").strip(), " ".join(_attr(link, "title").split()) or None)


def _type(node: Node) -> str:
    return str(node.get("type"))


def _all_words(node: Node) -> str:
    out: list[str] = []
    stack: list[Node] = [node]
    while stack:
        node = stack.pop()
        out.append(_own_text(node) or _said(node))
        stack += reversed(_content(node))
    return " ".join(word for word in out if word)
