"""Markdown to ADF, valid to the official schema. What ADF forbids is put more simply; words stay."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Final, Literal, TypeAlias

from syncer.text import canonical, parse
from syncer.text.spans import tidy
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
    Rule,
    Span,
    Table,
    Text,
)

Node: TypeAlias = dict[str, Any]
Place: TypeAlias = Literal["doc", "quote", "item"]

HIDDEN: Final = "\u2063"
"""An invisible separator: stands after the `<` and at the end of raw HTML, so that it is known from
words somebody typed in Jira. Twice after the `<` of a whole HTML block."""

_MARKS: tuple[Mark, ...] = ("em", "strong", "strike")
_STRONG: Marks = frozenset({"strong"})
_BOXES = {True: "\u2611 ", False: "\u2610 "}
_TASKS = uuid.UUID("5a1a4f0e-9c0e-5d5b-8f5c-2f6f1f1f8a77")


def from_markdown(markdown: str | None) -> Node:
    """Return an ADF document that says *markdown*; an empty one for None. The same text gives the same document."""
    doc = parse(canonical(markdown) or "")
    content = list(_blocks(doc.blocks, "doc", count(1)))
    return {"version": 1, "type": "doc", "content": content}


def _blocks(blocks: Iterable[Block], place: Place, ids: Iterator[int]) -> Iterator[Node]:
    for block in blocks:
        yield from _block(block, place, ids)


def _block(block: Block, place: Place, ids: Iterator[int]) -> Iterator[Node]:  # noqa: C901, PLR0912 -- one case per block
    match block:
        case Paragraph(spans):
            yield from _paragraphs(spans)
        case Heading(level, spans) if place == "doc":
            yield {"type": "heading", "attrs": {"level": level}, "content": _inline(spans)}
        case Heading(_, spans):
            yield _paragraph(replace(span, marks=span.marks | _STRONG) for span in spans)
        case Code(text, info):
            yield _code(text, info)
        case RawBlock(text):
            yield _raw_block(text)
        case Rule() if place == "doc":
            yield {"type": "rule"}
        case Quote(inner) if place == "doc":
            yield {"type": "blockquote", "content": list(_blocks(inner, "quote", ids)) or [_paragraph(())]}
        case Quote(inner):
            yield from _blocks(inner, place, ids)
        case Listing() if place != "quote" and _is_tasks(block):
            yield _tasks(block, ids)
        case Listing():
            yield _list(block, ids)
        case Table() if place == "doc":
            yield _table(block)
        case Table(_, head, rows):
            for row in (head, *rows):
                yield _paragraph(_joined(row))


def _paragraph(spans: Iterable[Span]) -> Node:
    return {"type": "paragraph", "content": _inline(spans)}


def _code(text: str, info: str) -> Node:
    node: Node = {"type": "codeBlock"}
    if info:
        node["attrs"] = {"language": info.split(maxsplit=1)[0]}
    if text:
        node["content"] = [{"type": "text", "text": text}]
    return node


def _raw_block(text: str) -> Node:
    head = text.replace(HIDDEN, "")
    nodes: list[Node] = []
    for number, line in enumerate(f"<{HIDDEN}{HIDDEN}{head[1:]}{HIDDEN}".split("\n")):
        nodes += [{"type": "hardBreak"}] if number else []
        nodes += [{"type": "text", "text": line}] if line else []
    return {"type": "paragraph", "content": nodes}


def _list(listing: Listing, ids: Iterator[int]) -> Node:
    items = [_item(item, ids) for item in listing.items]
    if listing.start is None:
        return {"type": "bulletList", "content": items}
    return {"type": "orderedList", "attrs": {"order": listing.start}, "content": items}


def _item(item: Item, ids: Iterator[int]) -> Node:
    blocks = item.blocks if item.done is None else _boxed(item.blocks, done=item.done)
    content = list(_blocks(blocks, "item", ids))
    # Editors expect words first: an item that begins with a list gets an empty line.
    if not content or content[0]["type"] not in {"paragraph", "mediaSingle", "codeBlock"}:
        content.insert(0, _paragraph(()))
    return {"type": "listItem", "content": content}


def _boxed(blocks: tuple[Block, ...], *, done: bool) -> tuple[Block, ...]:
    box = Text(_BOXES[done])
    if blocks and isinstance(first := blocks[0], Paragraph):
        return (Paragraph((box, *first.spans)), *blocks[1:])
    return (Paragraph((box,)), *blocks)


def _is_tasks(block: Block) -> bool:
    """Say whether ADF's task list can hold all of it: check boxes, a line each, and nested ones."""
    return isinstance(block, Listing) and block.start is None and all(_is_task(item) for item in block.items)


