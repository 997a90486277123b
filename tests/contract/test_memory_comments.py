"""Comments of the in-memory tracker: its mishaps, and the ways by which they come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from syncer.errors import NotFoundError, RejectedError, UnavailableError
from syncer.model import Address, Ref, client_id
from syncer.sdk.memory import Crash, Fault, FaultKind
from tests.contract.memory_bench import MARKER, Bench, bench, commented


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


WRITES: dict[str, Callable[[Bench, Address, Ref], Awaitable[object]]] = {
    "edit_comment": lambda there, at, ours: there.connector.edit_comment(at, ours, "Again.", MARKER),
    "delete_comment": lambda there, at, ours: there.connector.delete_comment(at, ours),
    "archive": lambda there, at, _: there.connector.archive(at),
}


@pytest.mark.anyio
@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize(
    ("kind", "raised", "effect"),
    [
        ("before", UnavailableError, False),
        ("sent", UnavailableError, False),
        ("after", UnavailableError, True),
        ("reject", RejectedError, False),
        ("crash_before", Crash, False),
        ("crash_after", Crash, True),
    ],
)
async def test_each_write_can_go_wrong(
    call: str, kind: FaultKind, raised: type[BaseException], *, effect: bool
) -> None:
    there = bench()
    at, ours = await commented(there)
    there.tracker.faults.append(Fault(kind, call))

    with pytest.raises(raised):
        await WRITES[call](there, at, ours.ref)

    id_ = at.ref.id if call == "archive" else ours.ref.id
    assert there.tracker.effects == ([(call, id_)] if effect else [])
    assert there.tracker.calls == [call]


@pytest.mark.anyio
@pytest.mark.parametrize("call", WRITES)
async def test_a_write_that_changes_nothing_is_no_effect(call: str) -> None:
    there = bench()
    at, ours = await commented(there)

    await WRITES[call](there, at, ours.ref)
    await WRITES[call](there, at, ours.ref)

    assert [name for name, _ in there.tracker.effects] == [call]


@pytest.mark.anyio
async def test_the_comments_of_a_record_can_be_asked_for_in_vain() -> None:
    there = bench(faults=[Fault("after", "comments")])
    at, _ = await commented(there)

    with pytest.raises(UnavailableError):
        await there.connector.comments(at)


@pytest.mark.anyio
async def test_a_comment_of_somebody_else_is_not_ours_to_change() -> None:
    there = bench()
    at, _ = await commented(there)
    theirs = Ref("memory", "comment", there.tracker.say(at.ref.id, "Theirs."))

    for act in (there.connector.edit_comment(at, theirs, "Mine.", MARKER), there.connector.delete_comment(at, theirs)):
        with pytest.raises(RejectedError) as caught:
            await act
        assert not isinstance(caught.value, NotFoundError)

    assert there.tracker.said(theirs.id).body == "Theirs."


@pytest.mark.anyio
async def test_what_is_archived_takes_no_words() -> None:
    there = bench()
    at, ours = await commented(there)
    there.tracker.archive(at.ref.id)

    for act in (
        there.connector.comment(at, "More.", f"{MARKER}0", client_id(f"{MARKER}0")),
        there.connector.edit_comment(at, ours.ref, "Again.", MARKER),
        there.connector.delete_comment(at, ours.ref),
        there.connector.update(at, {"headline": "New"}, {}),
    ):
        with pytest.raises(RejectedError) as caught:
            await act
        assert not isinstance(caught.value, NotFoundError)

    assert [c.ref for c in await there.connector.comments(at)] == [ours.ref]


@pytest.mark.anyio
async def test_a_tracker_without_an_archive_refuses() -> None:
    there = bench(archives=False)
    at, _ = await commented(there)

    with pytest.raises(RejectedError) as caught:
        await there.connector.archive(at)

    assert caught.value.connection == "memory"


@pytest.mark.anyio
@pytest.mark.parametrize("tombstones", [False, True])
async def test_a_deleted_comment_leaves_a_trace_only_where_there_are_tombstones(*, tombstones: bool) -> None:
    there = bench(tombstones=tombstones)
    at, ours = await commented(there)
    cursor = (await there.pages())[-1].cursor
    there.clock.forward(1)
    there.tracker.delete_comment(ours.ref.id)

    pages = await there.pages(cursor)

    assert [ref for page in pages for ref in page.unsaid] == ([ours.ref] if tombstones else [])
    assert [c for page in pages for c in page.comments] == []
    there.clock.forward(1)
    there.tracker.say(at.ref.id, "Later.")
    later = await there.pages((await there.pages(pages[-1].cursor))[-1].cursor)
    assert [ref for page in later for ref in page.unsaid] == []


@pytest.mark.anyio
async def test_a_restricted_comment_that_is_deleted_leaves_no_trace() -> None:
    there = bench(tombstones=True)
    at, _ = await commented(there)
    secret = there.tracker.say(at.ref.id, "For the few.", restricted=True)
    there.tracker.delete_comment(secret)

    assert secret not in [ref.id for page in await there.pages() for ref in page.unsaid]


@pytest.mark.anyio
@pytest.mark.parametrize("touch", [False, True])
@pytest.mark.parametrize("act", ["say", "edit_comment", "delete_comment", "restrict"])
async def test_comments_that_come_with_records_come_when_those_move(act: str, *, touch: bool) -> None:
    there = bench(comments_with_records=True, comments_touch=touch)
    at, ours = await commented(there)
    there.clock.forward(1)
    there.tracker.add("Another")
    cursor = (await there.pages())[-1].cursor
    there.clock.forward(1)
    words = {"say": (at.ref.id, "More."), "edit_comment": (ours.ref.id, "Other words.")}
    getattr(there.tracker, act)(*words.get(act, (ours.ref.id,)))

    pages = await there.pages(cursor)

    assert ([ref for page in pages for ref in page.heard if ref == at.ref] == [at.ref]) is touch
    there.tracker.edit(at.ref.id, headline="Moved")
    bodies = sorted(c.body for page in await there.pages(cursor) for c in page.comments)
    assert bodies == {"say": ["More.", "Ours."], "edit_comment": ["Other words."]}.get(act, [])
