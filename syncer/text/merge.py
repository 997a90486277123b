"""Line-wise three-way merge of texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

_MOST_EDITS = 600
"""Lines one side may add and remove. Beyond that it is another text, not an edit of this one."""

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
    return _merged(base.split("\n"), ours.split("\n"), theirs.split("\n"))


def _merged(base: Lines, ours: Lines, theirs: Lines) -> str | None:
    out: list[str] = []
    done = (0, 0, 0)
    for at, mine, yours in _anchors(base, ours, theirs):
        chunk = _chosen(base[done[0] : at], ours[done[1] : mine], theirs[done[2] : yours])
        if chunk is None:
            return None
        out += chunk
        if at < len(base):
            out.append(base[at])
        done = (at + 1, mine + 1, yours + 1)
    return "\n".join(out)


def _anchors(base: Lines, ours: Lines, theirs: Lines) -> Iterator[tuple[int, int, int]]:
    """Yield the places of each line all three have, in order, and at last the three ends."""
    mine, yours = _kept(base, ours), _kept(base, theirs)
    if mine and yours:
        for at in sorted(mine.keys() & yours.keys()):
            yield at, mine[at], yours[at]
    yield len(base), len(ours), len(theirs)


def _kept(base: Lines, side: Lines) -> dict[int, int] | None:
    """Return where *side* has each line it kept of *base*, or None where too little was kept."""
    shortest = min(len(base), len(side))
    head = next((n for n in range(shortest) if base[n] != side[n]), shortest)
    room = shortest - head
    tail = next((n for n in range(room) if base[-1 - n] != side[-1 - n]), room)
    middle = _matches(base[head : len(base) - tail], side[head : len(side) - tail])
    if middle is None:
        return None
    kept = {n: n for n in range(head)}
    kept |= {head + a: head + b for a, b in middle}
    return kept | {len(base) - n: len(side) - n for n in range(1, tail + 1)}


def _matches(base: Lines, side: Lines) -> list[tuple[int, int]] | None:
    """Return the pairs of equal lines in a shortest edit from *base* to *side* (Myers 1986)."""
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(min(len(base) + len(side), _MOST_EDITS) + 1):
        trail.append(dict(furthest))
        for lane in range(-edits, edits + 1, 2):
            a = _start(furthest, lane, edits)
            while a < len(base) and a - lane < len(side) and base[a] == side[a - lane]:
                a += 1
            furthest[lane] = a
            if a >= len(base) and a - lane >= len(side):
                return list(_walked_back(trail, len(base), len(side)))
    return None


def _start(furthest: Mapping[int, int], lane: int, edits: int) -> int:
    """Return how far into the base a lane begins: after an insertion, or after a removal."""
    return furthest[lane + 1] if _inserts(furthest, lane, edits) else furthest[lane - 1] + 1


def _inserts(furthest: Mapping[int, int], lane: int, edits: int) -> bool:
    return lane == -edits or (lane != edits and furthest[lane - 1] < furthest[lane + 1])


def _walked_back(trail: Sequence[Mapping[int, int]], a: int, b: int) -> Iterator[tuple[int, int]]:
    for edits in range(len(trail) - 1, -1, -1):
        lane = a - b
        start = _start(trail[edits], lane, edits) if edits else 0
        while a > start:
            a, b = a - 1, b - 1
            yield a, b
        inserted = _inserts(trail[edits], lane, edits)
        a, b = (a, b - 1) if inserted else (a - 1, b)


def _chosen(base: Lines, ours: Lines, theirs: Lines) -> Lines | None:
    if theirs in (ours, base):
        return ours
    return theirs if ours == base else None
