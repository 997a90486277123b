"""Markdown as the common rich text: its tree, canonical form, merge, mentions and marker. Pure."""

from syncer.text.canonical import canonical
from syncer.text.marker import find_marker, with_marker, without_marker
from syncer.text.mentions import live, neutralise, revive
from syncer.text.merge import merge
from syncer.text.parse import parse
from syncer.text.tree import Doc
from syncer.text.write import write

__all__ = [
    "Doc",
    "canonical",
    "find_marker",
    "live",
    "merge",
    "neutralise",
    "parse",
    "revive",
    "with_marker",
    "without_marker",
    "write",
]
