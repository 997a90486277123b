"""A copy that moved on since it was read is read again and planned again, in the same run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from syncer.connector import Setting
from syncer.model import Address, Native, Page, Patch, Receipt, Record
from syncer.opening import Spoke
from syncer.sdk.memory import MemoryConnector
from tests.properties.board import Board, board


def test_an_edit_the_listing_hides_is_seen_before_the_write_and_the_write_still_happens() -> None:
    b = board(("a", "b"), options={"b": {"lag": timedelta(seconds=20)}})
    one = b.trackers["a"].add("One")
    b.sync()
    b.clock.pass_(minutes=5)
    b.sync()
    b.clock.pass_(minutes=5)
    theirs = b.counterpart("a", one, "b")
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(theirs, rank="P1")

    b.sync()

    for name, record in (("a", one), ("b", theirs)):
        native = b.trackers[name].row(record).fields
        assert (native["headline"], native["rank"]) == ("From a", "P1"), name


def test_an_edit_of_the_same_field_the_listing_hides_is_not_overwritten() -> None:
    b = board(("a", "b"), options={"b": {"lag": timedelta(seconds=20)}})
    one = b.trackers["a"].add("One")
    b.sync()
    b.clock.pass_(minutes=5)
    b.sync()
    b.clock.pass_(minutes=5)
    theirs = b.counterpart("a", one, "b")
    b.trackers["a"].edit(one, headline="From a")
    b.clock.pass_(seconds=2)
    b.trackers["b"].edit(theirs, headline="From b, later")

    b.sync()

    found = [b.trackers[n].row(r).fields["headline"] for n, r in (("a", one), ("b", theirs))]
    assert found == ["From b, later"] * 2


class Meddled(MemoryConnector):
    """A person changes other fields in the moment before each of our writes takes effect."""

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        if "rank" not in patch:
            tags = [*self.tracker.row(address.ref.id).fields.get("tags", ()), "theirs"]
            self.tracker.edit(address.ref.id, rank="P1", tags=tags)
        return await MemoryConnector.update(self, address, patch, now)


class Meddlesome(Board):
    def _spoke(self, name: str) -> Spoke:
        if name != "b":
            return super()._spoke(name)

        def connect(setting: Setting) -> MemoryConnector:
            return Meddled(self.trackers[name], setting.connection, meter=setting.meter)

        return replace(super()._spoke(name), connect=connect)


@pytest.mark.parametrize("bare", [(), ("update",)])
def test_an_edit_that_the_answer_to_our_write_shows_is_still_an_edit(bare: tuple[str, ...]) -> None:
    plain = board(("a", "b"), options={"b": {"bare": bare}})
    b = Meddlesome(plain.trackers, plain.clock, plain.rules)
    one = b.trackers["a"].add("One", tags=["ours"])
    b.sync()
    b.trackers["a"].edit(one, headline="Renamed", tags=["ours", "new"])

    b.sync()
    b.sync()

    for name, record in (("a", one), ("b", b.counterpart("a", one, "b"))):
        native = b.trackers[name].row(record).fields
        assert (native["headline"], native["rank"]) == ("Renamed", "P1"), name
        assert set(native["tags"]) == {"ours", "new", "theirs"}, name


class Stale(MemoryConnector):
    """Ends every listing with the records as they were when it listed them first."""

    kept: ClassVar[dict[str, Record]] = {}

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        async for page in MemoryConnector.changes(self, cursor):
            for record in page.records:
                self.kept.setdefault(record.ref.id, record)
            yield page
            if page.cursor is not None:
                yield Page(records=list(self.kept.values()), cursor=page.cursor)


class Forgetful(Board):
    def _spoke(self, name: str) -> Spoke:
        if name != "b":
            return super()._spoke(name)

        def connect(setting: Setting) -> MemoryConnector:
            return Stale(self.trackers[name], setting.connection, meter=setting.meter)

        return replace(super()._spoke(name), connect=connect)


def test_a_listing_that_shows_an_older_version_again_undoes_nothing() -> None:
    plain = board(("a", "b"))
    b = Forgetful(plain.trackers, plain.clock, plain.rules)
    one = b.trackers["b"].add("One")
    b.sync()
    b.trackers["b"].edit(one, headline="New")

    b.sync()
    b.sync(full=True)

    titles = [b.trackers[n].row(r).fields["headline"] for n, r in (("a", b.counterpart("b", one, "a")), ("b", one))]
    assert titles == ["New", "New"]
