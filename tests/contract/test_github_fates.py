"""What became of an issue that is not where it was: deleted, moved, hidden, converted, or the whole place gone."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.errors import CredentialsError, ProtocolError, RateLimitedError
from syncer.model import Address, Missing, Record, Ref, State
from tests.contract.github_bench import URL, Desk, Instead, address, desk

pytestmark = pytest.mark.anyio

HERE = "/repos/acme/web/issues/2"
MANY = 8
"""More than are asked for one by one."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _fate(d: Desk, record: Record, **answer: Any) -> Record | Missing:
    """Return what a direct read says when GitHub answers so."""
    connector = d.bench.connector(app=Instead(d.sandbox.wire, HERE, **answer))
    await connector.open()
    try:
        return (await connector.get([address(record)]))[record.ref]
    finally:
        await connector.close()


# -- one issue -----------------------------------------------------------------------------------


async def test_every_address_is_answered_whatever_became_of_it() -> None:
    async with desk() as d:
        names = ("here", "deleted", "transferred", "unknown")
        keys = {n: d.sandbox.add(n) for n in names}
        records = await d.records()
        d.sandbox.remove(keys["deleted"])
        moved_to = d.sandbox.move(keys["transferred"])
        at = {n: address(records[k]) for n, k in keys.items()}
        at["unknown"] = Address(Ref("github", "issue", "1"), "#999")

        found = await d.connector.get(list(at.values()))

    assert isinstance(found[at["here"].ref], Record)
    assert found[at["deleted"].ref] == Missing(at["deleted"].ref, State.GONE)
    assert found[at["transferred"].ref] == Missing(at["transferred"].ref, State.MOVED, moved_to)
    assert found[at["unknown"].ref] == Missing(at["unknown"].ref, State.UNREACHABLE)


async def test_an_issue_transferred_out_of_our_sight_is_unreachable_not_gone() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.hide(record.key)

        found = await d.connector.get([address(record)])

    assert found == {record.ref: Missing(record.ref, State.UNREACHABLE)}


async def test_a_number_that_now_belongs_to_another_issue_is_not_taken_for_ours() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        stranger = Address(Ref("github", "issue", "31"), record.key)

        assert await d.connector.get([stranger]) == {stranger.ref: Missing(stranger.ref, State.UNREACHABLE)}


async def test_nothing_is_gone_where_access_was_taken_away() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.shut_out()

        found = await d.connector.get([address(record)])

    assert found == {record.ref: Missing(record.ref, State.UNREACHABLE)}


async def test_nothing_is_gone_where_issues_were_turned_off() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.disable_issues()

        with pytest.raises(CredentialsError, match="disabled"):
            await d.connector.get([address(record)])


async def test_an_issue_transferred_twice_is_said_to_be_where_it_lives_now() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.move(record.key)
        world = d.sandbox.world
        [there] = world.elsewhere.issues.values()
        back = world.transfer(world.elsewhere, there, world.repo)

        found = await d.connector.get([address(record)])

    page = f"https://github.com/acme/web/issues/{back.number}"
    assert found == {record.ref: Missing(record.ref, State.MOVED, page)}


async def test_a_closed_issue_moves_too_and_stays_closed_there() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One", status="not_planned"))
        page = d.sandbox.move(record.key)

        found = await d.connector.get([address(record)])

        [there] = d.sandbox.world.elsewhere.issues.values()
        assert (there.state, there.reason) == ("closed", "not_planned")
    assert found == {record.ref: Missing(record.ref, State.MOVED, page)}


@pytest.mark.parametrize("status", [404, 410])
async def test_an_issue_made_a_discussion_is_not_gone(status: int) -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.convert(record.key, status=status)

        found = await d.connector.get([address(record)])

        assert found == {record.ref: Missing(record.ref, State.UNREACHABLE)}
        assert await d.records() == {}


async def test_an_issue_made_a_pull_request_is_not_gone() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.world.repo.issues[2].is_pull = True

        assert await d.connector.get([address(record)]) == {record.ref: Missing(record.ref, State.UNREACHABLE)}


@pytest.mark.parametrize("location", ["https://evil.example/issues/2", ""])
async def test_a_redirect_to_another_host_or_nowhere_is_not_followed(location: str) -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        fate = await _fate(d, record, status=301, headers={"location": location})

    assert fate == Missing(record.ref, State.UNREACHABLE)


async def test_a_redirect_to_what_is_no_issue_is_unreachable() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        page = Instead(d.sandbox.wire, "/discussions/2", 200)
        connector = d.bench.connector(app=Instead(page, HERE, 301, headers={"location": f"{URL}/discussions/2"}))

        assert await connector.get([address(record)]) == {record.ref: Missing(record.ref, State.UNREACHABLE)}
        await connector.close()


async def test_an_issue_moved_to_where_our_token_is_refused_does_not_stop_the_connection() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        closed = "/repos/acme/closed/issues/1"
        refusing = Instead(
            d.sandbox.wire, closed, 403, {"message": "Resource protected by organization SAML enforcement."}
        )
        moving = Instead(refusing, HERE, 301, headers={"location": URL + closed})
        connector = d.bench.connector(app=moving)

        found = await connector.get([address(record)])

        assert found == {record.ref: Missing(record.ref, State.UNREACHABLE)}
        await connector.close()


# -- 410, which says four things -----------------------------------------------------------------


async def test_a_410_that_says_deleted_is_gone() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        assert await _fate(d, record, status=410, says={"message": "This issue was deleted"}) == Missing(
            record.ref, State.GONE
        )


