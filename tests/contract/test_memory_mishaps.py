"""What only the in-memory connector can do: go wrong on purpose, and be late and forgetful as trackers are."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from syncer.errors import RejectedError, UnavailableError
from syncer.model import Delta, Edited, Missing, Page, Record, State
from syncer.sdk.memory import Crash, Fault, FaultKind, Paging
from tests.contract.memory_bench import bench, commented


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "kept"), [("crash_before", 0), ("crash_after", 1)])
async def test_a_crash_is_caught_by_nobody(kind: FaultKind, kept: int) -> None:
    there = bench(faults=[Fault(kind, "create")])

    with pytest.raises(Crash):
        await there.connector.create(there.draft)

    assert not issubclass(Crash, Exception)
    assert len(there.tracker.rows()) == there.tracker.creates == kept


@pytest.mark.anyio
async def test_a_create_sent_twice_makes_two_records_where_ids_are_not_ours() -> None:
    there = bench()

    await there.connector.create(there.draft)
    await there.connector.create(there.draft)

    assert there.tracker.creates == len(there.tracker.rows()) == 2


@pytest.mark.anyio
async def test_a_field_can_be_dropped_without_a_word() -> None:
    there = bench(faults=[Fault("drop", "update", field="tags")])
    record = there.tracker.add("Old")

    receipt = await there.connector.update(
        there.address(record), {"headline": "New", "tags": Delta(frozenset({"a"}))}, {}
    )

    assert receipt.record is not None
    assert (receipt.record.fields["headline"], receipt.record.fields["tags"]) == ("New", [])


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "sent"), [("before", False), ("sent", True), ("after", True)])
async def test_what_may_have_happened_is_told_honestly(kind: FaultKind, *, sent: bool) -> None:
    there = bench(faults=[Fault(kind, "create")])

    with pytest.raises(UnavailableError) as caught:
        await there.connector.create(there.draft)

    assert caught.value.sent is sent
    assert there.tracker.creates == (kind == "after")


@pytest.mark.anyio
async def test_a_tracker_that_is_down_says_so_to_every_call() -> None:
    there = bench()
    there.tracker.down = True

    for call in (there.connector.open(), there.connector.create(there.draft), there.listed()):
        with pytest.raises(UnavailableError) as caught:
            await call
        assert not caught.value.sent


@pytest.mark.anyio
@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_listing_that_lags_shows_a_record_later_and_loses_none(*, newest_first: bool) -> None:
    there = bench(Paging(size=2, newest_first=newest_first), lag=timedelta(seconds=30))
    first = there.tracker.add("First")
    there.clock.forward(40)
    second = there.tracker.add("Second")

    pages = [page async for page in there.connector.changes(None)]
    there.clock.forward(31)
    later = await there.listed(pages[-1].cursor)

    assert [r.ref.id for page in pages for r in page.records] == [first]
    assert second in later


@pytest.mark.anyio
async def test_a_path_through_the_workflow_can_break_half_way() -> None:
    moves = {"Next": ["Doing"], "Doing": ["Checking"], "Checking": ["Shipped"]}
    there = bench(moves=moves, faults=[Fault("crash_before", "transition", skip=1)])
    record = there.tracker.add("Moved", stage="Next")

    with pytest.raises(Crash):
        await there.connector.update(there.address(record), {"stage": "Shipped"}, {})

    assert there.tracker.row(record).fields["stage"] == "Checking"


@pytest.mark.anyio
async def test_a_word_without_a_way_to_it_is_rejected() -> None:
    there = bench(moves={"Next": ["Doing"]})
    record = there.tracker.add("Stuck", stage="Next")

    with pytest.raises(RejectedError):
        await there.connector.update(there.address(record), {"stage": "Shipped"}, {})

    assert there.tracker.row(record).fields["stage"] == "Next"


@pytest.mark.anyio
async def test_history_says_who_and_when() -> None:
    there = bench()
    record = there.tracker.add("Old")
    there.clock.forward(10)
    there.tracker.edit(record, by="u-bob", headline="New")

    edited = await there.connector.history(there.address(record), frozenset({"title", "body"}))

    assert edited == {"title": Edited(there.clock(), "u-bob")}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("act", "state"),
    [("remove", State.GONE), ("move", State.MOVED), ("hide", State.UNREACHABLE)],
)
async def test_what_is_not_here_says_why_and_leaves_the_listing(act: str, state: State) -> None:
    there = bench()
    record = there.tracker.add("Leaving")
    getattr(there.tracker, act)(record)

    [found] = (await there.connector.get([there.address(record)])).values()

    assert found.state is state
    assert isinstance(found, Missing)
    assert await there.listed() == []


def test_stamps_are_as_coarse_as_the_tracker() -> None:
    there = bench(resolution=timedelta(minutes=1))

    row = there.tracker.row(there.tracker.add("Stamped"))

    assert (row.updated.second, row.updated.microsecond) == (0, 0)
    assert there.clock() - row.updated < timedelta(minutes=1)


def test_the_first_spelling_of_a_label_is_everybodys() -> None:
    there = bench(folds_labels=True)
    there.tracker.add("First", tags=["Bug"])

    second = there.tracker.add("Second", tags=["bug", "BUG", "web"])

    assert there.tracker.row(second).fields["tags"] == ["Bug", "web"]


@pytest.mark.anyio
@pytest.mark.parametrize("skew", [timedelta(minutes=-7), timedelta(hours=2)])
async def test_every_stamp_is_of_the_trackers_own_clock(skew: timedelta) -> None:
    there = bench(skew=skew)
    at, ours = await commented(there)
    there.tracker.edit(at.ref.id, headline="New")

    [record] = [r for page in await there.pages() for r in page.records]

    edited = await there.connector.history(at, frozenset({"title"}))
    stamps = {record.created, record.updated, ours.created, ours.updated, edited["title"].at}
    assert stamps == {there.clock() + skew}


@pytest.mark.anyio
async def test_a_tracker_that_purges_cannot_tell_deleted_from_hidden() -> None:
    there = bench(purges=True)
    record = there.tracker.add("Deleted")
    there.tracker.remove(record)

    [found] = (await there.connector.get([there.address(record)])).values()

    assert found.state is State.UNREACHABLE


async def polled(stale: int, **paging: Any) -> list[list[Record]]:
    """Return the pages of twenty polls of a place where something is edited all the time."""
    there = bench(Paging(size=4, stale=stale, **paging))
    records = [there.tracker.add(f"Record {n}") for n in range(9)]
    pages: list[Page] = []
    for n in range(20):
        there.clock.forward(1)
        there.tracker.edit(records[n % 9], headline=f"Edited {n}")
        pages += await there.pages()
    return [[*page.records] for page in pages if page.records]


@pytest.mark.anyio
@pytest.mark.parametrize("paging", [{}, {"newest_first": True}, {"shuffle": 3}, {"repeats": True}])
async def test_stale_listings_show_older_versions_beside_the_present_one_and_pages_twice(
    paging: dict[str, Any],
) -> None:
    pages = await polled(5, **paging)

    old = [page for page in pages if len({r.ref for r in page}) < len(page)]
    assert old
    for page in old:
        assert len({(r.ref, r.updated) for r in page}) == len(page)
    assert any(one == two for one, two in pairwise(pages))
    assert len(old) < len(pages) / 2


@pytest.mark.anyio
async def test_stale_listings_are_the_same_each_time() -> None:
    assert await polled(5) == await polled(5)
    assert await polled(5) != await polled(6)
