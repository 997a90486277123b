"""Lays mapping tables over each other: shipped, then a team's file, then inline. Reads no files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from syncer.connector import Word
from syncer.mapping.schema import (
    CATEGORISED,
    DEFAULT_KIND,
    EMPTY,
    FIELD_NAMES,
    VALUES,
    FieldTable,
    Tables,
    is_field,
)
from syncer.mapping.source import Source, choice
from syncer.model import JSON

Layer: TypeAlias = Source
"""One mapping: its name, its parsed TOML, and its text if errors shall name lines."""

Words: TypeAlias = dict[str, tuple[Word, ...]]

_TOP = ("default_kind", "fields", "categories")


def load(layers: Sequence[Layer], *, file: str | None = None) -> Tables:
    """Return the tables that *layers* make together, a later one over an earlier one.

    A value's list of words replaces the list below it, and a word claimed by a later layer is taken
    from every other value below. *file* names what a person should edit, the last layer if unsaid.
    Raises `ConfigError`, with file, key and line, on the first thing that cannot be meant.
    """
    fields: dict[str, FieldTable] = {}
    categories: dict[str, dict[str, str]] = {}
    default_kind = DEFAULT_KIND
    for layer in layers:
        _refuse_unknown(layer, (), layer.data, _TOP)
        for name, table in _tables(layer, "fields"):
            if not is_field(name):
                raise layer.error(("fields", name), f'unknown field "{name}".', choice(name, FIELD_NAMES))
            fields[name] = _laid(fields.get(name, EMPTY), layer, name, table)
        for name, table in _tables(layer, "categories"):
            categories.setdefault(name, {}).update(_categories(layer, name, table))
        default_kind = _default_kind(layer, default_kind)
    return Tables(
        fields=fields,
        categories=categories,
        default_kind=default_kind,
        file=file if file is not None else (layers[-1].name if layers else ""),
        digest=_digest(fields, categories, default_kind),
    )


def _laid(below: FieldTable, layer: Layer, name: str, table: Mapping[str, object]) -> FieldTable:
    """Return *below* with one layer's words for a field on top; the layer's own come first."""
    words = _words(layer, name, table)
    claimed = {_identity(w) for patterns in words.values() for w in patterns}
    said = {value: patterns for value, patterns in words.items() if patterns}
    left = {
        value: tuple(w for w in patterns if _identity(w) not in claimed)
        for value, patterns in below.words.items()
        if value not in words
    }
    kept = {value: patterns for value, patterns in left.items() if patterns}
    return FieldTable(
        words=said | kept,
        field=_native(layer, name, table) or below.field,
        source=dict.fromkeys(said, layer.name) | {value: below.source[value] for value in kept},
    )


def _native(layer: Layer, name: str, table: Mapping[str, object]) -> str | None:
    said = table.get("field")
    if said is None or (isinstance(said, str) and said.strip()):
        return said
    raise layer.error(("fields", name, "field"), "must be the name or id of the tracker's own field.")


def _words(layer: Layer, name: str, table: Mapping[str, object]) -> Words:
    known = VALUES.get(name, ())
    _refuse_unknown(layer, ("fields", name), table, (*known, "field"))
    words = {value: _patterns(layer, name, value, table[value]) for value in table if value != "field"}
    owner: dict[str, str] = {}
    for value, patterns in words.items():
        for word in patterns:
            first = owner.setdefault(_identity(word), value)
            if first != value:
                message = f'the word {_shown(word)} already stands under "{first}".'
                raise layer.error(("fields", name, value), message, "Leave it in one of the two.")
    return words


def _patterns(layer: Layer, name: str, value: str, said: object) -> tuple[Word, ...]:
    """Return a value's words; an empty list is "no word for this here"."""
    many = said if isinstance(said, list) else [said]
    return tuple(_word(layer, name, value, one) for one in many)


def _word(layer: Layer, name: str, value: str, said: object) -> Word:
    table = said if isinstance(said, dict) else {"": said}
    word: dict[str, JSON] = {}
    for key, want in table.items():
        if not isinstance(want, str | int | float) or want == "":
            raise layer.error(
                ("fields", name, value),
                "a word is a text, a number, or a table of them.",
                'Like "In Review" or { state = "open", label = "in review" }.',
            )
        word[key] = want
    if not word:
        raise layer.error(("fields", name, value), "an empty table would match every record.")
    return word


def _categories(layer: Layer, name: str, table: Mapping[str, object]) -> dict[str, str]:
    if name not in CATEGORISED:
        raise layer.error(("categories", name), "only status has categories.")
    found: dict[str, str] = {}
    for category, value in table.items():
        if not isinstance(value, str) or value not in VALUES[name]:
            message = f"{value!r} is not a {name}."
            raise layer.error(("categories", name, category), message, choice(str(value), VALUES[name]))
        found[category] = value
    return found


def _default_kind(layer: Layer, below: str) -> str:
    said = layer.data.get("default_kind", below)
    if not isinstance(said, str) or said not in VALUES["kind"]:
        raise layer.error(("default_kind",), f"{said!r} is not a kind.", choice(str(said), VALUES["kind"]))
    return said


def _tables(layer: Layer, key: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    tables = layer.data.get(key, {})
    if not isinstance(tables, Mapping):
        raise layer.error((key,), "must be a table.", f"Write [{key}.status] and words below it.")
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise layer.error((key, name), "must be a table.", f"Write [{key}.{name}] and words below it.")
        yield name, table


def _refuse_unknown(layer: Layer, at: tuple[str, ...], table: Mapping[str, object], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise layer.error((*at, key), f'unknown key "{key}".', choice(key, known))


def _identity(word: Word) -> str:
    """Trackers tell words apart without case; so does the mapper."""
    return json.dumps(word, sort_keys=True, ensure_ascii=False).casefold()


def _shown(word: Word) -> str:
    said = word[""] if set(word) == {""} else dict(word)
    return json.dumps(said, ensure_ascii=False)


def _digest(fields: Mapping[str, FieldTable], categories: Mapping[str, Mapping[str, str]], default_kind: str) -> str:
    said = {
        "fields": {name: [table.field, table.words] for name, table in fields.items()},
        "categories": categories,
        "default_kind": default_kind,
    }
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=8).hexdigest()
