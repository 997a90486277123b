"""Claims about listings, cursors and direct reads."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from syncer.errors import CredentialsError
from syncer.model import Address, Missing, State
from syncer.sdk.testing.desk import address, at_work, newest
from syncer.sdk.testing.subject import Subject

MANY = 260
"""More than two pages of a hundred, and more than one of 250."""
CHEAP = 2
"""Requests a poll with nothing new may cost: items, and comments where those are separate."""


class Reading:
    """Everything comes, nothing is lost, and a cursor never runs ahead."""

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_a_full_listing_shows_every_record_once(self, subject: Subject) -> None:
        """With cursor None the listing is complete: what is not in it counts as not there."""
        keys = [subject.add(f"Record {n}") for n in range(5)]

        async with at_work(subject) as desk:
            listed = [r.key for page in await desk.pages() for r in page.records]

        assert sorted(listed) == sorted(keys)

    async def test_an_empty_place_lists_nothing(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            pages = await desk.pages()

        assert [r for page in pages for r in page.records] == []

    async def test_a_record_comes_with_all_that_the_codecs_read(self, subject: Subject) -> None:
        """`Record.fields` holds every native field that a codec names, also the empty ones: a missing one would read as
        an emptied one."""
        samples = subject.samples
        async with at_work(subject) as desk:
            fields = {
                "body": samples.body,
                "labels": list(samples.labels[:2]),
                "assignees": list(samples.people[:1]),
                "due": samples.due,
                "estimate": samples.estimate,
            }
            key = subject.add("Whole", **{f: v for f, v in fields.items() if desk.has(f)})

            record = await desk.record(key)

            native_names = {n for codec in desk.place.codecs.values() for n in codec.natives}
            assert native_names <= set(record.fields)
            assert desk.read("title", record.fields) == "Whole"
            assert desk.read("body", record.fields) == samples.body
            for name in ("due", "estimate"):
                assert not desk.has(name) or desk.read(name, record.fields) == fields[name]
            if desk.has("labels"):
                assert desk.read("labels", record.fields) == frozenset(samples.labels[:2])
            if desk.has("assignees"):
                assert len(_set(desk.read("assignees", record.fields))) == 1

    async def test_a_record_says_who_made_it_and_when(self, subject: Subject) -> None:
        """`own` is False for what people made, and times are aware: the newer edit wins by them."""
        subject.clock.forward(60)
        before = subject.clock()
        key = subject.add("Made")

        async with at_work(subject) as desk:
            record = await desk.record(key)

        assert record.created.tzinfo is not None
        assert record.updated.tzinfo is not None
        assert abs((record.created - before).total_seconds()) <= MANY
        assert not record.own
        assert record.marker is None
        assert record.author is not None
        assert record.state is State.HERE
        assert record.ref.connection == subject.connection
        assert record.url.startswith("http")

    async def test_a_parent_is_read_as_the_id_of_its_record(self, subject: Subject) -> None:
        """By its stable id, the one in `Ref.id`, never by its key."""
        async with at_work(subject) as desk:
            if not desk.has("parent"):
                pytest.skip("no parents here")
            above = subject.add("Above", **subject.samples.above)
            below = subject.add("Below", parent=above)

            records = await desk.records()

            assert desk.read("parent", records[below].fields) == records[above].ref.id
            assert desk.read("parent", records[above].fields) is None

    async def test_later_edits_come_after_the_cursor(self, subject: Subject) -> None:
        """And what was not touched for an hour does not come: listing everything each time is no cursor."""
        first = subject.add("First")
        subject.clock.forward(3_600)
        second = subject.add("Second")
        async with at_work(subject) as desk:
            cursor = await desk.cursor()
            subject.clock.forward(3_600)
            subject.edit(second, title="Second, changed")
            third = subject.add("Third")

            records = await desk.records(cursor)

            assert {second, third} <= set(records)
            assert desk.read("title", records[second].fields) == "Second, changed"
            assert first not in records

    async def test_a_cursor_survives_being_stored(self, subject: Subject) -> None:
        """It is text, and all a new process has."""
        subject.add("Before")
        async with at_work(subject) as desk:
            stored = (await desk.cursor()).encode().decode()
        subject.clock.forward(3_600)
        key = subject.add("After")

        async with at_work(subject) as desk:
            assert key in await desk.records(stored)

    async def test_nothing_is_lost_between_pages_while_people_edit(self, subject: Subject) -> None:
        """Paging by offset loses a record when one before it moves: page by stamp and id, or read again from where the
        list stood."""
        keys = [subject.add(f"Record {n}") for n in range(MANY)]
        async with at_work(subject) as desk:
            pages = []
            async for page in desk.connector.changes(None):
                pages.append(page)
                if len(pages) <= len(_EDITED):
                    subject.edit(keys[_EDITED[len(pages) - 1]], title=f"Edited {len(pages)}")
            cursor = [p.cursor for p in pages if p.cursor is not None][-1]

            later = await desk.records(cursor)

            first = newest(pages)
            assert set(first) == set(keys)
            shown = {key: desk.read("title", (later.get(key) or first[key]).fields) for key in keys}
            assert shown == {key: subject.show(key)["title"] for key in keys}

    async def test_the_cursor_never_passes_a_record_that_was_not_handed_over(self, subject: Subject) -> None:
        """The process may die after any page. A page's cursor must be safe with that page and those before it."""
        keys = [subject.add(f"Record {n}") for n in range(MANY)]
        async with at_work(subject) as desk:
            saved: set[str] = set()
            async for page in desk.connector.changes(None):
                saved |= {r.key for r in page.records}
                if page.cursor is None:
                    continue
                # A process that dies here goes on from this cursor with what it has saved so far.
                rest = await desk.records(page.cursor)
                assert saved | set(rest) == set(keys)

    async def test_a_poll_with_nothing_new_is_cheap_even_for_a_new_process(self, subject: Subject) -> None:
        """Every two minutes, for ever: items and comments, and what opens the place from the catalogue."""
        for n in range(3):
            subject.say(subject.add(f"Record {n}"), "Said.")
        async with at_work(subject) as desk:
            cursor = await desk.cursor(await desk.cursor())
        subject.clock.forward(3_600)
        before = subject.meter.requests

        async with at_work(subject) as desk:
            await desk.pages(cursor)

        assert subject.meter.requests - before <= CHEAP

    async def test_every_request_is_counted(self, subject: Subject) -> None:
        """`Meter.request` once for each: the rate limit is shared with people."""
        key = subject.add("Counted")
        async with at_work(subject) as desk:
            await desk.again(await desk.record(key))

        served = subject.served()
        if served is None:
            pytest.skip("this place does not count its requests")
        assert subject.meter.requests == served

    async def test_a_direct_read_answers_every_ref(self, subject: Subject) -> None:
        """Also the one that never was, as `Missing`: an unanswered ref would be read again for ever."""
        keys = [subject.add(f"Record {n}") for n in range(12)]
        async with at_work(subject) as desk:
            records = await desk.records()
            asked = [address(records[k]) for k in keys]
            real = asked[0]
            nobody = Address(replace(real.ref, id=f"{real.ref.id}0000"), f"{real.key}0000")

            found = await desk.connector.get([*asked, nobody])

            assert set(found) == {a.ref for a in (*asked, nobody)}
            assert isinstance(found[nobody.ref], Missing)
            titles = [desk.read("title", records[k].fields) for k in keys]
            assert titles == [desk.read("title", (await desk.again(records[k])).fields) for k in keys]

    async def test_a_direct_read_says_the_same_as_a_listing(self, subject: Subject) -> None:
        """Two shapes of one record would be a difference that nobody made."""
        key = subject.add("Same", body=subject.samples.body)
        async with at_work(subject) as desk:
            listed = await desk.record(key)

            assert (await desk.again(listed)).fields == listed.fields

    async def test_asking_for_nothing_costs_nothing(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            before = subject.meter.requests

            assert await desk.connector.get([]) == {}
            assert subject.meter.requests == before

    async def test_a_deleted_record_is_missing(self, subject: Subject) -> None:
        """`GONE` only where the tracker says so itself; not found and no access are `UNREACHABLE`."""
        key = subject.add("Deleted")
        async with at_work(subject) as desk:
            record = await desk.record(key)
            subject.remove(key)

            found = (await desk.connector.get([address(record)]))[record.ref]

            assert isinstance(found, Missing)
            assert found.state in {State.GONE, State.UNREACHABLE}

    async def test_a_wrong_token_is_told_with_the_connection_and_without_the_token(self, subject: Subject) -> None:
        """A person must know which one to renew, and logs must not hold it."""
        wrong = "not-the-token-4711"
        connector = subject.connector(token=wrong)

        with pytest.raises(CredentialsError) as caught:
            await connector.open()
        await connector.close()

        assert caught.value.connection == subject.connection
        assert wrong not in str(caught.value)
        assert wrong not in repr(caught.value)

    async def test_opening_again_finds_the_same_place(self, subject: Subject) -> None:
        async with at_work(subject) as one, at_work(subject) as two:
            assert one.place.me == two.place.me
            assert one.place.title == two.place.title
            assert one.place.words == two.place.words
            assert set(one.place.codecs) == set(two.place.codecs)


_EDITED = (0, MANY // 2, MANY - 1)
"""Which records are edited after the first pages: oldest, middle, newest."""


def _set(value: object) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()
