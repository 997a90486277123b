"""What the Linear connector writes: creates that cannot double, updates of what is named and nothing else."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from syncer.errors import NotFoundError, ProtocolError, RejectedError, UnavailableError
from syncer.model import Address, Delta, client_id, shows
from syncer.sdk.sandbox import Fault, FaultKind
from tests.contract.linear_bench import START, Desk, address, desk, draft

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_create_carries_everything_in_one_request() -> None:
    async with desk() as d:
        epic = await d.record(d.sandbox.add("Epic", labels=["web"]))
        d.sandbox.wire.forget()

        receipt = await d.connector.create(
            draft(
                "Pay by card",
                description="- one\n- two",
                state={"name": "In Review"},
                priority=2,
                labels=Delta(add=frozenset({"WEB"})),
                assignee={"id": d.sandbox.people["mia"]},
                dueDate="2026-12-24",
                estimate=5,
                parent={"id": epic.ref.id},
            )
        )

    shown = d.sandbox.show(receipt.key)
    assert d.bench.asked() == ["IssueCreate"]
    assert (shown["title"], shown["status"], shown["priority"]) == ("Pay by card", "In Review", 2)
    assert (shown["labels"], shown["assignees"], shown["due"]) == (["web"], ["mia"], "2026-12-24")
    assert (shown["estimate"], shown["parent"], shown["by"]) == (5, epic.key, "syncer")
    assert receipt.record is not None
    assert receipt.record.own


async def test_a_created_issue_has_the_drafts_own_id_and_no_mark_in_its_text() -> None:
    async with desk() as d:
        receipt = await d.connector.create(draft("Plain", description="Text"))

    assert receipt.ref.id == client_id("L0.abc")
    assert d.sandbox.show(receipt.key)["body"] == "Text"


@pytest.mark.parametrize("kind", ["before", "after", "cut", "half", "garbage"])
async def test_a_create_whose_answer_is_lost_makes_one_issue(kind: FaultKind) -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault(kind, writes_only=True))

        receipt = await d.connector.create(draft("Once"))

    assert d.sandbox.keys() == [receipt.key]
    assert receipt.record is not None
    assert receipt.record.fields["title"] == "Once"


async def test_a_create_sent_twice_is_the_first_one() -> None:
    async with desk() as d:
        first = await d.connector.create(draft("Once"))
        second = await d.connector.create(draft("Once"))

    assert first.ref == second.ref
    assert len(d.sandbox.keys()) == 1


async def test_a_create_whose_every_answer_is_lost_is_left_to_settle() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("garbage", times=2))

        with pytest.raises(ProtocolError):
            await d.connector.create(draft("Once"))
        found = await d.connector.find(draft("Once"), START)

    assert found is not None
    assert d.sandbox.keys() == [found.key]


async def test_a_status_may_be_said_by_name_or_by_type() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")

        named = await d.change(key, status={"state": "in review"})
        typed = await d.change(key, status={"type": "started"})

    assert [r.record.fields["state"]["name"] for r in (named, typed) if r.record] == ["In Review", "In Progress"]  # type: ignore[call-overload,index]  # the contract says so


async def test_an_unknown_status_is_refused_with_those_there_are() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")

        with pytest.raises(RejectedError, match="Backlog, Todo, In Progress"):
            await d.change(key, status={"state": "Shipped"})


async def test_an_update_sends_only_what_the_patch_names() -> None:
    async with desk() as d:
        key = d.sandbox.add("One", body="Text", labels=["kept"], assignees=["jane"])

        receipt = await d.change(key, title="Two")

    assert d.bench.inputs("IssueUpdate") == [{"title": "Two"}]
    assert receipt.record is not None
    assert receipt.record.fields["labels"] == ["kept"]


async def test_a_patch_is_one_step() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        await d.change(key, title="Two", status="Done", priority=1, due="2026-12-24", estimate=2.5)

    assert d.bench.asked() == ["IssueUpdate"]
    shown = d.sandbox.show(key)
    assert (shown["title"], shown["status"], shown["priority"]) == ("Two", "Done", 1)
    assert (shown["due"], shown["estimate"]) == ("2026-12-24", 3)


async def test_fields_can_be_cleared() -> None:
    async with desk() as d:
        parent = d.sandbox.add("Epic")
        key = d.sandbox.add(
            "One", body="Text", priority=2, assignees=["jane"], due="2026-12-24", estimate=3, parent=parent
        )
        jane = d.sandbox.people["jane"]

        await d.change(key, body=None, priority=0, assignees=((), (jane,)), due=None, estimate=None, parent=None)

    shown = d.sandbox.show(key)
    assert (shown["body"], shown["priority"], shown["assignees"]) == (None, 0, [])
    assert (shown["due"], shown["estimate"], shown["parent"]) == (None, None, None)


async def test_labels_somebody_added_meanwhile_stay() -> None:
    async with desk() as d:
        key = d.sandbox.add("One", labels=["old"])
        record = await d.record(key)
        d.sandbox.edit(key, labels=["old", "theirs"])

        await d.write(record, d.patch(record, labels=({"ours"}, {"old"})))

    assert d.sandbox.show(key)["labels"] == ["ours", "theirs"]


async def test_a_label_is_found_whatever_its_case_and_spaces() -> None:
    async with desk() as d:
        d.sandbox.add("Seed", labels=["Good first issue"])
        key = d.sandbox.add("One")
        await d.connector.open()

        await d.change(key, labels=({"good_FIRST_issue"}, ()))

    assert d.sandbox.show(key)["labels"] == ["Good first issue"]
    assert "LabelCreate" not in d.bench.asked()


async def test_an_unknown_label_is_made_on_the_team_once() -> None:
    async with desk() as d:
        one, two = d.sandbox.add("One"), d.sandbox.add("Two")

        receipt = await d.change(one, labels=({"new"}, ()))
        made = d.bench.asked().count("LabelCreate")
        await d.change(two, labels=({"New"}, ()))

    assert made == 1
    assert "LabelCreate" not in d.bench.asked()
    assert receipt.record is not None
    assert receipt.record.fields["labels"] == ["new"]


async def test_a_group_of_labels_is_never_applied_nor_doubled() -> None:
    async with desk(groups=["Area"]) as d:
        key = d.sandbox.add("One")

        with pytest.raises(RejectedError, match="group"):
            await d.change(key, labels=({"area"}, ()))

    assert "LabelCreate" not in d.bench.asked()


async def test_a_label_renamed_behind_our_back_is_found_again() -> None:
    async with desk() as d:
        key = d.sandbox.add("One", labels=["before"])
        await d.record(key)
        d.sandbox.rename_label("before", "after")

        other = d.sandbox.add("Two")
        await d.change(other, labels=({"after"}, ()))

    assert d.sandbox.show(other)["labels"] == ["after"]
    assert "LabelCreate" not in d.bench.asked()


async def test_a_label_that_cannot_be_made_now_leaves_the_issue_certainly_unwritten() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("before", body="LabelCreate"))

        with pytest.raises(UnavailableError) as caught:
            await d.connector.create(draft("One", labels=Delta(add=frozenset({"new"}))))

    assert not caught.value.sent
    assert d.sandbox.keys() == []


async def test_an_update_whose_answer_is_lost_is_not_sent_again() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        d.sandbox.wire.faults.append(Fault("after", writes_only=True))

        with pytest.raises(UnavailableError) as caught:
            await d.change(key, title="Two")

    assert caught.value.sent
    assert len(d.sandbox.wire.writes()) == 1


async def test_a_refused_update_is_a_rejection_with_linears_own_words() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")

        with pytest.raises(RejectedError, match="priority must be between 0 and 4"):
            await d.change(key, priority=7)


async def test_an_update_of_what_is_no_more_is_not_found() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        record = await d.record(key)
        d.sandbox.purge(key)

        with pytest.raises(NotFoundError):
            await d.connector.update(address(record), {"title": "Two"}, record.fields)


async def test_a_state_made_after_the_catalogue_is_found() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        d.sandbox.space.state_named(d.sandbox.team, "In Review").name = "Reviewing"

        receipt = await d.change(key, status={"state": "Reviewing"})

    assert receipt.record is not None
    assert shows(receipt.record.fields["state"], {"name": "Reviewing"})


async def test_a_state_replaced_behind_our_back_is_looked_up_again() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        space = d.sandbox.space
        state = space.state_named(d.sandbox.team, "Done")
        del space.states[state.id]
        state.id = str(uuid.uuid4())
        space.states[state.id] = state

        await d.change(key, status="Done")

    assert d.sandbox.show(key)["status"] == "Done"


async def test_linears_own_spelling_of_a_body_means_what_was_sent() -> None:
    body = "- one\n- [x] two\n- snake_case and 1.5\n\n```\n- kept_as is\n```"
    async with desk() as d:
        key = d.sandbox.add("One")

        receipt = await d.change(key, body=body)

    codec: Any = d.place.codecs["body"]
    assert receipt.record is not None
    assert receipt.record.fields["description"] != body
    assert codec.read(receipt.record.fields) == codec.read({"description": body})


async def test_a_comment_is_written_under_our_id_without_a_mark() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        item, said = await _item(d, key), client_id("C1.abc")

        comment = await d.connector.comment(item, "Hello", "C1.abc", said)
        found = await d.connector.find_comment(item, "C1.abc", said, START)

    assert comment == found
    assert comment.ref.id == said
    assert comment.own
    assert d.sandbox.show(key)["comments"] == [{"id": said, "author": "syncer", "body": "Hello"}]


@pytest.mark.parametrize("kind", ["before", "after", "cut", "half", "garbage"])
async def test_a_comment_whose_answer_is_lost_is_written_once(kind: FaultKind) -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        item = await _item(d, key)
        d.sandbox.wire.faults.append(Fault(kind, writes_only=True))

        await d.connector.comment(item, "Hello", "C1.abc", client_id("C1.abc"))

    assert len(d.sandbox.show(key)["comments"]) == 1


async def test_a_comment_never_written_is_not_found() -> None:
    async with desk() as d:
        item = await _item(d, d.sandbox.add("One"))

        assert await d.connector.find_comment(item, "C1.abc", client_id("C1.abc"), START) is None


async def test_our_own_write_is_seen_as_ours_by_the_next_poll() -> None:
    async with desk() as d:
        cursor = await d.cursor()
        receipt = await d.connector.create(draft("Ours"))

        records = await d.records(cursor)

    assert records[receipt.key] == receipt.record


async def _item(d: Desk, key: str) -> Address:
    return address(await d.record(key))
