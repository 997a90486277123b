"""What became of an issue is told apart: trashed, archived, moved, hidden, purged, and back again."""

from __future__ import annotations

import pytest

from syncer.errors import NotFoundError, RejectedError, UnavailableError
from syncer.model import Address, Missing, Record, Ref, State
from syncer.sdk.sandbox import Fault
from syncer_linear import Linear
from syncer_linear.refusals import ConflictError
from syncer_linear.sandbox.rows import Ways
from tests.contract.linear_bench import START, Desk, address, desk, draft

pytestmark = [pytest.mark.anyio]
INDISCREET = Ways(discreet=False)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("act", "state"),
    [
        ("remove", State.GONE),
        ("archive", State.ARCHIVED),
        ("auto_archive", State.ARCHIVED),
        ("move", State.MOVED),
        ("hide", State.UNREACHABLE),
        ("purge", State.UNREACHABLE),
    ],
)
async def test_each_fate_has_its_state(act: str, state: State) -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        getattr(d.sandbox, act)(record.key)

        assert (await _found(d, record)).state is state


@pytest.mark.parametrize("act", ["remove", "archive", "auto_archive", "hide"])
async def test_what_a_person_brings_back_is_here_again(act: str) -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        getattr(d.sandbox, act)(record.key)
        d.sandbox.restore(record.key)

        found = await _found(d, record)

    assert isinstance(found, Record)
    assert found.state is State.HERE
    assert found.fields == record.fields


async def test_a_moved_issue_keeps_its_ref_under_another_key_and_may_come_back() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Wanderer"))
        there = d.sandbox.move(record.key)
        moved = await _found(d, record)
        back = d.sandbox.move(there, to="ENG")

        found = await _found(d, record)

    assert isinstance(moved, Missing)
    assert there in (moved.to or "")
    assert isinstance(found, Record)
    assert (found.ref, found.key, found.state) == (record.ref, back, State.HERE)


async def test_the_next_poll_shows_what_moved_back() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Wanderer"))
        there = d.sandbox.move(record.key)
        cursor = await d.cursor()
        d.bench.clock.forward(minutes=1)
        d.sandbox.move(there, to="ENG")

        assert [r.ref for r in (await d.records(cursor)).values()] == [record.ref]


async def test_what_is_thrown_away_after_it_moved_has_moved() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Wanderer"))
        d.sandbox.remove(d.sandbox.move(record.key))

        assert (await _found(d, record)).state is State.MOVED


async def test_every_fate_in_one_batch_leaves_the_rest_alone() -> None:
    acts = ["remove", "archive", "move", "hide", "purge"]
    async with desk() as d:
        keys = [d.sandbox.add(f"Issue {n}") for n in range(110)]
        records = await d.records()
        for act, key in zip(acts, keys, strict=False):
            getattr(d.sandbox, act)(key)

        answers = await d.connector.get([address(r) for r in records.values()])

    states = [answers[records[key].ref].state for key in keys]
    assert states[:5] == [State.GONE, State.ARCHIVED, State.MOVED, State.UNREACHABLE, State.UNREACHABLE]
    assert set(states[5:]) == {State.HERE}


async def test_a_team_closed_to_us_loses_nothing_and_costs_three_requests() -> None:
    async with desk() as d:
        for n in range(150):
            d.sandbox.add(f"Issue {n}")
        records = await d.records()
        d.sandbox.shut_out()
        d.sandbox.wire.forget()

        answers = await d.connector.get([address(r) for r in records.values()])

    assert {type(a) for a in answers.values()} == {Missing}
    assert {a.state for a in answers.values()} == {State.UNREACHABLE}
    assert d.bench.asked() == ["IssuesByIds", "TeamOne"] * 2


@pytest.mark.parametrize("ways", [Ways(), INDISCREET], ids=["not found", "forbidden"])
@pytest.mark.parametrize("whole", [True, False], ids=["a full listing", "a poll"])
async def test_a_team_closed_to_us_is_no_empty_team(*, whole: bool, ways: Ways) -> None:
    async with desk(ways=ways) as d:
        key = d.sandbox.add("One")
        cursor = await d.cursor()
        d.sandbox.shut_out()

        with pytest.raises(NotFoundError, match='"ENG" cannot be read any more') as caught:
            await d.pages(None if whole else cursor)

        d.sandbox.let_in()
        assert set(await d.records()) == {key}
    assert caught.value.connection == "linear"


