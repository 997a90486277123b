"""What the Linear connector does with comments: read whole, edited, deleted, and never gone because hidden."""

from __future__ import annotations

import pytest

from syncer.errors import CredentialsError, NotFoundError, RejectedError, UnavailableError
from syncer.model import Address, Comment, Page, client_id
from syncer.sdk.sandbox import Fault
from syncer.text.canonical import canonical
from syncer_linear.sandbox.rows import Ways
from tests.contract.linear_bench import START, Desk, address, desk

pytestmark = [pytest.mark.anyio]
MARKER = "C1.abc"
TOMBSTONES = Ways(tombstones=True)
both_ways = pytest.mark.parametrize("ways", [Ways(), TOMBSTONES], ids=["nothing stays", "a tombstone stays"])
"""Linear does not say what stays of a deleted comment."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_comments_are_read_over_all_pages_oldest_first() -> None:
    async with desk() as d:
        key, other = d.sandbox.add("Long talk"), d.sandbox.add("Another")
        said = [d.sandbox.say(key, f"Comment {n}") for n in range(260)]
        d.sandbox.say(other, "Elsewhere")
        item = await _item(d, key)
        d.sandbox.wire.forget()

        comments = await d.connector.comments(item)

    assert [c.ref.id for c in comments] == said
    assert {c.item for c in comments} == {item.ref}
    assert d.bench.asked() == ["IssueComments", "IssueComments"]


@both_ways
async def test_a_deleted_comment_is_not_among_the_comments(ways: Ways) -> None:
    async with desk(ways=ways) as d:
        key = d.sandbox.add("Talk")
        kept, lost = d.sandbox.say(key, "Stays"), d.sandbox.say(key, "Goes")
        item = await _item(d, key)
        d.sandbox.unsay(lost)

        assert [c.ref.id for c in await d.connector.comments(item)] == [kept]


@pytest.mark.parametrize("act", ["archive", "auto_archive", "remove"])
async def test_an_issue_put_away_keeps_its_comments(act: str) -> None:
    async with desk() as d:
        key = d.sandbox.add("Talk")
        said = d.sandbox.say(key, "Still here")
        item = await _item(d, key)
        getattr(d.sandbox, act)(key)

        assert [c.ref.id for c in await d.connector.comments(item)] == [said]


async def test_comments_archived_along_with_their_issue_are_not_taken_for_deleted() -> None:
    async with desk(ways=TOMBSTONES) as d:
        key = d.sandbox.add("Talk")
        lost, kept = d.sandbox.say(key, "Goes"), d.sandbox.say(key, "Goes along")
        item = await _item(d, key)
        d.sandbox.unsay(lost)
        d.sandbox.archive(key)
        d.sandbox.space.notes[kept].archived = d.sandbox.space.issue(key).archived

        assert [c.ref.id for c in await d.connector.comments(item)] == [kept]


@pytest.mark.parametrize("act", ["hide", "purge"])
async def test_comments_of_an_issue_we_cannot_read_are_not_an_empty_list(act: str) -> None:
    async with desk() as d:
        key = d.sandbox.add("Talk")
        d.sandbox.say(key, "Said before")
        item = await _item(d, key)
        getattr(d.sandbox, act)(key)

        with pytest.raises(NotFoundError):
            await d.connector.comments(item)


async def test_comments_of_a_forbidden_issue_are_not_found_and_the_connection_stays() -> None:
    async with desk(ways=Ways(discreet=False)) as d:
        item = await _item(d, d.sandbox.add("Talk"))
        d.sandbox.hide(item.key)

        with pytest.raises(NotFoundError):
            await d.connector.comments(item)


@both_ways
async def test_the_feed_hints_at_deleted_comments_only_where_linear_shows_them(ways: Ways) -> None:
    async with desk(ways=ways) as d:
        key = d.sandbox.add("Talk")
        kept, lost = d.sandbox.say(key, "Stays"), d.sandbox.say(key, "Goes")
        cursor = await d.cursor()
        d.bench.clock.forward(minutes=1)
        d.sandbox.unsay(lost)

        later, whole = await d.pages(cursor), await d.pages()

    hints = [lost] if ways.tombstones else []
    assert _unsaid(later) == _unsaid(whole) == hints
    assert lost not in _said(later)
    assert _said(whole) == [kept]


async def test_the_feed_does_not_hint_at_comments_archived_along_with_their_issue() -> None:
    async with desk(ways=TOMBSTONES) as d:
        key = d.sandbox.add("Talk")
        said = d.sandbox.say(key, "Goes along")
        d.sandbox.archive(key)
        d.sandbox.space.notes[said].archived = d.sandbox.space.issue(key).archived

        pages = await d.pages()

    assert _unsaid(pages) == []
    assert _said(pages) == [said]


async def test_an_edit_is_sent_as_linear_speaks_and_read_as_it_was_meant() -> None:
    body = "<details>\n<summary>More</summary>\n\n- one\n- [x] two\n\n</details>"
    async with desk() as d:
        item, ours = await _ours(d)
        d.bench.clock.forward(minutes=1)

        edited = await d.connector.edit_comment(item, ours.ref, body, MARKER)

        [read] = await d.connector.comments(item)
        stored = d.sandbox.show(item.key)["comments"][0]["body"]

    assert stored.startswith("+++ More\n\n* one\n* [X] two\n")
    assert edited == read
    assert (edited.ref, edited.own, edited.created) == (ours.ref, True, ours.created)
    assert edited.body == canonical(body)
    assert edited.updated > ours.updated


async def test_an_edit_leaves_the_stamp_of_the_issue() -> None:
    async with desk() as d:
        item, ours = await _ours(d)
        before = await d.record(item.key)
        d.bench.clock.forward(minutes=1)

        await d.connector.edit_comment(item, ours.ref, "Changed", MARKER)
        await d.connector.delete_comment(item, ours.ref)

        assert await d.record(item.key) == before


@both_ways
async def test_a_comment_a_person_deleted_cannot_be_edited(ways: Ways) -> None:
    async with desk(ways=ways) as d:
        item, ours = await _ours(d)
        d.sandbox.unsay(ours.ref.id)

        with pytest.raises(NotFoundError):
            await d.connector.edit_comment(item, ours.ref, "Too late", MARKER)

        assert d.sandbox.show(item.key)["comments"] == []


async def test_an_edit_whose_answer_is_lost_is_not_sent_again() -> None:
    async with desk() as d:
        item, ours = await _ours(d)
        d.sandbox.wire.forget()
        d.sandbox.wire.faults.append(Fault("after", writes_only=True))

        with pytest.raises(UnavailableError) as caught:
            await d.connector.edit_comment(item, ours.ref, "Changed", MARKER)

    assert caught.value.sent
    assert len(d.sandbox.wire.writes()) == 1
    assert d.sandbox.show(item.key)["comments"][0]["body"] == "Changed"


@pytest.mark.parametrize("way", ["edit", "delete"])
async def test_a_comment_of_another_account_is_refused_and_the_connection_stays(way: str) -> None:
    async with desk() as d:
        key = d.sandbox.add("Talk")
        d.sandbox.say(key, "Mine")
        item = await _item(d, key)
        [theirs] = await d.connector.comments(item)

        with pytest.raises(RejectedError, match="your own comments"):
            await _change(d, way, item, theirs)

    assert d.sandbox.show(key)["comments"][0]["body"] == "Mine"


@pytest.mark.parametrize("way", ["edit", "delete"])
async def test_a_revoked_key_is_a_matter_of_credentials(way: str) -> None:
    async with desk() as d:
        item, ours = await _ours(d)
        d.sandbox.revoke()

        with pytest.raises(CredentialsError):
            await _change(d, way, item, ours)


async def test_deleting_sends_one_request_and_takes_only_that_comment() -> None:
    async with desk() as d:
        item, ours = await _ours(d)
        theirs = d.sandbox.say(item.key, "Stays")
        d.sandbox.wire.forget()

        await d.connector.delete_comment(item, ours.ref)

    assert d.bench.asked() == ["CommentDelete"]
    assert [c["id"] for c in d.sandbox.show(item.key)["comments"]] == [theirs]


@both_ways
async def test_deleting_what_is_gone_already_is_no_error(ways: Ways) -> None:
    async with desk(ways=ways) as d:
        item, ours = await _ours(d)
        d.sandbox.unsay(ours.ref.id)

        await d.connector.delete_comment(item, ours.ref)

    assert d.sandbox.show(item.key)["comments"] == []


@pytest.mark.parametrize("way", ["edit", "delete"])
@pytest.mark.parametrize("act", ["hide", "purge"])
async def test_where_we_cannot_look_a_comment_is_not_taken_for_gone(act: str, way: str) -> None:
    async with desk() as d:
        item, ours = await _ours(d)
        getattr(d.sandbox, act)(item.key)

        with pytest.raises(RejectedError, match="out of reach") as caught:
            await _change(d, way, item, ours)

    assert not isinstance(caught.value, NotFoundError)
    assert caught.value.connection == "linear"


async def test_deleting_where_the_team_was_closed_to_us_is_not_taken_for_done() -> None:
    async with desk() as d:
        item, ours = await _ours(d)
        d.sandbox.shut_out()

        with pytest.raises(RejectedError, match="out of reach"):
            await d.connector.delete_comment(item, ours.ref)

        d.sandbox.let_in()
        assert [c.ref for c in await d.connector.comments(item)] == [ours.ref]


@pytest.mark.parametrize("act", ["hide", "purge"])
async def test_an_issue_we_cannot_read_does_not_deny_that_a_comment_arrived(act: str) -> None:
    async with desk() as d:
        item, _ = await _ours(d)
        getattr(d.sandbox, act)(item.key)

        with pytest.raises(NotFoundError):
            await d.connector.find_comment(item, MARKER, client_id(MARKER), START)


@both_ways
async def test_a_comment_deleted_before_its_answer_came_is_not_found(ways: Ways) -> None:
    async with desk(ways=ways) as d:
        item, ours = await _ours(d)
        d.sandbox.unsay(ours.ref.id)

        assert await d.connector.find_comment(item, MARKER, client_id(MARKER), START) is None


async def test_a_comment_written_again_after_its_deletion_is_the_first_one_where_its_id_is_still_taken() -> None:
    async with desk(ways=TOMBSTONES) as d:
        item, ours = await _ours(d)
        d.sandbox.unsay(ours.ref.id)

        again = await d.connector.comment(item, "Ours", MARKER, client_id(MARKER))

        assert again.ref == ours.ref
        assert await d.connector.comments(item) == []


async def _item(d: Desk, key: str) -> Address:
    return address(await d.record(key))


async def _ours(d: Desk) -> tuple[Address, Comment]:
    """Return an item and our comment on it."""
    item = await _item(d, d.sandbox.add("Talk"))
    return item, await d.connector.comment(item, "Ours", MARKER, client_id(MARKER))


async def _change(d: Desk, way: str, item: Address, comment: Comment) -> None:
    if way == "edit":
        await d.connector.edit_comment(item, comment.ref, "Changed", MARKER)
    else:
        await d.connector.delete_comment(item, comment.ref)


def _said(pages: list[Page]) -> list[str]:
    return [c.ref.id for page in pages for c in page.comments]


def _unsaid(pages: list[Page]) -> list[str]:
    return [ref.id for page in pages for ref in page.unsaid]
