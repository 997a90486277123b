"""What stands under what: read without a request per issue, written as a step of its own, never cleared by mistake."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from syncer.errors import NotFoundError, RejectedError, StaleError, UnwritableError
from syncer.model import Edited, Record
from tests.contract.github_bench import Desk, Instead, Meddler, address, desk, event

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def above(record: Record) -> Any:
    return record.fields["parent"]


async def family(d: Desk, children: int = 1) -> tuple[str, list[str]]:
    """File a parent and its sub-issues; return their keys."""
    parent = d.sandbox.add("Above")
    return parent, [d.sandbox.add(f"Below {n}", parent=parent) for n in range(children)]


# -- reading -----------------------------------------------------------------------------------


async def test_a_parent_is_its_id_and_number() -> None:
    async with desk() as d:
        parent, [child] = await family(d)
        records = await d.records()

    assert above(records[child]) == {"id": records[parent].ref.id, "number": 2}
    assert above(records[parent]) is None


async def test_the_lists_alone_tell_the_parents_where_the_server_names_them() -> None:
    async with desk() as d:
        await family(d, 30)
        d.sandbox.wire.forget()

        await d.records()

        # A page with the parent on it, before any sub-issue was seen to name one.
        assert d.bench.asked().count("POST /graphql") <= 1
        d.sandbox.wire.forget()
        await d.records()
        assert "POST /graphql" not in d.bench.asked()


@pytest.mark.parametrize("says_parents", [True, False])
async def test_two_hundred_sub_issues_cost_no_request_each(says_parents: bool) -> None:  # noqa: FBT001 -- a case
    async with desk(says_parents=says_parents, pulls=0) as d:
        for _ in range(4):
            await family(d, 49)
        d.sandbox.wire.forget()

        records = await d.records()

        graphs = d.bench.asked().count("POST /graphql")
        assert sum(above(r) is not None for r in records.values()) == 196
        assert graphs <= len(records) // 100 + 1


async def test_a_parent_that_is_listed_after_its_child_is_asked_for_once() -> None:
    async with desk() as d:
        parent, [child] = await family(d)
        cursor = await d.cursor()
        late = d.sandbox.add("Late")
        d.bench.clock.forward(minutes=5)
        d.sandbox.edit(child, parent=late, title="Moved")
        d.bench.clock.forward(minutes=5)
        d.sandbox.edit(late, title="Later")
        fresh = d.bench.connector()
        d.bench.catalogue.held.pop("numbers")
        await fresh.open()

        records = {r.key: r async for page in fresh.changes(cursor) for r in page.records}

        assert above(records[child]) == {"id": records[late].ref.id, "number": 4}
        assert parent != late
        await fresh.close()


async def test_no_parent_is_forgotten_whose_sub_issues_come_pages_before_it() -> None:
    async with desk(says_parents=False) as d:
        first = d.sandbox.add("Below")
        for number in range(150):
            d.bench.clock.forward(minutes=1)
            d.sandbox.add(f"Between {number}")
        parent = d.sandbox.add("Above")
        d.sandbox.edit(first, parent=parent)

        records = await d.records()

        assert above(records[first]) == {"id": records[parent].ref.id, "number": 153}


async def test_an_idle_poll_of_a_repository_with_sub_issues_costs_two_requests() -> None:
    async with desk(says_parents=False) as d:
        await family(d, 3)
        cursor = await d.cursor()
        d.bench.clock.forward(minutes=5)
        again = d.bench.connector()
        await again.open()
        d.sandbox.wire.forget()

        # What was changed within the last seconds before the cursor comes again, and is not asked about again.
        assert len([r async for page in again.changes(cursor) for r in page.records]) == 4
        assert d.bench.asked() == ["GET /repos/acme/web/issues/comments", "GET /repos/acme/web/issues"]
        await again.close()


async def test_a_complete_listing_sees_a_link_that_moved_no_stamp() -> None:
    async with desk(says_parents=False) as d:
        parent, [child] = await family(d)
        before = await d.record(child)
        d.sandbox.edit(child, parent=None)

        assert above(before) == {"id": (await d.record(parent)).ref.id, "number": 2}
        assert above(await d.record(child)) is None


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize("says_parents", [True, False])
async def test_read_by_id_an_issue_has_the_same_parent(count: int, says_parents: bool) -> None:  # noqa: FBT001 -- a case
    async with desk(says_parents=says_parents) as d:
        await family(d, count - 1)
        listed = await d.records()

        found = await d.connector.get([address(r) for r in listed.values()])

    assert {r.key: r for r in found.values() if isinstance(r, Record)} == listed


@pytest.mark.parametrize("says_parents", [True, False])
async def test_a_parent_in_another_repository_is_not_none(says_parents: bool) -> None:  # noqa: FBT001 -- a case
    async with desk(says_parents=says_parents) as d:
        _, [child] = await family(d)
        await d.records()
        d.sandbox.adopt(child, "A roadmap's own")

        record = await d.record(child)

        assert above(record) == {"elsewhere": "acme/elsewhere#1"}
        assert d.read(record, "parent") is not None
        assert d.patch(record, parent=None) == {}
        with pytest.raises(UnwritableError, match="acme/elsewhere#1"):
            d.patch(record, parent="1")


async def test_without_graphql_an_unnamed_parent_is_not_none() -> None:
    async with desk(says_parents=False) as d:
        _, [child] = await family(d)
        await d.records()
        plain = d.bench.connector(app=Instead(d.sandbox.wire, "/graphql", 403, {"message": "no"}))
        await plain.open()

        records = {r.key: r async for page in plain.changes(None) for r in page.records}

        assert above(records[child]) == {"elsewhere": "?"}
        await plain.close()


async def test_a_server_without_sub_issues_has_no_parents_and_is_asked_once() -> None:
    async with desk(nests=False) as d:
        assert "parent" not in d.place.codecs
        d.sandbox.wire.forget()
        again = d.bench.connector()

        assert "parent" not in (await again.open()).codecs
        assert d.bench.asked() == []
        await again.close()


async def test_history_says_who_moved_an_issue() -> None:
    async with desk() as d:
        parent, [child] = await family(d)
        d.bench.clock.forward(minutes=5)
        d.sandbox.edit(child, by="mia", parent=None)
        record = await d.record(child)

        found = await d.connector.history(address(record), frozenset({"parent"}))

    assert found == {"parent": Edited(d.bench.clock().replace(microsecond=0), "mia-chen")}
    assert parent == "#2"


# -- writing -----------------------------------------------------------------------------------


async def test_an_issue_is_put_under_another_moved_and_taken_out() -> None:
    async with desk() as d:
        one, two, child = (d.sandbox.add(title) for title in ("One", "Two", "Below"))
        records = await d.records()
        shown = []

        for want in (records[one].ref.id, records[two].ref.id, None):
            [receipt] = await d.write(records[child], d.patch(records[child], parent=want))
            assert receipt.record is not None
            assert d.read(receipt.record, "parent") == want
            records[child] = receipt.record
            shown.append(d.sandbox.show(child)["parent"])

    assert shown == [one, two, None]
    asked = [c.json() for c in d.sandbox.wire.writes()]
    id_ = int(records[child].ref.id)
    assert asked == [
        {"sub_issue_id": id_, "replace_parent": False},
        {"sub_issue_id": id_, "replace_parent": True},
        {"sub_issue_id": id_},
    ]


async def test_a_parent_written_after_a_title_is_a_step_of_its_own() -> None:
    async with desk() as d:
        parent, child = d.sandbox.add("Above"), d.sandbox.add("Below")
        records = await d.records()
        patch = d.patch(records[child], title="New", parent=records[parent].ref.id)

        receipts = await d.write(records[child], patch)
        shown = d.sandbox.show(child)

    assert len(receipts) == 2
    assert (shown["title"], shown["parent"]) == ("New", parent)


async def test_an_edit_of_another_field_keeps_the_parent() -> None:
    async with desk(says_parents=False) as d:
        _, [child] = await family(d)
        record = await d.record(child)

        receipts = await d.write(record, {**d.patch(record, title="New"), **d.patch(record, labels=({"a"}, set()))})

        assert {str(above(r.record)) for r in receipts if r.record is not None} == {str(above(record))}


async def test_a_parent_nobody_has_seen_yet_is_found_by_its_id() -> None:
    async with desk() as d:
        parent, child = d.sandbox.add("Above"), d.sandbox.add("Below")
        records = await d.records()
        d.bench.catalogue.held.pop("numbers")
        fresh = d.bench.connector()
        await fresh.open()

        await fresh.update(address(records[child]), {"parent": {"id": records[parent].ref.id}}, records[child].fields)

        assert d.sandbox.show(child)["parent"] == parent
        with pytest.raises(RejectedError, match="no issue of this repository"):
            await fresh.update(address(records[child]), {"parent": {"id": "7"}}, records[child].fields)
        await fresh.close()


async def test_a_refusal_is_told_in_githubs_words() -> None:
    async with desk() as d:
        parent, _ = await family(d, 100)
        child = d.sandbox.add("One too many")
        records = await d.records()

        with pytest.raises(RejectedError, match="cannot have more than 100 sub-issues") as caught:
            await d.write(records[child], d.patch(records[child], parent=records[parent].ref.id))

    assert not isinstance(caught.value, NotFoundError)
    assert d.sandbox.show(child)["parent"] is None


async def test_a_parent_that_came_meanwhile_is_not_replaced() -> None:
    async with desk() as d:
        ours, theirs, child = (d.sandbox.add(title) for title in ("Ours", "Theirs", "Below"))
        records = await d.records()
        d.sandbox.edit(child, parent=theirs)

        with pytest.raises(StaleError):
            await d.write(records[child], d.patch(records[child], parent=records[ours].ref.id))

    assert d.sandbox.show(child)["parent"] == theirs


async def test_a_move_that_arrived_unanswered_is_not_refused_when_it_is_sent_again() -> None:
    async with desk() as d:
        parent, child = d.sandbox.add("Above"), d.sandbox.add("Below")
        records = await d.records()
        d.sandbox.edit(child, parent=parent)

        [receipt] = await d.write(records[child], d.patch(records[child], parent=records[parent].ref.id))

    assert receipt.record is not None
    assert d.read(receipt.record, "parent") == records[parent].ref.id


async def test_an_issue_that_was_taken_out_meanwhile_is_no_error() -> None:
    async with desk() as d:
        _, [child] = await family(d)
        record = await d.record(child)
        d.sandbox.edit(child, parent=None)

        [receipt] = await d.write(record, d.patch(record, parent=None))

    assert receipt.record is not None
    assert above(receipt.record) is None


@pytest.mark.parametrize("leave", ["remove", "hide"])
async def test_a_parent_that_is_gone_is_the_fields_trouble_and_not_the_childs(leave: str) -> None:
    async with desk() as d:
        parent, child = d.sandbox.add("Above"), d.sandbox.add("Below")
        records = await d.records()
        getattr(d.sandbox, leave)(parent)

        with pytest.raises(RejectedError, match=f"{child} cannot be put there") as caught:
            await d.write(records[child], d.patch(records[child], parent=records[parent].ref.id))

    assert not isinstance(caught.value, NotFoundError)


async def test_a_child_that_is_gone_is_not_found() -> None:
    async with desk() as d:
        parent, child = d.sandbox.add("Above"), d.sandbox.add("Below")
        records = await d.records()
        d.sandbox.remove(child)

        with pytest.raises(NotFoundError):
            await d.write(records[child], d.patch(records[child], parent=records[parent].ref.id))


async def test_whoever_may_not_move_issues_may_do_all_the_rest() -> None:
    async with desk(push=False) as d:
        parent, child = d.sandbox.add("Above"), d.sandbox.add("Below")
        records = await d.records()

        with pytest.raises(RejectedError, match="cannot be put there"):
            await d.write(records[child], d.patch(records[child], parent=records[parent].ref.id))


async def test_two_sub_issues_added_at_one_moment_are_both_added() -> None:
    async with desk() as d:
        parent, child = d.sandbox.add("Above"), d.sandbox.add("Below")
        records = await d.records()
        d.sandbox.world.races = 2

        await d.write(records[child], d.patch(records[child], parent=records[parent].ref.id))

    assert d.sandbox.show(child)["parent"] == parent


# -- webhooks ----------------------------------------------------------------------------------


async def test_a_moved_sub_issue_moves_no_stamp_and_a_delivery_leads_to_it() -> None:
    async with desk() as d:
        parent, child = d.sandbox.add("Above"), d.sandbox.add("Below")
        d.bench.clock.forward(minutes=5)
        later = d.sandbox.add("Later")
        cursor = await d.cursor()
        records = await d.records()
        await d.listening()
        d.bench.clock.forward(minutes=5)

        d.sandbox.edit(child, parent=parent)
        letters = d.deliveries()
        led = {lead.address for letter in letters for lead in d.heard(letter).leads}
        found = await d.connector.get(sorted(led, key=lambda a: a.key))

        assert [event(letter) for letter in letters] == ["sub_issues", "sub_issues"]
        assert set(await d.records(cursor)) == {later}
        moved = found[records[child].ref]
        assert isinstance(moved, Record)
        assert above(moved) == {"id": records[parent].ref.id, "number": 2}


async def test_a_sub_issue_moved_while_it_is_listed_is_read_as_it_was_or_is() -> None:
    async with desk() as d:
        parent, [child] = await family(d)
        app = Meddler(d.sandbox.wire, "/repos/acme/web/issues", [lambda: d.sandbox.edit(child, parent=None)])
        connector = d.bench.connector(app=app)
        await connector.open()

        records = {r.key: r async for page in connector.changes(None) for r in page.records}

        assert above(records[child]) in (None, {"id": records[parent].ref.id, "number": 2})
        await connector.close()


# -- the sandbox -------------------------------------------------------------------------------


async def test_the_sandbox_lets_nothing_stand_under_itself_or_nine_levels_deep() -> None:
    async with desk() as d:
        keys = [d.sandbox.add(f"Level {n}") for n in range(9)]
        for higher, lower in itertools.pairwise(keys[:8]):
            d.sandbox.edit(lower, parent=higher)

        with pytest.raises(ValueError, match="levels"):
            d.sandbox.edit(keys[8], parent=keys[7])
        with pytest.raises(ValueError, match="ancestor"):
            d.sandbox.edit(keys[0], parent=keys[7])

    assert d.sandbox.show(keys[8])["parent"] is None


async def test_what_is_transferred_keeps_its_place() -> None:
    async with desk() as d:
        parent, [child] = await family(d)
        d.sandbox.move(parent)

        assert d.sandbox.show(child)["parent"] == "acme/elsewhere#1"
        assert above(await d.record(child)) == {"elsewhere": "acme/elsewhere#1"}
