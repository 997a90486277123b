"""First links and late joiners: copies without a past, whose first values must find their place."""

from __future__ import annotations

from collections.abc import Sequence

from syncer.engine import conflict
from syncer.engine.ledger import Circumstances, Ledger, Overruled, agree, put_on_hold
from syncer.engine.views import View, empty
from syncer.links import Origin


def join_in(books: Ledger, name: str, joiners: Sequence[View], views: Sequence[View], at: Circumstances) -> None:
    """Bring copies without a base into the agreement (rule 11)."""
    if not joiners:
        return
    speakers = [v for v in joiners if not empty(name, v.value) and _speaks(v, at)]
    if name in books.agreed and not (empty(name, books.agreed[name]) and speakers):
        winner, because = None, "the item was agreed already"
    else:
        speaking = [v for v in views if _speaks(v, at)]
        candidates = [v for v in speaking if not empty(name, v.value)] or [v for v in speaking if v in joiners]
        if not candidates:
            for view in joiners:
                books.rebase(view)
            return
        won = conflict.first(
            [(v.connection, v.value, v.copy.created) for v in candidates],
            at.rules.rule(name).owner,
            at.rules.on_link,
            at.rules.connections,
        )
        if won is None:
            put_on_hold(books, name, views, at, "first link")
            return
        chosen, because = won
        winner = next(v for v in candidates if v.connection == chosen)
    if winner is not None:
        origin = Origin(winner.connection, winner.copy.updated)
        why = f"linked for the first time; {because}"
        agree(books, name, winner.value, origin, why, views, at, same=(winner.connection,))
    agreed = books.agreed[name]
    for view in joiners:
        books.rebase(view)
        if view.value == agreed:
            books.acquit(view.connection, name)
            continue
        books.owe(view.connection, name, None)
        if not empty(name, view.value):
            books.overruled.append(Overruled(name, view.connection, view.value, agreed, because))


def is_doubtful(view: View, books: Ledger, at: Circumstances) -> bool:
    spot = (view.connection, view.field)
    said = not empty(view.field, view.value) and view.value != books.agreed.get(view.field)
    return view.copy.made and said and spot not in at.times


def _speaks(view: View, at: Circumstances) -> bool:
    """Say whether somebody may have meant it: an empty field of a copy we made is nobody's word."""
    if not view.copy.made:
        return True
    return not empty(view.field, view.value) and (view.connection, view.field) not in at.defaults
