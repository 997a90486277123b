"""Claims about what becomes of comments: edited, deleted, restricted."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

from typing import ClassVar

import pytest

from syncer.errors import NotFoundError
from syncer.model import Record, client_id
from syncer.sdk.testing.desk import MARKER, Desk, address, at_work, is_marked, is_on, let
from syncer.sdk.testing.subject import Subject

TALKATIVE = 120
"""More comments than any tracker brings at once."""
OTHER = "Lotherwise.89abcdef0123456789abcdef"


class CommentEdits:
    """An item's comments are read whole; ours can be edited and deleted, and stay ours."""

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    # -- reading whole -----------------------------------------------------------------------

    async def test_all_comments_of_an_item_come_and_no_others(self, subject: Subject) -> None:
        keys = [subject.add("Spoken of"), subject.add("Spoken of elsewhere")]
        said = {key: [subject.say(key, f"Comment {n} on {key}.") for n in range(3)] for key in keys}
        async with at_work(subject) as desk:
            for key in keys:
                record = await desk.record(key)

                comments = await desk.connector.comments(address(record))

                assert sorted(c.ref.id for c in comments) == sorted(said[key])
                assert all(is_on(c, record) for c in comments)

    async def test_long_talks_come_whole(self, subject: Subject) -> None:
        """What is not in `comments` counts as deleted: no page may be left out."""
        key = subject.add("Talked about")
        said = [subject.say(key, f"Comment {n}.") for n in range(TALKATIVE)]
        async with at_work(subject) as desk:
            comments = await desk.connector.comments(address(await desk.record(key)))

        assert sorted(c.ref.id for c in comments) == sorted(said)

    async def test_a_comment_read_with_its_item_says_the_same_as_in_a_listing(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        subject.say(key, subject.samples.body)
        async with at_work(subject) as desk:
            record = await desk.record(key)
            await desk.connector.comment(address(record), "Ours.", MARKER, client_id(MARKER))

            listed = {c.ref: (c.body, c.author.id, c.own, c.created, c.updated) for c in await desk.comments()}

            read = await desk.connector.comments(address(record))
            assert {c.ref: (c.body, c.author.id, c.own, c.created, c.updated) for c in read} == listed

    async def test_an_item_nobody_speaks_of_has_no_comments(self, subject: Subject) -> None:
        key = subject.add("Silent")
        async with at_work(subject) as desk:
            assert list(await desk.connector.comments(address(await desk.record(key)))) == []

    async def test_comments_of_an_item_we_cannot_read_are_not_found(self, subject: Subject) -> None:
        key = subject.add("Hidden")
        subject.say(key, "Said before.")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            let(subject, "hide", key)

            with pytest.raises(NotFoundError) as caught:
                await desk.connector.comments(at)

        assert caught.value.connection == subject.connection

    async def test_a_restricted_comment_is_not_among_an_items_comments(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        open_one = subject.say(key, "For all.")
        try:
            subject.say(key, "For the few.", restricted=True)
        except (ValueError, TypeError):
            pytest.skip("this tracker has no restricted comments")

        async with at_work(subject) as desk:
            assert set(await desk.said(address(await desk.record(key)))) == {open_one}

    async def test_a_comment_restricted_later_comes_no_more(self, subject: Subject) -> None:
        """Its mirrors are taken away then."""
        key = subject.add("Spoken of")
        kept, lost = subject.say(key, "For all."), subject.say(key, "For all, at first.")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            cursor = await desk.cursor()
            assert set(await desk.said(at)) == {kept, lost}
            subject.clock.forward(3_600)
            let(subject, "restrict", lost)

            assert set(await desk.said(at)) == {kept}
            assert [c.ref.id for c in await desk.comments()] == [kept]
            assert lost not in [c.ref.id for c in await desk.comments(cursor)]

    # -- what people do ----------------------------------------------------------------------

    async def test_a_persons_edit_of_a_comment_shows_with_a_newer_stamp(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        said = subject.say(key, "First thoughts.")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            before = (await desk.said(at))[said]
            subject.clock.forward(3_600)
            subject.reword(said, "Second thoughts.")

            after = (await desk.said(at))[said]

            assert (after.ref, after.author, after.created) == (before.ref, before.author, before.created)
            assert after.body == "Second thoughts."
            assert after.updated > before.updated
            assert [(c.body, c.updated) for c in await desk.comments()] == [(after.body, after.updated)]

    async def test_a_comment_a_person_deleted_is_no_longer_there(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        kept, lost = subject.say(key, "Stays."), subject.say(key, "Goes.")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            subject.clock.forward(3_600)
            subject.unsay(lost)

            assert set(await desk.said(at)) == {kept}
            assert [c.ref.id for c in await desk.comments()] == [kept]

    async def test_a_listing_never_hints_that_a_comment_is_gone_which_is_not(self, subject: Subject) -> None:
        """`Page.heard` only for records all of whose comments are on the page."""
        key = subject.add("Spoken of")
        _, lost, edited = (subject.say(key, f"Comment {n}.") for n in range(3))
        async with at_work(subject) as desk:
            record = await desk.record(key)
            cursor = await desk.cursor()
            subject.clock.forward(3_600)
            subject.unsay(lost)
            subject.reword(edited, "Another word.")
            subject.edit(key, title="Changed")

            for since in (None, cursor):
                assert await _hinted(desk, record, since) <= {lost}

    # -- what we do --------------------------------------------------------------------------

    async def test_our_comment_is_edited_and_stays_ours(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            at, since = address(record), subject.clock()
            written = await desk.connector.comment(at, "First words.", MARKER, client_id(MARKER))
            subject.clock.forward(3_600)

            edited = await desk.connector.edit_comment(at, written.ref, subject.samples.body, MARKER)

            [read], [listed] = await desk.connector.comments(at), await desk.comments()
            found = await desk.connector.find_comment(at, MARKER, client_id(MARKER), since)
            assert found is not None
            for comment in (edited, read, listed, found):
                assert (comment.ref, comment.own, comment.body) == (written.ref, True, subject.samples.body)
                assert is_marked(comment)
                assert is_on(comment, record)
            assert read.created == written.created
            assert read.updated > written.updated

    async def test_an_edited_comment_does_not_show_its_marker_in_words(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            ours = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))
            edited = await desk.connector.edit_comment(at, ours.ref, "Once.", MARKER)
            again = await desk.connector.edit_comment(at, ours.ref, "Twice.", MARKER)

            [read] = await desk.connector.comments(at)

        assert [edited.body, again.body, read.body] == ["Once.", "Twice.", "Twice."]

    async def test_the_same_text_sent_twice_is_harmless(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            ours = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))

            for _ in range(2):
                await desk.connector.edit_comment(at, ours.ref, "Ours, again.", MARKER)

            assert [c.body for c in await desk.connector.comments(at)] == ["Ours, again."]

    async def test_our_comment_is_deleted_and_nothing_else(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        theirs = subject.say(key, "Theirs.")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            ours = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))
            other = await desk.connector.comment(at, "Ours too.", OTHER, client_id(OTHER))

            await desk.connector.delete_comment(at, ours.ref)

            assert set(await desk.said(at)) == {theirs, other.ref.id}
            assert len(subject.show(key)["comments"]) == len({theirs, other.ref.id})

    async def test_deleting_a_comment_twice_is_no_error(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            ours = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))

            for _ in range(2):
                await desk.connector.delete_comment(at, ours.ref)

            assert await desk.said(at) == {}

    async def test_a_deleted_comment_cannot_be_edited(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at, since = address(await desk.record(key)), subject.clock()
            ours = await desk.connector.comment(at, "Ours.", MARKER, client_id(MARKER))
            subject.unsay(ours.ref.id)

            with pytest.raises(NotFoundError) as caught:
                await desk.connector.edit_comment(at, ours.ref, "Too late.", MARKER)

            assert caught.value.connection == subject.connection
            assert await desk.said(at) == {}
            assert await desk.connector.find_comment(at, MARKER, client_id(MARKER), since) is None


async def _hinted(desk: Desk, record: Record, cursor: str | None) -> set[str]:
    """Return the ids of the record's comments that a listing hints to be gone."""
    there = set(await desk.said(address(record)))
    hinted: set[str] = set()
    for page in await desk.pages(cursor):
        hinted |= {ref.id for ref in page.unsaid}
        if record.ref in page.heard:
            hinted |= there - {c.ref.id for c in page.comments if is_on(c, record)}
    return hinted
