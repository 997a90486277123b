"""The three-way merge of one link: each copy against its own past, never against another tracker."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncer.engine import conflict, sets
from syncer.engine.conflict import Contender
from syncer.engine.state import Rules
from syncer.engine.views import Reader, View, empty
from syncer.links import Copy, Hold, Link, Origin, Owed
from syncer.model import FIELDS, SET_FIELDS, TEXT_FIELDS, Absent, Delta, Edited, Native, State, Value
from syncer.text.merge import merge as merge_text

FLAP_RUNS = 10
SLACK = timedelta(seconds=5)
"""How much later than the record's stamp a history may put the same change."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A field whose agreed value moved, and why."""

    field: str
    before: Value
    after: Value
    origin: Origin
    because: str


@dataclass(frozen=True, slots=True)
class Overruled:
    """An edit or a first value that gave way to a named rule."""

    field: str
    connection: str
    value: Value
    agreed: Value
    because: str


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field of one copy that cannot be read: left out of the merge, the rest moves."""

    connection: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Merged:
    """A link after its merge. `unclear`: (connection, field) whose history would settle a conflict;
    nothing of such a field has been decided yet."""

    link: Link
    copies: Mapping[str, Copy]
    changed: tuple[Changed, ...] = ()
    overruled: tuple[Overruled, ...] = ()
    holds: tuple[Hold, ...] = ()
    errors: tuple[FieldError, ...] = ()
    unclear: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a merge needs besides the link: rules, mappers, open holds, and the facts of this run.

    `times` holds the histories asked so far; a None says the tracker keeps none for that field.
    `single`: the connections, also those away, that can hold no two assignees. `defaults`: the
    (connection, field) whose tracker says that nobody ever changed it.
    """

    rules: Rules
    readers: Mapping[str, Reader]
    holds: Mapping[str, Hold]
    now: datetime
    run: int
    digest: str
    times: Mapping[tuple[str, str], Edited | None] = field(default_factory=dict)
    single: frozenset[str] = frozenset()
    defaults: frozenset[tuple[str, str]] = frozenset()


@dataclass(slots=True)
class _Ledger:
    """The books of one merge, kept field by field."""

    link: Link
    copies: dict[str, Copy]
    agreed: dict[str, Value]
    origin: dict[str, Origin]
    owed: dict[str, dict[str, Owed]]
    trail: dict[str, tuple[tuple[int, str], ...]]
    changed: list[Changed] = field(default_factory=list)
    overruled: list[Overruled] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)
    unclear: set[tuple[str, str]] = field(default_factory=set)

    def owe(self, connection: str, name: str, what: Owed) -> None:
        self.owed.setdefault(connection, {})[name] = what

    def acquit(self, connection: str, name: str) -> None:
        self.owed.get(connection, {}).pop(name, None)

    def rebase(self, view: View) -> None:
        copy = self.copies[view.connection]
        base: Mapping[str, Native] = {**copy.base, view.field: view.slice}
        self.copies[view.connection] = replace(copy, base=base)


