"""Our marker in a text: an HTML comment at its end, which no reader sees."""

from __future__ import annotations

import re

_MARKER = re.compile(r"<!--[ \t]*syncer:([A-Za-z0-9.]+)[ \t]*-->")
_ALLOWED = re.compile(r"[A-Za-z0-9.]+")


def with_marker(body: str, marker: str) -> str:
    """Return *body* ending in *marker* (letters, digits, dots; ValueError otherwise), and in no other."""
    if not _ALLOWED.fullmatch(marker):
        msg = f"not a marker: {marker!r}"
        raise ValueError(msg)
    words = without_marker(body)
    comment = f"<!-- syncer:{marker} -->"
    return f"{words}\n\n{comment}" if words else comment


def find_marker(body: str) -> str | None:
    """Return the last marker in *body*. It proves nothing: people copy texts."""
    found: list[str] = _MARKER.findall(body)
    return found[-1] if found else None


def without_marker(body: str) -> str:
    """Return *body* as its author wrote it, without any marker."""
    return _MARKER.sub("", body).rstrip() if _MARKER.search(body) else body
