"""Where people's comments are: nowhere twice, and in the end everywhere they belong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.soak.staff import Remark, Staff, Thing
from tests.soak.words import REMARK, TRACKERS

Found = Mapping[tuple[str, str], Sequence[str]]
"""By comment and tracker, the texts that are it, or mirror it."""


def duplicates(staff: Staff) -> Iterator[str]:
    """Yield the comments that are on a tracker more than once."""
    for (name, at), bodies in _found(staff).items():
        if len(bodies) > 1:
            yield f"comment {name} is on {at} {len(bodies)} times: {bodies}"


def misplaced(staff: Staff) -> Iterator[str]:
    """Yield the comments that are not as they should be where both copies of their item are."""
    found = _found(staff)
    for remark in staff.remarks.values():
        thing = staff.things[remark.thing]
        for at in TRACKERS:
            bodies, word = found.get((remark.name, at), ()), _expected(remark, at)
            if thing.on(at) is None or thing.on(remark.at) is None:
                continue
            if len(bodies) != bool(word) or not all(word in b.split() for b in bodies):
                yield f"{remark} on {at}: {bodies}; expected {word!r}"


def _expected(remark: Remark, at: str) -> str:
    """Return the word that tells the text it should have, "" where it should not be."""
    if at in remark.theirs:
        return remark.theirs[at]
    return "" if remark.gone or (remark.restricted and at != remark.at) else remark.word


def _found(staff: Staff) -> Found:
    found: dict[tuple[str, str], list[str]] = {}
    for thing in staff.things.values():
        for at in thing.keys:
            for body in _bodies(staff, thing, at):
                for name in set(REMARK.findall(body)) & staff.remarks.keys():
                    found.setdefault((name, at), []).append(body)
    return found


def _bodies(staff: Staff, thing: Thing, at: str) -> Sequence[str]:
    if thing.away.get(at) in {"removed", "moved"}:
        return ()
    return [c["body"] for c in staff.boxes[at].show(thing.keys[at])["comments"]]
