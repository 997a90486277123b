"""A tracker held in memory: records in a dialect of its own, people who edit them, and mishaps.

It keeps what real trackers keep (stamps, field history, deleted ids) and lags, rewrites, rejects
and breaks as they do, when told to. Deterministic: time comes from the clock it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from syncer.errors import NotFoundError, RejectedError
from syncer.model import FIELDS, JSON, Account, Edited, Native, Patch, State, patched
from syncer.sdk.memory_dialect import BOT, KINDS, NATIVES, PEOPLE, PRIORITIES, STATUSES, Taken
from syncer.sdk.memory_values import Crash, Fault, FaultKind, Row, Said, Versions

__all__ = ["Crash", "Fault", "FaultKind", "Row", "Said", "Tracker"]


@dataclass(slots=True)
class Tracker:
    """`statuses`: word -> the tracker's own category. `becomes`: words the tracker stores as another
    one, without a word of warning. `fields`: the model fields it has. `late`: those a create refuses
    to carry. `rewrites`: what it does to every text. `resolution`: of its stamps. `lag`: listings
    show the past. `bare`: writes ("create", "update") answered without a body. `folds_labels`: the
    first spelling of a label is everybody's. `moves`: the words open from each word, None for all.
    `skew`: how far its own clock, and so each of its stamps, is ahead. `purges`: what is deleted cannot
    be told from what is hidden. `archives`: records can be put away. `comments_touch`: a comment said,
    edited, deleted or restricted moves its record's stamp. `comments_with_records`: no feed of comments;
    a changed record brings all of its own. `tombstones`: the feed shows which comments were deleted.
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
    comments_with_records: bool = False
    tombstones: bool = False
    skew: timedelta = timedelta()
    purges: bool = False
    archives: bool = True
    private: bool = False
    moves: Mapping[str, Collection[str]] | None = None
    token: str = "memory-token"  # noqa: S105 -- opens nothing but this object
    down: bool = False
    faults: list[Fault] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)
    """(call, id) of every write that took effect through a connector, in order."""
    calls: list[str] = field(default_factory=list)
    _rows: Versions[Row] = field(default_factory=Versions)
    _said: Versions[Said] = field(default_factory=Versions)
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
        """Edit a comment as a person; the stamp moves even where nothing changes."""
        self._hear(replace(self._present(comment), body=self._text(body), updated=self.now()))

    def delete_comment(self, comment: str) -> None:
        self._hear(replace(self._present(comment), deleted=True, updated=self.now()))

    def restrict(self, comment: str) -> None:
        """Show a comment to few from now on, as a person can at any time: never to us."""
        self._hear(replace(self._present(comment), restricted=True, updated=self.now()))

    def remove(self, record: str) -> None:
        """Delete: a direct read says so from now on, listings only stop showing it."""
        self._become(record, State.GONE)

    def archive(self, record: str) -> None:
        """Put it away. Raises TypeError where the tracker has no such thing."""
        if not self.archives:
            raise TypeError(f"{self.name} has no archive")
        self._become(record, State.ARCHIVED)

    def restore(self, record: str) -> None:
        """Bring back what was archived, hidden, moved or deleted."""
        self._become(record, State.HERE)

    def hide(self, record: str) -> None:
        """Take away our access to it."""
        self._become(record, State.UNREACHABLE)

    def move(self, record: str) -> str:
        """Move it out of this place; return its key there. Its id stays."""
        key = f"ELSEWHERE-{self._next()}"
        self._put(replace(self.row(record), key=key, state=State.MOVED, updated=self.now()))
        return key

    def rekey(self, record: str) -> None:
        """Give it a new key within this place."""
        self._put(replace(self.row(record), key=self._key(), updated=self.now()))

    # -- looking -----------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the time as this tracker stamps it."""
        wall = self.clock() + self.skew
        whole = self.resolution // timedelta(microseconds=1)
        past = (wall - datetime.min.replace(tzinfo=wall.tzinfo)) // timedelta(microseconds=1) % whole
        return wall - timedelta(microseconds=past)

    def row(self, record: str) -> Row:
        """Return the record as it is, whatever became of it. Raises KeyError where there never was one."""
        return self._rows.last(record)

    def said(self, comment: str) -> Said:
        return self._said.last(comment)

    def rows(self) -> list[Row]:
        """Return the records present, archived ones too, oldest first."""
        return [r for r in self._rows.present() if r.state in _LISTED]

    def records(self) -> dict[str, Native]:
        """Return the native fields of the records present, by id."""
        return {r.id: r.fields for r in self.rows()}

    def comments(self, record: str | None = None) -> list[Said]:
        """Return the comments present, restricted ones too, oldest first."""
        return [s for s in self._said.present() if not s.deleted and record in {None, s.item}]

    def listed(self) -> list[Row]:
        """Return the records as a listing shows them: as they were `lag` ago."""
        return [r for r in self._rows.as_of(self.clock() - self.lag) if r.state in _LISTED]

    def listed_before(self, record: str) -> list[Row]:
        """Return older versions of a record, with older stamps, as a listing once showed them."""
        now = self.row(record).updated
        return [r for r in self._rows.past(record) if r.updated < now and r.state in _LISTED]

    def heard(self) -> list[Said]:
        """Return the comments as a feed shows them: as they were `lag` ago, without restricted ones.

        Deleted ones only where the tracker leaves `tombstones`.
        """
        present = {r.id for r in self.listed()}
        said = self._said.as_of(self.clock() - self.lag)
        return [s for s in said if s.item in present and not s.restricted and (self.tombstones or not s.deleted)]

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
        row = self._writable(record)
        after = self._changed(row, patch, by)
        if after.fields == row.fields:
            return row
        self._put(after)
        return after

    def put_away(self, record: str) -> bool:
        """Archive, unless that is done already; say which."""
        if not self.archives:
            raise RejectedError("this tracker has no archive")
        if self.readable(record).state is State.ARCHIVED:
            return False
        self.archive(record)
        return True

    def readable(self, record: str) -> Row:
        """Return a record that we can see. Raises `NotFoundError`."""
        row = self.row(record) if record in self._rows else None
        if row is None or row.state not in _LISTED:
            raise NotFoundError("404: no such record")
        return row

    def _writable(self, record: str) -> Row:
        row = self.readable(record)
        if row.state is State.ARCHIVED:
            raise RejectedError("the record is archived")
        return row

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
        self._writable(record)
        if chosen is not None and chosen in self._said:
            raise RejectedError(f"an entity with id {chosen} already exists")
        now = self.now()
        said = Said(chosen or f"c{self._next()}", record, self._text(body), by, now, now, marker, restricted)
        return self._hear(said)

    def own(self, record: str, comment: str, by: str) -> Said:
        """Return a comment that its author *by* can change. Raises `NotFoundError`, `RejectedError`."""
        self._writable(record)
        said = self._present(comment)
        if said.item != record or said.restricted:
            raise NotFoundError("404: no such comment")
        if said.author != by:
            raise RejectedError("403: not your comment", status=403)
        return said

    def reword(self, said: Said, body: str, *, marker: str) -> Said:
        """Give a comment another text; the very same where that changes nothing."""
        text = self._text(body)
        if (said.body, said.marker) == (text, marker):
            return said
        return self._hear(replace(said, body=text, marker=marker, updated=self.now()))

    def strike(self, call: str) -> Fault | None:
        """Note one call and return what shall go wrong with it."""
        self.calls.append(call)
        return next((f for f in self.faults if f.wants(call)), None)

    # -- keeping -----------------------------------------------------------------------------

    def _put(self, row: Row) -> None:
        self._rows.put(row.id, row, self.clock(), all_kept=bool(self.lag))

    def _hear(self, said: Said) -> Said:
        self._said.put(said.id, said, self.clock(), all_kept=bool(self.lag))
        if self.comments_touch:
            self._put(replace(self.row(said.item), updated=self.now()))
        return said

    def _present(self, comment: str) -> Said:
        if comment not in self._said or self.said(comment).deleted:
            raise NotFoundError("404: no such comment")
        return self.said(comment)

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
