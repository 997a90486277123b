"""The three-way merge of one link: each copy against its own past, never against another tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from syncer.engine import conflict
from syncer.engine.conflict import Contender
from syncer.engine.elements import merge_set
from syncer.engine.joining import is_doubtful, join_in
from syncer.engine.ledger import (
    Circumstances,
    FieldError,
    Ledger,
    Merged,
    Overruled,
    agree,
    edited_by,
    flaps,
    owner_of,
    put_on_hold,
)
from syncer.engine.views import View
from syncer.links import Copy, Hold, Link, Origin
from syncer.model import FIELDS, SET_FIELDS, TEXT_FIELDS, Absent, State, Value
from syncer.text.merge import merge as merge_text

SLACK = timedelta(seconds=5)
"""How much later than the record's stamp a history may put the same change."""


def merge(link: Link, copies: Mapping[str, Copy], at: Circumstances) -> Merged:
    """Return the link and its copies after every edit was taken, overruled, or held.

    Pure: the same arguments give the same answer. `copies` are those of the link by connection;
    only readable ones take part.
    """
    books = Ledger(
        link=link,
        copies=dict(copies),
        agreed=dict(link.agreed),
        origin=dict(link.origin),
        owed={c: dict(fields) for c, fields in link.owed.items()},
        trail=dict(link.trail),
    )
    for name in FIELDS:
        if not at.rules.rule(name).skip:
            _merge_field(books, name, at)
    title = books.agreed.get("title")
    after = replace(
        link,
        title=title if isinstance(title, str) else link.title,
        agreed=books.agreed,
        origin=books.origin,
        owed={c: f for c, f in books.owed.items() if f},
        trail=books.trail,
        digest=at.digest,
    )
    return Merged(
        link=after,
        copies=books.copies,
        changed=tuple(books.changed),
        overruled=tuple(books.overruled),
        holds=tuple(books.holds),
        errors=tuple(books.errors),
        unclear=frozenset(books.unclear),
    )


def _merge_field(books: Ledger, name: str, at: Circumstances) -> None:
    if _quiet(books, name, at):
        return
    views = _views(books, name, at)
    if not views:
        return
    hold = at.holds.get(name)
    if hold is not None:
        _keep_holding(books, name, hold, views, at)
        return
    for view in views:
        if view.moved and not view.edited:
            books.rebase(view)
    _reread(books, name, views, at)
    if name in SET_FIELDS and not _single(name, at):
        merge_set(books, name, views, at)
        return
    if not _merge_edits(books, name, [v for v in views if v.edited], views, at):
        return
    joiners = [v for v in views if not v.based]
    # A copy of our own making, read late, says its tracker's defaults or a person's words: its history tells.
    unasked = [v for v in joiners if is_doubtful(v, books, at)]
    books.unclear.update((v.connection, name) for v in unasked)
    if not unasked:
        join_in(books, name, joiners, views, at)


def _quiet(books: Ledger, name: str, at: Circumstances) -> bool:
    """Say whether nobody moved the field, so that there is nothing to read or to decide."""
    if name not in books.agreed or name in at.holds or books.link.digest != at.digest:
        return False
    for connection, reader in at.readers.items():
        copy = books.copies.get(connection)
        if copy is None or copy.state is not State.HERE or not reader.has(name):
            continue
        base = copy.base.get(name)
        if base is None or any(copy.seen.get(native) != said for native, said in base.items()):
            return False
    return True


def _views(books: Ledger, name: str, at: Circumstances) -> list[View]:
    """Return how each copy stands on the field; copies that cannot say are left out and reported."""
    found: list[View] = []
    rule = at.rules.rule(name)
    for connection, reader in at.readers.items():
        copy = books.copies.get(connection)
        if copy is None or rule.set_once == connection:
            continue
        view = reader.view(copy, name, books.agreed.get(name), rule)
        if isinstance(view, str):
            books.errors.append(FieldError(connection, name, view))
            continue
        if view is None:
            continue
        found.append(view)
    return found


def _single(name: str, at: Circumstances) -> bool:
    """Say whether no tracker here can hold two people, so that an assignee is one value like any other."""
    return name == "assignees" and at.single.issuperset(at.rules.connections)


def _reread(books: Ledger, name: str, views: Sequence[View], at: Circumstances) -> None:
    """After a mapping change read the agreed value again from where it came from (rule 12)."""
    origin = books.origin.get(name)
    if not books.link.digest or books.link.digest == at.digest or origin is None or name in SET_FIELDS:
        return
    source = next((v for v in views if v.connection == origin.connection), None)
    if source is None or not source.based or isinstance(source.base, Absent) or name in TEXT_FIELDS:
        return
    if name in books.owed.get(origin.connection, {}) or source.base == books.agreed.get(name):
        return
    agree(books, name, source.base, origin, "the mapping changed", views, at, same=(source.connection,))


def _merge_edits(books: Ledger, name: str, edits: Sequence[View], views: Sequence[View], at: Circumstances) -> bool:
    """Take the edits of one field. Return False where nothing could be decided about it yet."""
    if not edits:
        return True
    ruled = _overrule_strangers_to_owner(books, name, edits, at)
    if not ruled:
        return True
    if name in TEXT_FIELDS and name in books.agreed:
        text = _merged_lines(_text(books.agreed[name]), ruled, at)
        if text is not None:
            return _settle_lines(books, name, ruled, text or None, views, at)
    contenders = [_contender(v, at) for v in ruled] + _unpaid(books, name, ruled, at)
    verdict = conflict.decide(contenders, at.rules, at.rules.policy(name), frozenset(at.times), name)
    match verdict:
        case conflict.Unclear(ask):
            books.unclear.update((c, name) for c in ask)
            return False
        case conflict.Ask():
            put_on_hold(books, name, views, at, "conflict")
            return False
        case conflict.Won(winner, because):
            return _settle_edits(books, name, ruled, winner, because, views, at)


