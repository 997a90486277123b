"""Line-wise three-way merge of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import TypeAlias

_LONGEST = 4_000
"""Lines. Beyond that only trivial merges are tried: comparing is quadratic at worst."""

Lines: TypeAlias = Sequence[str]


def merge(base: str, ours: str, theirs: str) -> str | None:
    """Return *base* with both sides' edits, or None where they changed the same lines differently.

    Edits with an unchanged line between them merge; so do equal edits. `merge(b, x, y)` is
    `merge(b, y, x)`.
    """
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    lines = base.split("\n"), ours.split("\n"), theirs.split("\n")
    if any(len(side) > _LONGEST for side in lines):
        return None
    return _merged(*lines)


def _merged(base: Lines, ours: Lines, theirs: Lines) -> str | None:
    out: list[str] = []
    done = (0, 0, 0)
    for stable in _anchors(base, ours, theirs):
        at, mine, yours = stable
        chunk = _chosen(base[done[0] : at], ours[done[1] : mine], theirs[done[2] : yours])
        if chunk is None:
            return None
        out += chunk
        if at < len(base):
            out.append(base[at])
        done = (at + 1, mine + 1, yours + 1)
    return "\n".join(out)


def _anchors(base: Lines, ours: Lines, theirs: Lines) -> Iterator[tuple[int, int, int]]:
    """Yield the places of each line all three kept, in order, and at last the three ends."""
    mine, yours = _kept(base, ours), _kept(base, theirs)
    for at in range(len(base)):
        if at in mine and at in yours:
            yield at, mine[at], yours[at]
    yield len(base), len(ours), len(theirs)


def _kept(base: Lines, side: Lines) -> dict[int, int]:
    blocks = SequenceMatcher(None, base, side, autojunk=False).get_matching_blocks()
    return {block.a + n: block.b + n for block in blocks for n in range(block.size)}


def _chosen(base: Lines, ours: Lines, theirs: Lines) -> Lines | None:
    if theirs in (ours, base):
        return ours
    return theirs if ours == base else None
