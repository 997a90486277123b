"""The one spelling of a Markdown text by which copies are compared and written."""

from __future__ import annotations

import re
from functools import lru_cache

from syncer.text.mentions import revive
from syncer.text.parse import TooHostileError, parse_strictly
from syncer.text.write import write

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PASSES = 4


def canonical(markdown: str | None) -> str | None:
    """Return the one spelling of *markdown*, None for no words at all.

    Never raises, and `canonical(canonical(x)) == canonical(x)` for every x: what does not settle,
    or is too hostile to parse (beyond 100,000 characters, nested too deep), keeps its own spelling.
    """
    return _canonical(markdown) if markdown else None


@lru_cache(maxsize=4096)
def _canonical(markdown: str) -> str | None:
    clean = _cleaned(markdown)
    text = clean
    for _ in range(_PASSES):
        try:
            again = _cleaned(write(parse_strictly(text)))
        except (TooHostileError, RecursionError):
            return clean or None
        if again == text:
            return text or None
        text = again
    return clean or None


def _cleaned(markdown: str) -> str:
    text = markdown.replace("\r\n", "\n").replace("\r", "\n")
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))
    return revive(text).strip("\n")