def _is_task(item: Item) -> bool:
    rest = item.blocks[1:] if item.blocks and isinstance(item.blocks[0], Paragraph) else item.blocks
    return item.done is not None and all(_is_tasks(block) for block in rest)


def _tasks(listing: Listing, ids: Iterator[int]) -> Node:
    node: Node = {"type": "taskList", "attrs": {"localId": _id(ids)}, "content": []}
    for item in listing.items:
        attrs = {"localId": _id(ids), "state": "DONE" if item.done else "TODO"}
        spans = next((block.spans for block in item.blocks if isinstance(block, Paragraph)), ())
        node["content"].append({"type": "taskItem", "attrs": attrs, "content": _inline(spans)})
        node["content"] += [_tasks(block, ids) for block in item.blocks if isinstance(block, Listing)]
    return node


def _id(ids: Iterator[int]) -> str:
    return str(uuid.uuid5(_TASKS, str(next(ids))))


def _table(table: Table) -> Node:
    rows = [_row(table.head, "tableHeader"), *(_row(row, "tableCell") for row in table.rows)]
    return {"type": "table", "content": rows}


def _row(cells: Sequence[Sequence[Span]], kind: str) -> Node:
    content = [{"type": kind, "attrs": {}, "content": [_paragraph(cell)]} for cell in cells]
    return {"type": "tableRow", "content": content}


def _joined(cells: Iterable[Sequence[Span]]) -> Iterator[Span]:
    for number, cell in enumerate(cells):
        if number:
            yield Text(" | ")
        yield from cell


def _paragraphs(spans: Sequence[Span]) -> Iterator[Node]:
    """Yield the paragraph, parted where images stand on lines of their own."""
    if len(spans) == 1 and isinstance(only := spans[0], RawInline):
        yield _raw_block(only.text)
        return
    words: list[Span] = []
    for line in _lines(spans):
        images = [span for span in line if isinstance(span, Image) and span.url]
        if not images or not all(_is_image_or_gap(span) for span in line):
            words += line
            continue
        yield from _parted(words)
        words = []
        for image in images:
            yield _media(image)
    yield from _parted(words)


def _lines(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Yield the lines, each but the first with the break before it."""
    line: list[Span] = []
    for span in spans:
        if isinstance(span, Break):
            yield line
            line = []
        line.append(span)
    yield line


def _is_image_or_gap(span: Span) -> bool:
    if isinstance(span, Text):
        return span.text.isspace() and not span.link
    return isinstance(span, Break) or (isinstance(span, Image) and bool(span.url))


def _parted(words: list[Span]) -> Iterator[Node]:
    start = 1 if words and isinstance(words[0], Break) else 0
    if (node := _paragraph(words[start:]))["content"]:
        yield node


def _media(image: Image) -> Node:
    attrs = {"type": "external", "url": image.url}
    if image.alt:
        attrs["alt"] = image.alt
    media: Node = {"type": "media", "attrs": attrs}
    if image.link:
        media["marks"] = [_link(image.link)]
    return {"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [media]}


def _inline(spans: Iterable[Span]) -> list[Node]:
    return [_span(span) for span in tidy(map(_sayable, spans))]


def _sayable(span: Span) -> Span:
    """Return the nearest that ADF can say inside a line: no marked code, no image, no empty link."""
    link = span.link if span.link and span.link.url else None
    match span:
        case Break(hard=False):
            return Text(" ", span.marks, link)
        case CodeSpan(text):
            return CodeSpan(text, PLAIN, link)
        case Image(alt, url, title, marks):
            return Text(alt or url, marks, link or (Link(url, title) if url else None))
        case Text(text, marks):
            return Text(text or (link.url if link else ""), marks, link)
    return replace(span, link=link)


def _span(span: Span) -> Node:
    match span:
        case Text(text, marks, link):
            return _text(text, marks, link)
        case CodeSpan(text, _, link):
            return _text(text, PLAIN, link, code=True)
        case RawInline(text, marks, link):
            words = text.replace(HIDDEN, "").replace("\n", " ")
            return _text(f"<{HIDDEN}{words[1:]}{HIDDEN}", marks, link)
    return {"type": "hardBreak"}


def _text(text: str, marks: Marks, link: Link | None, *, code: bool = False) -> Node:
    node: Node = {"type": "text", "text": text}
    said: list[Node] = [_link(link)] if link else []
    said += [{"type": mark} for mark in _MARKS if mark in marks]
    said += [{"type": "code"}] if code else []
    if said:
        node["marks"] = said
    return node


def _link(link: Link) -> Node:
    attrs = {"href": link.url}
    if link.title:
        attrs["title"] = link.title
    return {"type": "link", "attrs": attrs}
