"""Claims about trackers that are slow, limited, broken, or lost on the way."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

from typing import ClassVar

import pytest

from syncer.errors import ConnectorError, ProtocolError, UnavailableError
from syncer.model import Record, State, client_id
from syncer.sdk.testing.desk import MARKER, Desk, address, at_work, is_marked
from syncer.sdk.testing.subject import Mishap, Subject

FOR_GOOD = 1_000
"""More mishaps than anybody tries."""


class Faults:
    """Reads are tried again; a write whose answer was lost says so, and is found later."""

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.mark.parametrize("how", ["before", "limit"])
    async def test_a_read_that_failed_is_tried_again(self, subject: Subject, how: Mishap) -> None:
        """`Http` does it: with growing pauses, and as long as the tracker asks for."""
        keys = {subject.add(f"Record {n}") for n in range(3)}
        async with at_work(subject) as desk:
            _arrange(subject, how)

            assert set(await desk.records()) == keys
            assert sum(subject.slept) > 0

    async def test_waiting_for_a_limit_is_told(self, subject: Subject) -> None:
        """`Meter.throttled`, once for each wait: an operator sees why a run takes long."""
        subject.add("Limited")
        async with at_work(subject) as desk:
            _arrange(subject, "limit")

            await desk.records()

            assert len(subject.meter.waits) == 1

    async def test_a_tracker_that_stays_down_is_unavailable(self, subject: Subject) -> None:
        """After a few tries: one tracker that is down must not hold up the others."""
        async with at_work(subject) as desk:
            _arrange(subject, "before", times=FOR_GOOD)

            with pytest.raises(UnavailableError) as caught:
                await desk.records()

            assert caught.value.connection == subject.connection

    @pytest.mark.parametrize("how", ["cut", "half", "garbage"])
    async def test_a_broken_answer_is_told_as_one(self, subject: Subject, how: Mishap) -> None:
        """A body that is no JSON, or ends in the middle, is never "an empty list"."""
        key = subject.add("Broken")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            _arrange(subject, how, times=FOR_GOOD)

            with pytest.raises((ProtocolError, UnavailableError)) as listing:
                await desk.records()
            with pytest.raises((ProtocolError, UnavailableError)) as reading:
                await desk.again(record)

            assert {listing.value.connection, reading.value.connection} == {subject.connection}

    async def test_a_limited_create_waits_and_happens_once(self, subject: Subject) -> None:
        """Refused for a limit is certainly not done, so that it may be sent again at once."""
        async with at_work(subject) as desk:
            _arrange(subject, "limit", writes=True)

            await desk.connector.create(desk.draft("Ours"))

            assert len(subject.keys()) == 1
            assert sum(subject.slept) > 0

    @pytest.mark.parametrize("how", ["after", "cut", "half", "garbage"])
    async def test_a_create_whose_answer_was_lost_is_found_and_not_sent_again(
        self, subject: Subject, how: Mishap
    ) -> None:
        async with at_work(subject) as desk:
            since = subject.clock()
            _arrange(subject, how, writes=True)

            error = await _refusal(desk)

            found = await desk.connector.find(desk.draft("Ours"), since)
            assert found is not None
            assert len(subject.keys()) == 1
            if error is None:
                assert found.ref.id == client_id(MARKER)
            else:
                assert _is_doubt(error)

    async def test_a_create_that_failed_without_effect_is_not_found(self, subject: Subject) -> None:
        """`find` says None, and the create is sent again: no item is lost either."""
        async with at_work(subject) as desk:
            since = subject.clock()
            _arrange(subject, "before", writes=True)

            error = await _refusal(desk)

            found = await desk.connector.find(desk.draft("Ours"), since)
            assert (error is None) == (found is not None)
            assert error is None or (_is_doubt(error) and not isinstance(error, ProtocolError))

    @pytest.mark.parametrize("how", ["after", "cut", "half", "garbage"])
    async def test_an_update_whose_answer_was_lost_is_told_or_read(self, subject: Subject, how: Mishap) -> None:
        key = subject.add("Old")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            patch = desk.write("title", "New", record.fields)
            _arrange(subject, how, writes=True)

            error: ConnectorError | None = None
            try:
                await desk.send(record, patch)
            except ConnectorError as caught:
                error = caught

            assert desk.read("title", (await desk.again(record)).fields) == "New"
            assert error is None or _is_doubt(error)

    @pytest.mark.parametrize("how", ["after", "cut"])
    async def test_a_comment_whose_answer_was_lost_is_found_and_not_sent_again(
        self, subject: Subject, how: Mishap
    ) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            since = subject.clock()
            _arrange(subject, how, writes=True)

            error: ConnectorError | None = None
            try:
                await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))
            except ConnectorError as caught:
                error = caught

            found = await desk.connector.find_comment(at, MARKER, client_id(MARKER), since)
            assert found is not None
            assert len(subject.show(key)["comments"]) == 1
            assert error is None or _is_doubt(error)

    @pytest.mark.parametrize("how", ["before", "after", "cut", "half", "garbage"])
    async def test_an_edit_of_a_comment_whose_answer_was_lost_is_told(self, subject: Subject, how: Mishap) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            ours = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))
            _arrange(subject, how, writes=True)

            with pytest.raises((ProtocolError, UnavailableError)) as caught:
                await desk.connector.edit_comment(at, ours.ref, "Ours, again.", MARKER)

            assert _is_doubt(caught.value)
            [read] = await desk.connector.comments(at)
            assert read.body == ("Ours." if how == "before" else "Ours, again.")
            assert is_marked(read)

    @pytest.mark.parametrize("how", ["before", "after", "cut", "half", "garbage"])
    async def test_a_deletion_of_a_comment_whose_answer_was_lost_is_told(self, subject: Subject, how: Mishap) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            ours = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))
            _arrange(subject, how, writes=True)

            with pytest.raises((ProtocolError, UnavailableError)) as caught:
                await desk.connector.delete_comment(at, ours.ref)

            assert _is_doubt(caught.value)
            assert [c.ref for c in await desk.connector.comments(at)] == ([ours.ref] if how == "before" else [])

    @pytest.mark.parametrize("how", ["after", "cut", "half", "garbage"])
    async def test_an_archiving_whose_answer_was_lost_is_told_or_read(self, subject: Subject, how: Mishap) -> None:
        if "archive" not in subject.abilities:
            pytest.skip("this connector puts nothing away")
        key = subject.add("Put away")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            _arrange(subject, how, writes=True)

            error: ConnectorError | None = None
            try:
                await desk.connector.archive(address(record))
            except ConnectorError as caught:
                error = caught

            assert (await desk.found(record)).state is State.ARCHIVED
            assert error is None or _is_doubt(error)

    async def test_no_error_ever_shows_the_token(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            _arrange(subject, "garbage", times=FOR_GOOD)

            with pytest.raises(ConnectorError) as caught:
                await desk.records()

            assert subject.token not in repr(caught.value)
            assert subject.token not in str(getattr(caught.value, "body", ""))


def _arrange(subject: Subject, how: Mishap, *, writes: bool = False, times: int = 1) -> None:
    if not subject.go_wrong(how, writes=writes, times=times):
        pytest.skip(f"this place cannot do {how}")


async def _refusal(desk: Desk) -> ConnectorError | None:
    """Create our record; return how that failed, None where it did not."""
    try:
        receipt = await desk.connector.create(desk.draft("Ours"))
    except ConnectorError as error:
        return error
    record = (await desk.connector.get([address(receipt)]))[receipt.ref]
    assert isinstance(record, Record)
    return None


def _is_doubt(error: ConnectorError) -> bool:
    """Say whether *error* leaves open if the write took effect."""
    return isinstance(error, ProtocolError) or (isinstance(error, UnavailableError) and error.sent)
