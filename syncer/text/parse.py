"""Markdown (CommonMark + GFM) to the tree, over markdown-it-py's tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from syncer.text.spans import CONTROL, bare_url, one_line, plain, tidy
from syncer.text.tree import (
    PLAIN,
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
    Row,
    Rule,
    Span,
    Spans,
    Table,
    Text,
)

LONGEST = 100_000
"""Characters. Longer text is not parsed; the trackers allow 65,536 at most."""
_DEEPEST = 60
_OPEN: dict[str, Mark] = {"strong_open": "strong", "em_open": "em", "s_open": "strike"}
_CLOSE: dict[str, Mark] = {"strong_close": "strong", "em_close": "em", "s_close": "strike"}
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_CHECKBOX = re.compile(r"\[([ xX])\](?:[ \t\n]|$)")


class TooHostileError(ValueError):
    """The text is too long or nested too deep to be parsed; it is kept as it is."""


def parse(markdown: str) -> Doc:
    """Return the tree of *markdown*. Text that is too hostile becomes plain paragraphs."""
    try:
        return parse_strictly(markdown)
    except TooHostileError:
        return _as_paragraphs(markdown)


def parse_strictly(markdown: str) -> Doc:
    """Return the tree of *markdown*. Raises `TooHostileError`."""
    if len(markdown) > LONGEST:
        raise TooHostileError
    try:
        tokens = _PARSER.parse(markdown)
    except (RecursionError, IndexError, ValueError) as error:
        raise TooHostileError from error
    if any(token.level >= _DEEPEST - 1 for token in tokens):
        # The parser drops what is nested deeper without a word.
        raise TooHostileError
    _mark_tasks(tokens)
    return Doc(_blocks(iter(tokens), ""))


def parse_inline(markdown: str) -> Spans:
    """Return the spans of one paragraph's content."""
    tokens = _PARSER.parseInline(markdown)
    return tidy(_spans(tokens[0].children or ()))


def _as_paragraphs(markdown: str) -> Doc:
    texts = (part.strip() for part in re.split(r"\n[ \t]*\n", markdown))
    return Doc(tuple(Paragraph(tidy([Text(text)])) for text in texts if text))


def _blocks(tokens: Iterator[Token], end: str) -> tuple[Block, ...]:
    out: list[Block] = []
    for token in tokens:
        if token.type == end:
            break
        block = _block(token, tokens)
        if block is not None:
            out.append(block)
    return tuple(out)


def _block(token: Token, tokens: Iterator[Token]) -> Block | None:
    match token.type:
        case "paragraph_open":
            spans = _content(tokens)
            return Paragraph(spans) if spans else None
        case "heading_open":
            return Heading(int(token.tag[1]), one_line(_content(tokens)))
        case "bullet_list_open":
            return Listing(_items(tokens, "bullet_list_close"))
        case "ordered_list_open":
            start = token.attrGet("start")
            return Listing(_items(tokens, "ordered_list_close"), int(start) if start is not None else 1)
        case "blockquote_open":
            return Quote(_blocks(tokens, "blockquote_close"))
        case "fence" | "code_block":
            return Code(token.content.removesuffix("\n"), " ".join(token.info.split()))
        case "html_block":
            return RawBlock(token.content.strip())
        case "hr":
            return Rule()
        case "table_open":
            return _table(tokens)
    return None


def _content(tokens: Iterator[Token]) -> Spans:
    inline = next(tokens)
    next(tokens)
    return tidy(_spans(inline.children or ()))


def _items(tokens: Iterator[Token], end: str) -> tuple[Item, ...]:
    out: list[Item] = []
    for token in tokens:
        if token.type == end:
            break
        out.append(Item(_blocks(tokens, "list_item_close"), done=token.meta.get("done")))
    return tuple(out)


def _mark_tasks(tokens: Sequence[Token]) -> None:
    """Move each check box from its paragraph to the `meta` of its list item."""
    for item, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if item.type != "list_item_open" or paragraph.type != "paragraph_open":
            continue
        box = _CHECKBOX.match(inline.content)
        first = inline.children[0] if inline.children else None
        # `[x]` can also be a link, when the text defines one by that name.
        if box and first and first.type == "text" and first.content.startswith("["):
            item.meta["done"] = box[1] != " "
            first.content = first.content[3:].lstrip()


