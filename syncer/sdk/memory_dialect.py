"""The words of the in-memory tracker: native names, what they may hold, and what they mean."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeGuard

from syncer.connector import Codec, Names, People, Plain, Pointer, Word, Worded
from syncer.model import JSON, Account, Delta, Native, Patch, Value

STATUSES: Final[Mapping[str, str]] = {
    "Inbox": "new",
    "Someday": "new",
    "Next": "new",
    "Doing": "busy",
    "Checking": "busy",
    "Shipped": "over",
    "Dropped": "over",
}
KINDS: Final = ("Theme", "Big", "Capability", "Small", "Chore", "Defect", "Part")
PRIORITIES: Final = ("-", "P4", "P3", "P2", "P1")
PEOPLE: Final[Mapping[str, Account]] = {
    "u-ann": Account("u-ann", "Ann", "ann@example.com"),
    "u-bob": Account("u-bob", "Bob", "bob@example.com"),
    "u-cyd": Account("u-cyd", "Cyd", "cyd@example.com"),
}
BOT: Final = Account("u-bot", "Sync Bot")

NATIVES: Final[Mapping[str, str]] = {
    "title": "headline",
    "body": "text",
    "kind": "sort",
    "status": "stage",
    "priority": "rank",
    "labels": "tags",
    "assignees": "who",
    "due": "deadline",
    "estimate": "size",
    "parent": "above",
}
"""The dialect: model field -> native field."""

MEANS: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {
        "triage": "Inbox",
        "backlog": "Someday",
        "planned": "Next",
        "started": "Doing",
        "review": "Checking",
        "done": "Shipped",
        "canceled": "Dropped",
    },
    "kind": {
        "initiative": "Theme",
        "epic": "Big",
        "feature": "Capability",
        "story": "Small",
        "task": "Chore",
        "bug": "Defect",
        "subtask": "Part",
    },
    "priority": {"none": "-", "low": "P4", "medium": "P3", "high": "P2", "urgent": "P1"},
}
"""Our value -> the dialect's word for it."""

CATEGORIES: Final[Mapping[str, str]] = {"new": "planned", "busy": "started", "over": "done"}


def table() -> dict[str, object]:
    """Return the dialect's mapping in the shape of a mapping file."""
    return {
        "default_kind": "task",
        "fields": {name: {value: [word] for value, word in words.items()} for name, words in MEANS.items()},
        "categories": {"status": dict(CATEGORIES)},
    }


@dataclass(frozen=True, slots=True)
class Taken:
    """What values a tracker takes."""

    words: Mapping[str, Collection[str]]
    people: Collection[str]
    spaced_labels: bool
    single_assignee: bool

    def wrong(self, name: str, value: JSON) -> str | None:
        """Return why the native field *name* cannot hold *value*, None where it can."""
        match name:
            case "headline":
                return None if isinstance(value, str) and value.strip() else "must be a text"
            case "text":
                return None if isinstance(value, str | None) else "must be a text or nothing"
            case "tags":
                return self._wrong_tags(value)
            case "who":
                return self._wrong_people(value)
            case "deadline":
                return None if _is_day(value) else "must be a day or nothing"
            case "size":
                return None if _is_size(value) else "must be a number or nothing"
            case "stage" | "sort" | "rank":
                return None if value in self.words[name] else f"no such word: {value!r}"
            case _:
                return None

    def _wrong_tags(self, value: JSON) -> str | None:
        if not _are_texts(value):
            return "must be a list of texts"
        spaced = [tag for tag in value if re.search(r"\s", tag)]
        return f"must not hold spaces: {spaced}" if spaced and not self.spaced_labels else None

    def _wrong_people(self, value: JSON) -> str | None:
        if not _are_texts(value) or not set(value) <= set(self.people):
            return f"no such person: {value!r}"
        return "one person at most" if self.single_assignee and len(value) > 1 else None


def _are_texts(value: JSON) -> TypeGuard[Sequence[str]]:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, str) for v in value)


def _is_day(value: JSON) -> bool:
    if value is None:
        return True
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


