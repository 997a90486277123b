"""An open connector and what the suite does with it."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest

from syncer.connector import Connector, Names, People, Place, Plain, Pointer, Word, Worded
from syncer.model import (
    JSON,
    Absent,
    Address,
    Comment,
    Draft,
    Missing,
    Native,
    Page,
    Patch,
    Receipt,
    Record,
    Value,
    client_id,
    patched,
)
from syncer.sdk.testing.subject import Subject

MARKER = "Lconformance.0123456789abcdef01234567"


@dataclass(slots=True)
class Desk:
    subject: Subject
    connector: Connector
    place: Place

    # -- reading -----------------------------------------------------------------------------

    async def pages(self, cursor: str | None = None) -> list[Page]:
        return [page async for page in self.connector.changes(cursor)]

    async def records(self, cursor: str | None = None) -> dict[str, Record]:
        """Return what a listing brings, by key; the newest version of each."""
        return newest(await self.pages(cursor))

    async def comments(self, cursor: str | None = None) -> list[Comment]:
        return [c for page in await self.pages(cursor) for c in page.comments]

    async def cursor(self, cursor: str | None = None) -> str:
        """Read everything since *cursor* and return where that leads."""
        last = [page.cursor for page in await self.pages(cursor) if page.cursor is not None]
        return last[-1]

    async def record(self, key: str) -> Record:
        return (await self.records())[key]

    async def again(self, record: Record) -> Record:
        """Read one record directly."""
        found = await self.found(record)
        assert isinstance(found, Record), found
        return found

    async def said(self, at: Address) -> dict[str, Comment]:
        """Read the comments of one item directly, by id."""
        return {c.ref.id: c for c in await self.connector.comments(at)}

    async def found(self, record: Record) -> Record | Missing:
        """Read one record directly, whatever became of it."""
        return (await self.connector.get([address(record)]))[record.ref]

    # -- values ------------------------------------------------------------------------------

    def codec(self, name: str) -> Plain | Worded | Names | People | Pointer | None:
        return self.place.codecs.get(name)

    def has(self, name: str) -> bool:
        return name in self.place.codecs

    def read(self, name: str, native: Native) -> Value | Absent:
        """Return a plain field's value, or the folded names and ids of a set."""
        match self.codec(name):
            case Plain() as codec:
                return codec.read(native)
            case Names() as codec:
                return frozenset(codec.read(native))
            case People() as codec:
                return frozenset(a.id for a in codec.read(native))
            case Pointer() as codec:
                return codec.read(native)
            case other:
                raise AssertionError(f"{name} is not read as a value: {other}")

    def words(self, name: str) -> Sequence[Word]:
        """Return the words to be written to try the field *name*, as a mapping would choose them."""
        codec = self.codec(name)
        if not isinstance(codec, Worded):
            return ()
        offered = self.place.words.get(name, ())
        said = [{codec.primary: w[codec.primary]} for w in offered if codec.primary in w]
        return [*self.subject.samples.words.get(name, ()), *said]

    def write(self, name: str, value: Value, now: Native) -> Patch:
        """Return the patch by which a plain field says *value*."""
        codec = self.codec(name)
        if not isinstance(codec, Plain):
            raise TypeError(f"{name} is not plain")
        return codec.write(value, now)

    def label(self, add: Sequence[str], remove: Sequence[str], now: Native) -> Patch:
        codec = self.codec("labels")
        if not isinstance(codec, Names):
            raise TypeError("labels are no names here")
        return codec.write(frozenset(add), frozenset(remove), now)

    def assign(self, add: frozenset[str], remove: frozenset[str], now: Native) -> Patch:
        codec = self.codec("assignees")
        if not isinstance(codec, People):
            raise TypeError("assignees are no people here")
        return codec.write(add, remove, now)

    def point(self, target: str | None, now: Native) -> Patch:
        codec = self.codec("parent")
        if not isinstance(codec, Pointer):
            raise TypeError("parent points to nothing here")
        return codec.write(target, now)

    def word(self, name: str, word: Word, now: Native) -> Patch:
        codec = self.codec(name)
        if not isinstance(codec, Worded):
            raise TypeError(f"{name} has no words")
        return codec.write(word, now, [w for w in self.words(name) if w != word])

    def says(self, name: str, word: Word, native: Native) -> bool:
        """Say whether the worded field *name* of a record matches the pattern *word*."""
        codec = self.codec(name)
        if not isinstance(codec, Worded):
            raise TypeError(f"{name} has no words")
        said = codec.word(native)
        return all(_meets(said.get(key), want) for key, want in word.items())

    # -- writing -----------------------------------------------------------------------------

    def draft(self, title: str, patch: Patch | None = None, *, marker: str = MARKER) -> Draft:
        """Return a draft with a title, a kind where the tracker has kinds, and *patch*."""
        kinds = self.words("kind") if "kind" in self.place.at_create else ()
        kind = self.word("kind", kinds[0], {}) if kinds else {}
        whole = {**kind, **self.write("title", title, {}), **(patch or {})}
        return Draft(self.place.entity, whole, marker, client_id(marker))

    async def send(self, record: Record, patch: Patch) -> list[Receipt]:
        """Send a patch step by step, as the program does."""
        receipts: list[Receipt] = []
        now = record.fields
        for step in self.connector.steps(patch):
            receipt = await self.connector.update(address(record), step, now)
            now = patched(now, step) if receipt.record is None else receipt.record.fields
            receipts.append(receipt)
        return receipts


@contextlib.asynccontextmanager
async def at_work(subject: Subject) -> AsyncIterator[Desk]:
    """Open a connector on *subject*, and close it again."""
    connector = subject.connector()
    try:
        yield Desk(subject, connector, await connector.open())
    finally:
        await connector.close()


def let(subject: Subject, act: str, what: str) -> None:
    """Let a person do *act* to a record or comment; skip where the tracker has no such thing."""
    try:
        getattr(subject, act)(what)
    except TypeError:
        pytest.skip(f"nobody can {act} such a thing here")


def address(record: Record | Receipt) -> Address:
    return Address(record.ref, record.key)


def is_marked(copy: Record | Comment) -> bool:
    """Say whether *copy* shows that it was written under our marker: an id we chose says it too."""
    return copy.marker == MARKER or copy.ref.id == client_id(MARKER)


def is_on(comment: Comment, record: Record) -> bool:
    return comment.item in {record.ref, record.key}


def newest(pages: Sequence[Page]) -> dict[str, Record]:
    """Return the newest version of each record on *pages*, by key."""
    found: dict[str, Record] = {}
    for record in (r for page in pages for r in page.records):
        if record.key not in found or record.updated >= found[record.key].updated:
            found[record.key] = record
    return found


def _meets(said: JSON, want: JSON) -> bool:
    if isinstance(said, Sequence) and not isinstance(said, str):
        return any(_meets(one, want) for one in said)
    if isinstance(said, str) and isinstance(want, str):
        return said.casefold() == want.casefold()
    return said == want
