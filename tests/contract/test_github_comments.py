"""Comments on GitHub: read whole, edited, deleted; what GitHub refuses stays with the one item."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from syncer.errors import (
    ConnectorError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    StaleError,
    UnavailableError,
)
from syncer.model import Comment, Ref
from syncer.sdk.sandbox import Fault
from syncer_github import GitHub
from tests.contract.github_bench import Desk, Instead, Meddler, address, desk

pytestmark = pytest.mark.anyio

MARK = "C1.abc"
MANY = 230
"""Three pages."""
MOST = 65_536
COMMENTS = "/repos/acme/web/issues/2/comments"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _ours(d: Desk, body: str = "Ours.") -> tuple[Any, Comment]:
    """Return the address of a new issue and our comment on it."""
    at = address(await d.record(d.sandbox.add("One")))
    return at, await d.connector.comment(at, body, MARK, "")


def _text(d: Desk, key: str) -> str:
    """Return the newest comment as GitHub keeps it."""
    return str(d.sandbox.show(key)["comments"][-1]["body"])


# -- reading whole ---------------------------------------------------------------------------------


async def test_an_issues_comments_come_with_its_ref_in_one_request() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.say(at.key, "A **word**", by="omar")
        d.sandbox.say("#1", "On the pull request")
        d.sandbox.wire.forget()

        read = await d.connector.comments(at)

        assert [(c.item, c.body, c.author.id, c.own) for c in read] == [
            (at.ref, "Ours.", "syncer-bot", True),
            (at.ref, "A **word**", "omarh", False),
        ]
        assert (read[0].ref, read[0].marker) == (ours.ref, MARK)
        assert d.bench.asked() == [f"GET {COMMENTS}"]


async def test_a_comment_pulled_over_a_page_boundary_by_a_deletion_is_not_taken_for_deleted() -> None:
    async with desk() as d:
        at = address(await d.record(d.sandbox.add("One")))
        said = [d.sandbox.say(at.key, f"Comment {n}") for n in range(MANY)]
        meddled = d.bench.connector(app=Meddler(d.sandbox.wire, "/comments", [lambda: d.sandbox.unsay(said[3])]))

        read = await meddled.comments(at)

        assert [c.ref.id for c in read] == [one for one in said if one != said[3]]
        await meddled.close()


async def test_a_talk_that_never_holds_still_is_told_as_such_and_nothing_is_missed_in_it() -> None:
    async with desk() as d:
        at = address(await d.record(d.sandbox.add("One")))
        said = [d.sandbox.say(at.key, f"Comment {n}") for n in range(MANY)]
        acts: list[Callable[[], object]] = [partial(d.sandbox.unsay, one) for one in said[:60]]
        meddled = d.bench.connector(app=Meddler(d.sandbox.wire, "/comments", acts))

        with pytest.raises(UnavailableError, match="change while they are read"):
            await meddled.comments(at)
        await meddled.close()


@pytest.mark.parametrize("fate", ["remove", "move", "hide", "convert"])
async def test_comments_of_an_issue_that_is_not_here_are_not_found(fate: str) -> None:
    async with desk() as d:
        at, _ = await _ours(d)
        getattr(d.sandbox, fate)(at.key)

        with pytest.raises(NotFoundError):
            await d.connector.comments(at)


async def test_comments_are_not_read_where_a_redirect_leads_to_another_repository() -> None:
    async with desk() as d:
        at, _ = await _ours(d)
        moved = Instead(d.sandbox.wire, COMMENTS, 301, headers={"location": "/repos/acme/elsewhere/issues/2/comments"})
        connector = d.bench.connector(app=moved)

        with pytest.raises(NotFoundError, match="moved"):
            await connector.comments(at)
        assert not any("elsewhere" in call for call in d.bench.asked())
        await connector.close()


async def test_a_minimised_comment_is_still_there_and_still_edited() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.minimize(ours.ref.id)

        edited = await d.connector.edit_comment(at, ours.ref, "Again.", MARK)

        assert [c.body for c in await d.connector.comments(at)] == ["Again."]
        assert (edited.ref, edited.own) == (ours.ref, True)


async def test_no_page_hints_that_a_comment_is_gone_as_no_page_has_all_of_them() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        cursor = await d.cursor()
        d.sandbox.unsay(ours.ref.id)
        d.sandbox.edit(at.key, title="Two")

        pages = [*await d.pages(), *await d.pages(cursor)]

    assert [(p.heard, p.unsaid) for p in pages if p.heard or p.unsaid] == []


# -- editing ---------------------------------------------------------------------------------------


async def test_an_edit_pings_nobody_keeps_the_marker_and_leaves_the_issues_stamp_alone() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        before = await d.record(at.key)
        d.bench.clock.forward(minutes=1)

        edited = await d.connector.edit_comment(at, ours.ref, "cc @mia-chen, see #12", MARK)

        text = _text(d, at.key)
        assert text.endswith(f"<!-- syncer:{MARK} -->")
        assert "@mia-chen" not in text
        assert "#12" not in text
        assert (edited.item, edited.marker, edited.own, edited.created) == (at.ref, MARK, True, ours.created)
        assert edited.updated > ours.updated
        assert await d.record(at.key) == before


async def test_an_edit_that_is_too_long_is_cut_and_the_marker_is_not() -> None:
    async with desk() as d:
        at, ours = await _ours(d)

        edited = await d.connector.edit_comment(at, ours.ref, "\n".join(["line"] * 20_000), MARK)

        assert len(_text(d, at.key)) < MOST
        assert edited.marker == MARK
        assert edited.body.endswith("(cut here: GitHub takes no longer text)_")


async def test_an_edit_to_nothing_keeps_the_comment_and_its_marker() -> None:
    async with desk() as d:
        at, ours = await _ours(d)

        edited = await d.connector.edit_comment(at, ours.ref, "", MARK)

        assert (edited.body, edited.marker) == ("", MARK)


async def test_two_edits_within_one_second_leave_the_last_for_all_to_see() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        cursor = await d.cursor()

        first = await d.connector.edit_comment(at, ours.ref, "First.", MARK)
        d.sandbox.reword(ours.ref.id, "Second.", by="omar")

        assert first.updated == (await d.connector.comments(at))[0].updated
        assert [c.body for c in await d.comments(cursor)] == ["Second."]


@pytest.mark.parametrize("kind", ["after", "cut", "half", "garbage"])
async def test_an_edit_whose_answer_was_lost_is_told_and_not_sent_again(kind: Any) -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.wire.forget()
        d.sandbox.wire.faults.append(Fault(kind, writes_only=True))

        with pytest.raises((UnavailableError, ProtocolError)):
            await d.connector.edit_comment(at, ours.ref, "Again.", MARK)

        assert len(d.sandbox.wire.writes()) == 1
        assert [c.body for c in await d.connector.comments(at)] == ["Again."]


async def test_an_edit_refused_for_its_rate_is_sent_again() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.wire.faults.append(Fault("limit", writes_only=True))

        assert (await d.connector.edit_comment(at, ours.ref, "Again.", MARK)).body == "Again."


async def test_a_comment_is_only_said_to_be_deleted_where_its_issue_can_be_read() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.unsay(ours.ref.id)
        with pytest.raises(NotFoundError):
            await d.connector.edit_comment(at, ours.ref, "Again.", MARK)
        d.sandbox.shut_out()

        with pytest.raises(RejectedError, match="unreachable") as caught:
            await d.connector.edit_comment(at, ours.ref, "Again.", MARK)

    assert not isinstance(caught.value, NotFoundError)


@pytest.mark.parametrize("fate", ["move", "hide", "convert"])
async def test_our_comment_on_an_issue_that_went_away_is_not_taken_for_deleted(fate: str) -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        getattr(d.sandbox, fate)(at.key)

        for act in (d.connector.edit_comment(at, ours.ref, "Again.", MARK), d.connector.delete_comment(at, ours.ref)):
            with pytest.raises(RejectedError) as caught:
                await act
            assert not isinstance(caught.value, NotFoundError)


async def test_a_write_to_a_comment_does_not_go_through_a_redirect_to_another_repository() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        path = f"/repos/acme/web/issues/comments/{ours.ref.id}"
        connector = d.bench.connector(app=Instead(d.sandbox.wire, path, 307, headers={"location": "/elsewhere"}))

        with pytest.raises(StaleError):
            await connector.edit_comment(at, ours.ref, "Again.", MARK)
        with pytest.raises(StaleError):
            await connector.delete_comment(at, ours.ref)
        await connector.close()


# -- deleting --------------------------------------------------------------------------------------


async def test_our_comment_is_deleted_once_and_a_second_time_is_no_error() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.say(at.key, "Theirs.")
        before = await d.record(at.key)

        for _ in range(2):
            await d.connector.delete_comment(at, ours.ref)

        assert [c.body for c in await d.connector.comments(at)] == ["Theirs."]
        assert await d.record(at.key) == before


async def test_a_comment_that_went_with_its_deleted_issue_is_gone_already() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.remove(at.key)

        await d.connector.delete_comment(at, ours.ref)

        assert await d.comments() == []


# -- refusals: of one item, or of us -----------------------------------------------------------------


async def _all_refused(d: Desk, at: Any, comment: Ref) -> list[ConnectorError]:
    errors = []
    for act in (
        d.connector.comment(at, "Another.", "C2.abc", ""),
        d.connector.edit_comment(at, comment, "Again.", MARK),
        d.connector.delete_comment(at, comment),
    ):
        with pytest.raises(ConnectorError) as caught:
            await act
        errors.append(caught.value)
    return errors


async def test_somebody_elses_comment_is_not_ours_to_change() -> None:
    async with desk(push=False) as d:
        at = address(await d.record(d.sandbox.add("One")))
        theirs = Ref("github", "comment", d.sandbox.say(at.key, "Theirs."))

        with pytest.raises(RejectedError, match="admin rights") as caught:
            await d.connector.edit_comment(at, theirs, "Mine.", MARK)
        with pytest.raises(RejectedError, match="admin rights"):
            await d.connector.delete_comment(at, theirs)

        assert caught.value.connection == "github"
        assert _text(d, at.key) == "Theirs."


async def test_a_locked_conversation_parks_the_item_and_stops_nothing() -> None:
    async with desk(push=False) as d:
        at, ours = await _ours(d)
        d.sandbox.lock(at.key)

        for act in (
            d.connector.comment(at, "Another.", "C2.abc", ""),
            d.connector.edit_comment(at, ours.ref, "Again.", MARK),
        ):
            with pytest.raises(RejectedError, match="locked"):
                await act

        assert [c.body for c in await d.connector.comments(at)] == ["Ours."]
        await d.connector.delete_comment(at, ours.ref)


async def test_who_may_push_speaks_in_a_locked_conversation() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.lock(at.key)

        await d.connector.comment(at, "Another.", "C2.abc", "")
        await d.connector.edit_comment(at, ours.ref, "Again.", MARK)

        assert [c.body for c in await d.connector.comments(at)] == ["Again.", "Another."]


async def test_an_archived_repository_is_a_matter_of_the_connection() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.sandbox.world.repo.archived = True

        errors = await _all_refused(d, at, ours.ref)

    assert {type(e) for e in errors} == {CredentialsError}


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (403, "User is blocked", RejectedError),
        (403, "Unable to create comment because issue is locked.", RejectedError),
        (403, "Resource not accessible by personal access token", CredentialsError),
        (403, "Resource protected by organization SAML enforcement.", CredentialsError),
        (403, "You have exceeded a secondary rate limit.", RateLimitedError),
        (401, "Bad credentials", CredentialsError),
        (410, "Issues are disabled for this repo", CredentialsError),
        (422, "Validation Failed", RejectedError),
        (500, "Server Error", UnavailableError),
    ],
)
async def test_a_refused_comment_stops_the_connection_only_where_it_is_about_us(
    status: int, message: str, error: type[ConnectorError]
) -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        said = {"message": message}
        wire = Instead(d.sandbox.wire, COMMENTS, status, said)
        refusing = d.bench.connector(app=Instead(wire, f"/repos/acme/web/issues/comments/{ours.ref.id}", status, said))

        for act in (
            refusing.comment(at, "Another.", "C2.abc", ""),
            refusing.edit_comment(at, ours.ref, "Again.", MARK),
            refusing.delete_comment(at, ours.ref),
        ):
            with pytest.raises(error) as caught:
                await act
            assert type(caught.value) is error
        await refusing.close()


async def test_a_comment_whose_id_is_no_number_is_never_asked_for() -> None:
    async with desk() as d:
        at, _ = await _ours(d)
        d.sandbox.wire.forget()

        with pytest.raises(ProtocolError):
            await d.connector.delete_comment(at, Ref("github", "comment", "1/../../labels/bug"))
        assert d.sandbox.wire.calls == []


# -- whose words they are ------------------------------------------------------------------------------


async def test_the_first_of_two_comments_with_our_marker_is_the_one_we_wrote() -> None:
    async with desk() as d:
        at, ours = await _ours(d)
        d.bench.clock.forward(seconds=5)
        d.sandbox.say(at.key, _text(d, at.key), by="syncer-bot")

        found = await d.connector.find_comment(at, MARK, "", d.bench.clock())

        assert found is not None
        assert found.ref == ours.ref


async def test_what_a_person_says_by_hand_with_our_own_account_carries_no_marker() -> None:
    async with desk() as d:
        at, _ = await _ours(d)
        d.sandbox.say(at.key, "By hand.", by="syncer-bot")

        told = {c.body: (c.own, c.marker) for c in await d.connector.comments(at)}

    assert told == {"Ours.": (True, MARK), "By hand.": (True, None)}


async def test_comments_of_people_who_left_are_the_ghosts_and_of_apps_their_own() -> None:
    async with desk() as d:
        at = address(await d.record(d.sandbox.add("One", by="mia")))
        d.sandbox.say(at.key, "Soon gone.", by="omar")
        d.sandbox.say(at.key, "Automatic.", by="renovate[bot]")
        d.sandbox.leave("omar")

        authors = {c.body: c.author.id for c in await d.connector.comments(at)}

    assert authors == {"Soon gone.": "ghost", "Automatic.": "renovate[bot]"}


# -- what GitHub does not have -------------------------------------------------------------------------


async def test_issues_cannot_be_archived_and_nobody_says_they_can() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.wire.forget()

        with pytest.raises(RejectedError, match="no archive for issues"):
            await d.connector.archive(address(record))

        assert d.sandbox.wire.calls == []
        assert "archive" not in GitHub.abilities
