"""The common product model and the values that travel through a run. Pure; no I/O, no clock."""

from __future__ import annotations

import enum
import hashlib
import hmac
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
Native: TypeAlias = Mapping[str, JSON]
"""A record's fields in the tracker's own words, by native field name."""


class Absent(enum.Enum):
    """The tracker has no such thing: never an edit, never a clearing. `None` says that it is empty."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT

Value: TypeAlias = str | float | frozenset[str] | None
"""A field in our words. Sets (labels, assignees) are frozensets; text is canonical Markdown."""

KINDS: Final = ("initiative", "epic", "feature", "story", "task", "bug", "subtask", "milestone", "cycle")
STATUSES: Final = ("triage", "backlog", "planned", "started", "review", "done", "canceled")
PRIORITIES: Final = ("none", "low", "medium", "high", "urgent")
IN_FILTER: Final = "@in_filter"
"""The native field that says whether a record meets its connection's `filter`; absent where there is none."""

CLOSED: Final = frozenset({"done", "canceled"})

SET_FIELDS: Final = frozenset({"labels", "assignees"})
TEXT_FIELDS: Final = frozenset({"body"})
FIELDS: Final = (
    "title",
    "body",
    "kind",
    "status",
    "priority",
    "labels",
    "assignees",
    "due",
    "estimate",
    "parent",
)
"""The fields the merge knows, in the order they are shown. Comments travel beside them."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One record, by the tracker's own stable id. Keys, numbers and URLs are labels that change."""

    connection: str
    entity: str
    id: str

    def __str__(self) -> str:
        return f"{self.connection}:{self.entity}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Return the ref that `str()` wrote. Raises ValueError on anything else."""
        connection, entity, id_ = text.split(":", 2)
        return cls(connection, entity, id_)


@dataclass(frozen=True, slots=True)
class Address:
    """What a connector needs to reach a record: the stable ref and the key it last had."""

    ref: Ref
    key: str


@dataclass(frozen=True, slots=True)
class Account:
    """A person as one tracker knows them. `id` is what the tracker's API takes."""

    id: str
    name: str = ""
    email: str | None = None


class State(enum.StrEnum):
    """Where a copy stands. `archived` is here for reading, not for writing."""

    HERE = "here"
    ARCHIVED = "archived"
    GONE = "gone"
    MOVED = "moved"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Record:
    """A thing in a tracker, in the tracker's own words.

    `fields` holds the tracker's JSON for exactly the native fields the codecs read. `updated` is
    the tracker's own stamp, timezone-aware. `marker` is our marker as found on the record,
    unverified. `own` is True when our account created it. `synced_by` names another sync that
    already owns the item ("linear-github" ...). `author` created the record.
    """

    ref: Ref
    key: str
    url: str
    created: datetime
    updated: datetime
    fields: Native
    state: State = State.HERE
    marker: str | None = None
    own: bool = False
    synced_by: str | None = None
    author: Account | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer of a direct read by id that found no record in this connection.

    `gone`: the tracker says it is deleted. `moved`: it lives elsewhere now (`to` says where).
    `unreachable`: not found or no access, which trackers do not tell apart.
    """

    ref: Ref
    state: State
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as a connector read it; `body` is canonical Markdown without our marker.

    `item` is the record's ref, or its key where the tracker's feed only says that. Restricted
    comments are never made into one of these.
    """

    ref: Ref
    item: Ref | str
    body: str
    author: Account
    created: datetime
    updated: datetime
    url: str
    marker: str | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """Elements to add to and remove from a set, leaving the rest alone."""

    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


Patch: TypeAlias = "Mapping[str, JSON | Delta]"
"""What a write changes, by native field name. A mapping value is a subset to be true of the
native object after the write; a Delta changes single elements of a native list of strings."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to be created. `marker` must be findable on it; `client_id` is a v4 UUID made from
    the marker, for trackers that let the client choose the id."""

    entity: str
    patch: Patch
    marker: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The tracker's answer to a write. `record` is None where it answered without a body."""

    ref: Ref
    key: str
    url: str
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """When, and by whom, a field was last changed, from the tracker's own history."""

    at: datetime
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of changes. Once it and all pages before it are saved, `cursor` may be saved;
    None where it is too early to say.

    `heard`: records all of whose open comments are on this page, so that another one known of them
    may be gone. `unsaid`: comments the feed shows as deleted. Both are hints, to be confirmed.
    """

    records: Sequence[Record] = ()
    comments: Sequence[Comment] = ()
    cursor: str | None = None
    heard: Sequence[Ref] = ()
    unsaid: Sequence[Ref] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding of `check`: level is "error", "warning" or "note"; `fix` says what to do or type next."""

    level: Literal["error", "warning", "note"]
    message: str
    connection: str | None = None
    file: str | None = None
    key: str | None = None
    fix: str | None = None


