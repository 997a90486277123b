"""The merge of sets: adds and removes, element by element."""

from __future__ import annotations

from collections.abc import Sequence

from syncer.engine import sets
from syncer.engine.ledger import (
    Changed,
    Circumstances,
    Ledger,
    Overruled,
    addressees,
    edited_by,
    flaps,
    owner_of,
    put_on_hold,
    turned_over,
)
from syncer.engine.views import View
from syncer.links import Origin
from syncer.model import Delta


def merge_set(books: Ledger, name: str, views: Sequence[View], at: Circumstances) -> None:
    """Agreed plus all adds minus all removes; on the same element an add beats a remove."""
    agreed = sets.as_set(books.agreed.get(name))
    owner = owner_of(books, name, at)
    voices = [v for v in views if (v.edited or not v.based) and owner in {None, v.connection}]
    joiners = [v.connection for v in views if not v.based]
    adds = sets.union(*(v.adds for v in voices))
    removes = sets.difference(sets.union(*(v.removes for v in voices)), adds)
    after = sets.union(sets.difference(agreed, removes), adds)
    touched = sets.union(*(sets.union(v.adds, v.removes) for v in views if v.edited or not v.based))
    turned = sets.elements(after).keys() != sets.elements(agreed).keys()
    if turned and flaps(books, name, after, at):
        put_on_hold(books, name, views, at, "flapping")
        return
    for view in views:
        _by_element(books, view, agreed)
        whole = view.connection in joiners or (bool(touched) and _is_vacant(view, after, at))
        _owe_elements(books, view, after, touched, joined=whole)
        if view.edited or not view.based:
            books.rebase(view)
            _note_lost_elements(books, view, after)
    if touched:
        viewed = {v.connection for v in views}
        for connection in addressees(books, name, at):
            if connection not in viewed:  # away, archived, or written and not read since
                debt = Delta(sets.intersection(after, touched), sets.difference(touched, after))
                old = books.owed.get(connection, {}).get(name)
                books.owe(connection, name, sets.stacked(old, debt, touched))
    if turned or (name not in books.agreed and views):
        source = next((v for v in voices if v.adds or v.removes), views[0])
        origin = Origin(source.connection, source.copy.updated)
        if name in books.agreed:
            books.trail[name] = turned_over(books.trail.get(name, ()), agreed, after, at)
        books.agreed[name] = after
        books.origin[name] = origin
        books.changed.append(Changed(name, agreed, after, origin, edited_by(origin, name)))


def _by_element(books: Ledger, view: View, agreed: frozenset[str]) -> None:
    """Say a debt of the whole value, made while the field was no set, element by element."""
    debts = books.owed.get(view.connection, {})
    if view.field in debts and debts[view.field] is None:
        value = sets.as_set(view.base if isinstance(view.base, frozenset) else view.value)
        books.owe(view.connection, view.field, sets.lacking(value, agreed, sets.union(value, agreed)))


def _is_vacant(view: View, after: frozenset[str], at: Circumstances) -> bool:
    """Say whether a tracker for one person holds none of those agreed: it can still say one of them."""
    return at.readers[view.connection].single(view.field) and not sets.intersection(sets.as_set(view.value), after)


def _owe_elements(books: Ledger, view: View, after: frozenset[str], touched: frozenset[str], *, joined: bool) -> None:
    scope = sets.union(touched, after) if joined else touched
    if not scope:
        return
    old = books.owed.get(view.connection, {}).get(view.field)
    debt = sets.stacked(old, sets.lacking(sets.as_set(view.value), after, scope), scope)
    if debt:
        books.owe(view.connection, view.field, debt)
    else:
        books.acquit(view.connection, view.field)


def _note_lost_elements(books: Ledger, view: View, after: frozenset[str]) -> None:
    kept = sets.intersection(view.removes, after)
    dropped = sets.difference(view.adds, after)
    if kept:
        because = "added elsewhere at the same time, or owned elsewhere"
        books.overruled.append(Overruled(view.field, view.connection, _signed("-", kept), after, because))
    if dropped:
        books.overruled.append(Overruled(view.field, view.connection, _signed("+", dropped), after, "owned elsewhere"))


def _signed(sign: str, names: frozenset[str]) -> str:
    return " ".join(f"{sign}{n}" for n in sorted(names))
