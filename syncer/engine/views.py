"""How one copy stands on one field: what it means now, what it meant when last agreed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from syncer.engine import sets
from syncer.engine.state import FieldRule
from syncer.errors import UnmappedValueError, UnwritableError, WaitingError
from syncer.links import Copy
from syncer.model import ABSENT, SET_FIELDS, Absent, Delta, Native, Patch, State, Value


class Translator(Protocol):
    """One connection's mapping in both directions; `mapping.Mapper` is one."""

    def has(self, field: str) -> bool: ...

    def single(self, field: str) -> bool: ...

    def slice(self, field: str, native: Native) -> Native: ...

    def read(self, field: str, native: Native, known: Value = None) -> Value | Absent: ...

    def strangers(self, field: str, native: Native) -> frozenset[str]: ...

    def hides(self, value: Value) -> bool: ...

    def patch(self, field: str, value: Value, now: Native, owed: Delta | None = None) -> Patch | Absent: ...

    def satisfied(self, field: str, value: Value, now: Native, owed: Delta | None = None) -> bool: ...


def empty(name: str, value: Value) -> bool:
    """Say whether a value says nothing, and so gives way on a first link."""
    return value in {None, "", frozenset()} or (name == "priority" and value == "none")


@dataclass(frozen=True, slots=True)
class View:
    """`based`: there is a past to compare with. `moved`: the native words differ from it. `edited`:
    the meaning does too. `adds` and `removes` are the elements a set edit (or a joiner) brings."""

    connection: str
    field: str
    copy: Copy
    slice: Native
    now: Value
    base: Value | Absent
    based: bool
    moved: bool
    edited: bool
    adds: frozenset[str] = frozenset()
    removes: frozenset[str] = frozenset()

    @property
    def value(self) -> Value:
        return self.now


@dataclass(frozen=True, slots=True)
class Reader:
    """One connection's eyes: its mapper, in the shape the merge asks for. `lags`: it may see late."""

    connection: str
    mapper: Translator
    lags: bool = False

    def has(self, name: str) -> bool:
        return self.mapper.has(name)

    def single(self, name: str) -> bool:
        return self.mapper.single(name)

    def view(self, copy: Copy, name: str, agreed: Value, rule: FieldRule) -> View | str | None:
        """Return the view; a message where the value cannot be read; None where there is nothing to read."""
        if copy.state is not State.HERE or not self.has(name):
            return None
        natives = self.mapper.slice(name, copy.seen)
        base_slice = copy.base.get(name)
        if base_slice is None and not all(n in copy.seen for n in natives):
            return None  # written without an answer and not read since
        moved = base_slice is not None and base_slice != natives
        try:
            now = self.mapper.read(name, natives, agreed)
        except (UnmappedValueError, UnwritableError) as error:
            return str(error)
        if isinstance(now, Absent):
            return None
        base = self._base(name, base_slice, agreed) if moved else (now if base_slice is not None else ABSENT)
        adds, removes = self._elements(name, now, base, natives, base_slice, rule)
        edited = moved and (bool(adds or removes) if name in SET_FIELDS else now != base)
        if (edited or base_slice is None) and self.mapper.hides(now):
            return "it was edited around a redacted passage, which cannot be told apart any more: mend it by hand"
        return View(
            connection=self.connection,
            field=name,
            copy=copy,
            slice=natives,
            now=now,
            base=base,
            based=base_slice is not None,
            moved=moved,
            edited=edited,
            adds=adds,
            removes=removes,
        )

    def _base(self, name: str, base_slice: Native | None, agreed: Value) -> Value | Absent:
        if base_slice is None:
            return ABSENT
        try:
            return self.mapper.read(name, base_slice, agreed)
        except (UnmappedValueError, UnwritableError):
            return ABSENT

    def _elements(
        self,
        name: str,
        now: Value,
        base: Value | Absent,
        natives: Native,
        base_slice: Native | None,
        rule: FieldRule,
    ) -> tuple[frozenset[str], frozenset[str]]:
        if not isinstance(now, frozenset):
            return frozenset(), frozenset()
        before = base if isinstance(base, frozenset) else frozenset()
        adds = sets.allowed(sets.difference(now, before), rule)
        removes = sets.allowed(sets.difference(before, now), rule)
        if removes and base_slice is not None:
            newcomers = self.mapper.strangers(name, natives) - self.mapper.strangers(name, base_slice)
            if newcomers:
                # Somebody we cannot name took the place: absent, which is no clearing.
                removes = frozenset()
        return adds, removes

    def value(self, name: str, copy: Copy) -> frozenset[str]:
        """Return the elements of a set field as the copy has them; none where it cannot be read."""
        if not self.has(name):
            return frozenset()
        try:
            return sets.as_set(self._known(name, copy))
        except (UnmappedValueError, UnwritableError):
            return frozenset()

    def _known(self, name: str, copy: Copy) -> Value:
        read = self.mapper.read(name, copy.seen)
        return None if isinstance(read, Absent) else read

    def agrees(self, view: View, value: Value) -> bool:
        """Say whether the copy means *value*, or says it as nearly as it can."""
        if view.now == value:
            return True
        if view.field in SET_FIELDS and not self.single(view.field):
            return sets.elements(view.now).keys() == sets.elements(value).keys()
        try:
            return self.mapper.satisfied(view.field, value, view.copy.seen)
        except (UnwritableError, WaitingError):
            return False
