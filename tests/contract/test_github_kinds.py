"""Issue types as words of `kind`: written where they are, told of where they are not, dropped by nobody unseen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.github_bench import desk

pytestmark = pytest.mark.anyio

TABLES: dict[str, Any] = {
    "kind": {"epic": [{"type": "Epic"}], "bug": [{"type": "Bug"}], "story": [{"label": "story"}]},
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_words_of_kind_are_the_types_there_are() -> None:
    async with desk(TABLES, types=["Bug", "Task"]) as d:
        words = d.place.words["kind"]

    assert [word["type"] for word in words] == ["Bug", "Task", None]
    assert all("story" in word["label"] for word in words)  # type: ignore[operator]  # a list, as the line above shows


async def test_a_mapping_without_types_asks_for_none() -> None:
    async with desk(types=["Bug"]) as d:
        assert "kind" not in d.place.words
        assert "GET /repos/acme/web/issue-types" not in d.bench.asked()


async def test_types_are_asked_for_once_a_day() -> None:
    async with desk(TABLES, types=["Bug"]) as d:
        d.sandbox.wire.forget()
        again = d.bench.connector(TABLES)
        await again.open()

        assert d.bench.asked() == []
        await again.close()


async def test_a_user_has_no_types() -> None:
    async with desk(TABLES) as d:
        assert [word["type"] for word in d.place.words["kind"]] == [None]


async def test_check_tells_which_types_there_are() -> None:
    async with desk(TABLES, types=["Bug", "Task"]) as d:
        told = [p.message for p in await d.connector.check()]

    assert told == [
        'the issue type "Epic" is not there and never written (there are: Bug, Task)',
        "issue types without a word: Task; such issues are of the default kind (there are: Bug, Task)",
    ]


async def test_a_type_is_given_at_birth_changed_and_taken_off() -> None:
    async with desk(TABLES, types=["Bug", "Epic"]) as d:
        patch = {"type": "Epic"}
        receipt = await d.connector.create(d.draft("One", patch=patch))
        assert receipt.record is not None
        record = receipt.record
        shown = [record.fields["type"]]
        for word, others in (({"type": "Bug"}, [{"type": "Epic"}]), ({"label": "story"}, [{"type": "Bug"}])):
            receipts = await d.write(record, d.patch(record, kind=(word, others)))
            assert receipts[-1].record is not None
            record = receipts[-1].record
            shown.append(record.fields["type"])

    assert shown == ["Epic", "Bug", None]
    assert d.sandbox.show(record.key)["labels"] == ["story"]


async def test_a_type_that_was_dropped_shows_in_the_receipt() -> None:
    async with desk(TABLES, types=["Bug", "Epic"], push=False) as d:
        receipt = await d.connector.create(d.draft("One", type="Epic"))

    assert receipt.record is not None
    assert receipt.record.fields["type"] is None