def merge(link: Link, copies: Mapping[str, Copy], at: Circumstances) -> Merged:
    """Return the link and its copies after every edit was taken, overruled, or held.

    Pure: the same arguments give the same answer. `copies` are those of the link by connection;
    only readable ones take part.
    """
    books = _Ledger(
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


def _merge_field(books: _Ledger, name: str, at: Circumstances) -> None:
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
        _merge_set(books, name, views, at)
        return
    if not _merge_edits(books, name, [v for v in views if v.edited], views, at):
        return
    joiners = [v for v in views if not v.based]
    # A copy of our own making, read late, says its tracker's defaults or a person's words: its history tells.
    unasked = [v for v in joiners if _is_doubtful(v, books, at)]
    books.unclear.update((v.connection, name) for v in unasked)
    if not unasked:
        _join(books, name, joiners, views, at)


def _quiet(books: _Ledger, name: str, at: Circumstances) -> bool:
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


def _views(books: _Ledger, name: str, at: Circumstances) -> list[View]:
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


def _reread(books: _Ledger, name: str, views: Sequence[View], at: Circumstances) -> None:
    """After a mapping change read the agreed value again from where it came from (rule 12)."""
    origin = books.origin.get(name)
    if not books.link.digest or books.link.digest == at.digest or origin is None or name in SET_FIELDS:
        return
    source = next((v for v in views if v.connection == origin.connection), None)
    if source is None or not source.based or isinstance(source.base, Absent) or name in TEXT_FIELDS:
        return
    if name in books.owed.get(origin.connection, {}) or source.base == books.agreed.get(name):
        return
    _agree(books, name, source.base, origin, "the mapping changed", views, at, same=(source.connection,))


# -- scalars and text --------------------------------------------------------------------------


def _merge_edits(books: _Ledger, name: str, edits: Sequence[View], views: Sequence[View], at: Circumstances) -> bool:
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
            _hold(books, name, views, at, "conflict")
            return False
        case conflict.Won(winner, because):
            return _settle_edits(books, name, ruled, winner, because, views, at)


def _overrule_strangers_to_owner(books: _Ledger, name: str, edits: Sequence[View], at: Circumstances) -> list[View]:
    owner = _owner(books, name, at)
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


def _owner(books: _Ledger, name: str, at: Circumstances) -> str | None:
    """Return the connection that owns the field, where the item has a copy there: also while it is down."""
    owner = at.rules.rule(name).owner
    copy = books.copies.get(owner or "")
    if owner is None or copy is None or copy.state in {State.GONE, State.MOVED}:
        return None
    return owner if owner not in at.readers or at.readers[owner].has(name) else None


def _contender(view: View, at: Circumstances) -> Contender:
    known = at.times.get((view.connection, view.field))
    if known is not None:
        return Contender(view.connection, view.value, known.at, known.at, known.who)
    earliest = view.copy.known_until
    if earliest is not None and earliest > view.copy.updated:
        earliest = None  # two clocks, or a listing that lags: no span at all
    return Contender(view.connection, view.value, earliest, view.copy.updated)


def _unpaid(books: _Ledger, name: str, edits: Sequence[View], at: Circumstances) -> list[Contender]:
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
    books: _Ledger, name: str, edits: Sequence[View], value: Value, views: Sequence[View], at: Circumstances
) -> bool:
    if _flaps(books, name, value, at):
        _hold(books, name, views, at, "flapping")
        return False
    last = max(edits, key=lambda v: v.copy.updated)
    same = [v.connection for v in edits if v.now == value]
    for view in edits:
        books.rebase(view)
    origin = Origin(last.connection, last.copy.updated, since=last.copy.known_until)
    _agree(books, name, value, origin, _edited_by(origin, name), views, at, same=same)
    for view in edits:
        if view.now != value:
            books.owe(view.connection, name, None)
    return True


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _settle_edits(
    books: _Ledger,
    name: str,
    edits: Sequence[View],
    winner: Contender,
    because: str,
    views: Sequence[View],
    at: Circumstances,
) -> bool:
    if _flaps(books, name, winner.value, at):
        _hold(books, name, views, at, "flapping")
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
    said = _edited_by(origin, name)
    losers = [v for v in edits if v.value != winner.value]
    why = f"{said}; {because}" if losers else said
    _agree(books, name, winner.value, origin, why, views, at, same=same)
    for view in losers:
        books.owe(view.connection, name, None)
    return True


def _edited_by(origin: Origin, name: str) -> str:
    who = f" ({origin.who})" if origin.who else ""
    when = f" at {origin.at:%Y-%m-%d %H:%M:%SZ}" if origin.at else ""
    return f"{name} was changed on {origin.connection}{who}{when}"


