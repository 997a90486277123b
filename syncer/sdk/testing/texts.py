"""Claims about what people write: any script, any sign, any length."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

from typing import ClassVar

import pytest

from syncer.errors import RejectedError, UnwritableError
from syncer.model import client_id, fold
from syncer.sdk.testing.desk import address, at_work, is_marked
from syncer.sdk.testing.subject import Subject

LINES = {
    "letters": "Größe, Ærø, ñandú, Żółć",
    "scripts": "日本語と한국어, עברית, العربية, हिन्दी, Ελληνικά",
    "emoji": "Ship it 🚀 👩‍👩‍👧 🇪🇺 ❤️",
    "quotes": 'It\'s "quoted", \\back\\ and `ticked`',
    "markup": "a < b > c & d <b>no markup</b> &amp; [x](y) *z*",
    "query": "x' OR 1=1 -- AND {project} $1 %s",
}
"""Each on one line, in NFC and without spaces at its ends, as trackers trim those."""
PASSAGES = {
    "letters": "Größe, Ærø, ñandú, Żółć.",
    "scripts": "日本語と한국어, עברית, العربية.",
    "emoji": "Ship it 🚀 👩‍👩‍👧 🇪🇺",
    "code": "Run:\n\n```python\nif a < b & c:\n    print('`x`', \"\\n\")\n```\n\nDone.",
    "lists": "1. one\n2. two\n   - a\n   - b\n3. three",
    "headings": "# Goal\n\nText.\n\n## Scope\n\nMore _stressed_ and ~~struck~~ text.",
    "quote": "> quoted\n\nand answered",
    "signs": "2 * 3, a_b_c, \\*x\\*, 5 < 6 & 7 > 3",
}
LONG_TITLE = "Very long " * 200
LONG_BODY = "A paragraph of some length, as people write them.\n\n" * 8_000
LONGEST = 100
"""Characters that every tracker's title takes."""


class Texts:
    """What is written comes back as it was written, or is refused; it is never quietly spoilt.

    A text that comes back different is an edit to the engine: it travels to the other trackers, and back.
    """

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.mark.parametrize("title", LINES.values(), ids=LINES)
    async def test_a_title_in_any_script_is_read_as_it_was_written(self, subject: Subject, title: str) -> None:
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Old"))

            await desk.send(record, desk.write("title", title, record.fields))

            assert desk.read("title", (await desk.again(record)).fields) == title

    @pytest.mark.parametrize("title", LINES.values(), ids=LINES)
    async def test_a_persons_title_in_any_script_is_listed_as_written(self, subject: Subject, title: str) -> None:
        key = subject.add(title)
        async with at_work(subject) as desk:
            assert desk.read("title", (await desk.record(key)).fields) == title

    @pytest.mark.parametrize("body", PASSAGES.values(), ids=PASSAGES)
    async def test_a_text_is_read_as_it_was_written(self, subject: Subject, body: str) -> None:
        """The passages are in canonical form (`syncer.text.canonical`), as the program sends them."""
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Told"))

            await desk.send(record, desk.write("body", body, record.fields))

            assert desk.read("body", (await desk.again(record)).fields) == body

    async def test_a_text_read_and_written_back_stays_as_it_is(self, subject: Subject) -> None:
        """A converter may lose something once; it must not go on losing."""
        whole = "\n\n".join(
            [*PASSAGES.values(), "- [ ] to do\n- [x] done", "| a | b |\n| --- | --- |\n| 1 | 2 |", "---"]
        )
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Told"))
            await desk.send(record, desk.write("body", whole, record.fields))
            once = await desk.again(record)
            read = desk.read("body", once.fields)
            assert isinstance(read, str)

            await desk.send(once, desk.write("body", read, once.fields))

            assert desk.read("body", (await desk.again(record)).fields) == read

    async def test_a_comment_in_any_script_is_read_as_it_was_written(self, subject: Subject) -> None:
        key = subject.add("Spoken of")
        async with at_work(subject) as desk:
            at = address(await desk.record(key))
            for n, passage in enumerate(PASSAGES.values()):
                marker = f"Ltext{n}.0123456789abcdef01234567"
                written = await desk.connector.comment(at, passage, marker, client_id(marker))

                assert (await desk.said(at))[written.ref.id].body == passage

    async def test_labels_keep_their_name_however_the_tracker_spells_them(self, subject: Subject) -> None:
        """`syncer.model.fold` says which spellings are one label; a label must not fold into another."""
        names = ["Good first issue", "größe", "日本", "c++", "area/api"]
        async with at_work(subject) as desk:
            if not desk.has("labels"):
                pytest.skip("no labels here")
            record = await desk.record(subject.add("Labelled"))

            await desk.send(record, desk.label(names, [], record.fields))

            after = await desk.again(record)
            read = desk.read("labels", after.fields)
            assert isinstance(read, frozenset)
            assert {fold(name) for name in read} == {fold(name) for name in names}
            await desk.send(after, desk.label([], names, after.fields))
            assert desk.read("labels", (await desk.again(record)).fields) == frozenset()

    async def test_our_record_keeps_its_marker_whatever_we_write(self, subject: Subject) -> None:
        """Where the marker is part of a text, a new text must carry it on: without it a lost database makes
        duplicates."""
        async with at_work(subject) as desk:
            since = subject.clock()
            receipt = await desk.connector.create(desk.draft("Ours"))
            record = await desk.record(receipt.key)
            for body in (*PASSAGES.values(), None):
                await desk.send(record, desk.write("body", body, record.fields))

                record = await desk.again(record)
                assert is_marked(record)
                assert desk.read("body", record.fields) == body

            found = await desk.connector.find(desk.draft("Ours"), since)
            assert found is not None
            assert found.ref == receipt.ref

    @pytest.mark.parametrize(("name", "text"), [("title", LONG_TITLE), ("body", LONG_BODY)], ids=["title", "body"])
    async def test_a_text_longer_than_the_tracker_takes_is_cut_or_refused(
        self, subject: Subject, name: str, text: str
    ) -> None:
        """Refused as what never passes, so that it is parked; an error that says "later" would be sent for ever."""
        async with at_work(subject) as desk:
            record = await desk.record(subject.add("Short"))
            try:
                await desk.send(record, desk.write(name, text, record.fields))
            except (RejectedError, UnwritableError):
                assert (await desk.again(record)).fields == record.fields
                return

            read = desk.read(name, (await desk.again(record)).fields)
            assert isinstance(read, str)
            assert read[:LONGEST] == text[:LONGEST]