@pytest.mark.parametrize("says", [None, {}, {"message": "Gone"}, ["deleted"], {"message": 7}])
async def test_a_410_that_does_not_say_deleted_is_not_gone(says: Any) -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        assert await _fate(d, record, status=410, says=says) == Missing(record.ref, State.UNREACHABLE)


@pytest.mark.parametrize(
    "message", ["Issues are disabled for this repo", "Issues has been disabled in this repository.", "Issues Disabled"]
)
async def test_disabled_issues_are_a_matter_of_the_connection(message: str) -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        with pytest.raises(CredentialsError, match="Turn issues on"):
            await _fate(d, record, status=410, says={"message": message})


async def test_a_retired_api_version_is_told_as_such() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        with pytest.raises(ProtocolError, match="update syncer"):
            await _fate(d, record, status=410, says={"message": "This API version is no longer supported"})


# -- the repository ------------------------------------------------------------------------------


async def test_issues_of_a_renamed_repository_are_read_and_spoken_on_as_before() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        said = await d.connector.comment(address(record), "Ours", "C1.abc", "")
        d.sandbox.rename("site")

        found = (await d.connector.get([address(record)]))[record.ref]
        read = await d.connector.comments(address(record))
        edited = await d.connector.edit_comment(address(record), said.ref, "Ours, again", "C1.abc")
        await d.connector.delete_comment(address(record), said.ref)

        assert isinstance(found, Record)
        assert (found.ref, found.fields, found.url) == (
            record.ref,
            record.fields,
            "https://github.com/acme/site/issues/2",
        )
        assert ([c.ref for c in read], edited.body) == ([said.ref], "Ours, again")
        assert await d.connector.comments(address(record)) == []


async def test_many_issues_of_a_renamed_repository_are_read_as_before() -> None:
    async with desk() as d:
        for number in range(MANY):
            d.sandbox.add(f"Issue {number}")
        records = (await d.records()).values()
        d.sandbox.rename("site")

        found = await d.connector.get([address(r) for r in records])

    assert {ref: one.state for ref, one in found.items()} == {r.ref: State.HERE for r in records}


async def test_another_repository_under_the_old_name_has_none_of_our_issues() -> None:
    async with desk() as d:
        for number in range(MANY):
            d.sandbox.add(f"Issue {number}")
        records = (await d.records()).values()
        world = d.sandbox.world
        for issue in world.repo.issues.values():
            issue.id += 1_000_000

        found = await d.connector.get([address(r) for r in records])

    assert {one.state for one in found.values()} == {State.UNREACHABLE}


async def test_a_listing_of_a_repository_hidden_from_us_is_a_matter_of_credentials() -> None:
    async with desk() as d:
        d.sandbox.add("One")
        cursor = await d.cursor()
        d.sandbox.shut_out()

        for since in (cursor, None):
            with pytest.raises(CredentialsError, match=r"acme/web cannot be read.*hidden") as caught:
                await d.pages(since)
            assert (caught.value.connection, caught.value.status) == ("github", 404)


async def test_access_lost_between_two_pages_is_no_complete_listing() -> None:
    async with desk(pulls=0) as d:
        for number in range(3):
            d.sandbox.add(f"Issue {number}")
        pages = d.connector.changes(None)
        await anext(pages)
        d.sandbox.shut_out()

        with pytest.raises(CredentialsError, match="hidden"):
            _ = [page async for page in pages]


async def test_many_issues_of_a_hidden_repository_are_unreachable_without_asking_for_each() -> None:
    async with desk() as d:
        for number in range(MANY):
            d.sandbox.add(f"Issue {number}")
        records = (await d.records()).values()
        d.sandbox.shut_out()
        d.sandbox.wire.forget()

        found = await d.connector.get([address(r) for r in records])

        assert {one.state for one in found.values()} == {State.UNREACHABLE}
        assert d.bench.asked() == ["POST /graphql", "GET /repos/acme/web"]


async def test_a_create_in_a_hidden_repository_is_a_matter_of_credentials() -> None:
    async with desk() as d:
        d.sandbox.shut_out()

        with pytest.raises(CredentialsError, match="hidden"):
            await d.connector.create(d.draft("One"))


async def test_a_repository_blocked_by_law_is_a_matter_of_the_connection() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))

        with pytest.raises(CredentialsError, match="451"):
            await _fate(d, record, status=451, says={"message": "Repository access blocked"})


# -- many at once --------------------------------------------------------------------------------


async def test_a_limit_told_by_graphql_with_status_200_is_a_limit() -> None:
    async with desk() as d:
        for number in range(MANY):
            d.sandbox.add(f"Issue {number}")
        records = (await d.records()).values()
        says = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
        connector = d.bench.connector(app=Instead(d.sandbox.wire, "/graphql", 200, says))

        with pytest.raises(RateLimitedError):
            await connector.get([address(r) for r in records])
        await connector.close()


async def test_a_batch_tells_deleted_moved_and_hidden_apart_as_single_reads_do() -> None:
    async with desk() as d:
        keys = [d.sandbox.add(f"Issue {n}") for n in range(MANY)]
        records = await d.records()
        d.sandbox.remove(keys[0])
        d.sandbox.move(keys[1])
        d.sandbox.hide(keys[2])
        d.sandbox.convert(keys[3])

        found = await d.connector.get([address(r) for r in records.values()])

    states = [found[records[k].ref].state for k in keys]
    assert states[:4] == [State.GONE, State.MOVED, State.UNREACHABLE, State.UNREACHABLE]
    assert set(states[4:]) == {State.HERE}
