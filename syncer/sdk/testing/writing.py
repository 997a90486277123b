"""Claims about creates and updates."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from syncer.connector import Plain, Worded
from syncer.errors import RejectedError, UnwritableError
from syncer.model import JSON, Delta, Missing, Patch, Record, Value, client_id
from syncer.sdk.testing.desk import MARKER, Desk, address, at_work, is_marked
from syncer.sdk.testing.subject import Subject


class Writing:
    """What is written is there, marked, and nothing else has changed."""

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_a_created_record_carries_its_marker_from_its_first_moment(self, subject: Subject) -> None:
        """In the request that creates. A marker set by a second request is missing when the process dies between."""
        async with at_work(subject) as desk:
            since = subject.clock()

            receipt = await desk.connector.create(desk.draft("Ours"))

            found = (await desk.connector.get([address(receipt)]))[receipt.ref]
            assert isinstance(found, Record)
            assert (found.own, found.key) == (True, receipt.key)
            assert is_marked(found)
            asked = await desk.connector.find(desk.draft("Ours"), since)
            assert asked is not None
            assert asked.ref == receipt.ref
            assert is_marked(asked)
            assert [desk.read("title", r.fields) for r in (await desk.records()).values()] == ["Ours"]

    async def test_a_marker_nobody_wrote_is_not_found(self, subject: Subject) -> None:
        """A wrong find links an item to a stranger's record."""
        subject.add("Somebody's")
        async with at_work(subject) as desk:
            since = subject.clock()
            await desk.connector.create(desk.draft("Ours"))
            other = "Lelsewhere.76543210fedcba9876543210"

            assert await desk.connector.find(desk.draft("Ours", marker=other), since) is None

    async def test_a_create_sent_twice_is_found_once_where_the_client_chooses_the_id(self, subject: Subject) -> None:
        """The tracker's refusal of the second is the answer that the first arrived."""
        async with at_work(subject) as desk:
            one = await desk.connector.create(desk.draft("Ours"))
            if client_id(MARKER) != one.ref.id:
                pytest.skip("this tracker chooses its own ids")

            two = await desk.connector.create(desk.draft("Ours"))

            assert two.ref == one.ref
            assert len(subject.keys()) == 1

    async def test_a_create_carries_what_it_promises(self, subject: Subject) -> None:
        """`Place.at_create`: the rest follows as an update, and is not lost."""
        async with at_work(subject) as desk:
            values = {n: v for n, v in _plain_values(subject).items() if n in desk.place.at_create}
            patch: dict[str, JSON | Delta] = {}
            for name, value in values.items():
                if desk.has(name):
                    patch.update(desk.write(name, value, {}))
            if "labels" in desk.place.at_create:
                patch.update(desk.label(subject.samples.labels[:2], [], {}))

            receipt = await desk.connector.create(desk.draft("Ours", patch))

            record = (await desk.connector.get([address(receipt)]))[receipt.ref]
            assert isinstance(record, Record)
            assert {n: desk.read(n, record.fields) for n in values if desk.has(n)} == {
                n: v for n, v in values.items() if desk.has(n)
            }
            if "labels" in desk.place.at_create:
                assert desk.read("labels", record.fields) == frozenset(subject.samples.labels[:2])

    @pytest.mark.parametrize("name", ["title", "body", "due", "estimate"])
    async def test_a_plain_value_is_read_as_it_was_written(self, subject: Subject, name: str) -> None:
        """In the answer as well as later: the round trip of each field."""
        value = {"title": "A new title", **_plain_values(subject)}[name]
        key = subject.add("Old title")
        async with at_work(subject) as desk:
            if not isinstance(desk.codec(name), Plain):
                pytest.skip(f"no {name} here")
            record = await desk.record(key)

            receipts = await desk.send(record, desk.write(name, value, record.fields))

            shown = [r.record.fields for r in receipts if r.record is not None][-1:]
            for native in (*shown, (await desk.again(record)).fields):
                assert desk.read(name, native) == value

    @pytest.mark.parametrize("name", ["body", "due", "estimate"])
    async def test_a_plain_value_can_be_emptied(self, subject: Subject, name: str) -> None:
        """None is "empty", and as good a value as any."""
        async with at_work(subject) as desk:
            if not isinstance(desk.codec(name), Plain):
                pytest.skip(f"no {name} here")
            record = await desk.record(subject.add("Full", **{name: _plain_values(subject)[name]}))
            assert desk.read(name, record.fields) is not None

            await desk.send(record, desk.write(name, None, record.fields))

            assert desk.read(name, (await desk.again(record)).fields) is None

    @pytest.mark.parametrize("name", ["status", "priority"])
    async def test_every_word_of_the_place_can_be_written_and_is_read_again(self, subject: Subject, name: str) -> None:
        """`Place.words` offers only what `write` can reach, for a status along the workflow."""
        key = subject.add("Worded")
        async with at_work(subject) as desk:
            words = desk.words(name)
            if not words:
                pytest.skip(f"no {name} words here")
            record = await desk.record(key)
            for word in words:
                await desk.send(record, desk.word(name, word, record.fields))

                record = await desk.again(record)
                assert desk.says(name, word, record.fields), word

    async def test_labels_are_added_and_removed_one_by_one(self, subject: Subject) -> None:
        one, two, three = subject.samples.labels
        async with at_work(subject) as desk:
            if not desk.has("labels"):
                pytest.skip("no labels here")
            record = await desk.record(subject.add("Labelled", labels=[one, two]))

            await desk.send(record, desk.label([three], [one], record.fields))

            assert desk.read("labels", (await desk.again(record)).fields) == frozenset({two, three})

    async def test_what_people_changed_meanwhile_survives_a_write(self, subject: Subject) -> None:
        """*now* may be old. Only what the patch names is sent, and of a list only its changed elements."""
        one, two, three = subject.samples.labels
        async with at_work(subject) as desk:
            labelled = {"labels": [one]} if desk.has("labels") else {}
            key = subject.add("Old title", **labelled)
            record = await desk.record(key)
            both = {"labels": [one, two]} if desk.has("labels") else {}
            subject.edit(key, title="A person's title", **both)

            patch: Patch = desk.write("body", subject.samples.body, record.fields)
            if desk.has("labels"):
                patch = {**patch, **desk.label([three], [], record.fields)}
            await desk.send(record, patch)

            after = (await desk.again(record)).fields
            assert desk.read("title", after) == "A person's title"
            assert desk.read("body", after) == subject.samples.body
            if desk.has("labels"):
                assert desk.read("labels", after) == frozenset({one, two, three})

    async def test_people_are_assigned_and_let_go(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            if not desk.has("assignees"):
                pytest.skip("no assignees here")
            person = subject.samples.people[0]
            assigned = await desk.record(subject.add("Theirs", assignees=[person]))
            free = await desk.record(subject.add("Free"))
            who = desk.read("assignees", assigned.fields)
            assert isinstance(who, frozenset)

            await desk.send(free, desk.assign(who, frozenset(), free.fields))
            await desk.send(assigned, desk.assign(frozenset(), who, assigned.fields))

            assert desk.read("assignees", (await desk.again(free)).fields) == who
            assert desk.read("assignees", (await desk.again(assigned)).fields) == frozenset()

    async def test_a_record_is_put_under_another_and_taken_out(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            if not desk.has("parent"):
                pytest.skip("no parents here")
            # Which kind may stand under which is the place's own affair: it is born there.
            above = subject.add("Above", **subject.samples.above)
            under = subject.add("Under", parent=above)
            records = await desk.records()

            await desk.send(records[under], desk.point(None, records[under].fields))

            after = await desk.again(records[under])
            assert desk.read("parent", after.fields) is None
            await desk.send(after, desk.point(records[above].ref.id, after.fields))
            assert desk.read("parent", (await desk.again(after)).fields) == records[above].ref.id

    async def test_steps_cover_the_whole_patch(self, subject: Subject) -> None:
        """`steps` splits by remote effect, so that each write is owed, told and repeated by itself."""
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Stepped"))
            patch = _everything(desk, subject, record)

            steps = desk.connector.steps(patch)

            assert _united(steps) == _united([patch])
            assert desk.connector.steps({}) in ([], ())

    async def test_a_write_of_many_fields_writes_them_all(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Stepped"))

            await desk.send(record, _everything(desk, subject, record))

            after = (await desk.again(record)).fields
            for name, value in {"title": "Renamed", **_plain_values(subject)}.items():
                assert not desk.has(name) or desk.read(name, after) == value
            for name in ("status", "priority"):
                assert not desk.words(name) or desk.says(name, desk.words(name)[-1], after)

    async def test_our_own_write_moves_the_stamp_and_is_in_the_next_listing(self, subject: Subject) -> None:
        """The echo: the engine waits for it, and a write that never comes back looks lost."""
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Old"))
            cursor = await desk.cursor()
            subject.clock.forward(3_600)

            await desk.send(record, desk.write("title", "New", record.fields))

            listed = (await desk.records(cursor))[record.key]
            assert desk.read("title", listed.fields) == "New"
            assert listed.updated > record.updated

    async def test_a_value_the_tracker_never_takes_is_rejected(self, subject: Subject) -> None:
        """As what never passes (parked), not as what may pass later (sent again for ever)."""
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Kept"))
            for name, value in subject.samples.refused.items():
                with pytest.raises((RejectedError, UnwritableError)):
                    await desk.send(record, desk.write(name, value, record.fields))

            assert (await desk.again(record)).fields == record.fields

    async def test_a_write_does_not_bring_back_a_deleted_record(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            key = subject.add("Deleted")
            record = await desk.record(key)
            subject.remove(key)

            # Some trackers refuse, some take edits of what lies in the trash.
            with contextlib.suppress(RejectedError):
                await desk.send(record, desk.write("title", "Too late", record.fields))

            found = (await desk.connector.get([address(record)]))[record.ref]
            assert isinstance(found, Missing)

    async def test_history_is_honest(self, subject: Subject) -> None:
        """Nothing rather than a guess: by it the newer of two edits wins."""
        async with at_work(subject) as desk:
            key = subject.add("Old")
            subject.clock.forward(3_600)
            subject.edit(key, title="New")
            record = await desk.record(key)

            edited = await desk.connector.history(address(record), frozenset({"title", "status"}))

            assert set(edited) <= {"title", "status"}
            if "title" in edited:
                assert abs((edited["title"].at - record.updated).total_seconds()) < 1 + _SLACK

    async def test_writing_what_is_there_already_changes_nothing(self, subject: Subject) -> None:
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Same", body=subject.samples.body))
            patch = desk.write("body", subject.samples.body, record.fields)

            if patch:
                await desk.send(record, patch)

            after = await desk.again(record)
            assert after.fields == record.fields


_SLACK = 1.0
"""Seconds: stamps of history and record need not be the same."""


def _plain_values(subject: Subject) -> Mapping[str, Value]:
    samples = subject.samples
    return {"body": samples.body, "due": samples.due, "estimate": samples.estimate}


def _everything(desk: Desk, subject: Subject, record: Record) -> Patch:
    """Return a patch that speaks of every field that can be tried on one record."""
    patch: dict[str, JSON | Delta] = {}
    for name, value in {"title": "Renamed", **_plain_values(subject)}.items():
        if desk.has(name):
            patch.update(desk.write(name, value, record.fields))
    for name in ("status", "priority"):
        codec = desk.codec(name)
        words = desk.words(name)
        if isinstance(codec, Worded) and words:
            patch.update(desk.word(name, words[-1], record.fields))
    return patch


def _united(steps: Sequence[Patch]) -> Mapping[str, object]:
    """Return what all *steps* together say; elements of sets may be spread over several."""
    said: dict[str, object] = {}
    for step in steps:
        for name, want in step.items():
            had = said.get(name)
            if isinstance(want, Delta) and isinstance(had, Delta):
                said[name] = Delta(had.add | want.add, had.remove | want.remove)
            else:
                said[name] = want
    return said
