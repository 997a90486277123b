"""Which link an unlinked record belongs to: evidence first, guesses never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from syncer.engine import sets
from syncer.engine.state import Rules, Scope
from syncer.model import ABSENT, IN_FILTER, Absent, Record, Ref, State, Value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an unlinked record.

    `join`: it is the copy of `link` we made. `birth`: a new item. `twin`: it carries the mark of a
    link that has another copy here; reported, never synced. `alone`: left as it is, for `because`.
    """

    kind: Literal["join", "birth", "twin", "alone"]
    because: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the record: `marked` is the link its verified marker speaks of, `copy` the
    copy that link has on the connection already, `lacks` whether that link exists and has none.
    `author`: every name its author goes by, casefolded, "members" among them where that is true.
    `apart`: a person took it from its item."""

    marked: str | None = None
    copy: Ref | None = None
    lacks: bool = False
    author: frozenset[str] = frozenset()
    apart: bool = False


def judge(record: Record, values: Mapping[str, Value | Absent], evidence: Evidence, rules: Rules) -> Verdict:
    """Return what becomes of *record*. Only our own account's word counts as evidence."""
    if evidence.apart:
        return Verdict("alone", "a person parted it from its item")
    if evidence.marked is not None:
        if evidence.copy is not None:
            return Verdict("twin", "it carries our mark, but the item has another copy here", evidence.marked)
        if record.own and evidence.lacks:
            return Verdict("join", "it carries our mark", evidence.marked)
    why_not = _unfit(record, values, evidence, rules)
    return Verdict("birth", f"new on {record.ref.connection}") if why_not is None else Verdict("alone", why_not)


def _unfit(record: Record, values: Mapping[str, Value | Absent], evidence: Evidence, rules: Rules) -> str | None:
    """Return why *record* may not be an item of its own."""
    if record.state is not State.HERE:
        return f"it is {record.state}"
    if record.synced_by is not None:
        return f"it is already synced by {record.synced_by}"
    if evidence.marked is not None:
        return "it carries our mark, but nothing we know of"
    for scope in (rules.scope, rules.scopes.get(record.ref.connection, Scope())):
        why_not = out_of_scope(record, values, scope, evidence.author)
        if why_not is not None:
            return why_not
    return None if record.ref.connection in rules.create_from else f"nothing is created from {record.ref.connection}"


def out_of_scope(
    record: Record, values: Mapping[str, Value | Absent], scope: Scope, author: frozenset[str]
) -> str | None:
    """Return why *record* may not be linked or copied by itself, None where it may."""
    if record.fields.get(IN_FILTER) is False:
        return "the connection's filter leaves it out"
    for name in ("kind", "status", "priority"):
        wanted = getattr(scope, name)
        if wanted and values.get(name, ABSENT) not in wanted:
            return f"its {name} is not in `where`"
    for name in ("labels", "assignees"):
        wanted, value = getattr(scope, name), values.get(name)
        if wanted and not (isinstance(value, frozenset) and sets.intersection(value, wanted)):
            return f"it has none of the {name} in `where`"
    if scope.authors and not author & {a.casefold() for a in scope.authors}:
        return "its author is not in `where`"
    return None


def pairs_by_title(records: Sequence[tuple[Ref, str]]) -> list[frozenset[Ref]]:
    """Return groups of records whose normalised title is unique on each side and met on several.

    *records* are (ref, normalised title) of unlinked records in scope.
    """
    by_title: dict[str, list[Ref]] = {}
    for ref, title in records:
        by_title.setdefault(title, []).append(ref)
    groups: list[frozenset[Ref]] = []
    for title, refs in by_title.items():
        connections = [r.connection for r in refs]
        if title and len(refs) > 1 and len(set(connections)) == len(connections):
            groups.append(frozenset(refs))
    return groups
