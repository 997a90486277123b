"""What the lists of changes must survive: second-resolution stamps, moving pages, changes that move no stamp."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from syncer.connector import Connector
from syncer.model import Delta, Record
from tests.contract.github_bench import START, Desk, Meddler, address, desk

pytestmark = pytest.mark.anyio

MANY = 250
DENSE = 260
"""More of one second than two pages hold."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _fill(d: Desk, count: int = MANY) -> list[str]:
    """File issues a minute apart, the last of them an hour ago."""
    return [d.sandbox.add(f"Issue {n}", created=START - timedelta(hours=1, minutes=count - n)) for n in range(count)]


async def _listed(connector: Connector, cursor: str | None = None) -> tuple[dict[str, Record], str]:
    pages = [page async for page in connector.changes(cursor)]
    return {r.key: r for p in pages for r in p.records}, str(pages[-1].cursor)


# -- pages that move while they are read -----------------------------------------------------------


@pytest.mark.parametrize("act", ["remove", "move", "hide", "convert"])
async def test_an_issue_leaving_between_two_pages_hides_no_other(act: str) -> None:
    async with desk(pulls=0) as d:
        keys = _fill(d)
        leaves: Callable[[], object] = partial(getattr(d.sandbox, act), keys[5])
        meddled = d.bench.connector(app=Meddler(d.sandbox.wire, "/issues", [leaves]))

        records, _ = await _listed(meddled)

        assert set(keys) - {keys[5]} <= set(records)
        await meddled.close()


async def test_a_comment_deleted_between_two_pages_hides_no_other() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        said = []
        for number in range(MANY):
            d.bench.clock.forward(seconds=2)
            said.append(d.sandbox.say(key, f"Comment {number}"))
        meddler = Meddler(d.sandbox.wire, "/issues/comments", [partial(d.sandbox.unsay, said[5])])
        meddled = d.bench.connector(app=meddler)

        seen = {c.ref.id async for page in meddled.changes(None) for c in page.comments}

        assert set(said) - {said[5]} <= seen
        await meddled.close()


async def test_more_changes_in_one_second_than_a_page_holds_all_come_though_some_leave() -> None:
    async with desk(pulls=0) as d:
        keys = [d.sandbox.add(f"Issue {n}") for n in range(DENSE)]
        leaves: list[Callable[[], object]] = [partial(d.sandbox.remove, k) for k in keys[:3]]
        meddled = d.bench.connector(app=Meddler(d.sandbox.wire, "/issues", leaves))

        records, _ = await _listed(meddled)

        assert set(keys) - set(keys[:3]) <= set(records)
        await meddled.close()


async def test_a_second_that_never_holds_still_keeps_the_cursor_back() -> None:
    async with desk(pulls=0) as d:
        d.sandbox.add("Oldest", created=START - timedelta(days=1))
        cursor = await d.cursor()
        then = START - timedelta(hours=1)
        for number in range(DENSE):
            d.sandbox.add(f"Issue {number}", created=then)
        d.sandbox.add("Newest")
        arrives = partial(d.sandbox.add, "Late", created=then)
        meddled = d.bench.connector(app=Meddler(d.sandbox.wire, "/issues", [arrives for _ in range(40)]))

        _, later = await _listed(meddled, cursor)
        records, _ = await _listed(d.connector, later)

        assert set(list(d.sandbox.keys())[1:]) <= set(records)
        await meddled.close()


async def test_an_idle_poll_after_a_burst_ends() -> None:
    async with desk(pulls=0) as d:
        for number in range(DENSE):
            d.sandbox.add(f"Issue {number}")
        cursor = await d.cursor()
        d.bench.clock.forward(hours=1)

        assert await d.cursor(cursor) == cursor


# -- stamps of whole seconds -----------------------------------------------------------------------


async def test_a_persons_edit_in_the_second_of_our_own_write_comes_with_the_next_poll() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        [receipt] = await d.write(record, {"title": "Ours"})
        cursor = await d.cursor()
        d.sandbox.edit(record.key, body="A person's, in the same second")
        assert receipt.record is not None

        later = (await d.records(cursor))[record.key]

        assert later.updated == receipt.record.updated
        assert (later.fields["title"], later.fields["body"]) == ("Ours", "A person's, in the same second")


async def test_an_edit_in_the_second_a_page_was_read_comes_with_the_next_poll() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        edits: Callable[[], object] = partial(d.sandbox.edit, key, title="Two")
        meddled = d.bench.connector(app=Meddler(d.sandbox.wire, "/issues", [edits]))
        first, cursor = await _listed(meddled)

        later, _ = await _listed(meddled, cursor)

        assert (first[key].fields["title"], later[key].fields["title"]) == ("One", "Two")
        assert first[key].updated == later[key].updated
        await meddled.close()


async def test_two_writes_of_ours_in_one_second_both_show() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        cursor = await d.cursor()

        await d.write(record, {"title": "First"})
        await d.write(record, {"labels": Delta(add=frozenset({"second"}))})

        shown = (await d.records(cursor))[record.key]
        assert (shown.fields["title"], shown.fields["labels"]) == ("First", ["second"])


# -- what moves no stamp ---------------------------------------------------------------------------


@pytest.mark.parametrize("act", [("drop_label", "bug"), ("rename_label", "bug", "defect")])
async def test_a_label_deleted_or_renamed_in_the_repository_shows_in_a_complete_listing_only(act: Any) -> None:
    name, *said = act
    async with desk() as d:
        key = d.sandbox.add("One", labels=["bug"], created=START - timedelta(days=1))
        d.sandbox.add("Newer")
        before = await d.record(key)
        cursor = await d.cursor()
        d.bench.clock.forward(hours=1)
        getattr(d.sandbox, name)(*said)

        after = await d.record(key)

        assert key not in await d.records(cursor)
        assert (after.fields["labels"], after.updated) == (said[1:], before.updated)