def _agree(
    books: _Ledger,
    name: str,
    value: Value,
    origin: Origin,
    because: str,
    views: Sequence[View],
    at: Circumstances,
    same: Sequence[str] = (),
) -> None:
    """Make *value* agreed: owed to every copy but those that said it themselves."""
    before = books.agreed.get(name)
    if name not in books.agreed or before != value:
        books.agreed[name] = value
        books.origin[name] = origin
        books.changed.append(Changed(name, before, value, origin, because))
        books.trail[name] = _turned(books.trail.get(name, ()), before, value, at)
        for connection in _addressees(books, name, at):
            books.owe(connection, name, None)
    for connection in same:
        books.acquit(connection, name)


def _addressees(books: _Ledger, name: str, at: Circumstances) -> list[str]:
    """Return the copies a change of *name* is owed to; one that is down keeps its debts."""
    once = at.rules.rule(name).set_once
    return [c for c in books.copies if c != once and (c not in at.readers or at.readers[c].has(name))]


def _turned(
    trail: Sequence[tuple[int, str]], before: Value, value: Value, at: Circumstances
) -> tuple[tuple[int, str], ...]:
    recent = [t for t in trail if t[0] > at.run - FLAP_RUNS] or [(at.run, _print(before))]
    return (*recent, (at.run, _print(value)))


def _print(value: Value) -> str:
    said = sorted(value) if isinstance(value, frozenset) else value
    return hashlib.blake2b(repr(said).encode(), digest_size=6).hexdigest()


def _flaps(books: _Ledger, name: str, value: Value, at: Circumstances) -> bool:
    turns = [p for _, p in _turned(books.trail.get(name, ()), books.agreed.get(name), value, at)]
    reversals = sum(1 for i in range(2, len(turns)) if turns[i] == turns[i - 2] != turns[i - 1])
    return reversals > at.rules.limits.flaps


# -- first link and late joiners ----------------------------------------------------------------


def _join(books: _Ledger, name: str, joiners: Sequence[View], views: Sequence[View], at: Circumstances) -> None:
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
            _hold(books, name, views, at, "first link")
            return
        chosen, because = won
        winner = next(v for v in candidates if v.connection == chosen)
    if winner is not None:
        origin = Origin(winner.connection, winner.copy.updated)
        why = f"linked for the first time; {because}"
        _agree(books, name, winner.value, origin, why, views, at, same=(winner.connection,))
    agreed = books.agreed[name]
    for view in joiners:
        books.rebase(view)
        if view.value == agreed:
            books.acquit(view.connection, name)
            continue
        books.owe(view.connection, name, None)
        if not empty(name, view.value):
            books.overruled.append(Overruled(name, view.connection, view.value, agreed, because))


def _is_doubtful(view: View, books: _Ledger, at: Circumstances) -> bool:
    spot = (view.connection, view.field)
    said = not empty(view.field, view.value) and view.value != books.agreed.get(view.field)
    return view.copy.made and said and spot not in at.times


def _speaks(view: View, at: Circumstances) -> bool:
    """Say whether somebody may have meant it: an empty field of a copy we made is nobody's word."""
    if not view.copy.made:
        return True
    return not empty(view.field, view.value) and (view.connection, view.field) not in at.defaults


# -- sets ---------------------------------------------------------------------------------------


def _merge_set(books: _Ledger, name: str, views: Sequence[View], at: Circumstances) -> None:
    """Agreed plus all adds minus all removes; on the same element an add beats a remove."""
    agreed = sets.as_set(books.agreed.get(name))
    owner = _owner(books, name, at)
    voices = [v for v in views if (v.edited or not v.based) and owner in {None, v.connection}]
    joiners = [v.connection for v in views if not v.based]
    adds = sets.union(*(v.adds for v in voices))
    removes = sets.difference(sets.union(*(v.removes for v in voices)), adds)
    after = sets.union(sets.difference(agreed, removes), adds)
    touched = sets.union(*(sets.union(v.adds, v.removes) for v in views if v.edited or not v.based))
    turned = sets.elements(after).keys() != sets.elements(agreed).keys()
    if turned and _flaps(books, name, after, at):
        _hold(books, name, views, at, "flapping")
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
        for connection in _addressees(books, name, at):
            if connection not in viewed:  # away, archived, or written and not read since
                debt = Delta(sets.intersection(after, touched), sets.difference(touched, after))
                old = books.owed.get(connection, {}).get(name)
                books.owe(connection, name, sets.stacked(old, debt, touched))
    if turned or (name not in books.agreed and views):
        source = next((v for v in voices if v.adds or v.removes), views[0])
        origin = Origin(source.connection, source.copy.updated)
        if name in books.agreed:
            books.trail[name] = _turned(books.trail.get(name, ()), agreed, after, at)
        books.agreed[name] = after
        books.origin[name] = origin
        books.changed.append(Changed(name, agreed, after, origin, _edited_by(origin, name)))


