"""Atlassian Document Format to canonical Markdown and back, over the tree of `syncer.text`.

What ADF forbids (a heading in a quote, a quote in a list, code in bold) is said in the nearest way
that keeps the words. Node and mark names: the official ADF JSON schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from syncer.text import canonical
from syncer.text.parse import parse, parse_inline
from syncer.text.tree import (
    Align,
    Block,
    Break,
    Code,
    CodeSpan,
    Doc,
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
    Spans,
    Table,
    Text,
)
from syncer.text.write import write

Node = Mapping[str, Any]
MARKS: Final[Mapping[Mark, str]] = {"strong": "strong", "em": "em", "strike": "strike"}
OURS: Final = frozenset(
    {
        "doc", "paragraph", "heading", "codeBlock", "rule", "blockquote", "bulletList", "orderedList",
        "listItem", "taskList", "taskItem", "table", "tableRow", "tableHeader", "tableCell",
        "mediaSingle", "media", "text", "hardBreak",
    }
)  # fmt: skip
OUR_MARKS: Final = frozenset({"strong", "em", "strike", "code", "link"})
OUR_ATTRS: Final = frozenset({"level", "language", "order", "localId", "state", "layout"})
DEEPEST: Final = 40


# -- Markdown to ADF -------------------------------------------------------------------------


def from_markdown(markdown: str | None) -> dict[str, Any]:
    """Return a document that is valid by the official schema."""
    content = list(_blocks(parse(canonical(markdown) or "").blocks, "doc"))
    return {"version": 1, "type": "doc", "content": content}


def _blocks(blocks: Iterable[Block], inside: str, depth: int = 0) -> Iterator[dict[str, Any]]:
    for block in blocks:
        yield from _block(block, inside, depth)


def _block(block: Block, inside: str, depth: int) -> Iterator[dict[str, Any]]:  # noqa: PLR0911 -- one per kind of block
    if depth > DEEPEST:
        yield _paragraph((Text(write(Doc((block,)))),))
        return
    match block:
        case Paragraph(spans):
            yield from _paragraphs(spans)
        case Heading(level, spans) if inside in {"doc", "tableCell"}:
            yield {"type": "heading", "attrs": {"level": level}, "content": _inlines(spans)}
        case Heading(_, spans):
            yield _paragraph(_strong(spans))
        case Code(text, info):
            yield _code(text, info)
        case RawBlock(text):
            yield _paragraph(tuple(_raw_lines(text)))
        case Rule() if inside in {"doc", "tableCell"}:
            yield {"type": "rule"}
        case Rule():
            yield _paragraph((Text("---"),))
        case Quote(blocks) if inside in {"doc", "tableCell"}:
            content = list(_blocks(blocks, "blockquote", depth + 1)) or [{"type": "paragraph"}]
            yield {"type": "blockquote", "content": content}
        case Quote(blocks):
            yield from _blocks(blocks, inside, depth + 1)
        case Listing():
            yield from _lists(block, inside, depth)
        case Table():
            yield from _table(block, inside)


def _raw_lines(text: str) -> Iterator[Span]:
    for number, line in enumerate(text.rstrip("\n").split("\n")):
        if number:
            yield Break(hard=True)
        if line:
            yield Text(line)


def _strong(spans: Spans) -> Spans:
    return tuple(replace(s, marks=s.marks | {"strong"}) for s in spans)


def _paragraph(spans: Spans) -> dict[str, Any]:
    content = _inlines(spans)
    return {"type": "paragraph", "content": content} if content else {"type": "paragraph"}


def _paragraphs(spans: Spans) -> Iterator[dict[str, Any]]:
    """Yield a paragraph, or the picture where it is nothing but one."""
    if len(spans) == 1 and isinstance(spans[0], Image) and spans[0].url.startswith(("http://", "https://")):
        yield _picture(spans[0])
        return
    yield _paragraph(spans)


def _picture(image: Image) -> dict[str, Any]:
    attrs: dict[str, Any] = {"type": "external", "url": image.url}
    if image.alt:
        attrs["alt"] = image.alt
    media: dict[str, Any] = {"type": "media", "attrs": attrs}
    if image.link is not None:
        media["marks"] = [_link_mark(image.link)]
    return {"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [media]}


def _code(text: str, info: str) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "codeBlock"}
    language = info.split()[0] if info.split() else ""
    if language:
        node["attrs"] = {"language": language}
    if text:
        node["content"] = [{"type": "text", "text": text}]
    return node


def _lists(listing: Listing, inside: str, depth: int) -> Iterator[dict[str, Any]]:
    """Yield a list; runs of check boxes become task lists of their own where ADF allows them."""
    number = listing.start
    for is_task, group in groupby(listing.items, key=lambda i: i.done is not None and _is_flat(i)):
        items = list(group)
        if is_task and inside in {"doc", "listItem", "tableCell"} and listing.start is None:
            yield _tasks(items)
            continue
        content = [_list_item(i, depth) for i in items]
        if number is None:
            yield {"type": "bulletList", "content": content}
        else:
            node: dict[str, Any] = {"type": "orderedList", "content": content}
            if number != 1:
                node["attrs"] = {"order": number}
            yield node
            number += len(items)


def _is_flat(item: Item) -> bool:
    return not item.blocks or (len(item.blocks) == 1 and isinstance(item.blocks[0], Paragraph))


def _tasks(items: Sequence[Item]) -> dict[str, Any]:
    content = [
        {
            "type": "taskItem",
            "attrs": {"localId": f"task-{n}", "state": "DONE" if item.done else "TODO"},
            "content": _inlines(item.blocks[0].spans) if item.blocks and isinstance(item.blocks[0], Paragraph) else [],
        }
        for n, item in enumerate(items, start=1)
    ]
    return {"type": "taskList", "attrs": {"localId": "tasks"}, "content": content}


def _list_item(item: Item, depth: int) -> dict[str, Any]:
    blocks = item.blocks
    if item.done is not None:
        box = Text("[x] " if item.done else "[ ] ")
        first = blocks[0] if blocks else Paragraph(())
        spans = first.spans if isinstance(first, Paragraph) else ()
        rest = blocks[1:] if isinstance(first, Paragraph) else blocks
        blocks = (Paragraph((box, *spans)), *rest)
    content = list(_blocks(blocks, "listItem", depth + 1)) or [{"type": "paragraph"}]
    return {"type": "listItem", "content": content}


def _table(table: Table, inside: str) -> Iterator[dict[str, Any]]:
    if inside != "doc":
        for row in (table.head, *table.rows):
            spans: list[Span] = []
            for n, cell in enumerate(row):
                spans += [Text(" | ")] if n else []
                spans += cell
            yield _paragraph(tuple(spans))
        return
    head = [_cell("tableHeader", cell) for cell in table.head]
    rows = [[_cell("tableCell", cell) for cell in row] for row in table.rows]
    yield {"type": "table", "content": [{"type": "tableRow", "content": r} for r in (head, *rows)]}


def _cell(kind: str, spans: Spans) -> dict[str, Any]:
    return {"type": kind, "content": [_paragraph(spans)]}


def _inlines(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """Return inline nodes, neighbours of the same marks as one."""
    found: list[dict[str, Any]] = []
    for node in _each_inline(spans):
        last = found[-1] if found else None
        if last and last["type"] == node["type"] == "text" and last.get("marks") == node.get("marks"):
            found[-1] = {**last, "text": last["text"] + node["text"]}
        else:
            found.append(node)
    return found


def _each_inline(spans: Iterable[Span]) -> Iterator[dict[str, Any]]:
    for span in spans:
        match span:
            case Break(hard=True):
                yield {"type": "hardBreak"}
            case Break():
                yield from _text(" ", span)
            case CodeSpan(text):
                marks = [{"type": "code"}, *([_link_mark(span.link)] if span.link else [])]
                yield {"type": "text", "text": text, "marks": marks}
            case Image(alt, url):
                # ADF's inline pictures are uploads; a picture in a line becomes a link to it.
                yield from _text(alt or url, Text(alt or url, span.marks, Link(url)))
            case Text(text) | RawInline(text):
                yield from _text(text, span)


def _text(text: str, span: Span) -> Iterator[dict[str, Any]]:
    text = text or (span.link.url if span.link else "")
    if not text:
        return
    marks: list[dict[str, Any]] = [{"type": MARKS[m]} for m in sorted(span.marks)]
    if span.link is not None:
        marks.append(_link_mark(span.link))
    yield {"type": "text", "text": text, **({"marks": marks} if marks else {})}


def _link_mark(link: Link) -> dict[str, Any]:
    attrs = {"href": link.url} if link.title is None else {"href": link.url, "title": link.title}
    return {"type": "link", "attrs": attrs}


# -- ADF to Markdown -------------------------------------------------------------------------


def to_markdown(adf: Node | str | None) -> str | None:
    """Return what a document says, in canonical Markdown; None for no words. Never raises on odd nodes."""
    if adf is None or isinstance(adf, str):
        return canonical(adf)
    return canonical(write(Doc(tuple(_read_blocks(_content(adf))))))


def _content(node: Node) -> list[Node]:
    content = node.get("content")
    return [n for n in content if isinstance(n, Mapping)] if isinstance(content, Sequence) else []


def _attrs(node: Node) -> Mapping[str, Any]:
    attrs = node.get("attrs")
    return attrs if isinstance(attrs, Mapping) else {}


def _read_blocks(nodes: Iterable[Node], depth: int = 0) -> Iterator[Block]:
    for is_inline, group in groupby(nodes, key=_is_inline):
        if is_inline:
            yield Paragraph(tuple(_read_inlines(group)))
            continue
        for node in group:
            yield from _read_block(node, depth)


def _is_inline(node: Node) -> bool:
    return node.get("type") in {"text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "mediaInline", "inlineExtension"}


def _read_block(node: Node, depth: int) -> Iterator[Block]:  # noqa: C901, PLR0911, PLR0912 -- one per node type
    children, attrs = _content(node), _attrs(node)
    if depth > DEEPEST:
        yield Paragraph((Text(_words(node)),))
        return
    match node.get("type"):
        case "paragraph":
            yield from _read_paragraph(children)
        case "heading":
            level = attrs.get("level")
            yield Heading(level if isinstance(level, int) and 1 <= level <= 6 else 1, tuple(_read_inlines(children)))  # noqa: PLR2004 -- Markdown's levels
        case "codeBlock":
            yield Code(_words(node), str(attrs.get("language") or ""))
        case "rule":
            yield Rule()
        case "blockquote" | "panel":
            yield Quote(tuple(_read_blocks(children, depth + 1)))
        case "bulletList":
            yield Listing(tuple(_read_item(n, depth) for n in children))
        case "orderedList":
            order = attrs.get("order")
            start = int(order) if isinstance(order, int | float) else 1
            yield Listing(tuple(_read_item(n, depth) for n in children), start)
        case "taskList" | "decisionList":
            yield Listing(tuple(_read_tasks(children, depth)))
        case "table":
            yield from _read_table(children)
        case "expand" | "nestedExpand":
            if attrs.get("title"):
                yield Paragraph((Text(str(attrs["title"]), frozenset({"strong"})),))
            yield from _read_blocks(children, depth + 1)
        case "mediaSingle" | "mediaGroup":
            yield from (Paragraph(_read_media(m)) for m in children if m.get("type") == "media")
        case "media":
            yield Paragraph(_read_media(node))
        case "blockCard" | "embedCard":
            url = str(attrs.get("url") or "")
            if url:
                yield Paragraph((Text(url, link=Link(url)),))
        case "extension" | "bodiedExtension":
            yield from _read_blocks(children, depth + 1)
            if not children:
                yield Paragraph((Text(f"[{attrs.get('extensionKey') or 'extension'}]"),))
        case _:
            yield from _read_blocks(children, depth + 1)


def _read_paragraph(nodes: Sequence[Node]) -> Iterator[Block]:
    """Yield the paragraph, or the HTML block that it is in other clothes."""
    spans = tuple(_read_inlines(nodes))
    if not spans:
        return
    words = "".join("\n" if isinstance(s, Break) else s.text for s in spans if isinstance(s, Text | RawInline | Break))
    bare = all(isinstance(s, Text | RawInline | Break) and not s.marks and s.link is None for s in spans)
    if bare and words.startswith("<"):
        blocks = parse(words).blocks
        if len(blocks) == 1 and isinstance(blocks[0], RawBlock):
            yield blocks[0]
            return
    yield Paragraph(spans)


def _read_item(node: Node, depth: int) -> Item:
    blocks = tuple(_read_blocks(_content(node), depth + 1))
    return Item(blocks)


def _read_tasks(nodes: Iterable[Node], depth: int) -> Iterator[Item]:
    for node in nodes:
        if node.get("type") == "taskList":
            yield Item((Listing(tuple(_read_tasks(_content(node), depth + 1))),))
            continue
        done = None if node.get("type") == "decisionItem" else _attrs(node).get("state") == "DONE"
        yield Item(tuple(_read_blocks(_content(node), depth + 1)), done)


def _read_table(rows: Sequence[Node]) -> Iterator[Block]:
    cells = [[tuple(_one_line(_content(c))) for c in _content(row)] for row in rows if row.get("type") == "tableRow"]
    width = max((len(row) for row in cells), default=0)
    if not width:
        return
    padded = [tuple(row) + ((),) * (width - len(row)) for row in cells]
    align: tuple[Align, ...] = (None,) * width
    yield Table(align, padded[0], tuple(padded[1:]))


def _one_line(blocks: Sequence[Node]) -> Iterator[Span]:
    """Return a cell's blocks on one line: Markdown's cells hold nothing else."""
    for number, block in enumerate(blocks):
        if number:
            yield Text(" ")
        inner = _content(block)
        spans = _read_inlines(inner) if all(_is_inline(n) for n in inner) else iter((Text(_words(block)),))
        for span in spans:
            yield Text(" ") if isinstance(span, Break) else span


def _read_media(node: Node) -> Spans:
    attrs = _attrs(node)
    alt, url = str(attrs.get("alt") or ""), attrs.get("url")
    if attrs.get("type") == "external" and isinstance(url, str):
        link = next((_read_link(m) for m in _marks(node) if m.get("type") == "link"), None)
        return (Image(alt, url, link=link),)
    return (Text(f"[{alt or 'attachment'}]"),)


def _marks(node: Node) -> list[Node]:
    marks = node.get("marks")
    return [m for m in marks if isinstance(m, Mapping)] if isinstance(marks, Sequence) else []


def _read_link(mark: Node) -> Link:
    attrs = _attrs(mark)
    title = attrs.get("title")
    return Link(str(attrs.get("href") or ""), title if isinstance(title, str) else None)


def _read_inlines(nodes: Iterable[Node]) -> Iterator[Span]:
    for node in nodes:
        attrs = _attrs(node)
        match node.get("type"):
            case "text":
                yield from _read_text(node)
            case "hardBreak":
                yield Break(hard=True)
            case "mention":
                name = str(attrs.get("text") or attrs.get("id") or "").lstrip("@")
                yield Text(f"@{name}")
            case "emoji":
                yield Text(str(attrs.get("text") or attrs.get("shortName") or ""))
            case "date":
                yield Text(_day(attrs.get("timestamp")))
            case "status":
                yield Text(str(attrs.get("text") or ""))
            case "inlineCard":
                url = str(attrs.get("url") or "")
                yield Text(url, link=Link(url) if url else None)
            case _:
                words = _words(node)
                yield Text(words or "[attachment]")


def _read_text(node: Node) -> Iterator[Span]:
    text, kinds = str(node.get("text") or ""), {str(m.get("type")) for m in _marks(node)}
    if not text:
        return
    link = next((_read_link(m) for m in _marks(node) if m.get("type") == "link"), None)
    marks: Marks = frozenset(m for m in MARKS if MARKS[m] in kinds)
    if "code" in kinds:
        yield CodeSpan(text, marks, link)
        return
    if link is None and _is_html(text):
        spans = parse_inline(text)
        if len(spans) == 1 and isinstance(spans[0], RawInline):
            yield replace(spans[0], marks=marks)
            return
    for number, line in enumerate(text.split("\n")):
        if number:
            yield Break(hard=True, marks=marks, link=link)
        if line:
            yield Text(line, marks, link)


def _is_html(text: str) -> bool:
    return text.startswith("<") and text.endswith(">")


def _day(timestamp: object) -> str:


    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(str(timestamp)))
    except (ValueError, OverflowError):
        return ""
    return at.date().isoformat()


def _words(node: Node, depth: int = 0) -> str:
    if isinstance(node.get("text"), str):
        return str(node["text"])
    if depth > DEEPEST:
        return ""
    return "".join(_words(n, depth + 1) for n in _content(node))


# -- may it be overwritten? ------------------------------------------------------------------


def writable(adf: Node | str | None) -> bool:
    """Say whether all of a document is of what `from_markdown` can write; else it is never overwritten."""
    if adf is None or isinstance(adf, str):
        return True
    return all(_is_ours(node) for node in _walk(adf))


def _walk(node: Node) -> Iterator[Node]:
    todo = [node]
    while todo:
        one = todo.pop()
        yield one
        todo += _content(one)


def _is_ours(node: Node) -> bool:
    kind, attrs = node.get("type"), _attrs(node)
    if kind not in OURS or any(m.get("type") not in OUR_MARKS for m in _marks(node)):
        return False
    if kind == "media":
        return attrs.get("type") == "external"
    if kind in {"tableHeader", "tableCell"}:
        plain = all(attrs.get(k) in {None, 1} for k in ("colspan", "rowspan")) and not attrs.get("background")
        inner = _content(node)
        return plain and len(inner) <= 1 and all(n.get("type") == "paragraph" for n in inner)
    return True
