"""The tree to the one canonical Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from syncer.text.inline import inline
from syncer.text.tree import (
    Align,
    Block,
    Code,
    Doc,
    Heading,
    Item,
    Listing,
    Paragraph,
    Quote,
    RawBlock,
    Row,
    Rule,
    Table,
)

_TICKS = re.compile(r"^ {0,3}(`{3,})", re.MULTILINE)
_TILDES = re.compile(r"^ {0,3}(~{3,})", re.MULTILINE)
_RULERS: dict[Align, str] = {None: "---", "left": ":--", "center": ":-:", "right": "--:"}
_HIGHEST = 999_999_999
"""The greatest number CommonMark takes for a list item."""


def write(doc: Doc) -> str:
    """Return canonical Markdown: no trailing line end, blocks parted by one empty line."""
    return "\n".join(_lines(doc.blocks))


def _lines(blocks: Sequence[Block], *, tight: bool = False, in_item: bool = False) -> list[str]:
    out: list[str] = []
    previous: Block | None = None
    second = False
    for block in blocks:
        second = _touches(previous, block) and not second
        if previous is not None and not tight:
            out.append("")
        if in_item and previous is None and isinstance(block, Rule):
            # `- ---` would be one rule, not a rule in a list.
            out.append("___")
        else:
            out += _block(block, second=second)
        previous = block
    return out


def _touches(previous: Block | None, block: Block) -> bool:
    """Say whether two lists would run together without another marker."""
    if not isinstance(previous, Listing) or not isinstance(block, Listing):
        return False
    return (previous.start is None) == (block.start is None)


def _block(block: Block, *, second: bool) -> list[str]:
    match block:
        case Paragraph(spans):
            return inline(spans, "paragraph").split("\n")
        case Heading(level, spans):
            return [f"{'#' * level} {inline(spans, 'heading')}".rstrip()]
        case Code(text, info):
            return _code(text, info)
        case RawBlock(text):
            return text.split("\n")
        case Rule():
            return ["---"]
        case Quote(blocks):
            return [f"> {line}" if line else ">" for line in _lines(blocks) or [""]]
        case Listing(items, start):
            return _listing(items, start, second=second)
        case Table():
            return list(_table(block))


def _code(text: str, info: str) -> list[str]:
    fence = _fence(_TILDES, text, "~") if "`" in info else _fence(_TICKS, text, "`")
    body = text.split("\n") if text else []
    return [fence + info, *body, fence]


def _fence(runs: re.Pattern[str], text: str, char: str) -> str:
    longest = max((len(run[1]) for run in runs.finditer(text)), default=2)
    return char * (longest + 1)


def _listing(items: Sequence[Item], start: int | None, *, second: bool) -> list[str]:
    tight = all(_is_tight(item) for item in items)
    out: list[str] = []
    for number, item in enumerate(items):
        if number and not tight:
            out.append("")
        if start is None:
            marker = "*" if second else "-"
        else:
            marker = f"{min(start + number, _HIGHEST)}{')' if second else '.'}"
        out += _item(item, marker, tight=tight)
    return out


def _item(item: Item, marker: str, *, tight: bool) -> list[str]:
    box = "" if item.done is None else "[x]" if item.done else "[ ]"
    body = _lines(item.blocks, tight=tight, in_item=not box)
    if box:
        starts_with_words = bool(item.blocks) and isinstance(item.blocks[0], Paragraph)
        body = [f"{box} {body[0]}", *body[1:]] if starts_with_words else [box, *([""] if body else []), *body]
    indent = " " * (len(marker) + 1)
    lines = [f"{indent}{line}" if line else "" for line in body]
    return [f"{marker} {lines[0].removeprefix(indent)}".rstrip(" "), *lines[1:]] if lines else [marker]


def _is_tight(item: Item) -> bool:
    blocks = item.blocks
    if item.done is not None and not (blocks and isinstance(blocks[0], Paragraph)):
        return not blocks
    return all(_may_follow(a, b) for a, b in pairwise(blocks))


def _may_follow(first: Block, second: Block) -> bool:
    """Say whether *second* can stand on the line after *first* and still be read as itself."""
    match second:
        case Listing(items, start):
            return isinstance(first, Paragraph | Code) and start in {None, 1} and bool(_starts_with_words(items))
        case Code():
            return isinstance(first, Paragraph)
    return False


def _starts_with_words(items: Sequence[Item]) -> bool:
    return bool(items) and (bool(items[0].blocks) or items[0].done is not None)


def _table(table: Table) -> Iterator[str]:
    yield _row(table.head)
    yield f"| {' | '.join(_RULERS[align] for align in table.align)} |"
    for row in table.rows:
        yield _row(row)


def _row(cells: Row) -> str:
    return f"| {' | '.join(inline(cell, 'cell') for cell in cells)} |"