def _overrule_strangers_to_owner(books: Ledger, name: str, edits: Sequence[View], at: Circumstances) -> list[View]:
    owner = owner_of(books, name, at)
    if owner is None:
        return list(edits)
    agreed = books.agreed.get(name)
    for view in edits:
        if view.connection == owner:
            continue
        books.rebase(view)
        books.owe(view.connection, name, None)
        books.overruled.append(Overruled(name, view.connection, view.value, agreed, f"{owner} owns {name}"))
    return [v for v in edits if v.connection == owner]


def _contender(view: View, at: Circumstances) -> Contender:
    known = at.times.get((view.connection, view.field))
    if known is not None:
        return Contender(view.connection, view.value, known.at, known.at, known.who)
    earliest = view.copy.known_until
    if earliest is not None and earliest > view.copy.updated:
        earliest = None  # two clocks, or a listing that lags: no span at all
    return Contender(view.connection, view.value, earliest, view.copy.updated)


def _unpaid(books: Ledger, name: str, edits: Sequence[View], at: Circumstances) -> list[Contender]:
    """Return the agreed value as a contender, where an edit comes from a copy that was still owed it,
    or was made before it and shown after.

    Its time is a span too: the stamp of the record it was read from moves with any of its fields.
    """
    origin = books.origin.get(name)
    owed = any(name in books.owed.get(v.connection, {}) for v in edits)
    late = origin is not None and any(_seen_late(v, origin, at) for v in edits)
    if origin is None or not (owed or late) or any(v.connection == origin.connection for v in edits):
        return []
    earliest, latest, who = origin.since, origin.at, origin.who
    known = at.times.get((origin.connection, name))
    if known is not None and (latest is None or known.at <= latest + SLACK):
        earliest, latest = known.at, known.at
    exact = earliest == latest or origin.connection not in books.copies
    return [Contender(origin.connection, books.agreed.get(name), earliest, latest, who, settled=exact)]


def _seen_late(view: View, origin: Origin, at: Circumstances) -> bool:
    return at.readers[view.connection].lags and origin.at is not None and view.copy.updated < origin.at


def _merged_lines(agreed: str, edits: Sequence[View], at: Circumstances) -> str | None:
    """Merge text line by line, each copy's edit against its own base; None where two change the same lines."""
    text: str | None = agreed
    for view in sorted(edits, key=lambda v: at.rules.rank(v.connection)):
        text = None if text is None else merge_text(_text(view.base), text, _text(view.now))
    return text


def _settle_lines(
    books: Ledger, name: str, edits: Sequence[View], value: Value, views: Sequence[View], at: Circumstances
) -> bool:
    if flaps(books, name, value, at):
        put_on_hold(books, name, views, at, "flapping")
        return False
    last = max(edits, key=lambda v: v.copy.updated)
    same = [v.connection for v in edits if v.now == value]
    for view in edits:
        books.rebase(view)
    origin = Origin(last.connection, last.copy.updated, since=last.copy.known_until)
    agree(books, name, value, origin, edited_by(origin, name), views, at, same=same)
    for view in edits:
        if view.now != value:
            books.owe(view.connection, name, None)
    return True


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _settle_edits(
    books: Ledger,
    name: str,
    edits: Sequence[View],
    winner: Contender,
    because: str,
    views: Sequence[View],
    at: Circumstances,
) -> bool:
    if flaps(books, name, winner.value, at):
        put_on_hold(books, name, views, at, "flapping")
        return False
    before = books.agreed.get(name)
    for view in edits:
        books.rebase(view)
        if view.value != winner.value:
            books.overruled.append(Overruled(name, view.connection, view.value, winner.value, because))
    unpaid = _unpaid(books, name, edits, at)
    if unpaid and before != winner.value:
        books.overruled.append(Overruled(name, unpaid[0].connection, before, winner.value, because))
    origin = Origin(winner.connection, winner.latest, winner.who, winner.earliest)
    same = [v.connection for v in edits if v.value == winner.value]
    said = edited_by(origin, name)
    losers = [v for v in edits if v.value != winner.value]
    why = f"{said}; {because}" if losers else said
    agree(books, name, winner.value, origin, why, views, at, same=same)
    for view in losers:
        books.owe(view.connection, name, None)
    return True


def _keep_holding(books: Ledger, name: str, hold: Hold, views: Sequence[View], at: Circumstances) -> None:
    """Keep what every copy says, also of those out of reach; let go where all came to mean the same."""
    now = {v.connection: v.value for v in views}
    away = {c: v for c, v in hold.values.items() if c in books.copies and c not in now}
    for view in views:
        alike = all(at.readers[v.connection].agrees(v, view.value) for v in views)
        if alike and all(value == view.value for value in away.values()):
            origin = Origin(view.connection, view.copy.updated, since=view.copy.known_until)
            agree(books, name, view.value, origin, "the copies came to mean the same", views, at)
            for one in views:
                books.rebase(one)
                books.acquit(one.connection, name)
            return
    books.holds.append(replace(hold, values=away | now))
