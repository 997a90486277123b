"""How Linear says each field of the model, and what to send to make it say another. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from syncer.connector import Codec, Names, People, Plain, Pointer, Word, Worded
from syncer.model import JSON, Account, Delta, Native, Patch, Value, fold
from syncer_linear.bodies import heard, said
from syncer_linear.catalog import Label, WorkflowState, chosen_label, chosen_state

PRIORITIES: Final = (0, 1, 2, 3, 4)
"""None, urgent, high, medium, low: zero is no priority, not the lowest."""

_NEAREST: Final[Mapping[str, Sequence[str]]] = {
    "triage": ("backlog", "unstarted"),
    "backlog": ("unstarted",),
    "unstarted": ("backlog",),
    "started": ("unstarted",),
    "duplicate": ("canceled",),
}
"""What a team without a state of that type says instead: not every team has triage."""


def codecs(states: Sequence[WorkflowState], labels: Sequence[Label], *, estimates: bool) -> Mapping[str, Codec]:
    """Return the codecs of a team; one that does not estimate has no `estimate`."""
    spell = _speller(labels)
    found: dict[str, Codec] = {
        "title": Plain(("title",), _title, _write_title),
        "body": Plain(("description",), _body, _write_body),
        "kind": Worded(("labels",), _kind, _write_kind(spell), primary="label"),
        "status": Worded(("state",), _status, _write_status(states), primary="state", category="type"),
        "priority": Worded(("priority",), _priority, _write_priority, primary="priority"),
        "labels": Names(("labels",), _labels, _write_labels(spell), spell),
        "assignees": People(("assignee",), _assignees, _write_assignees, single=True),
        "due": Plain(("dueDate",), _due, _write_due),
        "parent": Pointer(("parent",), _parent, _write_parent),
    }
    if estimates:
        found["estimate"] = Plain(("estimate",), _estimate, _write_estimate)
    return found


def words(states: Sequence[WorkflowState]) -> Mapping[str, Sequence[Word]]:
    """Return every word the team has today, per worded field."""
    return {
        "status": [{"state": state.name, "type": state.type} for state in states],
        "priority": [{"priority": number} for number in PRIORITIES],
    }


def _title(now: Native) -> Value:
    title = now.get("title")
    return title.strip() if isinstance(title, str) and title.strip() else None


def _write_title(value: Value, _: Native) -> Patch:
    return {"title": " ".join(str(value or "").split("\n")).strip()}


def _body(now: Native) -> Value:
    description = now.get("description")
    return heard(description) if isinstance(description, str) else None


def _write_body(value: Value, _: Native) -> Patch:
    return {"description": said(str(value)) if value else None}


def _status(now: Native) -> Word:
    state = now.get("state")
    if not isinstance(state, Mapping):
        return {}
    return {"state": state.get("name"), "type": state.get("type")}


def _write_status(states: Sequence[WorkflowState]) -> Callable[[Word, Native, Sequence[Word]], Patch]:
    def write(wanted: Word, now: Native, _: Sequence[Word]) -> Patch:
        if "state" not in wanted:
            return {"state": {"type": _nearest_type(states, wanted.get("type"))}}
        # As the team spells it, so that the answer shows what was sent.
        known = chosen_state(states, {"name": wanted["state"]})
        return {"state": {"name": known.name if known else wanted["state"]}}

    return write


def _nearest_type(states: Sequence[WorkflowState], wanted: JSON) -> JSON:
    offered = {state.type for state in states}
    return next((near for near in (wanted, *_NEAREST.get(str(wanted), ())) if near in offered), wanted)


def _priority(now: Native) -> Word:
    number = now.get("priority")
    return {"priority": int(number) if isinstance(number, int | float) else 0}


def _write_priority(wanted: Word, _: Native, __: Sequence[Word]) -> Patch:
    number = wanted.get("priority")
    return {"priority": int(number) if isinstance(number, int | float | str) else 0}


def _labels(now: Native) -> Sequence[str]:
    names = now.get("labels")
    return [str(n) for n in names] if isinstance(names, Sequence) and not isinstance(names, str) else []


def _speller(labels: Sequence[Label]) -> Callable[[str], str]:
    usable = [label for label in labels if not label.group]

    def spell(name: str) -> str:
        known = chosen_label(usable, name)
        return known.name if known else name.strip()

    return spell


def _write_labels(
    spell: Callable[[str], str],
) -> Callable[[frozenset[str], frozenset[str], Native], Patch]:
    def write(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
        have = {fold(name): name for name in _labels(now)}
        delta = Delta(
            add=frozenset(spell(name) for name in add if fold(name) not in have),
            remove=frozenset(have[fold(name)] for name in remove if fold(name) in have),
        )
        return {"labels": delta} if delta else {}

    return write


def _kind(now: Native) -> Word:
    return {"label": list(_labels(now))}


def _write_kind(spell: Callable[[str], str]) -> Callable[[Word, Native, Sequence[Word]], Patch]:
    put = _write_labels(spell)

    def write(wanted: Word, now: Native, others: Sequence[Word]) -> Patch:
        mine = _said(wanted)
        theirs = frozenset(name for other in others for name in _said(other))
        kept = {fold(name) for name in mine}
        return put(mine, frozenset(name for name in theirs if fold(name) not in kept), now)

    return write


def _said(word: Word) -> frozenset[str]:
    label = word.get("label")
    if isinstance(label, str):
        return frozenset({label})
    return frozenset(str(name) for name in label) if isinstance(label, Sequence) else frozenset()


def _assignees(now: Native) -> Sequence[Account]:
    person = now.get("assignee")
    if not isinstance(person, Mapping) or not person.get("id"):
        return []
    email = person.get("email")
    name = str(person.get("displayName") or "")
    return [Account(str(person["id"]), name, email if isinstance(email, str) else None)]


def _write_assignees(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
    have = {account.id for account in _assignees(now)}
    for account in sorted(add - have):
        return {"assignee": {"id": account}}
    return {"assignee": None} if have & remove and not add else {}


def _due(now: Native) -> Value:
    due = now.get("dueDate")
    return due[:10] if isinstance(due, str) and due else None


def _write_due(value: Value, _: Native) -> Patch:
    return {"dueDate": str(value)[:10] if value else None}


def _estimate(now: Native) -> Value:
    points = now.get("estimate")
    return float(points) if isinstance(points, int | float) else None


def _write_estimate(value: Value, _: Native) -> Patch:
    """Say the nearest whole number, half upwards: Linear reads fractions but takes only integers."""
    points: JSON = math.floor(value + 0.5) if isinstance(value, int | float) else None
    return {"estimate": points}


def _parent(now: Native) -> str | None:
    parent = now.get("parent")
    return str(parent["id"]) if isinstance(parent, Mapping) and parent.get("id") else None


def _write_parent(value: str | None, _: Native) -> Patch:
    return {"parent": {"id": value} if value else None}
