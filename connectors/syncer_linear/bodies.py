"""Markdown as Linear speaks it: folded sections are `+++ Title`, and images are swallowed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from syncer.text.canonical import canonical

OWN_FILES = "https://uploads.linear.app/"

_FENCE = re.compile(r"^\s*(?:[-*+>]\s+|\d+[.)]\s+)*(`{3,}|~{3,})")
_CODE = re.compile(r"(`+)(?:(?!\1).)+\1(?!`)")
_LINKED_IMAGE = re.compile(r"\[!\[((?:\\.|[^\]\\])*)\]\([^()\s]*\)\](?=\()")
_IMAGE = re.compile(r"(?<!\\)!\[((?:\\.|[^\]\\])*)\](?=\((?!<?" + re.escape(OWN_FILES) + r"))")
_OPENS = re.compile(r"^\+\+\+ +(\S.*)$")
_CLOSES = re.compile(r"^\+\+\+\s*$")
_DETAILS = re.compile(r"^<details>\s*<summary>([^<>\n]+)</summary>\s*$", re.MULTILINE)


def heard(markdown: str | None) -> str | None:
    """Return what Linear stored as canonical Markdown."""
    return canonical("\n".join(_unfolded(markdown))) if markdown else None


def said(markdown: str) -> str:
    """Return canonical *markdown* as to be sent to Linear.

    Linear copies an image into storage that only its own users can read and rewrites the address,
    so that what it gives back is never what was sent: images of elsewhere are sent as links.
    """
    return "\n".join(_folded(_DETAILS.sub(r"<details><summary>\1</summary>", markdown)))


def _unfolded(markdown: str) -> Iterator[str]:
    """Yield the lines with each `+++ Title` that is closed again as `<details>`."""
    lines = markdown.split("\n")
    plain = list(_outside_code(lines))
    depth = 0
    for number, line in enumerate(lines):
        opens = _OPENS.match(line) if plain[number] else None
        if opens and _closed_later(lines, plain, number):
            depth += 1
            yield from ("<details>", f"<summary>{_unmarked(opens[1].strip())}</summary>", "")
        elif depth and plain[number] and _CLOSES.match(line):
            depth -= 1
            yield from ("", "</details>", "")
        else:
            yield line


def _closed_later(lines: list[str], plain: list[bool], start: int) -> bool:
    depth = 0
    for line, free in list(zip(lines, plain, strict=True))[start:]:
        if free and _OPENS.match(line):
            depth += 1
        elif free and _CLOSES.match(line):
            depth -= 1
            if depth == 0:
                return True
    return False


def _unmarked(title: str) -> str:
    return title.replace("<", "&lt;").replace(">", "&gt;")


def _folded(markdown: str) -> Iterator[str]:
    lines = markdown.split("\n")
    depth = 0
    for line, free in zip(lines, _outside_code(lines), strict=True):
        opens = re.fullmatch(r"<details><summary>([^<>]+)</summary>", line) if free else None
        if opens:
            depth += 1
            yield from (f"+++ {opens[1].strip()}", "")
        elif free and depth and line.strip() == "</details>":
            depth -= 1
            yield from ("", "+++", "")
        else:
            yield _linked(line) if free else line


def _linked(line: str) -> str:
    """Return *line* with its images as links, code spans left alone."""
    parts, at = [], 0
    for code in _CODE.finditer(line):
        parts += [_images(line[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*parts, _images(line[at:])])


def _images(text: str) -> str:
    return _IMAGE.sub(lambda m: f"[{m[1] or 'image'}]", _LINKED_IMAGE.sub(lambda m: f"[{m[1] or 'image'}]", text))


def _outside_code(lines: list[str]) -> Iterator[bool]:
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if fence:
            yield False
            if mark and mark[1].startswith(fence) and not line.strip().lstrip("`~"):
                fence = ""
        else:
            yield not mark
            fence = mark[1] if mark else ""