def _by_element(books: _Ledger, view: View, agreed: frozenset[str]) -> None:
    """Say a debt of the whole value, made while the field was no set, element by element."""
    debts = books.owed.get(view.connection, {})
    if view.field in debts and debts[view.field] is None:
        value = sets.as_set(view.base if isinstance(view.base, frozenset) else view.value)
        books.owe(view.connection, view.field, sets.lacking(value, agreed, sets.union(value, agreed)))


def _is_vacant(view: View, after: frozenset[str], at: Circumstances) -> bool:
    """Say whether a tracker for one person holds none of those agreed: it can still say one of them."""
    return at.readers[view.connection].single(view.field) and not sets.intersection(sets.as_set(view.value), after)


def _owe_elements(books: _Ledger, view: View, after: frozenset[str], touched: frozenset[str], *, joined: bool) -> None:
    scope = sets.union(touched, after) if joined else touched
    if not scope:
        return
    old = books.owed.get(view.connection, {}).get(view.field)
    debt = sets.stacked(old, sets.lacking(sets.as_set(view.value), after, scope), scope)
    if debt:
        books.owe(view.connection, view.field, debt)
    else:
        books.acquit(view.connection, view.field)


def _note_lost_elements(books: _Ledger, view: View, after: frozenset[str]) -> None:
    kept = sets.intersection(view.removes, after)
    dropped = sets.difference(view.adds, after)
    if kept:
        because = "added elsewhere at the same time, or owned elsewhere"
        books.overruled.append(Overruled(view.field, view.connection, _signed("-", kept), after, because))
    if dropped:
        books.overruled.append(Overruled(view.field, view.connection, _signed("+", dropped), after, "owned elsewhere"))


def _signed(sign: str, names: frozenset[str]) -> str:
    return " ".join(f"{sign}{n}" for n in sorted(names))


# -- holds --------------------------------------------------------------------------------------


def _hold(books: _Ledger, name: str, views: Sequence[View], at: Circumstances, reason: str) -> None:
    """Stop the field where it stands: agreed, bases and debts stay, nothing of it is written."""
    source = views[0].copy.ref
    books.holds.append(
        Hold(
            id=hold_id(books.link.id, name),
            link=books.link.id,
            field=name,
            ref=source,
            base=books.agreed.get(name),
            values={v.connection: v.value for v in views},
            since=at.now,
            reason=reason,
        )
    )


def hold_id(link: str, name: str) -> str:
    return "H" + hashlib.blake2b(f"{link}\0{name}".encode(), digest_size=5).hexdigest()


def _keep_holding(books: _Ledger, name: str, hold: Hold, views: Sequence[View], at: Circumstances) -> None:
    """Keep what every copy says, also of those out of reach; let go where all came to mean the same."""
    now = {v.connection: v.value for v in views}
    away = {c: v for c, v in hold.values.items() if c in books.copies and c not in now}
    for view in views:
        alike = all(at.readers[v.connection].agrees(v, view.value) for v in views)
        if alike and all(value == view.value for value in away.values()):
            origin = Origin(view.connection, view.copy.updated, since=view.copy.known_until)
            _agree(books, name, view.value, origin, "the copies came to mean the same", views, at)
            for one in views:
                books.rebase(one)
                books.acquit(one.connection, name)
            return
    books.holds.append(replace(hold, values=away | now))