def _table(tokens: Iterator[Token]) -> Table:
    rows: list[list[Spans]] = []
    align: list[Align] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"th_open", "td_open"}:
            rows[-1].append(one_line(_content(tokens)))
            if token.type == "th_open":
                align.append(_align(token))
    width = len(align)
    even: list[Row] = [tuple((row + [()] * width)[:width]) for row in rows]
    return Table(tuple(align), even[0], tuple(even[1:]))


def _align(token: Token) -> Align:
    match str(token.attrGet("style") or "").removeprefix("text-align:"):
        case "left":
            return "left"
        case "center":
            return "center"
        case "right":
            return "right"
    return None


def _spans(tokens: Sequence[Token]) -> Iterator[Span]:
    depth: dict[Mark, int] = {"strong": 0, "em": 0, "strike": 0}
    marks: Marks = PLAIN
    link: Link | None = None
    filled = True
    for token in tokens:
        if token.type in _OPEN:
            depth[_OPEN[token.type]] += 1
            marks = frozenset(mark for mark, count in depth.items() if count)
        elif token.type in _CLOSE:
            depth[_CLOSE[token.type]] -= 1
            marks = frozenset(mark for mark, count in depth.items() if count)
        elif token.type == "link_open":
            link, filled = _link(token), False
        elif token.type == "link_close":
            if not filled:
                yield Text("", marks, link)
            link = None
        elif (span := _leaf(token, marks, link)) is not None:
            filled = True
            yield span


def _leaf(token: Token, marks: Marks, link: Link | None) -> Span | None:
    match token.type:
        case "text" | "text_special":
            text = CONTROL.sub("", token.content)
            return Text(text, marks, link) if text else None
        case "code_inline":
            return CodeSpan(CONTROL.sub("", token.content), marks, link)
        case "softbreak":
            return Break(hard=False, marks=marks, link=link)
        case "hardbreak":
            return Break(hard=True, marks=marks, link=link)
        case "html_inline":
            if _LINE_BREAK.fullmatch(token.content):
                return Break(hard=True, marks=marks, link=link)
            return RawInline(token.content, marks, link)
        case "image":
            target = _link(token)
            alt = " ".join(plain(_spans(token.children or ())).split())
            return Image(alt, target.url, target.title, marks, link)
    return None


def _link(token: Token) -> Link:
    url = str(token.attrGet("href") or token.attrGet("src") or "")
    title = token.attrGet("title")
    # An entity can smuggle in a line end, which no URL or title may hold when written.
    url = CONTROL.sub("", url.replace("\n", "%0A").replace("\t", "%09"))
    return Link(url, " ".join(str(title).split()) or None if title else None)


def _bare_link(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- the parser's own signature
    """Link a bare `http://` or `https://` URL, before its `_` and `*` are taken for emphasis."""
    if state.linkLevel > 0 or not state.src.startswith("://", state.pos):
        return False
    scheme = next((s for s in ("https", "http") if state.pending.lower().endswith(s)), None)
    if scheme is None:
        return False
    start = state.pos - len(scheme)
    url = bare_url(state.src, start)
    if url is None or start + len(url) > state.posMax:
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme)]
        state.push("link_open", "a", 1).attrs = {"href": url}
        state.push("text", "", 0).content = url
        state.push("link_close", "a", -1)
    state.pos = start + len(url)
    return True


def _as_written(url: str) -> str:
    return url


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST, "strikethrough_single_tilde": True})
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "bare_link", _bare_link)
    # Only compare and copy URLs here; to percent-encode them would change what people wrote.
    parser.normalizeLink = _as_written  # type: ignore[method-assign]  # its own way to change it
    parser.normalizeLinkText = _as_written  # type: ignore[method-assign,assignment]  # the same
    return parser


_PARSER = _parser()
