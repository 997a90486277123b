"""What the Jira connector writes: creates, edits, transitions, comments; and what it never does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncer.errors import (
    CredentialsError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    StaleError,
    UnavailableError,
    UnwritableError,
)
from syncer.model import Address, Delta, Draft, Record
from syncer.sdk.sandbox import Fault
from tests.contract.jira_bench import START, address, desk

pytestmark = pytest.mark.anyio

PANEL = {
    "version": 1,
    "type": "doc",
    "content": [{"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "1", "type": "file"}}]}],
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# -- create and find -------------------------------------------------------------------------------


async def test_a_created_issue_carries_its_marker_from_the_first_moment() -> None:
    async with desk() as d:
        receipt = await d.connector.create(d.draft("Made", "L1.abc", "Story", labels=Delta(frozenset({"a"}))))

        record = await d.record(receipt.key)

    assert record.ref == receipt.ref
    assert (record.marker, record.own) == ("L1.abc", True)
    assert record.fields["labels"] == ["a"]
    assert len(d.sandbox.wire.writes()) == 1


async def test_a_create_says_everything_it_can_at_once() -> None:
    async with desk() as d:
        epic = await d.record(d.sandbox.add("Epic", kind="Epic"))
        blank = Record(epic.ref, "", "", START, START, {})
        patch = d.patch(
            blank,
            title="Everything",
            body="Said at once",
            kind="Story",
            priority="High",
            labels=({"web shop"}, ()),
            assignees=({d.sandbox.people["omar"]}, ()),
            due="2026-12-24",
            estimate=8.0,
            parent=epic.ref.id,
        )

        receipt = await d.connector.create(Draft("issue", patch, "L1.a", "id"))

    shown = d.sandbox.show(receipt.key)
    shown["body"] = shown["body"].strip()
    assert (
        shown.items()
        >= {
            "title": "Everything",
            "body": "Said at once",
            "kind": "Story",
            "priority": "High",
            "labels": ["web_shop"],
            "assignees": ["omar"],
            "due": "2026-12-24",
            "estimate": 8.0,
            "parent": epic.key,
        }.items()
    )


async def test_a_lost_create_is_found_by_its_marker_once_the_index_shows_it() -> None:
    async with desk(search_lag=30) as d:
        draft = d.draft("Lost answer", "L7.f00")
        since = d.bench.clock()
        d.sandbox.wire.faults.append(Fault("after", method="POST", path=".*/issue"))
        with pytest.raises(UnavailableError) as lost:
            await d.connector.create(draft)
        early = await d.connector.find(draft, since)
        d.bench.clock.forward(seconds=60)

        late = await d.connector.find(draft, since)
        other = await d.connector.find(d.draft("Lost answer", "L8.f00"), since)

    assert lost.value.sent
    assert early is None
    assert late is not None
    assert late.marker == "L7.f00"
    assert other is None
    assert len(d.sandbox.keys()) == 1


async def test_a_create_is_never_sent_twice_by_itself() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("after", method="POST", path=".*/issue", times=9))

        with pytest.raises(UnavailableError):
            await d.connector.create(d.draft("Once"))

        assert len(d.sandbox.keys()) == 1


async def test_a_create_refused_for_being_too_often_is_sent_again() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("limit", method="POST", path=".*/issue", times=2))

        receipt = await d.connector.create(d.draft("Patient"))

    assert d.sandbox.keys() == [receipt.key]
    assert len(d.bench.slept) == 2
    assert d.bench.meter.waits[0][1] == "rate limited (jira-burst-based)"


async def test_a_refused_create_says_which_field_and_why() -> None:
    async with desk() as d:
        with pytest.raises(RejectedError, match=r"assignee.*does not exist"):
            await d.connector.create(d.draft("Unknown person", assignee={"accountId": "nobody"}))

        assert d.sandbox.keys() == []


async def test_an_answer_that_is_no_json_leaves_a_create_open_to_doubt() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("garbage", method="POST", path=".*/issue"))

        with pytest.raises(ProtocolError, match="not JSON"):
            await d.connector.create(d.draft("Behind a proxy"))

        assert len(d.sandbox.keys()) == 1


# -- edit ------------------------------------------------------------------------------------------


async def test_an_edit_sends_only_what_changes_and_sees_what_it_made() -> None:
    async with desk() as d:
        key = d.sandbox.add("Before", body="Text", labels=["keep", "old"], due="2026-12-01")
        record = await d.record(key)

        (receipt,) = await d.write(record, d.patch(record, title="After", labels=({"new"}, {"old"})))

    (call,) = d.sandbox.wire.writes()
    assert call.json() == {
        "fields": {"summary": "After"},
        "update": {"labels": [{"add": "new"}, {"remove": "old"}]},
    }
    assert receipt.record is not None
    assert receipt.record.fields["summary"] == "After"
    assert receipt.record.fields["labels"] == ["keep", "new"]


async def test_a_label_a_person_added_meanwhile_stays() -> None:
    async with desk() as d:
        key = d.sandbox.add("Shared", labels=["a"])
        record = await d.record(key)
        d.sandbox.edit(key, labels=["a", "theirs"])

        await d.write(record, d.patch(record, labels=({"ours"}, ())))

    assert d.sandbox.show(key)["labels"] == ["a", "ours", "theirs"]


async def test_clearing_means_empty_for_each_field_that_can_be() -> None:
    async with desk() as d:
        epic = d.sandbox.add("Epic", kind="Epic")
        key = d.sandbox.add("Full", body="Text", assignees=["jane"], due="2026-12-01", estimate=3, parent=epic)
        record = await d.record(key)
        jane = d.sandbox.people["jane"]
        patch = d.patch(record, body=None, assignees=((), {jane}), due=None, estimate=None, parent=None)

        await d.write(record, patch)

    empty: dict[str, Any] = {"body": None, "assignees": [], "due": None, "estimate": None, "parent": None}
    assert d.sandbox.show(key).items() >= empty.items()


async def test_an_answer_without_a_body_is_a_receipt_without_a_record() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Silent"))

        receipts = await d.write(record, d.patch(record, status="In Progress"))

    assert [(r.ref, r.record) for r in receipts] == [(record.ref, None)]


async def test_a_description_that_markdown_cannot_say_is_read_and_never_overwritten() -> None:
    async with desk() as d:
        key = d.sandbox.add("With a file")
        d.sandbox.draw(key, PANEL)
        record = await d.record(key)

        with pytest.raises(UnwritableError):
            d.patch(record, body="Overwritten")


async def test_an_edit_of_a_missing_issue_is_not_found() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Deleted"))
        d.sandbox.remove(record.key)

        with pytest.raises(RejectedError) as error:
            await d.write(record, d.patch(record, title="Too late"))

    assert error.value.status == 404
    assert error.value.connection == "jira"


async def test_a_refused_write_has_the_place_looked_at_again_next_time() -> None:
    async with desk() as d:
        with pytest.raises(RejectedError):
            await d.connector.create(d.draft("Bad", priority={"id": "99"}))
        d.sandbox.wire.forget()

        await d.bench.connector().open()

    assert "GET /rest/api/3/project/ROAD/statuses" in d.bench.asked()
    assert "GET /rest/api/3/myself" not in d.bench.asked()


# -- status ----------------------------------------------------------------------------------------


async def test_a_status_is_reached_by_the_transition_that_leads_there() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("On its way"))

        await d.write(record, d.patch(record, title="Moved", status="In Progress"))

    assert d.sandbox.show(record.key).items() >= {"title": "Moved", "status": "In Progress"}.items()
    assert [c.method for c in d.sandbox.wire.writes()] == ["PUT", "POST"]


async def test_the_fields_come_before_the_status_in_steps_of_one_effect() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Both"))
        patch = d.patch(record, status="Done", title="New", due="2026-12-01")

        steps = d.connector.steps(patch)

    assert [set(step) for step in steps] == [{"summary", "duedate"}, {"status"}]


async def test_a_second_move_of_the_same_kind_needs_one_request() -> None:
    async with desk() as d:
        first, second = d.sandbox.add("First"), d.sandbox.add("Second")
        records = await d.records()
        await d.write(records[first], d.patch(records[first], status="In Progress"))
        d.sandbox.wire.forget()

        await d.write(records[second], d.patch(records[second], status="In Progress"))

    assert len(d.sandbox.wire.calls) == 1
    assert d.sandbox.show(second)["status"] == "In Progress"


async def test_a_remembered_transition_that_is_refused_is_looked_up_again() -> None:
    async with desk() as d:
        first, second = d.sandbox.add("First"), d.sandbox.add("Second")
        records = await d.records()
        await d.write(records[first], d.patch(records[first], status="In Progress"))
        d.sandbox.edit(second, status="In Review")

        await d.write(records[second], d.patch(records[second], status="In Progress"))

    assert d.sandbox.show(second)["status"] == "In Progress"


async def test_without_a_transition_the_error_says_where_one_can_go() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Stuck"))

        with pytest.raises(RejectedError, match=r'"In Review".*Done, In Progress'):
            await d.write(record, d.patch(record, status="In Review"))

    assert d.sandbox.show(record.key)["status"] == "To Do"


async def test_a_status_a_person_set_meanwhile_makes_the_move_stale() -> None:
    async with desk(edges={"To Do": ["In Progress"], "In Progress": ["Done"]}) as d:
        record = await d.record(d.sandbox.add("Raced"))
        d.sandbox.edit(record.key, status="Done")

        with pytest.raises(StaleError):
            await d.write(record, d.patch(record, status="In Progress"))


async def test_a_status_a_person_already_set_needs_no_move() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Done twice"))
        d.sandbox.edit(record.key, status="In Review")

        await d.write(record, d.patch(record, status="In Review"))

    assert d.sandbox.wire.writes() == []


async def test_a_category_alone_picks_a_status_of_it() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Close it"))

        await d.write(record, d.patch(record, status={"category": "done"}))

    assert d.sandbox.show(record.key)["status"] == "Done"


async def test_a_resolution_travels_with_the_transition_that_shows_it() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Not now"))

        await d.write(record, d.patch(record, status={"status": "Done", "resolution": "Won't Do"}))

    assert d.sandbox.show(record.key).items() >= {"status": "Done", "resolution": "Won't Do"}.items()


async def test_a_resolution_no_screen_shows_is_refused_before_anything_moves() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Odd mapping"))

        with pytest.raises(RejectedError, match="no resolution on its screen"):
            await d.write(record, d.patch(record, status={"status": "In Progress", "resolution": "Duplicate"}))

    assert d.sandbox.wire.writes() == []


async def test_a_status_with_a_resolution_is_offered_only_where_the_mapping_asks_for_it() -> None:
    table = {"status": {"canceled": [{"status": "done", "resolution": "Won't Do"}], "done": "Done"}}
    async with desk(tables=table) as d:
        offered = list(d.place.words["status"])

    assert {"status": "Done", "category": "done", "resolution": "Won't Do"} in offered
    assert len(offered) == 5


# -- comments --------------------------------------------------------------------------------------

BODY = "**Jane** on [web#7](https://example.org/web/7?tab=1#note):\n\nLooks good."


async def test_a_comment_is_written_once_and_read_back_without_its_marker() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))

        written = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        (read,) = await d.comments()

    assert (read.marker, read.own) == ("C1.ab", True)
    assert read.ref == written.ref
    assert "syncer=" not in read.body
    assert "https://example.org/web/7?tab=1#note" in read.body
    assert "?tab=1&syncer=C1.ab#note" in d.sandbox.wire.writes()[0].body.decode()


async def test_a_comment_without_a_link_still_carries_its_marker_and_reads_as_written() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        plain = await d.connector.comment(address(record), "No link here", "C2.ab", "id")

        (read,) = await d.comments()

    assert (read.marker, read.body.strip()) == ("C2.ab", "No link here")
    assert plain.body == read.body


async def test_a_comment_whose_answer_was_lost_is_found_by_its_marker() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        for number in range(120):
            d.sandbox.say(record.key, f"Noise {number}")
        since = d.bench.clock()
        d.sandbox.wire.faults.append(Fault("after", method="POST", path=".*/comment"))
        with pytest.raises(UnavailableError):
            await d.connector.comment(address(record), BODY, "C3.ab", "id")

        found = await d.connector.find_comment(address(record), "C3.ab", "id", since)
        other = await d.connector.find_comment(address(record), "C4.ab", "id", since)

    assert found is not None
    assert found.marker == "C3.ab"
    assert other is None


async def test_a_marker_a_person_copied_is_not_our_comment() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Quoted"))
        d.sandbox.say(record.key, "As [said](https://example.org/?syncer=C5.ab)")

        found = await d.connector.find_comment(address(record), "C5.ab", "id", START - timedelta(hours=1))

    assert found is None


# -- limits and credentials ------------------------------------------------------------------------


async def test_too_many_writes_to_one_issue_are_waited_out() -> None:
    async with desk(per_issue=2) as d:
        record = await d.record(d.sandbox.add("Busy"))

        for number in range(4):
            await d.write(record, d.patch(record, title=f"Title {number}"))

    assert d.sandbox.show(record.key)["title"] == "Title 3"
    assert [reason for _, reason in d.bench.meter.waits] == ["rate limited (jira-per-issue-on-write)"]


async def test_a_limit_that_does_not_lift_leaves_the_write_undone_and_says_so() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Limited"))
        d.sandbox.wire.faults.append(Fault("limit", method="PUT", times=99))

        with pytest.raises(RateLimitedError) as error:
            await d.write(record, d.patch(record, title="Never"))

    assert not error.value.sent
    assert d.sandbox.show(record.key)["title"] == "Limited"


async def test_a_wrong_token_says_what_to_look_at() -> None:
    async with desk() as d:
        stranger = d.bench.connector(token="something-else")
        d.bench.catalogue.held.clear()

        with pytest.raises(CredentialsError, match="expired") as error:
            await stranger.open()

    assert "ex/jira" in error.value.message
    assert error.value.connection == "jira"


async def test_a_project_that_is_not_there_is_not_found() -> None:
    async with desk() as d:
        with pytest.raises(RejectedError) as error:
            await d.bench.connector(project="NOPE").open()

    assert error.value.status == 404


# -- check -----------------------------------------------------------------------------------------


async def test_a_healthy_connection_has_no_problems() -> None:
    async with desk() as d:
        assert list(await d.connector.check()) == []


async def test_check_names_the_permissions_that_are_missing() -> None:
    async with desk() as d:
        d.sandbox.rest.denied.add("TRANSITION_ISSUES")

        problems = await d.connector.check()

    assert [(p.level, p.connection) for p in problems] == [("warning", "jira")]
    assert "TRANSITION_ISSUES" in str(problems[0].fix)


async def test_check_warns_of_a_hidden_time_zone() -> None:
    async with desk(account_zone=None) as d:
        problems = await d.connector.check()

    assert [p.message for p in problems if "time zone" in p.message]


async def test_hidden_e_mails_are_no_error() -> None:
    async with desk(emails=False) as d:
        key = d.sandbox.add("Private people", assignees=["omar"])
        codec: Any = d.place.codecs["assignees"]

        (person,) = codec.read((await d.record(key)).fields)

    assert (person.id, person.email) == (d.sandbox.people["omar"], None)
    assert {a.email for a in d.place.accounts} == {None}


async def test_an_address_may_hold_an_old_key_for_the_id_counts() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Renamed"))

        await d.connector.update(Address(record.ref, "OLD-1"), {"summary": "By id"}, record.fields)

    assert d.sandbox.show(record.key)["title"] == "By id"
