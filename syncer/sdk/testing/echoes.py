"""Claims about cursors that are used again, and about our own writes as they come back."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

from typing import ClassVar

import pytest

from syncer.model import Record
from syncer.sdk.testing.desk import address, at_work
from syncer.sdk.testing.subject import Subject


class Echoes:
    """A cursor loses nothing, however often and however soon it is used; an answer says what a listing will.

    The engine knows its own write when it comes back by the values the answer showed. What looks different
    then is taken for a person's edit and sent on.
    """

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_a_cursor_used_twice_shows_the_same_twice(self, subject: Subject) -> None:
        """A process may die between reading a page and saving it."""
        subject.add("Before")
        async with at_work(subject) as desk:
            cursor = await desk.cursor()
            subject.clock.forward(3_600)
            keys = {subject.add(f"After {n}") for n in range(3)}

            once, again = await desk.records(cursor), await desk.records(cursor)

            assert keys <= set(once)
            assert {k: r.fields for k, r in once.items()} == {k: r.fields for k, r in again.items()}

    async def test_an_edit_right_after_the_cursor_comes(self, subject: Subject) -> None:
        """Stamps are coarse (a second, a minute) and a second edit may bear that of the first."""
        key = subject.add("First")
        async with at_work(subject) as desk:
            for n in range(3):
                cursor = await desk.cursor()
                subject.edit(key, title=f"Edit {n}")
                subject.clock.forward(3_600)

                assert desk.read("title", (await desk.records(cursor))[key].fields) == f"Edit {n}"

    async def test_a_comment_right_after_the_cursor_comes(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            for n in range(3):
                cursor = await desk.cursor()
                said = subject.say(key, f"Comment {n}.")
                subject.clock.forward(3_600)

                assert said in [c.ref.id for c in await desk.comments(cursor)]

    async def test_a_cursor_never_turns_back_while_nothing_happens(self, subject: Subject) -> None:
        """Else every poll would list what the one before listed."""
        old = subject.add("Old")
        subject.clock.forward(7_200)
        subject.add("New")
        async with at_work(subject) as desk:
            cursor = await desk.cursor()
            for _ in range(3):
                subject.clock.forward(3_600)
                cursor = await desk.cursor(cursor)

                assert old not in await desk.records(cursor)

    async def test_the_answer_to_a_write_says_what_the_next_listing_says(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Old"))

            receipts = await desk.send(record, desk.write("title", "New", record.fields))

            listed = await desk.record(record.key)
            for receipt in receipts[-1:]:
                assert (receipt.ref, receipt.key) == (listed.ref, listed.key)
                assert receipt.record is None or receipt.record.fields == listed.fields

    async def test_the_answer_to_a_create_says_what_the_next_listing_says(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            body = desk.write("body", subject.samples.body, {})

            receipt = await desk.connector.create(desk.draft("Ours", body))

            listed = await desk.record(receipt.key)
            assert (receipt.ref, receipt.url) == (listed.ref, listed.url)
            assert receipt.record is None or receipt.record.fields == listed.fields
            assert desk.read("body", listed.fields) == subject.samples.body

    async def test_a_record_of_ours_is_known_as_ours_wherever_it_is_read(self, subject: Subject) -> None:
        """`own` is what keeps a stranger's copy of our marker from being believed."""
        async with at_work(subject) as desk:
            theirs = subject.add("Theirs")
            receipt = await desk.connector.create(desk.draft("Ours"))

            listed = await desk.records()
            read = (await desk.connector.get([address(receipt)]))[receipt.ref]

            assert {key: record.own for key, record in listed.items()} == {theirs: False, receipt.key: True}
            assert isinstance(read, Record)
            assert read.own

    async def test_no_field_is_offered_that_the_plugin_does_not_name(self, subject: Subject) -> None:
        """`fields` is what `syncer check --offline` goes by."""
        async with at_work(subject) as desk:
            assert set(desk.place.codecs) <= subject.fields
            assert desk.place.at_create <= subject.fields
            assert {"title", "body"} <= set(desk.place.codecs)
