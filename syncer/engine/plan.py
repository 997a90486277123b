"""From debts to actions: what a run would write, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from syncer.engine import sets
from syncer.engine.ledger import FieldError
from syncer.engine.state import Rules
from syncer.engine.views import Reader
from syncer.errors import UnmappedValueError, UnwritableError, WaitingError
from syncer.links import Copy, Link, Owed
from syncer.model import ABSENT, FIELDS, SET_FIELDS, Absent, Delta, Native, Ref, State, Value

BURIAL = "on_gone"
"""Who is said to have set a status that follows from a copy's end."""

Do = Literal["create", "update", "comment", "close", "archive", "link"]


@dataclass(frozen=True, slots=True)
class Move:
    """One field of an action: what it means there now, and what it is to mean."""

    before: Value
    after: Value
    owed: Owed = None


@dataclass(frozen=True, slots=True)
class Action:
    """One write, as planned. `ref` is None until the record exists. `parent` is the link a create
    waits for. `thread` and `text` belong to comments; `said` is the mirror, saying
    `was` so far, to be given that text or (None) to be taken back."""

    do: Do
    link: str
    connection: str
    because: str
    ref: Ref | None = None
    key: str = ""
    url: str = ""
    title: str = ""
    fields: Mapping[str, Move] = field(default_factory=dict)
    parent: str | None = None
    thread: str | None = None
    text: str | None = None
    said: Ref | None = None
    was: str | None = None
    state: Literal["planned", "applied", "failed"] = "planned"


@dataclass(frozen=True, slots=True)
class Planned:
    """A link with its paid debts struck off, the writes it still needs, and what cannot be said."""

    link: Link
    actions: tuple[Action, ...] = ()
    errors: tuple[FieldError, ...] = ()


def plan(
    link: Link,
    copies: Mapping[str, Copy],
    readers: Mapping[str, Reader],
    rules: Rules,
    reasons: Mapping[str, str],
    held: frozenset[str] = frozenset(),
) -> Planned:
    """Return what *link* still needs. Fields in *held* wait and are neither written nor struck off.

    A copy is written only when it is owed a value, and then only if it neither means it nor says it.
    """
    owed: dict[str, dict[str, Owed]] = {}
    actions: list[Action] = []
    errors: list[FieldError] = []
    for connection in rules.connections:
        copy, debts = copies.get(connection), link.owed.get(connection, {})
        if copy is None or connection not in readers:
            if debts:
                owed[connection] = dict(debts)
            continue
        if copy.state is State.GONE:
            continue
        if copy.state is not State.HERE:
            # Out of reach for now: what it lacks is still owed when it comes back.
            if debts:
                owed[connection] = dict(debts)
            continue
        if connection in link.ending:
            actions.append(_ending(link, copy, connection))
            owed[connection] = dict(debts)
            continue
        rest, action, troubles = _settle_copy(link, copy, debts, readers[connection], rules, reasons, held)
        errors += troubles
        if rest:
            owed[connection] = rest
        if action is not None:
            actions.append(action)
    actions += _creates(link, copies, readers, rules)
    return Planned(replace(link, owed=owed), tuple(actions), tuple(errors))


def _ending(link: Link, copy: Copy, connection: str) -> Action:
    return Action(
        do="archive",
        link=link.id,
        connection=connection,
        because=f"{_gone(link)} and on_gone says archive",
        ref=copy.ref,
        key=copy.key,
        url=copy.url,
        title=link.title,
    )


def _gone(link: Link) -> str:
    return f"the copy on {', '.join(sorted(link.buried))} is gone"


def closes(link: Link) -> bool:
    """Say whether the agreed status is our own answer to a copy's end."""
    origin = link.origin.get("status")
    if origin is None or not link.buried:
        return False
    return origin.who == BURIAL and link.agreed.get("status") == "canceled"