def fold(element: str) -> str:
    """Return the identity of a set element: labels differ across trackers in case and spaces.

    Jira refuses spaces in labels, GitHub compares labels without case; "Good first issue" and
    "good_first_issue" are one label, spelled as each tracker spells it.
    """
    return "_".join(element.split()).casefold()


def normal_title(title: str) -> str:
    """Return *title* as compared when looking for an existing twin: case and space do not count."""
    return " ".join(title.split()).casefold()


def marker_for(key: bytes, link: str, connection: str) -> str:
    """Return our mark on the record created for *link* on *connection*: no names, keys or URLs.

    The link id (opaque) and a keyed hash that nobody without *key* can make for another link.
    """
    mac = hmac.new(key, f"{link}\0{connection}".encode(), hashlib.sha256).hexdigest()
    return f"{link}.{mac[:24]}"


def marker_link(key: bytes, marker: str, connection: str) -> str | None:
    """Return the link id *marker* speaks of, or None if we did not make it for *connection*."""
    link, _, _ = marker.partition(".")
    return link if hmac.compare_digest(marker_for(key, link, connection), marker) else None


def client_id(marker: str) -> str:
    """Return a v4 UUID that only the holder of the marker's key could have made."""
    raw = bytearray(hashlib.sha256(marker.encode()).digest()[:16])
    raw[6] = (raw[6] & 0x0F) | 0x40
    raw[8] = (raw[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def link_id(key: bytes, sync: str, ref: Ref) -> str:
    """Return the id of the link born from *ref*: stable, so that a lost database can be rebuilt.

    Keyed, because it travels in markers and must not tell the reader which record it came from.
    """
    said = f"{sync}\0{ref}".encode()
    return "L" + hmac.new(key, said, hashlib.sha256).hexdigest()[:20]


def thread_id(ref: Ref) -> str:
    """Return the id of the thread link of an origin comment."""
    return f"C{hashlib.blake2b(str(ref).encode(), digest_size=10).hexdigest()}"


def patched(native: Native, patch: Patch) -> dict[str, JSON]:
    """Return *native* as it stands after *patch*."""
    after: dict[str, JSON] = dict(native)
    for name, want in patch.items():
        if isinstance(want, Delta):
            after[name] = _with_delta(after.get(name), want)
        elif isinstance(want, Mapping) and isinstance(after.get(name), Mapping):
            # A subset replaces the object: what it does not say (an id, a colour) belonged to the old value.
            now = after[name]
            after[name] = now if shows(now, want) else dict(want)
        else:
            after[name] = want
    return after


def _with_delta(now: JSON, delta: Delta) -> JSON:
    names = [str(n) for n in now] if isinstance(now, Sequence) and not isinstance(now, str) else []
    gone = {n.casefold() for n in delta.remove}
    kept = [n for n in names if n.casefold() not in gone]
    have = {n.casefold() for n in kept}
    return kept + sorted(n for n in delta.add if n.casefold() not in have)


def shows(now: JSON, want: JSON | Delta) -> bool:
    """Say whether the native value *now* already is what a patch wants it to be."""
    if isinstance(want, Delta):
        names = now if isinstance(now, Sequence) and not isinstance(now, str) else ()
        have = {str(n).casefold() for n in names}
        return all(n.casefold() in have for n in want.add) and not any(n.casefold() in have for n in want.remove)
    if isinstance(want, Mapping):
        return isinstance(now, Mapping) and all(shows(now.get(k), v) for k, v in want.items())
    if isinstance(want, Sequence) and not isinstance(want, str):
        return (
            isinstance(now, Sequence)
            and not isinstance(now, str)
            and len(now) == len(want)
            and all(shows(n, w) for n, w in zip(now, want, strict=True))
        )
    return now == want
