"""One connection's mapping in both directions: `read` and `patch` over the connector's codecs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from syncer.connector import Codec, Names, People, Plain, Pointer, Word, Worded
from syncer.errors import SyncerError, UnmappedValueError, UnreadableError, UnwritableError, WaitingError
from syncer.mapping.redaction import Redaction
from syncer.mapping.schema import FieldTable, Tables
from syncer.model import (
    ABSENT,
    JSON,
    SET_FIELDS,
    TEXT_FIELDS,
    Absent,
    Account,
    Delta,
    Native,
    Patch,
    Ref,
    Value,
    fold,
    patched,
    shows,
)

NEAREST: Mapping[str, Mapping[str, Sequence[str]]] = {
    "status": {
        "triage": ("backlog", "planned"),
        "backlog": ("planned", "triage"),
        "planned": ("backlog", "triage"),
        "started": ("planned",),
        "review": ("started", "planned"),
        "done": ("canceled",),
        "canceled": ("done",),
    },
    "kind": {
        "initiative": ("epic", "feature", "story", "task"),
        "epic": ("feature", "story", "task"),
        "feature": ("story", "task"),
        "story": ("feature", "task"),
        "task": ("story", "feature"),
        "bug": ("task", "story"),
        "subtask": ("task", "story"),
        "milestone": ("epic", "task"),
        "cycle": ("task",),
    },
    "priority": {
        "urgent": ("high",),
        "high": ("urgent", "medium"),
        "medium": ("high", "low"),
        "low": ("medium",),
        "none": (),
    },
}
"""The values to fall back to, nearest first, where a tracker has no word for one."""


class Directory(Protocol):
    """Who is who and what is linked to what, as known to this run."""

    def person(self, connection: str, account: Account) -> str | None: ...

    def account(self, connection: str, person: str) -> str | None: ...

    def link_of(self, ref: Ref) -> str | None: ...

    def copy_of(self, link: str, connection: str) -> str | None: ...


def _stumbled(field: str, error: Exception) -> UnreadableError:
    """A mistake in a connector's codec costs one field of one record, not the run."""
    what = f"{type(error).__name__} while translating {field}: a mistake in the connector, please report it"
    return UnreadableError(what)


