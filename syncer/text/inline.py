"""Writes a run of spans as Markdown, and checks the doubtful ones by reading them back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from string import punctuation
from typing import Literal, TypeAlias

from syncer.text.parse import parse_inline
from syncer.text.spans import bare_url, hoisted, tidy
from syncer.text.tree import Break, CodeSpan, Image, Mark, RawInline, Span, Spans, Text

Where: TypeAlias = Literal["paragraph", "heading", "cell"]

_SPECIAL = re.compile(r"[\\`*_~\[\]<&!]")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_BLOCK_START = re.compile(r"[-+*_](?=[ \t]|$)|-(?=[ \t]*-[ \t]*-[ \t-]*$)|#(?=#{0,5}(?:[ \t]|$))|>")
_UNDERLINE = re.compile(r"[-|:=](?=[ \t|:=-]*$)")  # of a heading, or the ruler of a table
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=[ \t]|$)")
_BOX = re.compile(r"\[[ xX]\](?:\s|$)")
_CLOSING_HASHES = re.compile(r"(^|[ \t])(#+)$")
_AUTOLINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>\x00-\x20]*")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_TICKS = re.compile(r"`+")
_OPENS = {"*": r"\*(?=\S)", "_": r"(?<![^\W_])_(?=\S)", "~": r"~(?=\S)"}
_CLOSES = {"*": r"(?<=\S)\*", "_": r"(?<=\S)_(?![^\W_])", "~": r"(?<=\S)~"}
_ORDER: tuple[Mark, ...] = ("strike", "strong", "em")
# Line ends inside raw HTML, kept from the line-wise escapes; no other text holds control characters.
_RAW_END = "\x00"


def inline(spans: Spans, where: Where) -> str:
    """Return *spans* on one line (in a paragraph: on as many as they have breaks).

    Marks that Markdown cannot say where they stand shrink or go; words never do.
    """
    if len(spans) == 1 and isinstance(only := spans[0], Text) and _is_simple(only):
        return _finished(only.text, where)
    line = _Line(spans, where)
    text = line.text()
    if line.doubtful and not _reads_as(text, spans):
        text = _nearest(spans, where)
    return _finished(text, where)


def _is_simple(span: Text) -> bool:
    return not span.marks and not span.link and not _SPECIAL.search(span.text)


def _nearest(spans: Spans, where: Where) -> str:
    for fewer in (hoisted(spans), _without(hoisted(spans), "em")):
        text = _Line(fewer, where).text()
        if _reads_as(text, fewer):
            return text
    return _Line(_without(spans, *_ORDER), where).text()


def _without(spans: Spans, *marks: Mark) -> Spans:
    return tidy(replace(span, marks=span.marks.difference(marks)) for span in spans)


def _reads_as(text: str, spans: Spans) -> bool:
    return parse_inline(text.replace(_RAW_END, "\n")) == spans


def _finished(text: str, where: Where) -> str:
    match where:
        case "heading":
            return _CLOSING_HASHES.sub(r"\1\\\2", text)
        case "cell":
            return text.replace("|", "\\|")
        case "paragraph":
            lines = (_guarded(line, first=not n) for n, line in enumerate(text.split("\n")))
            return "\n".join(lines).replace(_RAW_END, "\n")


def _guarded(line: str, *, first: bool) -> str:
    """Return *line* so that it does not start a block of its own."""
    if _BLOCK_START.match(line) or (not first and _UNDERLINE.match(line)):
        return f"\\{line}"
    return _NUMBER.sub(r"\1\\\2", line, count=1) if _NUMBER.match(line) else line


@dataclass(frozen=True, slots=True)
class _Bare:
    """A URL that may go without brackets, if its neighbours allow."""

    url: str


class _Line:
    """One run of spans on its way to Markdown.

    `doubtful` turns true when a mark stands where it may not be read as a mark.
    """

    def __init__(self, spans: Spans, where: Where) -> None:
        self.doubtful = False
        self._spans = spans
        self._where = where
        self._pieces: list[str | _Bare] = []
        self._words = "".join(_shape(span) for span in spans)
        self._links = "](" in self._words
        marked = any(span.marks for span in spans)
        self._live = {char for char in "*_~" if marked or _pairs(self._words, char)}

    def text(self) -> str:
        self._write(0, len(self._spans), frozenset())
        out: list[str] = []
        for number, piece in enumerate(self._pieces):
            if isinstance(piece, str):
                out.append(piece)
            else:
                before = next((text[-1] for text in reversed(out) if text), "")
                out.append(_url(piece.url, before, self._rest(number + 1)))
        return "".join(out)

    def _rest(self, start: int) -> str | None:
        """Return what follows up to a space, or None where that is far away."""
        rest = ""
        for piece in self._pieces[start : start + 8]:
            rest += piece if isinstance(piece, str) else "<"
            if re.search(r"\s", rest):
                return rest
        return rest if len(self._pieces) <= start + 8 else None

    def _write(self, start: int, end: int, done: frozenset[str]) -> None:
        at = start
        while at < end:
            wanted = [mark for mark in (*_ORDER, "link") if mark not in done and _has(self._spans[at], mark)]
            if not wanted:
                self._leaf(at, in_link="link" in done)
                at += 1
                continue
            runs = {mark: self._run(at, end, mark) for mark in wanted}
            mark = max(runs, key=runs.__getitem__)
            stop = runs[mark]
            if mark == "link":
                self._link(at, stop, done)
            else:
                self._mark(mark, (start, at, stop, end), done)
            at = stop

    def _run(self, at: int, end: int, mark: str) -> int:
        stop, link = at + 1, self._spans[at].link
        while stop < end and _has(self._spans[stop], mark):
            if mark == "link" and self._spans[stop].link != link:
                break
            stop += 1
        return stop

    def _mark(self, mark: str, place: tuple[int, int, int, int], done: frozenset[str]) -> None:
        start, at, stop, end = place
        before = self._neighbour(at - 1, done, last=True) if at > start else " "
        after = self._neighbour(stop, done, last=False) if stop < end else " "
        worded = any(char.isalnum() or char == "_" for char in (before, after))
        self.doubtful = self.doubtful or worded or not (before and after) or bool(done - {"link"})
        chars = {"strike": "~~", "strong": "**", "em": "*" if worded else "_"}[mark]
        self._pieces.append(chars)
        self._write(at, stop, done | {mark})
        self._pieces.append(chars)

    def _neighbour(self, at: int, done: frozenset[str], *, last: bool) -> str:
        """Return the character beside a mark; a line's end is a space, another mark is nothing."""
        span = self._spans[at]
        if span.marks - done or (span.link and "link" not in done):
            return ""
        shape = _shape(span)
        return (shape[-1:] if last else shape[:1]) or "`"

    def _link(self, at: int, stop: int, done: frozenset[str]) -> None:
        link, only = self._spans[at].link, self._spans[at]
        if link is None:
            return
        if stop == at + 1 and isinstance(only, Text) and not link.title and only.marks <= done:
            if only.text == link.url and _AUTOLINK.fullmatch(link.url):
                self._pieces.append(_Bare(link.url))
                return
            if link.url == f"mailto:{only.text}" and _EMAIL.fullmatch(only.text):
                self._pieces.append(f"<{only.text}>")
                return
        self._pieces.append("[")
        self._write(at, stop, done | {"link"})
        self._pieces.append(f"]({_target(link.url, link.title)})")

    def _leaf(self, at: int, *, in_link: bool) -> None:
        span = self._spans[at]
        match span:
            case Text(text):
                self._pieces.append(self._escaped(text, at, in_link=in_link))
            case CodeSpan(text):
                self._pieces.append(_code(text))
            case Image(alt, url, title):
                words = self._escaped(alt, at, in_link=True)
                self._pieces.append(f"![{words}]({_target(url, title)})")
            case RawInline(text):
                self._pieces.append(text.replace("\n", _RAW_END if self._where == "paragraph" else " "))
            case Break(hard):
                self._pieces.append(self._break(at, hard=hard))

    def _break(self, at: int, *, hard: bool) -> str:
        if self._where != "paragraph":
            return "<br>" if hard else " "
        # A tag at the start of a line could begin an HTML block.
        if at + 1 < len(self._spans) and isinstance(self._spans[at + 1], RawInline):
            return "<br>" if hard else " "
        return "\\\n" if hard else "\n"

    def _escaped(self, text: str, at: int, *, in_link: bool) -> str:
        if not _SPECIAL.search(text):
            return text
        last = at + 1 == len(self._spans)

        def escape(match: re.Match[str]) -> str:
            char, place = match[0], match.start()
            before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
            first = at == 0 and place == 0
            return f"\\{char}" if self._is_live(match, before, after, (in_link, first, last)) else char

        return _SPECIAL.sub(escape, text)

    def _is_live(self, match: re.Match[str], before: str, after: str, place: tuple[bool, bool, bool]) -> bool:
        """Say whether Markdown would take the character for syntax where it stands."""
        in_link, first, last = place
        match match[0]:
            case "\\":
                return not after or after in punctuation
            case "`":
                return True
            case "*" | "~" as char:
                return char in self._live and not (before.isspace() and after.isspace())
            case "_":
                inside = (before.isalnum() and after.isalnum()) or (before.isspace() and after.isspace())
                return "_" in self._live and not inside
            case "[":
                return in_link or self._links or (first and self._starts_like_a_block())
            case "]":
                return in_link
            case "<":
                return not after or after.isalpha() or after in "/!?"
            case "&":
                return _ENTITY.match(match.string, match.start()) is not None
        return not after and not last

    def _starts_like_a_block(self) -> bool:
        words = self._words
        return bool(_BOX.match(words)) or ("]:" in words and not words.startswith("[^"))