def _is_size(value: JSON) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def codecs(
    fields: Collection[str],
    *,
    statuses: Mapping[str, str],
    people: Mapping[str, Account],
    spaced_labels: bool = True,
    single_assignee: bool = False,
) -> dict[str, Codec]:
    """Return the codecs of the dialect for the model *fields* a tracker has."""
    spell: Callable[[str], str] = str if spaced_labels else _solid
    known: dict[str, Codec] = {
        "title": Plain(("headline",), lambda n: str(n["headline"]), lambda v, _: {"headline": _text(v)}),
        "body": Plain(("text",), _read_text, _write_text),
        "kind": _words("sort"),
        "status": _status(statuses),
        "priority": _words("rank"),
        "labels": Names(("tags",), lambda n: texts(n["tags"]), _tagged(spell), spell),
        "assignees": People(("who",), _assigned(people), _who(single=single_assignee), single_assignee),
        "due": Plain(("deadline",), _read_day, lambda v, _: {"deadline": None if v is None else str(v)}),
        "estimate": Plain(("size",), _read_size, lambda v, _: {"size": _number(v)}),
        "parent": Pointer(("above",), _read_above, lambda v, _: {"above": v}),
    }
    return {name: codec for name, codec in known.items() if name in fields}


def canonical(text: str) -> str:
    """Return *text* as compared: line ends and the spaces before them do not count."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def texts(value: JSON) -> list[str]:
    return list(value) if _are_texts(value) else []


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _solid(name: str) -> str:
    return "_".join(name.split())


def _read_text(native: Native) -> Value:
    text = native.get("text")
    return (canonical(text) or None) if isinstance(text, str) else None


def _write_text(value: Value, now: Native) -> Patch:
    if _read_text(now) == value:
        return {}
    return {"text": _text(value) or None}


def _read_day(native: Native) -> Value:
    day = native.get("deadline")
    return day if isinstance(day, str) else None


def _read_size(native: Native) -> Value:
    size = native.get("size")
    return float(size) if isinstance(size, int | float) else None


def _number(value: Value) -> JSON:
    return value if isinstance(value, int | float) else None


def _read_above(native: Native) -> str | None:
    above = native.get("above")
    return above if isinstance(above, str) else None


def _words(name: str) -> Worded:
    return Worded(
        natives=(name,),
        word=lambda native: {name: native[name]},
        write=lambda word, _now, _others: {name: word[name]},
        primary=name,
    )


def _status(statuses: Mapping[str, str]) -> Worded:
    def word(native: Native) -> Word:
        stage = str(native.get("stage"))
        return {"stage": stage, "category": statuses.get(stage)}

    def write(chosen: Word, now: Native, _others: Sequence[Word]) -> Patch:
        if "stage" in chosen:
            return {"stage": chosen["stage"]}
        if statuses.get(str(now.get("stage"))) == chosen["category"]:
            return {}
        return {"stage": next(w for w, c in statuses.items() if c == chosen["category"])}

    return Worded(natives=("stage",), word=word, write=write, primary="stage", category="category")


def _tagged(
    spell: Callable[[str], str],
) -> Callable[[frozenset[str], frozenset[str], Native], Patch]:
    def write(add: frozenset[str], remove: frozenset[str], _now: Native) -> Patch:
        delta = Delta(frozenset(map(spell, add)), frozenset(map(spell, remove)))
        return {"tags": delta} if delta else {}

    return write


def _assigned(people: Mapping[str, Account]) -> Callable[[Native], Sequence[Account]]:
    return lambda native: [people.get(i, Account(i)) for i in texts(native.get("who"))]


def _who(*, single: bool) -> Callable[[frozenset[str], frozenset[str], Native], Patch]:
    def write(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
        if not single:
            return {"who": Delta(add, remove)} if add or remove else {}
        # One seat: whoever is added takes it, whoever sits there or not.
        left = [p for p in texts(now.get("who")) if p not in remove]
        who = sorted(add)[:1] or left
        return {} if who == texts(now.get("who")) else {"who": who}

    return write
