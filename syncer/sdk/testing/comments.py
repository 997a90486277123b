"""Claims about comments."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

from typing import ClassVar

import pytest

from syncer.model import client_id
from syncer.sdk.testing.desk import MARKER, address, at_work, is_marked, is_on
from syncer.sdk.testing.subject import Subject

UNKNOWN = "Cnobody.76543210fedcba9876543210"


class Comments:
    """What people say is read, what we say is marked, and what is restricted never comes."""

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_a_persons_comment_comes_with_its_item_and_author(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        said = subject.say(key, "Is this **still** true?")
        async with at_work(subject) as desk:
            record = await desk.record(key)

            comments = await desk.comments()

        assert [c.ref.id for c in comments] == [said]
        [comment] = comments
        assert comment.body == "Is this **still** true?"
        assert is_on(comment, record)
        assert (comment.own, comment.marker) == (False, None)
        assert comment.author.id
        assert comment.created.tzinfo is not None

    async def test_a_later_comment_comes_after_the_cursor(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        subject.say(key, "First.")
        async with at_work(subject) as desk:
            cursor = await desk.cursor()
            subject.clock.forward(3_600)
            subject.say(key, "Second.")

            assert "Second." in [c.body for c in await desk.comments(cursor)]

    async def test_restricted_comments_never_come(self, subject: Subject) -> None:
        """They never leave the connector, so that no setting can let them out."""
        key = subject.add("Spoken of")
        open_one = subject.say(key, "For all.")
        try:
            subject.say(key, "For the few.", restricted=True)
        except (ValueError, TypeError):
            pytest.skip("this tracker has no restricted comments")

        async with at_work(subject) as desk:
            assert [c.ref.id for c in await desk.comments()] == [open_one]

    async def test_our_comment_is_marked_and_comes_back_as_ours(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            body = subject.samples.body

            written = await desk.connector.comment(address(record), body, MARKER, client_id(MARKER))

            [read] = await desk.comments()
            assert written.ref == read.ref
            for comment in (written, read):
                assert (comment.own, comment.body) == (True, body)
                assert is_marked(comment)
                assert is_on(comment, record)

    async def test_our_comment_is_found_by_its_marker(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        subject.say(key, "Somebody's.")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            since = subject.clock()
            written = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))

            found = await desk.connector.find_comment(at, MARKER, client_id(MARKER), since)
            nothing = await desk.connector.find_comment(at, UNKNOWN, client_id(UNKNOWN), since)

        assert found is not None
        assert (found.ref, found.body) == (written.ref, "Ours.")
        assert nothing is None

    async def test_our_comment_does_not_show_its_marker_in_words(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))

            written = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))

        assert MARKER not in written.body
