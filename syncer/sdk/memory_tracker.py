"""A tracker held in memory: records in a dialect of its own, people who edit them, and mishaps.

It keeps what real trackers keep (stamps, field history, deleted ids) and lags, rewrites, rejects
and breaks as they do, when told to. Deterministic: time comes from the clock it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from syncer.errors import NotFoundError, RejectedError
from syncer.model import FIELDS, JSON, Account, Edited, Native, Patch, State, patched
from syncer.sdk.memory_dialect import BOT, KINDS, NATIVES, PEOPLE, PRIORITIES, STATUSES, Taken

_V = TypeVar("_V")

@dataclass(slots=True)
class Tracker:
    """`statuses`: word -> the tracker's own category. `becomes`: words the tracker stores as another
    one, without a word of warning. `fields`: the model fields it has. `late`: those a create refuses
    to carry. `rewrites`: what it does to every text. `resolution`: of its stamps. `lag`: listings
    show the past. `bare`: writes ("create", "update") answered without a body. `folds_labels`: the
    first spelling of a label is everybody's. `moves`: the words open from each word, None for all.
    """

    name: str
    clock: Callable[[], datetime]
    statuses: Mapping[str, str] = field(default_factory=lambda: STATUSES)
    kinds: Sequence[str] = KINDS
    priorities: Sequence[str] = PRIORITIES
    becomes: Mapping[str, str] = field(default_factory=dict)
    fields: Collection[str] = FIELDS
    late: Collection[str] = ()
    people: Mapping[str, Account] = field(default_factory=lambda: PEOPLE)
    single_assignee: bool = False
    client_ids: bool = False
    folds_labels: bool = False
    spaced_labels: bool = True
    rewrites: Callable[[str], str] | None = None
    resolution: timedelta = timedelta(milliseconds=1)
    lag: timedelta = timedelta()
    bare: Collection[str] = ()
    keeps_history: bool = True
    comments_touch: bool = False
    private: bool = False
    moves: Mapping[str, Collection[str]] | None = None
    token: str = "memory-token"  # noqa: S105 -- opens nothing but this object
    down: bool = False
    faults: list[Fault] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)
    """(call, id) of every write that took effect through a connector, in order."""
    calls: list[str] = field(default_factory=list)
    _rows: dict[str, list[tuple[datetime, Row]]] = field(default_factory=dict)
    _said: dict[str, list[tuple[datetime, Said]]] = field(default_factory=dict)
    _spellings: dict[str, str] = field(default_factory=dict)
    _numbers: int = 0

    # -- what people do ----------------------------------------------------------------------

    def add(
        self,
        headline: str,
        *,
        by: str = "u-ann",
        created: datetime | None = None,
        synced_by: str | None = None,
        marker: str | None = None,
        **native: JSON,
    ) -> str:
        """Create a record as a person; return its id."""
        row = self.insert({"headline": headline, **native}, by=by, marker=marker)
        row = replace(row, synced_by=synced_by, created=created or row.created)
        self._put(row)
        return row.id

    def edit(self, record: str, *, by: str = "u-ann", **native: JSON) -> None:
        """Change whole native values as a person; the stamp moves even where nothing changes."""
        self._put(self._changed(self.row(record), native, by))

    def say(self, record: str, body: str, by: str = "u-ann", *, restricted: bool = False) -> str:
        """Comment as a person; return the comment's id."""
        return self.speak(record, body, by=by, restricted=restricted).id

    def edit_comment(self, comment: str, body: str) -> None:
        said = replace(self.said(comment), body=self._text(body), updated=self.now())
        self._said[comment].append((self.clock(), said))

    def delete_comment(self, comment: str) -> None:
        said = replace(self.said(comment), deleted=True, updated=self.now())
        self._said[comment].append((self.clock(), said))

    def remove(self, record: str) -> None:
        """Delete: a direct read says so from now on, listings only stop showing it."""
        self._become(record, State.GONE)

    def archive(self, record: str) -> None:
        self._become(record, State.ARCHIVED)

    def restore(self, record: str) -> None:
        """Bring back what was archived, hidden, moved or deleted."""
        self._become(record, State.HERE)

    def hide(self, record: str) -> None:
        """Take away our access to it."""
        self._become(record, State.UNREACHABLE)

    def move(self, record: str) -> None:
        """Move it out of this place; its key changes, its id does not."""
        self._put(replace(self.row(record), key=f"ELSEWHERE-{self._next()}"))
        self._become(record, State.MOVED)

    def rekey(self, record: str) -> None:
        """Give it a new key within this place."""
        self._put(replace(self.row(record), key=self._key(), updated=self.now()))

    # -- looking -----------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the time as this tracker stamps it."""
        wall = self.clock()
        whole = self.resolution // timedelta(microseconds=1)
        past = (wall - datetime.min.replace(tzinfo=wall.tzinfo)) // timedelta(microseconds=1) % whole
        return wall - timedelta(microseconds=past)

    def row(self, record: str) -> Row:
        """Return the record as it is, whatever became of it. Raises KeyError where there never was one."""
        return self._rows[record][-1][1]

    def said(self, comment: str) -> Said:
        return self._said[comment][-1][1]

    def rows(self) -> list[Row]:
        """Return the records present, archived ones too, oldest first."""
        return [r for v in self._rows.values() if (r := v[-1][1]).state in _LISTED]

    def records(self) -> dict[str, Native]:
        """Return the native fields of the records present, by id."""
        return {r.id: r.fields for r in self.rows()}

    def comments(self, record: str | None = None) -> list[Said]:
        """Return the comments present, restricted ones too, oldest first."""
        latest = (v[-1][1] for v in self._said.values())
        return [s for s in latest if not s.deleted and record in {None, s.item}]

    def listed(self) -> list[Row]:
        """Return the records as a listing shows them: as they were `lag` ago."""
        return [r for r in _as_of(self._rows, self.clock() - self.lag) if r.state in _LISTED]

    def heard(self) -> list[Said]:
        """Return the comments as a feed shows them: as they were `lag` ago, without restricted ones."""
        present = {r.id for r in self.listed()}
        said = _as_of(self._said, self.clock() - self.lag)
        return [s for s in said if s.item in present and not s.deleted and not s.restricted]

    @property
    def creates(self) -> int:
        return sum(call == "create" for call, _ in self.effects)

    @property
    def writes(self) -> int:
        return len(self.effects)

    # -- what the connector asks for ---------------------------------------------------------

    def insert(self, native: Patch, *, by: str, marker: str | None = None, chosen: str | None = None) -> Row:
        """Create a record. Raises `RejectedError` for values the tracker does not take."""
        if "headline" not in native:
            raise RejectedError("headline: is required")
        if chosen is not None and chosen in self._rows:
            raise RejectedError(f"an entity with id {chosen} already exists")
        now = self.now()
        blank = Row(
            id=chosen or f"m{self._next()}",
            key=self._key(),
            created=now,
            updated=now,
            author=by,
            fields=self._blank(),
            marker=marker,
        )
        row = replace(self._changed(blank, native, by), updated=now, history={})
        self._put(row)
        return row

    def change(self, record: str, patch: Patch, *, by: str) -> Row:
        """Apply *patch*; a write that changes nothing moves no stamp."""
        row = self._rows[record][-1][1] if record in self._rows else None
        if row is None or row.state not in _LISTED:
            raise NotFoundError("404: no such record")
        if row.state is State.ARCHIVED:
            raise RejectedError("the record is archived")
        after = self._changed(row, patch, by)
        if after.fields == row.fields:
            return row
        self._put(after)
        return after

    def speak(
        self,
        record: str,
        body: str,
        *,
        by: str,
        marker: str | None = None,
        chosen: str | None = None,
        restricted: bool = False,
    ) -> Said:
        if record not in self._rows or self.row(record).state is not State.HERE:
            raise NotFoundError("404: no such record")
        now = self.now()
        said = Said(chosen or f"c{self._next()}", record, self._text(body), by, now, now, marker, restricted)
        self._said[said.id] = [(self.clock(), said)]
        if self.comments_touch:
            self._put(replace(self.row(record), updated=now))
        return said

    def strike(self, call: str) -> Fault | None:
        """Note one call and return what shall go wrong with it."""
        self.calls.append(call)
        return next((f for f in self.faults if f.wants(call)), None)

    # -- keeping -----------------------------------------------------------------------------

    def _put(self, row: Row) -> None:
        versions = self._rows.setdefault(row.id, [])
        if not self.lag:
            versions.clear()
        versions.append((self.clock(), row))

    def _become(self, record: str, state: State) -> None:
        self._put(replace(self.row(record), state=state, updated=self.now()))

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _key(self) -> str:
        return f"{self.name.upper()}-{self._next()}"

    def _blank(self) -> Native:
        blank: dict[str, JSON] = {
            "headline": "",
            "text": None,
            "sort": self.kinds[len(self.kinds) // 2],
            "stage": next(iter(self.statuses)),
            "rank": self.priorities[0],
            "tags": [],
            "who": [],
            "deadline": None,
            "size": None,
            "above": None,
        }
        return {n: blank[n] for f, n in NATIVES.items() if f in self.fields}

    def _changed(self, row: Row, patch: Patch, by: str) -> Row:
        """Return *row* after *patch*, as the tracker stores it. Raises `RejectedError`."""
        for name in patch:
            if name not in self._blank():
                raise RejectedError(f"{name}: unknown field")
        after = {n: self._stored(n, v) for n, v in patched(row.fields, patch).items()}
        for name in patch:
            self._refuse(name, after[name], row)
        now = self.now()
        moved = {n: Edited(now, by) for n, v in after.items() if v != row.fields.get(n)}
        return replace(row, fields=after, updated=now, history={**row.history, **moved})

    def _text(self, text: str) -> str:
        return self.rewrites(text) if self.rewrites else text

    def _stored(self, name: str, value: JSON) -> JSON:
        if name == "text" and isinstance(value, str):
            return self._text(value)
        if name == "stage" and isinstance(value, str):
            return self.becomes.get(value, value)
        if name == "tags" and isinstance(value, Sequence) and not isinstance(value, str):
            return self._tags([str(v) for v in value])
        if name == "who" and isinstance(value, Sequence) and not isinstance(value, str):
            return sorted({str(v) for v in value})
        return value

    def _tags(self, names: Sequence[str]) -> list[JSON]:
        if not self.folds_labels:
            return list(dict.fromkeys(names))
        known = (self._spellings.setdefault(n.casefold(), n) for n in names)
        return list(dict.fromkeys(known))

    def _refuse(self, name: str, value: JSON, row: Row) -> None:
        wrong = self._taken().wrong(name, value)
        if wrong is None and name == "above" and value is not None:
            wrong = None if value in self._rows and value != row.id else "no such record"
        if wrong is not None:
            raise RejectedError(f"{name}: {wrong}")

    def _taken(self) -> Taken:
        return Taken(
            words={"stage": [*self.statuses], "sort": self.kinds, "rank": self.priorities},
            people={*self.people, BOT.id},
            spaced_labels=self.spaced_labels,
            single_assignee=self.single_assignee,
        )


_LISTED = frozenset({State.HERE, State.ARCHIVED})


