"""Comments of a Jira issue: read whole, edited, deleted, and never the restricted ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncer.errors import NotFoundError, RejectedError, UnavailableError
from syncer.model import Address, Ref
from syncer.sdk.sandbox import Fault
from tests.contract.jira_bench import START, Desk, address, desk
from tests.contract.test_jira_foreign import ISSUE, REF, connect, listed, site

pytestmark = pytest.mark.anyio

BODY = "**Jane** on [web#7](https://example.org/web/7):\n\nLooks good."
AT = Address(REF, "ROAD-7")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def heard(d: Desk, cursor: str | None = None) -> dict[Ref, set[str]]:
    """Return, for every issue whose comments came whole, the ids of those that came."""
    found: dict[Ref, set[str]] = {}
    for page in await d.pages(cursor):
        for ref in page.heard:
            found[ref] = {c.ref.id for c in page.comments if c.item == ref}
    return found


# -- reading ---------------------------------------------------------------------------------------


async def test_comments_of_an_issue_come_whole_from_its_own_list() -> None:
    async with desk(search_lag=600) as d:
        key = d.sandbox.add("Hotly debated")
        said = [d.sandbox.say(key, f"Argument {n}") for n in range(230)]
        ref = Ref("jira", "issue", str(d.sandbox.site.keys[key]))
        d.sandbox.wire.forget()

        comments = await d.connector.comments(Address(ref, key))

    assert [c.ref.id for c in comments] == said
    assert {c.item for c in comments} == {ref}
    assert len(d.bench.asked("GET", "/comment")) == 3


async def test_a_comment_deleted_between_two_pages_hides_no_other() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Hotly debated"))
        said = [d.sandbox.say(record.key, f"Argument {n}") for n in range(150)]
        comment_list = f"/rest/api/3/issue/{record.ref.id}/comment"
        serve = d.sandbox.wire.app

        async def deleting(scope: Any, receive: Any, send: Any) -> None:
            await serve(scope, receive, send)
            if scope["path"] == comment_list and d.sandbox.show(record.key)["comments"][0]["id"] == said[0]:
                d.sandbox.unsay(said[0])

        d.sandbox.wire.app = deleting

        comments = await d.connector.comments(address(record))

    assert [c.ref.id for c in comments] == said[1:]


async def test_a_list_that_never_stands_still_is_told_and_not_guessed() -> None:
    def shifting(request: httpx.Request) -> httpx.Response:
        start = int(request.url.params["startAt"])
        noted = [_raw(f"{start}-{n}") for n in range(100)]
        return httpx.Response(200, json={"comments": noted, "total": 1000, "startAt": start})

    connector = connect(site(issue__7__comment=shifting))
    await connector.open()

    with pytest.raises(UnavailableError, match="changed while"):
        await connector.comments(AT)


async def test_comments_of_an_issue_that_cannot_be_read_are_not_found() -> None:
    async with desk() as d:
        gone, hidden = [await d.record(d.sandbox.add(n)) for n in ("Gone", "Hidden")]
        d.sandbox.remove(gone.key)
        d.sandbox.hide(hidden.key)

        for record in (gone, hidden):
            with pytest.raises(NotFoundError) as error:
                await d.connector.comments(address(record))
            assert error.value.connection == "jira"


# -- restricted ------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_role", [True, False])
async def test_a_restricted_comment_is_in_no_answer(in_role: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    async with desk(in_role=in_role) as d:
        record = await d.record(d.sandbox.add("Talked about"))
        kept = d.sandbox.say(record.key, "Open to all")
        d.sandbox.say(record.key, "For administrators", restricted=True)

        assert [c.ref.id for c in await d.connector.comments(address(record))] == [kept]
        assert [c.ref.id for c in await d.comments()] == [kept]
        assert await heard(d) == {record.ref: {kept}}


@pytest.mark.parametrize("in_role", [True, False])
async def test_a_comment_restricted_later_is_as_good_as_gone(in_role: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    async with desk(in_role=in_role) as d:
        record = await d.record(d.sandbox.add("Talked about"))
        kept, lost = d.sandbox.say(record.key, "Open to all"), d.sandbox.say(record.key, "Open for now")
        cursor = await d.cursor()
        assert await heard(d) == {record.ref: {kept, lost}}
        d.bench.clock.forward(hours=1)

        d.sandbox.restrict(lost)

        assert await heard(d, cursor) == {record.ref: {kept}}
        assert [c.ref.id for c in await d.connector.comments(address(record))] == [kept]
        d.sandbox.restrict(lost, restricted=False)
        assert [c.ref.id for c in await d.connector.comments(address(record))] == [kept, lost]


async def test_our_comment_restricted_meanwhile_is_neither_read_nor_taken_for_one_that_never_arrived() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Talked about"))
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        d.sandbox.say(record.key, "For administrators", restricted=True)
        d.sandbox.restrict(ours.ref.id)
        since = START - timedelta(hours=1)

        with pytest.raises(RejectedError, match="arrived and is restricted") as error:
            await d.connector.find_comment(address(record), "C1.ab", "id", since)
        assert not isinstance(error.value, NotFoundError)
        assert await d.connector.find_comment(address(record), "C2.ab", "id", since) is None


@pytest.mark.parametrize("in_role", [True, False])
async def test_a_restricted_comment_of_ours_is_not_edited_back_into_the_open(in_role: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    async with desk(in_role=in_role) as d:
        record = await d.record(d.sandbox.add("Talked about"))
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        d.sandbox.restrict(ours.ref.id)

        with pytest.raises(NotFoundError):
            await d.connector.edit_comment(address(record), ours.ref, "New words.", "C1.ab")

        assert d.sandbox.site.note(ours.ref.id).restricted
        assert "Looks good." in d.sandbox.show(record.key)["comments"][0]["body"]


async def test_internal_notes_of_a_service_project_are_in_no_answer() -> None:
    talk = {"comments": [_raw("1"), _raw("2", jsdPublic=False)], "total": 2}
    issue = {**ISSUE, "fields": {**ISSUE["fields"], "comment": talk}}
    answers: Mapping[str, Any] = {"search__jql": {"issues": [issue], "isLast": True}, "issue__7__comment": talk}
    connector = connect(site(**answers))
    await connector.open()

    (page,) = [page async for page in connector.changes(None)]
    comments = await connector.comments(AT)

    assert [c.ref.id for c in page.comments] == ["1"]
    assert list(page.heard) == [REF]
    assert [c.ref.id for c in comments] == ["1"]


# -- heard -----------------------------------------------------------------------------------------


async def test_a_deleted_comment_is_missing_where_its_issue_is_heard_again() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Talked about"))
        kept, lost = d.sandbox.say(record.key, "Stays"), d.sandbox.say(record.key, "Goes")
        cursor = await d.cursor()
        d.bench.clock.forward(hours=1)
        d.sandbox.unsay(lost)

        assert await heard(d, cursor) == {record.ref: {kept}}


async def test_a_deletion_that_moves_no_stamp_is_seen_by_asking_the_issue() -> None:
    async with desk(bumps=False) as d:
        record = await d.record(d.sandbox.add("Talked about"))
        lost = d.sandbox.say(record.key, "Goes")
        d.bench.clock.forward(hours=1)
        other = await d.record(d.sandbox.add("Later"))
        cursor = await d.cursor()
        d.sandbox.unsay(lost)

        assert await heard(d, cursor) == {other.ref: set()}
        assert list(await d.connector.comments(address(record))) == []


async def test_an_issue_with_many_comments_is_heard_too() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Hotly debated"))
        said = {d.sandbox.say(record.key, f"Argument {n}") for n in range(130)}

        assert await heard(d) == {record.ref: said}


async def test_an_issue_that_goes_away_under_the_listing_does_not_stop_it() -> None:
    many = {"comments": [_raw("1")], "total": 30}
    issue = {**ISSUE, "fields": {**ISSUE["fields"], "comment": many}}
    connector = connect(site(search__jql={"issues": [issue], "isLast": True}))

    (record,) = await listed(connector)
    (page,) = [page async for page in connector.changes(None)]

    assert record.ref == REF
    assert (list(page.comments), list(page.heard)) == ([], [])


# -- editing and deleting --------------------------------------------------------------------------


async def test_an_edited_comment_keeps_its_marker_in_the_link_of_its_first_line() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        d.bench.clock.forward(minutes=5)
        d.sandbox.wire.forget()

        edited = await d.connector.edit_comment(address(record), ours.ref, BODY.replace("good", "bad"), "C1.ab")
        (read,) = await d.connector.comments(address(record))

    assert edited == read
    assert (edited.ref, edited.marker, edited.own, edited.created) == (ours.ref, "C1.ab", True, ours.created)
    assert "Looks bad." in edited.body
    assert edited.updated == START + timedelta(minutes=5)
    (write,) = d.sandbox.wire.writes()
    assert (write.method, "web/7?syncer=C1.ab" in write.body.decode()) == ("PUT", True)


async def test_an_edit_of_a_comment_is_sent_once_whatever_becomes_of_the_answer() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        d.sandbox.wire.forget()
        d.sandbox.wire.faults.append(Fault("after", method="PUT"))

        with pytest.raises(UnavailableError) as error:
            await d.connector.edit_comment(address(record), ours.ref, "New words.", "C1.ab")

        assert error.value.sent
        assert len(d.sandbox.wire.writes()) == 1
        d.sandbox.wire.calls[:] = [c for c in d.sandbox.wire.calls if c.status < 500]


async def test_a_comment_that_is_gone_cannot_be_edited() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        d.sandbox.unsay(ours.ref.id)

        with pytest.raises(NotFoundError):
            await d.connector.edit_comment(address(record), ours.ref, "New words.", "C1.ab")


async def test_without_the_permission_an_edit_is_refused_in_jira_s_words() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        d.sandbox.rest.denied.update({"EDIT_OWN_COMMENTS", "EDIT_ALL_COMMENTS"})
        d.sandbox.rest.denied.update({"DELETE_OWN_COMMENTS", "DELETE_ALL_COMMENTS"})

        with pytest.raises(RejectedError, match="permission to edit"):
            await d.connector.edit_comment(address(record), ours.ref, "New words.", "C1.ab")
        with pytest.raises(RejectedError, match="permission to delete"):
            await d.connector.delete_comment(address(record), ours.ref)

        assert len(await d.connector.comments(address(record))) == 1


async def test_a_comment_is_deleted_and_one_that_is_gone_already_is_no_error() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        theirs = d.sandbox.say(record.key, "Theirs")
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")

        await d.connector.delete_comment(address(record), ours.ref)
        await d.connector.delete_comment(address(record), ours.ref)

        assert [c.ref.id for c in await d.connector.comments(address(record))] == [theirs]


async def test_a_comment_on_an_issue_that_cannot_be_read_is_not_taken_for_deleted() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        d.sandbox.hide(record.key)

        with pytest.raises(NotFoundError):
            await d.connector.delete_comment(address(record), ours.ref)

    assert len(d.sandbox.show(record.key)["comments"]) == 1


async def test_comments_of_an_archived_issue_are_read_and_not_written() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("Discussed"))
        ours = await d.connector.comment(address(record), BODY, "C1.ab", "id")
        d.sandbox.archive(record.key)

        assert [c.ref for c in await d.connector.comments(address(record))] == [ours.ref]
        for write in (
            d.connector.comment(address(record), BODY, "C2.ab", "id"),
            d.connector.edit_comment(address(record), ours.ref, "New words.", "C1.ab"),
            d.connector.delete_comment(address(record), ours.ref),
        ):
            with pytest.raises(RejectedError, match="archived"):
                await write


def _raw(id_: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "author": {"accountId": "jane", "displayName": "Jane"},
        "body": {"version": 1, "type": "doc", "content": []},
        "created": "2026-11-02T10:00:00.000+0100",
        **more,
    }