@dataclass(frozen=True)
class Mapper:
    """`words` are those the place has today; `redact` is what disclosure does to every text we write."""

    connection: str
    codecs: Mapping[str, Codec]
    tables: Tables
    directory: Directory
    words: Mapping[str, Sequence[Word]]
    redact: Redaction | None = None

    def has(self, field: str) -> bool:
        """Say whether this tracker, under this mapping, has such a field at all."""
        codec = self.codecs.get(field)
        return codec is not None and (not isinstance(codec, Worded) or self._worded(field))

    def _worded(self, field: str) -> bool:
        return bool(self._table(field).words or self.tables.categories.get(field))

    def slice(self, field: str, native: Native) -> dict[str, JSON]:
        """Return the native fields that *field* is read from."""
        return {name: native.get(name) for name in self.codecs[field].natives}

    def slices(self, native: Native) -> dict[str, Native]:
        """Return the native fields of every field."""
        return {field: self.slice(field, native) for field in self.codecs}

    # -- reading -----------------------------------------------------------------------------

    def read(self, field: str, native: Native, known: Value = None) -> Value | Absent:
        """Return what *native* means for *field*; set elements are spelled, and passages hidden here
        are filled in, as in *known*.

        Raises `UnmappedValueError` for a word that is in no table.
        """
        try:
            return self._read(field, native, known)
        except SyncerError:
            raise
        except Exception as error:
            raise _stumbled(field, error) from error

    def _read(self, field: str, native: Native, known: Value) -> Value | Absent:
        codec = self.codecs.get(field)
        match codec:
            case None:
                return ABSENT
            case Plain():
                return self._unredacted(codec.read(native), known)
            case Worded():
                return self._read_word(field, codec, native)
            case Names():
                return self._read_names(codec, native, known)
            case People():
                persons = (self.directory.person(self.connection, a) for a in codec.read(native))
                return _spelled((p for p in persons if p is not None), known, fold)
            case Pointer():
                return self._read_pointer(codec, native)

    def _unredacted(self, value: Value | Absent, known: Value) -> Value | Absent:
        if self.redact is None or not isinstance(value, str) or not isinstance(known, str):
            return value
        return self.redact.restored(value, known)

    def hides(self, value: Value) -> bool:
        """Say whether *value* still holds a passage that was hidden here and cannot be put back."""
        return self.redact is not None and isinstance(value, str) and self.redact.shows(value)

    def above(self, native: Native) -> str:
        """Return the native id of the record this one stands under, empty where there is none."""
        codec = self.codecs.get("parent")
        try:
            return (codec.read(native) or "") if isinstance(codec, Pointer) else ""
        except Exception as error:
            raise _stumbled("parent", error) from error

    def strangers(self, field: str, native: Native) -> frozenset[str]:
        """Return the account ids among a field's people that we cannot name."""
        codec = self.codecs.get(field)
        if not isinstance(codec, People):
            return frozenset()
        accounts = codec.read(native)
        return frozenset(a.id for a in accounts if self.directory.person(self.connection, a) is None)

    def _read_word(self, field: str, codec: Worded, native: Native) -> Value | Absent:
        if not self._worded(field):
            return ABSENT
        word = codec.word(native)
        means = self._meaning(field, codec, word)
        if means is not None:
            return means
        if field == "kind" and not isinstance(word.get(codec.primary), str):
            # Kinds said by labels: a record without one of them is of the ordinary kind.
            return self.tables.default_kind
        said = str(word.get(codec.primary))
        raise UnmappedValueError(
            field=field,
            value=said,
            connection=self.connection,
            where=self.tables.file,
            known=self._table(field).words,
        )

    def _meaning(self, field: str, codec: Worded, word: Word) -> str | None:
        """Return the value of a native word: by the most specific pattern, else by its category."""
        best: tuple[int, str] | None = None
        for value, patterns in self._table(field).words.items():
            for pattern in patterns:
                full = _filled(pattern, codec.primary)
                if _matches(full, word) and (best is None or len(full) > best[0]):
                    best = (len(full), value)
        if best is not None:
            return best[1]
        by_category = self.tables.categories.get(field, {})
        category = word.get(codec.category) if codec.category else None
        return by_category.get(category) if isinstance(category, str) else None

    def _read_names(self, codec: Names, native: Native, known: Value) -> Value:
        reserved = self._reserved()
        names = (n for n in codec.read(native) if n.casefold() not in reserved)
        return _spelled(names, known, lambda n: fold(codec.spell(n)))

    def _read_pointer(self, codec: Pointer, native: Native) -> Value | Absent:
        target = codec.read(native)
        if target is None:
            return None
        link = self.directory.link_of(Ref(self.connection, codec.entity, target))
        return ABSENT if link is None else link

    def _reserved(self) -> frozenset[str]:
        """Labels that say a status or a kind here, and so are no labels of the item."""
        found: set[str] = set()
        for field, codec in self.codecs.items():
            if isinstance(codec, Worded):
                for pattern in self._patterns(field, codec):
                    label = pattern.get("label")
                    if isinstance(label, str):
                        found.add(label.casefold())
        return frozenset(found)

    def _table(self, field: str) -> FieldTable:
        return self.tables.fields.get(field, _EMPTY)

    def _patterns(self, field: str, codec: Worded) -> list[Word]:
        tables = self._table(field).words.values()
        return [_filled(p, codec.primary) for patterns in tables for p in patterns]

    # -- writing -----------------------------------------------------------------------------

    def patch(self, field: str, value: Value, now: Native, owed: Delta | None = None) -> Patch | Absent:
        """Return the native change that makes *now* say *value*, or its nearest word; ABSENT where
        there is no word at all.

        For sets only the *owed* elements are touched. Raises `WaitingError` for a reference that has
        no copy here yet, and `UnwritableError` where the native value must not be overwritten.
        """
        try:
            return self._patch(field, value, now, owed)
        except SyncerError:
            raise
        except Exception as error:
            raise _stumbled(field, error) from error

    def _patch(self, field: str, value: Value, now: Native, owed: Delta | None) -> Patch | Absent:
        codec = self.codecs.get(field)
        match codec:
            case None:
                return ABSENT
            case Plain():
                return codec.write(self._redacted(value), now)
            case Worded():
                return self._write_word(field, codec, value, now)
            case Names():
                return self._write_names(codec, value, now, owed)
            case People():
                return self._write_people(codec, value, now, owed)
            case Pointer():
                return self._write_pointer(codec, value, now)

    def _redacted(self, value: Value) -> Value:
        return self.redact(value) if self.redact is not None and isinstance(value, str) else value

    def word_for(self, field: str, value: str) -> Word | None:
        """Return the native word written for *value*, None where not even a near one exists."""
        codec = self.codecs.get(field)
        if not isinstance(codec, Worded):
            return None
        for candidate in (value, *NEAREST.get(field, {}).get(value, ())):
            word = self._exact_word(field, codec, candidate)
            if word is not None:
                return word
        return None

    def _exact_word(self, field: str, codec: Worded, value: str) -> Word | None:
        for pattern in self._table(field).words.get(value, ()):
            full = _filled(pattern, codec.primary)
            if self._exists(field, full):
                return full
        for category, means in self.tables.categories.get(field, {}).items():
            if means == value and codec.category:
                word = self._word_in(field, codec, {codec.category: category}, value)
                if word is not None:
                    return word
        return None

    def _word_in(self, field: str, codec: Worded, category: Word, value: str) -> Word | None:
        """Return the category, if each of its words here means *value*; else the first one that does."""
        offered = self.words.get(field)
        if offered is None:
            return category
        inside = [word for word in offered if _matches(category, word)]
        meant = [word for word in inside if self._meaning(field, codec, word) == value]
        if len(meant) == len(inside):
            return category if inside else None
        return {codec.primary: meant[0].get(codec.primary)} if meant else None

    def _exists(self, field: str, pattern: Word) -> bool:
        offered = self.words.get(field)
        return offered is None or any(_matches(pattern, word) for word in offered)

    def _write_word(self, field: str, codec: Worded, value: Value, now: Native) -> Patch | Absent:
        if not isinstance(value, str) or not self._worded(field):
            return ABSENT
        word = self.word_for(field, value)
        if word is None:
            return ABSENT
        change = codec.write(word, now, [p for p in self._patterns(field, codec) if p != word])
        self._refuse_unsayable(field, codec, word, now, change)
        return change

    def _refuse_unsayable(self, field: str, codec: Worded, word: Word, now: Native, change: Patch) -> None:
        """Raise `UnwritableError` where the record says the word already and means something else by it,
        as a Jira issue does that is Done with the resolution Won't Do."""
        if not all(shows(now.get(name), want) for name, want in change.items()):
            return
        means = self._meaning(field, codec, codec.word(now))
        wanted = self._meaning(field, codec, word)
        if means is not None and wanted is not None and means != wanted:
            said = ", ".join(str(v) for v in codec.word(now).values() if v is not None)
            raise UnwritableError(f'{field} is "{said}", which means {means}; {wanted} cannot be said from there by us')

    def _write_names(self, codec: Names, value: Value, now: Native, owed: Delta | None) -> Patch:
        target = value if isinstance(value, frozenset) else frozenset()
        reserved = self._reserved()
        add = target if owed is None else owed.add
        gone = frozenset() if owed is None else owed.remove
        return codec.write(
            frozenset(n for n in add if n.casefold() not in reserved and self._redacted(n) == n),
            frozenset(n for n in gone if n.casefold() not in reserved),
            now,
        )

    def _write_people(self, codec: People, value: Value, now: Native, owed: Delta | None) -> Patch:
        target = value if isinstance(value, frozenset) else frozenset()
        present = self._read_set("assignees", now)
        add, gone = (target, present) if owed is None else (owed.add, owed.remove)
        if codec.single:
            if present & target or (not target and not present & gone):
                return {}
            add, gone = target, present
        adds = self._accounts(sorted(add - present))
        if codec.single:
            adds = adds[:1]
        return codec.write(frozenset(adds), frozenset(self._accounts(sorted(gone & present))), now)

    def _read_set(self, field: str, native: Native) -> frozenset[str]:
        value = self.read(field, native)
        return value if isinstance(value, frozenset) else frozenset()

    def single(self, field: str) -> bool:
        """Say whether the tracker holds at most one person there."""
        codec = self.codecs.get(field)
        return isinstance(codec, People) and codec.single

    def _accounts(self, persons: Iterable[str]) -> list[str]:
        found = (self.directory.account(self.connection, p) for p in persons)
        return [a for a in found if a is not None]

    def _write_pointer(self, codec: Pointer, value: Value, now: Native) -> Patch:
        if not isinstance(value, str):
            return codec.write(None, now)
        target = self.directory.copy_of(value, self.connection)
        if target is None:
            raise WaitingError(value)
        return codec.write(target, now)

    # -- comparing ---------------------------------------------------------------------------

    def satisfied(self, field: str, value: Value, now: Native, owed: Delta | None = None) -> bool:
        """Say whether the copy means *value* already, or says it as nearly as it can (write rule)."""
        change = self.patch(field, value, now, owed)
        if isinstance(change, Absent):
            return True
        shown = all(shows(now.get(name), want) for name, want in change.items())
        if shown or field in SET_FIELDS:
            return shown
        if field in TEXT_FIELDS or field == "title":
            return self._same_text(field, now, change)
        meant = self._read_or_absent(field, now)
        return meant is not ABSENT and meant in {value, self._read_or_absent(field, patched(now, change))}

    def _same_text(self, field: str, now: Native, change: Patch) -> bool:
        """Compare what is there with what our own words would read as once written."""
        return self._read_or_absent(field, now) == self._read_or_absent(field, patched(now, change))

    def _read_or_absent(self, field: str, native: Native) -> Value | Absent:
        try:
            return self.read(field, native)
        except (UnmappedValueError, UnreadableError):
            return ABSENT


_EMPTY = FieldTable(words={}, field=None, source={})


def _filled(pattern: Word, primary: str) -> Word:
    return {primary if name == "" else name: want for name, want in pattern.items()}


def _matches(pattern: Word, word: Word) -> bool:
    return all(_meets(word.get(name), want) for name, want in pattern.items())


def _meets(now: JSON, want: JSON) -> bool:
    if isinstance(now, Sequence) and not isinstance(now, str):
        return any(_meets(one, want) for one in now)
    if isinstance(now, str) and isinstance(want, str):
        return now.casefold() == want.casefold()
    return now == want


def _spelled(names: Iterable[str], known: Value, key: Callable[[str], str]) -> frozenset[str]:
    """Return *names* spelled as in *known* where they are the same element."""
    spelling = {key(k): k for k in sorted(known)} if isinstance(known, frozenset) else {}
    seen: dict[str, str] = {}
    for name in names:
        seen.setdefault(key(name), spelling.get(key(name), name))
    return frozenset(seen.values())
