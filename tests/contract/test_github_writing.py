"""What the GitHub connector writes: creates, edits, closings, labels, comments; and what it never does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncer.errors import (
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from syncer.model import Address, Delta, Record
from syncer.sdk.sandbox import Fault
from tests.contract.github_bench import START, address, desk

pytestmark = pytest.mark.anyio

STARTED = {"state": "open", "label": "in progress"}
DONE = {"state": "closed", "reason": "completed"}
CANCELED = {"state": "closed", "reason": "not_planned"}
PLANNED = {"state": "open"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# -- create and find -----------------------------------------------------------------------------


async def test_a_created_issue_carries_its_marker_from_the_first_moment() -> None:
    async with desk() as d:
        receipt = await d.connector.create(d.draft("Made", "L1.abc", body="Text"))

        record = await d.record(receipt.key)

    assert receipt.record == record
    assert (record.marker, record.own) == ("L1.abc", True)
    assert d.place.codecs["body"].read(record.fields) == "Text"  # type: ignore[union-attr]  # a Plain codec, as the place says
    assert len(d.sandbox.wire.writes()) == 1


async def test_a_create_says_all_it_can_in_one_request() -> None:
    async with desk(types=["Bug"]) as d:
        blank = Record((await d.record(d.sandbox.add("x"))).ref, "", "", START, START, {})
        patch = d.patch(
            blank,
            body="Said at once",
            status=(STARTED, [PLANNED, DONE]),
            kind={"type": "Bug"},
            labels=({"alpha"}, set()),
            assignees=({"jane-doe"}, set()),
        )
        receipt = await d.connector.create(d.draft("Everything", patch=patch))
        shown = d.sandbox.show(receipt.key)

    assert len(d.sandbox.wire.writes()) == 1
    assert (shown["labels"], shown["assignees"], shown["kind"]) == (["alpha", "in progress"], ["jane"], "Bug")


async def test_a_closed_status_does_not_stop_a_create_and_shows_as_missing() -> None:
    async with desk() as d:
        receipt = await d.connector.create(d.draft("One", state="closed", state_reason="completed"))

    assert receipt.record is not None
    assert receipt.record.fields["state"] == "open"


async def test_a_create_whose_answer_was_lost_is_found_by_its_marker() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("after", writes_only=True))
        draft = d.draft("Made", "L1.abc")
        began = d.bench.clock()
        with pytest.raises(UnavailableError) as caught:
            await d.connector.create(draft)
        d.bench.clock.forward(minutes=3)

        found = await d.connector.find(draft, began)

    assert caught.value.sent
    assert len(d.sandbox.wire.writes()) == 1
    assert found is not None
    assert found.fields["title"] == "Made"


async def test_an_answer_that_is_no_json_is_ambiguous_too() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("garbage", writes_only=True))

        with pytest.raises(ProtocolError):
            await d.connector.create(d.draft("Made"))

    assert len(d.sandbox.wire.writes()) == 1


async def test_a_create_that_never_arrived_is_not_found() -> None:
    async with desk() as d:
        d.sandbox.add("Another", body="<!-- syncer:L1.abc -->")
        await d.connector.create(d.draft("Another of ours", "L2.abc"))

        assert await d.connector.find(d.draft("Made", "L1.abc"), d.bench.clock()) is None


async def test_the_search_for_a_create_ends_at_the_attempt() -> None:
    async with desk() as d:
        for number in range(150):
            d.bench.clock.forward(minutes=-1)
            d.sandbox.world.new_issue(d.sandbox.world.repo, f"Old {number}", None, "syncer-bot")
        d.bench.clock.forward(minutes=150)
        d.sandbox.wire.forget()

        assert await d.connector.find(d.draft("Made"), d.bench.clock()) is None
        assert len(d.sandbox.wire.calls) == 1


async def test_a_create_refused_for_its_rate_is_sent_again() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("limit", writes_only=True))

        await d.connector.create(d.draft("Made"))

        assert [d.sandbox.show(k)["title"] for k in list(d.sandbox.keys())] == ["Made"]


# -- edits ---------------------------------------------------------------------------------------


async def test_title_body_and_state_go_in_one_request() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Old", body="Text"))
        patch = d.patch(record, title="New", body="Other", status=(DONE, [PLANNED, CANCELED]))

        [receipt] = await d.write(record, patch)

    assert receipt.record is not None
    assert {n: receipt.record.fields[n] for n in ("title", "body", "state", "state_reason")} == {
        "title": "New",
        "body": "Other",
        "state": "closed",
        "state_reason": "completed",
    }


async def test_a_closed_issue_gets_another_reason_by_way_of_opening() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", status="closed"))

        receipts = await d.write(record, d.patch(record, status=(CANCELED, [PLANNED, DONE])))

    assert len(receipts) == 2
    assert d.sandbox.show(record.key)["status"] == "not_planned"


async def test_a_status_label_comes_on_and_the_other_status_labels_go_off() -> None:
    review = {"state": "open", "label": "review"}
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", labels=["Review", "keep"]))

        await d.write(record, d.patch(record, status=(STARTED, [PLANNED, review, DONE])))

    assert d.sandbox.show(record.key)["labels"] == ["in progress", "keep"]


async def test_labels_are_added_and_removed_one_by_one_so_that_others_edits_stay() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", labels=["a/b c", "keep"]))
        d.sandbox.edit(record.key, labels=["a/b c", "keep", "a person's"])

        receipts = await d.write(record, d.patch(record, labels=({"new"}, {"a/b c"})))

    assert d.sandbox.show(record.key)["labels"] == ["a person's", "keep", "new"]
    assert receipts[-1].record is not None
    assert receipts[-1].record.fields["labels"] == ["a person's", "keep", "new"]
    assert d.bench.asked()[-2:] == [
        "POST /repos/acme/web/issues/2/labels",
        "DELETE /repos/acme/web/issues/2/labels/a/b c",
    ]


async def test_a_label_is_spelled_as_the_repository_spells_it() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        await d.write(record, d.patch(record, labels=({"Good_First_Issue"}, set())))

    assert d.sandbox.show(record.key)["labels"] == ["good first issue"]


async def test_a_label_already_taken_off_is_no_failure() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", labels=["old", "keep"]))
        d.sandbox.edit(record.key, labels=["keep"])

        [receipt] = await d.write(record, d.patch(record, labels=(set(), {"old"})))

    assert receipt.record is not None
    assert receipt.record.fields["labels"] == ["keep"]


async def test_a_label_write_to_an_unknown_copy_is_read_back() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        other = d.bench.connector()
        await other.open()

        receipt = await other.update(address(record), {"labels": Delta(add=frozenset({"new"}))}, record.fields)

        assert receipt.record is not None
        assert (receipt.record.fields["labels"], receipt.record.updated) == (
            ["new"],
            (await d.record(record.key)).updated,
        )
        await other.close()


async def test_people_are_assigned_and_taken_off_in_one_request_each() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", assignees=["jane"]))

        receipts = await d.write(record, d.patch(record, assignees=({"omarh", "mia-chen"}, {"jane-doe"})))

    assert len(receipts) == 2
    assert d.sandbox.show(record.key)["assignees"] == ["mia", "omar"]


async def test_without_push_access_the_receipt_shows_what_was_dropped() -> None:
    async with desk(push=False) as d:
        receipt = await d.connector.create(
            d.draft("One", labels=Delta(frozenset({"new"})), assignees=Delta(frozenset({"jane-doe"})))
        )
        assert receipt.record is not None

        [labelled] = await d.write(receipt.record, {"labels": Delta(frozenset({"new"}))})

    assert labelled.record is not None
    assert (receipt.record.fields["assignees"], labelled.record.fields["labels"]) == ([], [])


async def test_the_marker_survives_an_edit_of_the_body() -> None:
    async with desk() as d:
        record = (await d.connector.create(d.draft("One", "L1.abc", body="Old"))).record
        assert record is not None

        [receipt] = await d.write(record, d.patch(record, body="New"))

    assert receipt.record is not None
    assert receipt.record.marker == "L1.abc"
    assert d.read(receipt.record, "body") == "New"


async def test_nobody_is_pinged_by_a_mirrored_text_but_whoever_was_named_there_stays_named() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", body="cc @mia-chen"))

        await d.write(record, d.patch(record, body="cc @mia-chen, @stranger, see #12"))

    body = d.sandbox.show(record.key)["body"]
    assert "@mia-chen" in body
    assert "@stranger" not in body
    assert "#12" not in body


async def test_a_body_too_long_is_cut_at_a_line_and_says_so() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        await d.write(record, d.patch(record, body="\n".join(["~~~", *["\N{GRINNING FACE} line"] * 20_000])))

    body = d.sandbox.show(record.key)["body"]
    assert len(body) > 30_000
    assert body.endswith("line\n~~~\n\n*(cut here: GitHub takes no longer text)*")


async def test_a_title_too_long_is_cut() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        await d.write(record, d.patch(record, title="long " * 100))

    assert len(d.sandbox.show(record.key)["title"]) <= 256


async def test_a_refused_write_says_which_value_was_refused() -> None:
    async with desk() as d:
        with pytest.raises(RejectedError, match="assignees: invalid"):
            await d.connector.create(d.draft("One", assignees=Delta(frozenset({"nobody"}))))


async def test_a_write_to_a_deleted_issue_is_not_found_and_to_a_disabled_tracker_is_not() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.remove(record.key)
        with pytest.raises(NotFoundError):
            await d.write(record, {"title": "Two"})
        d.sandbox.disable_issues()

        with pytest.raises(CredentialsError, match="Turn issues on"):
            await d.write(record, {"title": "Two"})


async def test_an_edit_we_may_not_make_is_a_matter_of_credentials() -> None:
    async with desk(push=False) as d:
        record = await d.record(d.sandbox.add("One"))

        with pytest.raises(CredentialsError, match=r"admin rights.*issues=write"):
            await d.write(record, {"title": "Two"})


# -- comments ------------------------------------------------------------------------------------


async def test_a_comment_carries_its_marker_and_is_found_by_it() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.wire.faults.append(Fault("cut", writes_only=True))
        began = d.bench.clock()
        with pytest.raises((UnavailableError, ProtocolError)):
            await d.connector.comment(address(record), "Hello @jane-doe", "C1.abc", "")

        found = await d.connector.find_comment(address(record), "C1.abc", "", began)

    assert found is not None
    assert (found.item, found.marker, found.own) == (record.ref, "C1.abc", True)
    assert "@jane-doe" not in d.sandbox.show(record.key)["comments"][0]["body"]


async def test_a_marker_in_a_strangers_comment_is_not_taken_for_ours() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.say(record.key, "quoted\n\n<!-- syncer:C1.abc -->")

        assert await d.connector.find_comment(address(record), "C1.abc", "", START) is None


# -- pace ----------------------------------------------------------------------------------------


async def test_githubs_own_service_is_asked_for_no_more_than_eighty_creates_a_minute() -> None:
    async with desk(options={"url": "https://api.github.com"}) as d:
        for number in range(81):
            await d.connector.create(d.draft(f"Issue {number}", f"L{number}.abc"))

        assert d.bench.slept == [60.0]
        assert d.bench.meter.waits == [(60.0, "GitHub takes 80 new issues and comments a minute, 500 an hour")]


async def test_a_wait_of_most_of_an_hour_is_told_instead_of_slept() -> None:
    async with desk(options={"url": "https://api.github.com"}) as d:
        pace: Any = d.connector
        for _ in range(500):
            d.bench.clock.forward(seconds=1)
            await pace._pace.turn()

        with pytest.raises(RateLimitedError) as caught:
            await d.connector.create(d.draft("One too many"))

    assert caught.value.retry_after is not None
    assert 2_900 < caught.value.retry_after < 3_600
    assert d.sandbox.keys() == []


async def test_the_pace_is_kept_from_one_run_to_the_next() -> None:
    async with desk(options={"url": "https://api.github.com"}) as d:
        for number in range(80):
            await d.connector.create(d.draft(f"Issue {number}", f"L{number}.abc"))
        next_run = d.bench.connector(url="https://api.github.com")
        await next_run.open()

        await next_run.create(d.draft("One more", "L80.abc"))
        await next_run.close()

    assert d.bench.slept == [60.0]


async def test_another_server_is_not_paced() -> None:
    async with desk() as d:
        for number in range(81):
            await d.connector.create(d.draft(f"Issue {number}", f"L{number}.abc"))

        assert d.bench.slept == []


async def test_a_key_that_is_no_number_is_refused_before_anything_is_sent() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.wire.forget()

        with pytest.raises(ProtocolError):
            await d.connector.update(Address(record.ref, "../../x"), {"title": "Two"}, record.fields)

        assert d.sandbox.wire.calls == []


async def test_the_clock_of_the_attempt_may_be_off_by_minutes() -> None:
    async with desk() as d:
        draft = d.draft("Made", "L1.abc")
        await d.connector.create(draft)

        assert await d.connector.find(draft, d.bench.clock() + timedelta(minutes=5)) is not None