async def test_a_label_deleted_from_the_repository_is_no_failure_to_take_off() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", labels=["bug", "keep"]))
        d.sandbox.drop_label("bug")

        [receipt] = await d.write(record, d.patch(record, labels=(set(), {"bug"})))

    assert receipt.record is not None
    assert receipt.record.fields["labels"] == ["keep"]


# -- what GitHub drops without a word --------------------------------------------------------------


@pytest.mark.parametrize(
    ("patch", "field", "kept"),
    [
        ({"labels": Delta(add=frozenset({"new"}))}, "labels", []),
        ({"assignees": Delta(add=frozenset({"jane-doe"}))}, "assignees", []),
        ({"assignees": Delta(remove=frozenset({"omarh"}))}, "assignees", ["omarh"]),
        ({"type": "Bug"}, "type", None),
    ],
)
async def test_without_push_access_a_receipt_shows_what_was_dropped_from_an_edit(
    patch: Any, field: str, kept: Any
) -> None:
    async with desk(push=False, types=["Bug"]) as d:
        record = (await d.connector.create(d.draft("Ours"))).record
        assert record is not None
        if kept:
            d.sandbox.edit(record.key, assignees=["omar"])

        receipts = await d.write(record, patch)

    assert receipts[-1].record is not None
    assert receipts[-1].record.fields[field] == kept


async def test_more_people_than_an_issue_takes_are_dropped_and_the_receipt_shows_it() -> None:
    async with desk() as d:
        world = d.sandbox.world
        world.assignable |= {f"extra-{n}" for n in range(12)}
        record = await d.record(d.sandbox.add("One"))

        wanted = frozenset(f"extra-{n}" for n in range(12))
        [receipt] = await d.write(record, {"assignees": Delta(add=wanted)})

    assert receipt.record is not None
    assert len(receipt.record.fields["assignees"]) == 10  # type: ignore[arg-type]  # a list, as GitHub gives it


# -- whose record it is ----------------------------------------------------------------------------


async def test_a_strangers_issue_with_a_copied_marker_is_never_ours() -> None:
    async with desk(private=False) as d:
        ours = await d.connector.create(d.draft("Ours", "L1.abc"))
        copied = d.sandbox.show(ours.key)["body"]
        key = d.sandbox.add("Theirs", body=copied, by="mia")

        stranger = await d.record(key)
        direct = (await d.connector.get([address(stranger)]))[stranger.ref]
        found = await d.connector.find(d.draft("Ours", "L1.abc"), d.bench.clock())

        assert (stranger.marker, stranger.own) == ("L1.abc", False)
        assert direct == stranger
        assert found is not None
        assert found.key == ours.key


async def test_what_a_person_files_by_hand_with_our_own_account_is_own_and_found_by_no_marker() -> None:
    async with desk() as d:
        by_hand = await d.record(d.sandbox.add("By hand", by="syncer-bot"))

        assert (by_hand.own, by_hand.marker) == (True, None)
        assert await d.connector.find(d.draft("By hand", "L1.abc"), d.bench.clock()) is None


async def test_of_two_of_our_issues_with_one_marker_the_first_is_the_one_we_made() -> None:
    async with desk() as d:
        began = d.bench.clock()
        ours = await d.connector.create(d.draft("Ours", "L1.abc"))
        d.bench.clock.forward(seconds=5)
        d.sandbox.add("Duplicate of ours", body=d.sandbox.show(ours.key)["body"], by="syncer-bot")

        found = await d.connector.find(d.draft("Ours", "L1.abc"), began)

    assert found is not None
    assert found.key == ours.key


async def test_people_who_left_are_the_ghost_and_apps_their_own_however_they_are_read() -> None:
    async with desk() as d:
        d.sandbox.add("Left behind", by="omar")
        d.sandbox.add("Automatic", by="renovate[bot]")
        for number in range(6):
            d.sandbox.add(f"Other {number}")
        d.sandbox.leave("omar")

        listed = await d.records()
        d.sandbox.wire.forget()
        found = await d.connector.get([address(r) for r in listed.values()])

        assert {r.fields["title"]: r.author.id for r in listed.values() if r.author} == {
            "Left behind": "ghost",
            "Automatic": "renovate[bot]",
            **{f"Other {n}": "jane-doe" for n in range(6)},
        }
        assert d.bench.asked() == ["POST /graphql"]
        assert found == {r.ref: r for r in listed.values()}


async def test_our_account_is_known_after_it_was_renamed_and_whoever_took_its_name_is_not() -> None:
    async with desk() as d:
        began = d.bench.clock()
        ours = await d.connector.create(d.draft("Ours", "L1.abc"))
        said = await d.connector.comment(address(await d.record(ours.key)), "Ours.", "C1.abc", "")
        d.sandbox.rename_user("syncer-bot", "acme-sync")
        d.sandbox.world.people["squatter"] = "squatter"
        d.sandbox.rename_user("squatter", "syncer-bot")
        theirs = d.sandbox.add("Theirs", body=d.sandbox.show(ours.key)["body"], by="squatter")

        records = await d.records()
        found = await d.connector.find(d.draft("Ours", "L1.abc"), began)

        assert (records[ours.key].own, records[theirs].own) == (True, False)
        assert found is not None
        assert found.key == ours.key
        assert [(c.ref, c.own) for c in await d.comments()] == [(said.ref, True)]