def _pairs(words: str, char: str) -> bool:
    """Say whether the literal *char* could open a mark and close it further on."""
    if words.count(char) < 2:  # noqa: PLR2004 -- it takes two
        return False
    opener = re.search(_OPENS[char], words)
    closers = [match.start() for match in re.finditer(_CLOSES[char], words)]
    return opener is not None and bool(closers) and opener.start() < closers[-1]


def _has(span: Span, mark: str) -> bool:
    return span.link is not None if mark == "link" else mark in span.marks


def _shape(span: Span) -> str:
    """Return what matters of a span to its neighbours' escapes."""
    match span:
        case Text(text):
            return text
        case Break():
            return "\n"
    return "`"


def _url(url: str, before: str, rest: str | None) -> str:
    if rest is not None and bare_url(f"{before}{url}{rest}", len(before)) == url:
        return url
    return f"<{url}>"


def _code(text: str) -> str:
    longest = {len(run) for run in _TICKS.findall(text)}
    ticks = "`" * next(n for n in range(1, len(longest) + 2) if n not in longest)
    padded = text.startswith("`") or text.endswith("`")
    padded = padded or (text.startswith(" ") and text.endswith(" ") and bool(text.strip(" ")))
    return f"{ticks} {text} {ticks}" if padded else f"{ticks}{text}{ticks}"


def _target(url: str, title: str | None) -> str:
    words = _literal(url, "")
    level = 0
    for char in url:
        level += (char == "(") - (char == ")")
        if level < 0:
            break
    if not url or level or url.startswith("<") or re.search(r"[\s\x00-\x20]", url):
        words = f"<{_literal(url, '<>')}>"
    return f'{words} "{_literal(title, chr(34))}"' if title else words


def _literal(text: str, special: str) -> str:
    """Return *text* with a backslash wherever a reader would not take it literally."""

    def escape(match: re.Match[str]) -> str:
        char, after = match[0], text[match.end() : match.end() + 1]
        if char == "\\":
            live = not after or after in punctuation
        elif char == "&":
            live = _ENTITY.match(text, match.start()) is not None
        else:
            live = True
        return f"\\{char}" if live else char

    return re.sub(rf"[\\&{re.escape(special)}]", escape, text)
