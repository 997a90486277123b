"""How a card says each field, and what to send to make it say another value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncer.connector import Codec, Names, People, Plain, Word, Worded
from syncer.errors import UnwritableError
from syncer.model import JSON, Account, Delta, Native, Patch, Value, fold
from syncer.text import canonical

TITLE_MOST = 200
TEXT_MOST = 20_000


def codecs(people: Mapping[str, Account]) -> Mapping[str, Codec]:
    """Return the codecs by field. A card has no kind, priority, estimate and parent: those are absent here."""
    return {
        "title": Plain(("title",), lambda now: _text(now, "title"), _write_title),
        "body": Plain(("text",), _body, _write_body),
        "status": Worded(("column",), _column, _write_column, primary="column"),
        "labels": Names(("labels",), lambda now: _names(now, "labels"), _write_labels),
        "assignees": People(
            ("people",), lambda now: [people.get(p, Account(p)) for p in _names(now, "people")], _assign
        ),
        "due": Plain(("due",), lambda now: _text(now, "due"), lambda value, _: {"due": str(value) if value else None}),
    }


def _text(now: Native, name: str) -> str | None:
    said = now.get(name)
    return said if isinstance(said, str) and said else None


def _names(now: Native, name: str) -> Sequence[str]:
    said = now.get(name)
    return [str(n) for n in said] if isinstance(said, Sequence) and not isinstance(said, str) else []


def _write_title(value: Value, _: Native) -> Patch:
    return {"title": " ".join(str(value or "").split())[:TITLE_MOST].rstrip()}


def _body(now: Native) -> Value:
    # Pinboard's texts are Markdown already; the canonical form is what the engine compares.
    return canonical(_text(now, "text"))


def _write_body(value: Value, _: Native) -> Patch:
    if len(str(value or "")) > TEXT_MOST:
        raise UnwritableError(f"the text is longer than Pinboard's {TEXT_MOST} characters")
    return {"text": str(value) if value else None}


def _column(now: Native) -> Word:
    return {"column": now.get("column")}


def _write_column(wanted: Word, _: Native, __: Sequence[Word]) -> Patch:
    return {"column": wanted.get("column")}


def _write_labels(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
    """Name only what changes: a label that somebody else adds meanwhile stays."""
    have = {fold(name): name for name in _names(now, "labels")}
    return _change(
        "labels",
        frozenset(name for name in add if fold(name) not in have),
        frozenset(have[fold(name)] for name in remove if fold(name) in have),
    )


def _assign(add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
    have = frozenset(_names(now, "people"))
    return _change("people", add - have, remove & have)


def _change(name: str, add: frozenset[str], remove: frozenset[str]) -> Patch:
    return {name: Delta(add, remove)} if add or remove else {}


def body_of(patch: Patch) -> dict[str, JSON]:
    """Return a patch as Pinboard takes it: lists as what to add and what to remove."""
    return {
        name: {"add": sorted(want.add), "remove": sorted(want.remove)} if isinstance(want, Delta) else want
        for name, want in patch.items()
    }
