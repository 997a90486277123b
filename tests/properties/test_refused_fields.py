"""What a tracker refuses costs one field: the rest of the item moves, and the refusal is parked by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncer.connector import Setting
from syncer.errors import RejectedError
from syncer.model import Address, Draft, Native, Patch, Receipt
from syncer.opening import Spoke
from syncer.sdk.memory import MemoryConnector
from tests.properties.board import Board, board


class Strict(MemoryConnector):
    """Refuses a parent anywhere, and one title, with one word for the whole write."""

    async def create(self, draft: Draft) -> Receipt:
        self._check(draft.patch)
        return await MemoryConnector.create(self, draft)

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        self._check(patch)
        return await MemoryConnector.update(self, address, patch, now)

    def _check(self, patch: Patch) -> None:
        if patch.get("above") or patch.get("headline") == "Refused":
            raise RejectedError("400: no", connection=self.connection, status=400)


class StrictBoard(Board):
    def _spoke(self, name: str) -> Spoke:
        if name != "b":
            return super()._spoke(name)

        def connect(setting: Setting) -> MemoryConnector:
            return Strict(self.trackers[name], setting.connection, meter=setting.meter)

        return replace(super()._spoke(name), connect=connect)


@pytest.fixture
def b() -> StrictBoard:
    plain = board()
    return StrictBoard(plain.trackers, plain.clock, plain.rules)


def theirs(b: Board, record: str) -> Any:
    return b.trackers["b"].row(b.counterpart("a", record, "b")).fields


def test_an_item_whose_parent_is_refused_is_made_without_it(b: StrictBoard) -> None:
    above = b.trackers["a"].add("Above")
    under = b.trackers["a"].add("Under", above=above, stage="Doing")

    report = b.sync()

    assert (theirs(b, under)["headline"], theirs(b, under)["stage"]) == ("Under", "Doing")
    assert [(p.connection, p.field, p.kind) for p in report.parked] == [("b", "parent", "write")]


def test_a_refused_field_keeps_no_other_back_and_waits_by_itself(b: StrictBoard) -> None:
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="Refused", stage="Doing", tags=["x"])

    report = b.sync()
    before = len(b.trackers["b"].calls)
    again = b.sync()

    assert (theirs(b, one)["headline"], theirs(b, one)["stage"], theirs(b, one)["tags"]) == ("One", "Doing", ["x"])
    assert [(p.field, p.kind) for p in report.parked] == [("title", "write")], report
    assert [p.attempts for p in again.parked] == [1]
    assert "update" not in b.trackers["b"].calls[before:]


def test_a_newer_wish_does_not_wait_for_the_refused_one(b: StrictBoard) -> None:
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="Refused")
    b.sync()
    b.trackers["a"].edit(one, headline="Fine", stage="Doing")

    report = b.sync()

    assert (theirs(b, one)["headline"], theirs(b, one)["stage"]) == ("Fine", "Doing")
    assert report.parked == ()