def _settle_copy(
    link: Link,
    copy: Copy,
    debts: Mapping[str, Owed],
    reader: Reader,
    rules: Rules,
    reasons: Mapping[str, str],
    held: frozenset[str],
) -> tuple[dict[str, Owed], Action | None, list[FieldError]]:
    rest: dict[str, Owed] = {}
    moves: dict[str, Move] = {}
    errors: list[FieldError] = []
    for name in (n for n in FIELDS if n in debts):
        debt = debts[name]
        if name in held:
            rest[name] = debt
            continue
        try:
            move = _move(link, copy.seen, name, debt, reader, rules)
        except WaitingError:
            rest[name] = debt
            continue
        except (UnwritableError, UnmappedValueError) as error:
            rest[name] = debt
            errors.append(FieldError(reader.connection, name, str(error)))
            continue
        if move is not None:
            rest[name] = debt
            moves[name] = move
    if not moves:
        return rest, None, errors
    because = "; ".join(dict.fromkeys(_reason(link, n, reasons) for n in moves))
    action = Action(
        do="close" if "status" in moves and closes(link) else "update",
        link=link.id,
        connection=reader.connection,
        because=because,
        ref=copy.ref,
        key=copy.key,
        url=copy.url,
        title=link.title,
        fields=moves,
    )
    return rest, action, errors


def _move(link: Link, now: Native, name: str, debt: Owed, reader: Reader, rules: Rules) -> Move | None:
    """Return the move that pays *debt*, None where it is paid already or cannot be said at all."""
    if not reader.has(name) or rules.withholds(name, reader.connection):
        return None
    agreed = link.agreed.get(name)
    known = sets.union(sets.as_set(agreed), debt.remove) if isinstance(debt, Delta) else agreed
    meant = reader.mapper.read(name, now, known)
    if isinstance(debt, Delta):
        rule = rules.rule(name)
        debt = Delta(sets.allowed(debt.add, rule), sets.allowed(debt.remove, rule))
    elif meant is not ABSENT and meant == agreed:
        return None
    if reader.mapper.satisfied(name, agreed, now, debt):
        return None
    before = None if isinstance(meant, Absent) else meant
    after = agreed
    # A tracker for one assignee is given one of those agreed, whichever element it was owed.
    if isinstance(debt, Delta) and not reader.single(name):
        after = sets.union(sets.difference(sets.as_set(before), debt.remove), debt.add)
    return Move(before, after, debt)


def _reason(link: Link, name: str, reasons: Mapping[str, str]) -> str:
    if name == "status" and closes(link):
        return f"{_gone(link)} and on_gone says close"
    if name in reasons:
        return reasons[name]
    origin = link.origin.get(name)
    return f"{name} was changed on {origin.connection}" if origin else f"{name} is owed"


def is_copied(copies: Mapping[str, Copy]) -> bool:
    """Say whether copies are made of an item with these: what was put away before it was copied is not
    brought back."""
    return any(copy.state is State.HERE for copy in copies.values())


def _creates(link: Link, copies: Mapping[str, Copy], readers: Mapping[str, Reader], rules: Rules) -> list[Action]:
    made: list[Action] = []
    if not is_copied(copies):
        return made
    for connection in rules.connections:
        if connection not in link.wants or connection in copies or connection not in readers:
            continue
        fields = birth_fields(link, readers[connection], rules)
        parent = link.agreed.get("parent")
        made.append(
            Action(
                do="create",
                link=link.id,
                connection=connection,
                because=f"new on {link.born}",
                title=link.title,
                fields={n: Move(None, link.agreed[n], d) for n, d in fields.items()},
                parent=parent if isinstance(parent, str) else None,
            )
        )
    return made


def birth_fields(link: Link, reader: Reader, rules: Rules) -> dict[str, Owed]:
    """Return what a copy made on the reader's connection is owed from its first moment."""
    owed: dict[str, Owed] = {}
    for name in FIELDS:
        if name not in link.agreed or not reader.has(name) or rules.rule(name).skip:
            continue
        if rules.withholds(name, reader.connection):
            continue
        value = link.agreed[name]
        if name in SET_FIELDS and not reader.single(name):
            elements = sets.allowed(value, rules.rule(name))
            if elements:
                owed[name] = Delta(add=elements)
        elif value is not None:
            owed[name] = None
    return owed


def ordered(actions: Sequence[Action]) -> list[Action]:
    """Return actions with parents' creates before their children's, and updates after creates."""
    creating = {(a.link, a.connection): a for a in actions if a.do == "create"}
    done: set[tuple[str, str]] = set()
    result: list[Action] = []

    def visit(action: Action, path: frozenset[str]) -> None:
        spot = (action.link, action.connection)
        if spot in done:
            return
        parent = creating.get((action.parent or "", action.connection))
        if parent is not None and parent.link not in path:
            visit(parent, path | {action.link})
        done.add(spot)
        result.append(action)

    for action in creating.values():
        visit(action, frozenset({action.link}))
    result += [a for a in actions if a.do not in {"create", "comment"}]
    return result + [a for a in actions if a.do == "comment"]
