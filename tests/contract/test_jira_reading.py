"""What the Jira connector reads: listings, single records, comments, history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncer.errors import ProtocolError, RejectedError
from syncer.model import FIELDS, Address, Missing, Record, Ref, State
from syncer.sdk.sandbox import Fault
from tests.contract.jira_bench import START, address, desk, titles

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_full_listing_brings_every_issue_with_what_codecs_need() -> None:
    async with desk() as d:
        epic = d.sandbox.add("Checkout", kind="Epic")
        key = d.sandbox.add(
            "Pay by card",
            by="omar",
            body="See [the plan](https://example.org/plan)",
            kind="Story",
            status="In Progress",
            priority="High",
            labels=["web shop"],
            assignees=["mia"],
            due="2026-12-24",
            estimate=5,
            parent=epic,
        )

        records = await d.records()

    codecs: Any = d.place.codecs
    fields = records[key].fields
    assert codecs["title"].read(fields) == "Pay by card"
    assert "[the plan](https://example.org/plan)" in codecs["body"].read(fields)
    assert codecs["kind"].word(fields)["type"] == "Story"
    assert codecs["status"].word(fields) == {
        "status": "In Progress",
        "category": "indeterminate",
        "resolution": None,
    }
    assert codecs["priority"].word(fields) == {"priority": "High"}
    assert codecs["labels"].read(fields) == ["web_shop"]
    assert [a.email for a in codecs["assignees"].read(fields)] == ["mia@acme.example"]
    assert codecs["due"].read(fields) == "2026-12-24"
    assert codecs["estimate"].read(fields) == 5.0
    assert codecs["parent"].read(fields) == records[epic].ref.id
    author = records[key].author
    assert author is not None
    assert author.email == "omar@acme.example"
    assert not records[key].own


async def test_an_idle_poll_with_a_warm_catalogue_is_one_request() -> None:
    async with desk() as d:
        for number in range(30):
            d.sandbox.say(d.sandbox.add(f"Issue {number}"), "hello")
        cursor = await d.cursor()
        d.bench.clock.forward(hours=1)
        before = d.bench.meter.requests

        second = d.bench.connector()
        await second.open()
        pages = [page async for page in second.changes(cursor)]
        await second.close()

    assert d.bench.meter.requests - before == 1
    assert [page.cursor for page in pages] == [cursor]


async def test_a_short_page_is_not_the_end() -> None:
    async with desk(page_cap=2) as d:
        for number in range(5):
            d.sandbox.add(f"Issue {number}")

        pages = await d.pages()

    assert [len(p.records) for p in pages] == [2, 2, 1]
    assert [p.cursor is None for p in pages] == [True, True, False]


async def test_the_cursor_is_the_newest_stamp_seen_and_never_now() -> None:
    async with desk() as d:
        d.sandbox.add("Old")
        d.bench.clock.forward(days=3)

        cursor = await d.cursor()

    assert cursor is not None
    assert datetime.fromisoformat(json.loads(cursor)["updated"]) == START


async def test_an_empty_project_has_no_cursor_yet() -> None:
    async with desk() as d:
        pages = await d.pages()

    assert [(list(p.records), p.cursor) for p in pages] == [([], None)]


async def test_only_what_changed_since_the_cursor_comes_again() -> None:
    async with desk() as d:
        d.sandbox.add("Untouched")
        d.bench.clock.forward(hours=1)
        edited = d.sandbox.add("Edited")
        cursor = await d.cursor()
        d.bench.clock.forward(hours=2)

        d.sandbox.edit(edited, title="Edited again")

        assert titles((await d.records(cursor)).values()) == ["Edited again"]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "UTC", None])
async def test_no_change_is_lost_to_the_zone_of_the_account(zone: str | None) -> None:
    async with desk(account_zone=zone, zone="America/Los_Angeles") as d:
        d.sandbox.add("First")
        cursor = await d.cursor()
        d.bench.clock.forward(seconds=20)

        d.sandbox.add("Second")

        assert "Second" in titles((await d.records(cursor)).values())


@pytest.mark.parametrize("minutes", range(0, 180, 15))
async def test_no_change_is_lost_in_the_hour_that_autumn_repeats(minutes: int) -> None:
    async with desk(account_zone="America/New_York") as d:
        d.bench.clock.now = datetime(2026, 11, 1, 4, 30, tzinfo=UTC) + timedelta(minutes=minutes)
        d.sandbox.add("First")
        cursor = await d.cursor()
        d.bench.clock.forward(seconds=1)

        d.sandbox.add("Second")

        assert "Second" in titles((await d.records(cursor)).values())


async def test_what_the_index_showed_late_is_found_by_the_overlap() -> None:
    async with desk(search_lag=60) as d:
        late = d.sandbox.add("Indexed late")
        d.bench.clock.forward(seconds=30)
        d.sandbox.add("Indexed later")
        d.bench.clock.forward(seconds=45)
        cursor = await d.cursor()
        assert cursor is not None

        d.bench.clock.forward(seconds=45)

        assert set(titles((await d.records(cursor)).values())) == {"Indexed late", "Indexed later"}
        assert late in await d.records(cursor)


async def test_stamps_of_the_site_s_zone_become_utc() -> None:
    async with desk(zone="Australia/Adelaide") as d:
        d.sandbox.add("Down under")

        (record,) = (await d.records()).values()

    assert record.created == START
    assert record.created.utcoffset() == timedelta(0)


async def test_a_filter_marks_the_records_that_meet_it() -> None:
    async with desk(options={"filter": "labels = roadmap"}) as d:
        inside = d.sandbox.add("On the roadmap", labels=["roadmap"])
        outside = d.sandbox.add("Not on it", labels=["chore"])

        records = await d.records()

    assert records[inside].fields["@in_filter"] is True
    assert records[outside].fields["@in_filter"] is False


async def test_without_a_filter_nothing_is_marked() -> None:
    async with desk() as d:
        key = d.sandbox.add("Plain")

        assert "@in_filter" not in (await d.record(key)).fields


async def test_a_filter_that_jira_does_not_understand_is_refused_in_its_words() -> None:
    async with desk(options={"filter": "colour = red"}) as d:
        with pytest.raises(RejectedError, match="colour"):
            await d.pages()


async def test_comments_come_with_the_listing_and_restricted_ones_never() -> None:
    async with desk() as d:
        key = d.sandbox.add("Talked about")
        d.sandbox.say(key, "Open to all", by="omar")
        d.sandbox.say(key, "For administrators", restricted=True)

        comments = await d.comments()

    assert [(c.body.strip(), c.author.email, c.own, c.marker) for c in comments] == [
        ("Open to all", "omar@acme.example", False, None)
    ]
    assert comments[0].url.endswith(f"/browse/{key}?focusedCommentId={comments[0].ref.id}")


async def test_more_comments_than_an_issue_carries_are_read_to_the_end() -> None:
    async with desk() as d:
        key = d.sandbox.add("Hotly debated")
        for number in range(130):
            d.sandbox.say(key, f"Argument {number}")
        quiet = d.sandbox.add("Quiet")
        d.sandbox.say(quiet, "Fine")

        comments = await d.comments()

    assert len(comments) == 131
    assert len({c.ref for c in comments}) == 131
    assert len(d.bench.asked("GET", "/comment")) == 2


async def test_a_cursor_that_is_not_ours_is_refused() -> None:
    async with desk() as d:
        with pytest.raises(ProtocolError, match="cursor"):
            await d.pages("yesterday")


# -- by id -----------------------------------------------------------------------------------------


async def test_hundreds_of_records_are_read_in_hundreds() -> None:
    async with desk() as d:
        for number in range(205):
            d.sandbox.add(f"Issue {number}")
        records = (await d.records()).values()
        d.sandbox.wire.forget()

        answers = await d.connector.get([address(r) for r in records])

    assert all(isinstance(a, Record) for a in answers.values())
    assert len(answers) == 205
    assert d.bench.asked() == ["POST /rest/api/3/issue/bulkfetch"] * 3


async def test_a_deleted_issue_is_gone_where_the_rest_is_readable() -> None:
    async with desk() as d:
        kept, lost = d.sandbox.add("Kept"), d.sandbox.add("Deleted")
        records = await d.records()
        d.sandbox.remove(lost)

        answers = await d.connector.get([address(records[kept]), address(records[lost])])

    assert isinstance(answers[records[kept].ref], Record)
    assert answers[records[lost].ref] == Missing(records[lost].ref, State.GONE)


async def test_without_access_to_the_project_nothing_is_gone() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Still there"))
        d.sandbox.set_readable(readable=False)

        answers = await d.connector.get([address(record)])

    assert answers == {record.ref: Missing(record.ref, State.UNREACHABLE)}


async def test_an_issue_moved_to_another_project_is_moved_and_says_where() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Wanderer"))
        key = d.sandbox.move(record.key)

        answers = await d.connector.get([address(record)])

    answer = answers[record.ref]
    assert isinstance(answer, Missing)
    assert answer.state is State.MOVED
    assert answer.to is not None
    assert answer.to.endswith(f"/browse/{key}")


async def test_a_read_by_id_does_not_wait_for_the_index() -> None:
    async with desk(search_lag=600) as d:
        key = d.sandbox.add("Too new to be found")
        ref = Ref("jira", "issue", str(d.sandbox.site.keys[key]))

        assert await d.pages() == await d.pages()
        answers = await d.connector.get([Address(ref, key)])

    assert isinstance(answers[ref], Record)


# -- history ---------------------------------------------------------------------------------------


async def test_history_says_when_and_by_whom_each_field_last_changed() -> None:
    async with desk() as d:
        epic = d.sandbox.add("Epic", kind="Epic")
        key = d.sandbox.add("Watched")
        d.bench.clock.forward(minutes=1)
        d.sandbox.edit(key, by="jane", title="Once", labels=["a"], estimate=2, parent=epic)
        d.bench.clock.forward(minutes=1)
        d.sandbox.edit(key, by="omar", title="Twice", status="Done")

        edits = await d.connector.history(address(await d.record(key)), frozenset(FIELDS))

    assert {name: edit.who for name, edit in edits.items()} == {
        "title": "Omar Haddad",
        "status": "Omar Haddad",
        "labels": "Jane Doe",
        "estimate": "Jane Doe",
        "parent": "Jane Doe",
    }
    assert edits["title"].at == START + timedelta(minutes=2)
    assert edits["labels"].at == START + timedelta(minutes=1)


async def test_history_answers_only_what_was_asked() -> None:
    async with desk() as d:
        key = d.sandbox.add("Watched")
        d.sandbox.edit(key, title="New", due="2026-12-01")

        edits = await d.connector.history(address(await d.record(key)), frozenset({"due"}))

    assert set(edits) == {"due"}


async def test_a_long_history_is_read_to_its_end() -> None:
    async with desk() as d:
        key = d.sandbox.add("Restless")
        for number in range(150):
            d.bench.clock.forward(seconds=1)
            d.sandbox.edit(key, title=f"Title {number}")

        edits = await d.connector.history(address(await d.record(key)), frozenset({"title"}))

    assert edits["title"].at == START + timedelta(seconds=150)


async def test_a_listing_cut_short_by_a_failure_is_asked_again_and_complete() -> None:
    async with desk(page_cap=2) as d:
        for number in range(5):
            d.sandbox.add(f"Issue {number}")
        d.sandbox.wire.faults.append(Fault("before", path=".*/search/jql", skip=1))

        assert len(await d.records()) == 5
        d.sandbox.wire.calls[:] = [c for c in d.sandbox.wire.calls if c.status < 500]
