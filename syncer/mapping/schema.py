"""What a mapping says once its layers are laid over each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from syncer.connector import Word
from syncer.model import JSON, KINDS, PRIORITIES, STATUSES

STAGES: Final = ("idea", "discovery", "committed", "building", "launched", "retired")
HEALTHS: Final = ("on_track", "at_risk", "off_track")

VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": KINDS,
    "status": STATUSES,
    "priority": PRIORITIES,
    "stage": STAGES,
    "health": HEALTHS,
}
"""The fields said in a team's words, and our values for each."""

FIELD_NAMES: Final = (
    "title",
    "body",
    "kind",
    "status",
    "stage",
    "priority",
    "rank",
    "assignees",
    "labels",
    "parent",
    "milestone",
    "cycle",
    "estimate",
    "start",
    "due",
    "health",
    "relations",
    "demand",
    "attachments",
    "comments",
)
"""Every field of the product model that a mapping or a policy may speak of, besides `custom.<name>`."""

CATEGORISED: Final = ("status",)
DEFAULT_KIND: Final = "task"


def is_field(name: str) -> bool:
    return name in FIELD_NAMES or (name.startswith("custom.") and name != "custom.")


@dataclass(frozen=True, slots=True)
class FieldTable:
    """One field's words: our value -> patterns, the first of which is written.

    A bare string "In Review" is kept as {"": "In Review"}; "" stands for the codec's primary word.
    Values said by a later layer come first, so that a tie goes to the team's own words. `field` is
    the native field's name or id, where said. `source` tells which file a value's words came from.
    """

    words: Mapping[str, tuple[Word, ...]]
    field: str | None = None
    source: Mapping[str, str] = dataclasses.field(default_factory=dict)


EMPTY: Final = FieldTable(words={})


@dataclass(frozen=True, slots=True)
class Tables:
    """One connection's mapping. `categories` is by field: native category -> our value.

    `file` names what a person should edit to add a word. `digest` changes when, and only when, the
    meaning of the tables does.
    """

    fields: Mapping[str, FieldTable] = dataclasses.field(default_factory=dict)
    categories: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    default_kind: str = DEFAULT_KIND
    file: str = ""
    digest: str = ""

    def raw(self, name: str) -> Mapping[str, JSON]:
        """Return one field as the TOML says it: {"field": ..., value: [word, ...]}."""
        table = self.fields.get(name, EMPTY)
        said: dict[str, JSON] = {} if table.field is None else {"field": table.field}
        return said | {value: [_plain(w) for w in words] for value, words in table.words.items()}

    def for_setting(self) -> Mapping[str, Mapping[str, JSON]]:
        """Return every field's `raw` table, as `Setting.tables` hands them to a connector."""
        return {name: self.raw(name) for name in self.fields}


def _plain(word: Word) -> JSON:
    return word[""] if set(word) == {""} else dict(word)
