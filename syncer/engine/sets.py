"""Set algebra on names that are the same element in other spelling."""

from __future__ import annotations

from collections.abc import Iterable

from syncer.engine.state import FieldRule
from syncer.model import Delta, Value, fold


def elements(value: object) -> dict[str, str]:
    """Return identity -> spelling of a set value; anything else has no elements."""
    return {fold(name): name for name in sorted(value)} if isinstance(value, frozenset) else {}


def allowed(value: object, rule: FieldRule) -> frozenset[str]:
    """Return the elements that the field's `only` and `ignore` leave to us."""
    return frozenset(n for n in elements(value).values() if rule.allows(n))


def difference(a: Iterable[str], b: Iterable[str]) -> frozenset[str]:
    """Return the elements of *a* that are not in *b*."""
    known = {fold(n) for n in b}
    return frozenset(n for n in a if fold(n) not in known)


def union(*sets: Iterable[str]) -> frozenset[str]:
    """Return all elements, each in the first spelling met."""
    found: dict[str, str] = {}
    for one in sets:
        for name in sorted(one):
            found.setdefault(fold(name), name)
    return frozenset(found.values())


def intersection(a: Iterable[str], b: Iterable[str]) -> frozenset[str]:
    known = {fold(n) for n in b}
    return frozenset(n for n in a if fold(n) in known)


def lacking(now: Iterable[str], agreed: Iterable[str], touched: Iterable[str]) -> Delta:
    """Return what *now* lacks of *agreed*, among the *touched* elements only."""
    now, agreed, touched = list(now), list(agreed), list(touched)
    add = difference(intersection(agreed, touched), now)
    return Delta(add, intersection(difference(now, agreed), touched))


def stacked(old: Delta | None, new: Delta, touched: Iterable[str]) -> Delta:
    """Return a debt in which newer words about the *touched* elements replace older ones."""
    touched = list(touched)
    if old is None:
        return new
    return Delta(union(difference(old.add, touched), new.add), union(difference(old.remove, touched), new.remove))


def as_set(value: Value) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()
