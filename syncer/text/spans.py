"""Puts a run of spans in order: what means the same becomes the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from syncer.text.tree import PLAIN, Break, CodeSpan, Image, Link, Marks, RawInline, Span, Spans, Text

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BARE = re.compile(r"(?<![^\W_])https?://[^\W_][^\s<>\"`\\\[\]{}|^\x00]*", re.IGNORECASE)
_NOTHING = Text("")
_TRAILING = "?!.,:;*_~'"


def bare_url(text: str, at: int) -> str | None:
    """Return the URL that begins at *at* as GitHub would link it without brackets, if one does."""
    match = _BARE.match(text, at)
    return _trimmed(match[0]) if match else None


def _trimmed(url: str) -> str:
    while True:
        short = url.rstrip(_TRAILING)
        if short.endswith(")") and short.count(")") > short.count("("):
            short = short[:-1]
        if short == url:
            return url
        url = short


def tidy(spans: Iterable[Span]) -> Spans:
    """Return *spans* merged, linked and trimmed: no space at a line's or a mark's edge."""
    spans = list(spans)
    if len(spans) == 1 and isinstance(only := spans[0], Text) and _is_simple(only):
        text = only.text.strip()
        return (Text(text),) if text else ()
    flat = _merged(_linked(_split(spans)))
    return tuple(_merged(_unmarked_edges(_trimmed_lines(flat))))


def _is_simple(span: Text) -> bool:
    return not span.marks and not span.link and "\n" not in span.text and "://" not in span.text


def _split(spans: Iterable[Span]) -> Iterator[Span]:
    for span in spans:
        if isinstance(span, Text) and "\n" in span.text:
            for number, line in enumerate(span.text.split("\n")):
                if number:
                    yield Break(hard=False, marks=span.marks, link=span.link)
                if line:
                    yield replace(span, text=line)
        else:
            yield span


def _linked(spans: Iterable[Span]) -> Iterator[Span]:
    for span in spans:
        if not isinstance(span, Text) or span.link or "://" not in span.text:
            yield span
            continue
        start = 0
        for match in _BARE.finditer(span.text):
            url = _trimmed(match[0])
            yield replace(span, text=span.text[start : match.start()])
            yield Text(url, span.marks, Link(url))
            start = match.start() + len(url)
        yield replace(span, text=span.text[start:])


def _merged(spans: Iterable[Span]) -> list[Span]:
    out: list[Span] = []
    for span in spans:
        last = out[-1] if out else None
        if isinstance(span, CodeSpan) and isinstance(last, CodeSpan) and _alike(last, span):
            out[-1] = replace(last, text=last.text + span.text)
        elif not isinstance(span, Text):
            out.append(span)
        elif isinstance(last, Text) and _alike(last, span):
            out[-1] = Text(last.text + span.text, span.marks, span.link)
        elif span.text or span.link:
            out.append(span)
    return out


def _alike(one: Span, other: Span) -> bool:
    return one.marks == other.marks and one.link == other.link


def _trimmed_lines(spans: list[Span]) -> list[Span]:
    out: list[Span] = []
    for span in spans:
        if isinstance(span, Break):
            _trim_end(out)
            out.append(span)
        elif isinstance(span, Text) and (not out or isinstance(out[-1], Break)):
            text = span.text.lstrip()
            if text or (span.link and not span.text):
                out.append(replace(span, text=text))
        else:
            out.append(span)
    _trim_end(out)
    while out and isinstance(out[-1], Break):
        out.pop()
        _trim_end(out)
    first = next((n for n, span in enumerate(out) if not isinstance(span, Break)), len(out))
    return _single_breaks(out[first:])


def _trim_end(out: list[Span]) -> None:
    while out and isinstance(last := out[-1], Text) and last.text != last.text.rstrip():
        text = last.text.rstrip()
        out.pop()
        if text:
            out.append(replace(last, text=text))


def _single_breaks(spans: list[Span]) -> list[Span]:
    # Two soft breaks, or a soft one beside a hard one, would write an empty line and end the block.
    out: list[Span] = []
    for span in spans:
        if isinstance(span, Break) and out and isinstance(last := out[-1], Break):
            if not span.hard:
                continue
            if not last.hard:
                out.pop()
        out.append(span)
    return out


def _unmarked_edges(spans: list[Span]) -> list[Span]:
    if all(span.marks == PLAIN and span.link is None for span in spans):
        return spans
    out: list[Span] = []
    for number, span in enumerate(spans):
        before = spans[number - 1] if number else _NOTHING
        after = spans[number + 1] if number + 1 < len(spans) else _NOTHING
        if isinstance(span, Break):
            # A line's end has no look of its own: it is marked where both its sides are.
            link = before.link if before.link == after.link else None
            out.append(Break(span.hard, before.marks & after.marks, link))
        else:
            out += _unmarked_edge(span, before.marks, after.marks)
    return out


def _unmarked_edge(span: Span, before: Marks, after: Marks) -> list[Span]:
    if not isinstance(span, Text) or not span.marks:
        return [span]
    body = span.text.strip()
    if not body:
        return [replace(span, marks=span.marks & before & after)]
    start = len(span.text) - len(span.text.lstrip())
    parts = [
        Text(span.text[:start], span.marks & before, span.link),
        Text(body, span.marks, span.link),
        Text(span.text[start + len(body) :], span.marks & after, span.link),
    ]
    return [part for part in parts if part.text]


def one_line(spans: Spans) -> Spans:
    """Return *spans* with a space for each soft break, as headings and cells need them."""
    if not any(isinstance(span, Break) for span in spans):
        return spans
    return tidy(
        Text(" ", span.marks, span.link) if isinstance(span, Break) and not span.hard else span for span in spans
    )


def hoisted(spans: Spans) -> Spans:
    """Return *spans* with marks shrunk off punctuation that Markdown cannot mark beside a word."""
    out: list[Span] = []
    for number, span in enumerate(spans):
        before = _edge(spans[number - 1], last=True) if number else ""
        after = _edge(spans[number + 1], last=False) if number + 1 < len(spans) else ""
        out += _hoisted_span(span, before, after)
    return tidy(out)


def _hoisted_span(span: Span, before: str, after: str) -> list[Span]:
    if not isinstance(span, Text) or not span.marks or not span.text:
        return [span]
    start, end = 0, len(span.text)
    if before.isalnum():
        while start < end and not span.text[start].isalnum():
            start += 1
    if after.isalnum():
        while end > start and not span.text[end - 1].isalnum():
            end -= 1
    parts = [
        Text(span.text[:start], PLAIN, span.link),
        Text(span.text[start:end], span.marks, span.link),
        Text(span.text[end:], PLAIN, span.link),
    ]
    return [part for part in parts if part.text]


def _edge(span: Span, *, last: bool) -> str:
    if isinstance(span, Text):
        return span.text[-1:] if last else span.text[:1]
    return " " if isinstance(span, Break) else "!"


def plain(spans: Iterable[Span]) -> str:
    """Return the words a reader sees, on one line."""
    return "".join(_words(span) for span in spans)


def _words(span: Span) -> str:
    match span:
        case Text(text) | CodeSpan(text):
            return text
        case Image(alt):
            return alt
        case Break():
            return " "
        case RawInline():
            return ""
