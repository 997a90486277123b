"""Claims about what becomes of records: archived, moved, hidden, brought back."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

from typing import ClassVar

import pytest

from syncer.errors import RejectedError
from syncer.model import Missing, State
from syncer.sdk.testing.desk import address, at_work, let
from syncer.sdk.testing.subject import Subject


class Fates:
    """Deleted, archived, moved and hidden are told apart; what is not known to be gone is not said to be."""

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_an_archived_record_reads_as_archived(self, subject: Subject) -> None:
        """It is left alone, and is not gone."""
        key = subject.add("Put away")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            let(subject, "archive", key)

            assert (await desk.found(record)).state is State.ARCHIVED
            listed = (await desk.records()).get(key)
            assert listed is None or listed.state is State.ARCHIVED

    async def test_a_moved_record_says_where_it_went(self, subject: Subject) -> None:
        """`Missing.to`, for the person who is asked what to do."""
        stays, goes = subject.add("Stays"), subject.add("Goes")
        async with at_work(subject) as desk:
            record = await desk.record(goes)
            try:
                where = subject.move(goes)
            except TypeError:
                pytest.skip("nobody can move a record here")

            found = await desk.found(record)

            assert isinstance(found, Missing)
            assert found.state is State.MOVED
            # The page there holds the key there, whichever of them is said.
            assert found.to
            assert where in found.to or found.to in where
            assert set(await desk.records()) == {stays}

    async def test_a_hidden_record_is_unreachable_and_never_gone(self, subject: Subject) -> None:
        """A permission that changes must not close copies elsewhere."""
        stays, goes = subject.add("Stays"), subject.add("Goes")
        async with at_work(subject) as desk:
            record = await desk.record(goes)
            other = await desk.record(stays)
            let(subject, "hide", goes)

            found = await desk.connector.get([address(record), address(other)])

            assert isinstance(found[record.ref], Missing)
            assert found[record.ref].state is State.UNREACHABLE
            assert found[other.ref].state is State.HERE
            assert set(await desk.records()) == {stays}

    @pytest.mark.parametrize("act", ["archive", "hide", "remove"])
    async def test_what_is_brought_back_is_here_again(self, subject: Subject, act: str) -> None:
        key = subject.add("Lost and found")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            let(subject, act, key)
            assert (await desk.found(record)).state is not State.HERE
            let(subject, "restore", key)

            again = await desk.again(record)

            assert (again.ref, again.state) == (record.ref, State.HERE)
            assert again.fields == record.fields
            assert (await desk.record(key)).state is State.HERE

    async def test_what_we_archive_is_put_away_and_can_be_taken_out_again(self, subject: Subject) -> None:
        """`on_gone = "archive"` promises that nothing is destroyed."""
        if "archive" not in subject.abilities:
            pytest.skip("this connector puts nothing away")
        key, other = subject.add("Put away"), subject.add("Stays")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            stays = await desk.record(other)

            receipt = await desk.connector.archive(address(record))

            assert receipt.ref == record.ref
            assert receipt.record is None or receipt.record.state is State.ARCHIVED
            assert (await desk.found(record)).state is State.ARCHIVED
            assert (await desk.found(stays)).state is State.HERE
            subject.restore(key)
            assert (await desk.again(record)).state is State.HERE

    async def test_what_is_not_there_cannot_be_archived(self, subject: Subject) -> None:
        if "archive" not in subject.abilities:
            pytest.skip("this connector puts nothing away")
        key = subject.add("Hidden")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            let(subject, "hide", key)

            with pytest.raises(RejectedError) as caught:
                await desk.connector.archive(address(record))

        assert caught.value.connection == subject.connection
