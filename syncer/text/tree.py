"""One thin tree for rich text: blocks, and inside them a flat run of marked spans.

Marks are sets on spans, not nested nodes, so `**_a_**` and `_**a**_` are the same tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Mark: TypeAlias = Literal["strong", "em", "strike"]
Marks: TypeAlias = frozenset[Mark]

PLAIN: Final[Marks] = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """Where a span leads. *url* is as written, unescaped; *title* is None where there is none."""

    url: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Words without Markdown syntax. Empty only to carry a link without text."""

    text: str
    marks: Marks = PLAIN
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class CodeSpan:
    text: str
    marks: Marks = PLAIN
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Image:
    alt: str
    url: str
    title: str | None = None
    marks: Marks = PLAIN
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """The end of a line: *hard* is seen by the reader, soft is only in the source."""

    hard: bool
    marks: Marks = PLAIN
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class RawInline:
    """An HTML tag or comment inside a line, as written."""

    text: str
    marks: Marks = PLAIN
    link: Link | None = None


Span: TypeAlias = Text | CodeSpan | Image | Break | RawInline
Spans: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    spans: Spans


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    spans: Spans


@dataclass(frozen=True, slots=True)
class Code:
    """A code block without its last line end. *info* is the fence's info string."""

    text: str
    info: str = ""


@dataclass(frozen=True, slots=True)
class RawBlock:
    """An HTML block, as written."""

    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    pass


@dataclass(frozen=True, slots=True)
class Quote:
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a list. *done* is None where there is no check box."""

    blocks: tuple[Block, ...]
    done: bool | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list; ordered from *start*, or with bullets where that is None."""

    items: tuple[Item, ...]
    start: int | None = None


Align: TypeAlias = Literal["left", "center", "right"] | None
Row: TypeAlias = tuple[Spans, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Every row has as many cells as *align* has entries."""

    align: tuple[Align, ...]
    head: Row
    rows: tuple[Row, ...]


Block: TypeAlias = Paragraph | Heading | Code | RawBlock | Rule | Quote | Listing | Table


@dataclass(frozen=True, slots=True)
class Doc:
    blocks: tuple[Block, ...]
