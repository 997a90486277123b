"""Mentions and references that would ping a person or link an item where a text is mirrored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from syncer.text.parse import TooHostileError, parse_strictly
from syncer.text.tree import Block, Doc, Heading, Image, Item, Listing, Paragraph, Quote, RawBlock, Spans, Table, Text
from syncer.text.write import write

QUIET = "\u200b"
"""A zero-width space: after `@` or `#` it leaves the words as they look, and pings nobody."""

_LIVE = re.compile(
    r"""(?x)
      (?<![^\W_]) @ (?P<name> [A-Za-z0-9] [\w-]* (?:/[A-Za-z0-9][\w-]*)? )
    | (?<!&) \# (?P<number> \d+ )
    | (?<!\w) [Gg][Hh]- (?P<issue> \d+ )
    """
)
_SUSPECT = re.compile(r"[@#&]|[Gg][Hh]-")  # an entity, too, can be read as `@`
_OWNER = re.compile(r"(?:[\w.-]+/)?[\w.-]*\Z")
_LONGEST_OWNER = 141
_QUIETED = re.compile(rf"(?:(?<=[@#])|(?<=\bGH-)){QUIET}+", re.IGNORECASE)
_OUTSIDE_TAGS = re.compile(r"<!--.*?(?:-->|\Z)|<[^>]*>|([^<]+)", re.DOTALL)


def neutralise(markdown: str, keep: frozenset[str] = frozenset()) -> str:
    """Return *markdown* with every mention and reference silenced, but for those in *keep*.

    *keep* holds them as written ("@bob", "acme/web#12"); case does not matter. Code and URLs are
    left alone. What changes comes back in canonical spelling, and has the same canonical form.
    """
    if not _SUSPECT.search(markdown):
        return markdown
    kept = frozenset(word.casefold() for word in keep)

    def silence(text: str) -> str:
        return _LIVE.sub(lambda match: match[0] if _name(match) in kept else _silenced(match), text)

    try:
        doc = parse_strictly(markdown)
    except TooHostileError:
        return silence(markdown)
    silent = Doc(tuple(_block(block, silence) for block in doc.blocks))
    return markdown if silent == doc else write(silent)


def live(markdown: str) -> frozenset[str]:
    """Return the mentions and references in *markdown* that would ping or link, as written."""
    found: set[str] = set()

    def note(text: str) -> str:
        found.update(_word(match) for match in _LIVE.finditer(text))
        return text

    try:
        doc = parse_strictly(markdown)
    except TooHostileError:
        note(markdown)
    else:
        for block in doc.blocks:
            _block(block, note)
    return frozenset(found)


def revive(markdown: str) -> str:
    """Return *markdown* without the zero-width spaces that `neutralise` puts in."""
    return _QUIETED.sub("", markdown) if QUIET in markdown else markdown


def _word(match: re.Match[str]) -> str:
    """Return the whole mention or reference, with the repository before a `#12`."""
    if not match["number"]:
        return match[0]
    at = match.start()
    owner = _OWNER.search(match.string[max(0, at - _LONGEST_OWNER) : at])
    return (owner[0] if owner else "") + match[0]


def _name(match: re.Match[str]) -> str:
    return _word(match).casefold()


def _silenced(match: re.Match[str]) -> str:
    tail = match["name"] or match["number"] or match["issue"]
    return match[0].removesuffix(tail) + QUIET + tail


Change = Callable[[str], str]


def _block(block: Block, change: Change) -> Block:
    match block:
        case Paragraph(spans):
            return Paragraph(_spans(spans, change))
        case Heading(level, spans):
            return Heading(level, _spans(spans, change))
        case Quote(blocks):
            return Quote(tuple(_block(inner, change) for inner in blocks))
        case Listing(items, start):
            return Listing(tuple(_item(item, change) for item in items), start)
        case Table(align, head, rows):
            cells = [tuple(_spans(cell, change) for cell in row) for row in (head, *rows)]
            return Table(align, cells[0], tuple(cells[1:]))
        case RawBlock(text):
            return RawBlock("".join(_outside_tags(text, change)))
    return block


def _item(item: Item, change: Change) -> Item:
    return Item(tuple(_block(block, change) for block in item.blocks), item.done)


def _spans(spans: Spans, change: Change) -> Spans:
    return tuple(
        replace(span, text=change(span.text))
        if isinstance(span, Text) and not _is_address(span)
        else replace(span, alt=change(span.alt))
        if isinstance(span, Image)
        else span
        for span in spans
    )


def _is_address(span: Text) -> bool:
    return span.link is not None and span.link.url.removeprefix("mailto:") == span.text


def _outside_tags(html: str, change: Change) -> Iterator[str]:
    for match in _OUTSIDE_TAGS.finditer(html):
        yield change(match[1]) if match[1] else match[0]