async def test_a_forbidden_issue_is_unreachable_and_the_connection_stays() -> None:
    async with desk(ways=INDISCREET) as d:
        kept, lost = await d.record(d.sandbox.add("Kept")), await d.record(d.sandbox.add("Lost"))
        d.sandbox.hide(lost.key)

        answers = await d.connector.get([address(kept), address(lost)])

    assert answers == {kept.ref: kept, lost.ref: Missing(lost.ref, State.UNREACHABLE)}


async def test_archiving_puts_away_and_nothing_else() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", body="Text", labels=["a"]))
        d.bench.clock.forward(minutes=1)

        receipt = await d.connector.archive(address(record))

        assert receipt.record is not None
        assert (receipt.ref, receipt.record.state) == (record.ref, State.ARCHIVED)
        assert receipt.record.fields == record.fields
        assert receipt.record == await _found(d, record)
        d.sandbox.restore(record.key)
        assert (await _found(d, record)).state is State.HERE
    assert "archive" in Linear.abilities


async def test_archiving_does_not_take_an_issue_out_of_the_trash() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.remove(record.key)

        receipt = await d.connector.archive(address(record))

        assert receipt.record is not None
        assert receipt.record.state is State.GONE


@pytest.mark.parametrize("act", ["hide", "purge"])
async def test_what_cannot_be_seen_cannot_be_archived(act: str) -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        getattr(d.sandbox, act)(record.key)

        with pytest.raises(NotFoundError):
            await d.connector.archive(address(record))


async def test_an_archive_we_may_not_is_a_rejection_and_the_connection_stays() -> None:
    async with desk(ways=INDISCREET) as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.hide(record.key)

        with pytest.raises(RejectedError):
            await d.connector.archive(address(record))


async def test_an_archive_whose_answer_is_lost_is_not_sent_again() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.wire.forget()
        d.sandbox.wire.faults.append(Fault("after", writes_only=True))

        with pytest.raises(UnavailableError) as caught:
            await d.connector.archive(address(record))

        assert (await _found(d, record)).state is State.ARCHIVED
    assert caught.value.sent
    assert len(d.sandbox.wire.writes()) == 1


@pytest.mark.parametrize(("act", "state"), [("remove", State.GONE), ("archive", State.ARCHIVED), ("move", State.MOVED)])
async def test_a_create_that_arrived_before_is_found_where_people_put_it(act: str, state: State) -> None:
    async with desk() as d:
        first = await d.connector.create(draft("Once"))
        getattr(d.sandbox, act)(first.key)

        found = await d.connector.find(draft("Once"), START)
        second = await d.connector.create(draft("Once"))

    assert found is not None
    assert second.record == found
    assert (found.ref, found.state) == (first.ref, state)
    assert len(d.sandbox.space.issues) == 1


async def test_a_create_that_arrived_before_and_is_hidden_is_refused_and_never_doubled() -> None:
    async with desk() as d:
        first = await d.connector.create(draft("Once"))
        d.sandbox.hide(first.key)

        assert await d.connector.find(draft("Once"), START) is None
        with pytest.raises(ConflictError, match="cannot be seen any more") as caught:
            await d.connector.create(draft("Once"))

    assert caught.value.connection == "linear"
    assert len(d.sandbox.space.issues) == 1


async def test_a_team_closed_to_us_does_not_deny_that_a_create_arrived() -> None:
    async with desk() as d:
        await d.connector.create(draft("Once"))
        d.sandbox.shut_out()

        with pytest.raises(NotFoundError, match='"ENG" cannot be read any more'):
            await d.connector.find(draft("Once"), START)


async def test_what_lists_do_not_show_of_the_trash_is_found_by_asking_singly() -> None:
    async with desk(ways=Ways(trash_listed=False)) as d:
        first = await d.connector.create(draft("Once"))
        d.sandbox.remove(first.key)

        found = await d.connector.find(draft("Once"), START)
        answers = await d.connector.get([Address(first.ref, first.key)])

    assert found is not None
    assert found.state is State.GONE
    assert answers[first.ref] == Missing(Ref("linear", "issue", first.ref.id), State.GONE)


async def _found(d: Desk, record: Record) -> Record | Missing:
    return (await d.connector.get([address(record)]))[record.ref]
