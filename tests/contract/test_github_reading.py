"""What the GitHub connector reads: the place, changes, direct reads, comments, history."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import Any

import graphql
import pytest

from syncer.errors import CredentialsError, ProtocolError, RateLimitedError, StaleError
from syncer.model import Missing, Record, State
from syncer.sdk.sandbox import Fault, Message, Receive, Scope, Send
from syncer_github.batch import ISSUE, NESTED, PARENT, query_for
from syncer_github.sandbox import GitHubSandbox
from tests.contract.github_bench import START, Bench, Clock, Desk, Instead, Meddler, Memory, address, desk
from tests.contract.openapi import contracts

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# -- the place ---------------------------------------------------------------------------------


async def test_the_place_says_who_we_are_and_what_strangers_see() -> None:
    async with desk(private=False) as d:
        place = d.place

    assert place.title == "acme/web"
    assert place.me.id == "syncer-bot"
    assert not place.private
    assert {a.id for a in place.accounts} >= {"jane-doe", "omarh", "mia-chen"}
    assert set(place.codecs) == {"title", "body", "status", "kind", "priority", "labels", "assignees", "parent"}


async def test_a_private_repository_is_said_to_be_private() -> None:
    async with desk(private=True) as d:
        assert d.place.private


async def test_an_idle_poll_by_a_new_process_costs_two_requests() -> None:
    async with desk() as d:
        d.sandbox.say(d.sandbox.add("One"), "hello")
        cursor = await d.cursor()
        d.bench.clock.forward(minutes=5)
        d.sandbox.wire.forget()

        again = d.bench.connector()
        await again.open()
        _ = [page async for page in again.changes(cursor)]

        assert d.bench.asked() == ["GET /repos/acme/web/issues/comments", "GET /repos/acme/web/issues"]
        await again.close()


async def test_visibility_is_asked_again_within_the_day() -> None:
    async with desk(private=True) as d:
        d.sandbox.world.repo.private = False
        d.bench.clock.forward(hours=2)

        again = d.bench.connector()

        assert not (await again.open()).private
        await again.close()


async def test_a_wrong_token_is_a_matter_of_credentials() -> None:
    with pytest.raises(CredentialsError, match="Bad credentials"):
        async with desk(options={"token": "another"}):
            pass


@pytest.mark.parametrize("says", [{}, {"login": ""}, {"login": None}])
async def test_an_account_without_a_name_is_refused_as_nothing_of_it_could_be_known_again(says: Any) -> None:
    async with desk() as d:
        d.bench.catalogue.held.clear()
        nameless = d.bench.connector(app=Instead(d.sandbox.wire, "/user", 200, says))

        with pytest.raises(ProtocolError, match="whose token"):
            await nameless.open()
        await nameless.close()


async def test_a_hidden_repository_is_told_as_one_the_token_may_not_see() -> None:
    with pytest.raises(CredentialsError, match=r"acme/other.*may not see"):
        async with desk(options={"repository": "acme/other"}):
            pass


async def test_a_renamed_repository_is_read_and_written_under_its_new_name() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.rename("site")
        d.bench.clock.forward(hours=2)
        again = d.bench.connector()
        await again.open()

        receipt = await again.update(address(record), {"title": "Two"}, record.fields)

        assert receipt.record is not None
        assert receipt.record.fields["title"] == "Two"
        assert d.bench.asked()[-1] == "PATCH /repos/acme/site/issues/2"
        await again.close()


async def test_a_write_to_a_repository_renamed_meanwhile_does_not_go_through_the_redirect() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.rename("site")

        await d.connector.update(address(record), {"title": "Two"}, record.fields)

        assert d.sandbox.show(record.key)["title"] == "Two"
        assert d.bench.asked()[-1] == "PATCH /repos/acme/site/issues/2"


async def test_a_write_to_a_transferred_issue_asks_for_it_to_be_read_again() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        d.sandbox.move(record.key)

        with pytest.raises(StaleError):
            await d.connector.update(address(record), {"title": "Two"}, record.fields)

        assert [i.title for i in d.sandbox.world.elsewhere.issues.values()] == ["One"]


# -- changes -----------------------------------------------------------------------------------


async def test_a_full_listing_has_closed_issues_and_no_pull_requests() -> None:
    async with desk(pulls=2) as d:
        d.sandbox.add("Open")
        d.sandbox.add("Shut", status="closed")

        records = await d.records()

    assert [(r.fields["title"], r.fields["state"]) for r in records.values()] == [
        ("Open", "open"),
        ("Shut", "closed"),
    ]


async def test_a_record_is_told_in_githubs_words() -> None:
    async with desk(types=["Bug"]) as d:
        key = d.sandbox.add(
            "One",
            body="Text",
            labels=["zeta", "bug"],
            assignees=["omar", "jane"],
            kind="Bug",
            status="not_planned",
        )
        record = await d.record(key)

    assert record.fields == {
        "title": "One",
        "body": "Text",
        "state": "closed",
        "state_reason": "not_planned",
        "labels": ["bug", "zeta"],
        "assignees": ["jane-doe", "omarh"],
        "type": "Bug",
        "parent": None,
    }
    assert (record.key, record.url) == ("#2", "https://github.com/acme/web/issues/2")
    assert record.author is not None
    assert (record.author.id, record.own, record.marker) == ("jane-doe", False, None)


async def test_many_pages_are_read_by_stamp_in_as_many_requests_as_there_are_pages() -> None:
    async with desk(pulls=0) as d:
        for number in range(250):
            d.sandbox.add(f"Issue {number}", created=START - timedelta(minutes=250 - number))
        d.sandbox.wire.forget()

        assert len(await d.records()) == 250
        assert len(d.sandbox.wire.calls) == 3 + 1
        assert "per_page=100" in d.sandbox.wire.calls[0].query


async def test_a_change_after_the_cursor_comes_in_one_request() -> None:
    async with desk() as d:
        keys = [d.sandbox.add(f"Issue {n}", created=START - timedelta(hours=n + 1)) for n in range(5)]
        d.sandbox.world.repo.issues[1].updated = START - timedelta(days=1)
        cursor = await d.cursor()
        d.bench.clock.forward(minutes=1)
        d.sandbox.edit(keys[3], title="Changed")
        d.sandbox.wire.forget()

        records = await d.records(cursor)

        assert keys[3] in records
        assert set(records) <= {keys[0], keys[3]}  # the newest of before lies on the cursor's second
        assert len(d.sandbox.wire.calls) == 2


async def test_a_change_in_the_second_of_the_cursor_is_not_missed() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        cursor = await d.cursor()
        d.sandbox.edit(key, title="Two")

        assert (await d.records(cursor))[key].fields["title"] == "Two"


async def test_the_cursor_never_runs_ahead_of_what_was_seen() -> None:
    async with desk() as d:
        d.sandbox.add("One")
        cursor = await d.cursor()
        d.bench.clock.forward(hours=1)
        later = await d.cursor(cursor)
        d.sandbox.add("Late, with an old stamp", created=d.bench.clock() - timedelta(minutes=30))

        assert [r.fields["title"] for r in (await d.records(later)).values()][-1] == "Late, with an old stamp"


async def test_an_issue_pulled_over_a_page_boundary_by_an_edit_is_still_read() -> None:
    clock = Clock()
    bench = Bench(GitHubSandbox(clock=clock, pulls=0), clock, Memory(clock))
    keys = [bench.sandbox.add(f"Issue {n}", created=START - timedelta(hours=9, minutes=-n)) for n in range(230)]
    edit = lambda: bench.sandbox.edit(keys[10], title="Moved to the end")  # noqa: E731 -- an act to be done later
    connector = bench.connector(app=Meddler(bench.sandbox.wire, "/issues", [edit]))
    await connector.open()

    seen = {r.key: r async for page in connector.changes(None) for r in page.records}

    assert set(seen) == set(keys)
    assert seen[keys[10]].fields["title"] == "Moved to the end"
    await connector.close()


async def test_no_cursor_speaks_of_issues_before_their_list_is_read_to_the_end() -> None:
    async with desk(pulls=0) as d:
        for number in range(150):
            d.sandbox.add(f"Issue {number}", created=START - timedelta(minutes=number))

        pages = await d.pages()

    early = [page.cursor for page in pages[:-1] if page.cursor is not None]
    assert all('"issues": null' in cursor for cursor in early)
    assert pages[-1].cursor is not None
    assert '"issues": "2026' in pages[-1].cursor


async def test_a_link_to_another_host_is_not_followed() -> None:
    async with desk(pulls=0) as d:
        for number in range(150):
            d.sandbox.add(f"Issue {number}")
        elsewhere = d.bench.connector(app=Rewriting(d.sandbox.wire))
        await elsewhere.open()

        with pytest.raises(ProtocolError, match=r"another host \(evil.example\)"):
            _ = [page async for page in elsewhere.changes(None)]
        await elsewhere.close()


class Rewriting:
    """Turns the origin in `Link` into a stranger's."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (k, v.replace(b"http://127.0.0.1:9", b"https://evil.example") if k == b"link" else v)
                    for k, v in message["headers"]
                ]
                message = {**message, "headers": headers}
            await send(message)

        await self.inner(scope, receive, sent)


# -- comments ----------------------------------------------------------------------------------


async def test_comments_come_with_the_key_of_their_issue() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        d.sandbox.say(key, "A **word**", by="omar")

        [comment] = await d.comments()

    assert (comment.item, comment.body, comment.author.id) == (key, "A **word**", "omarh")
    assert not comment.own


async def test_an_edited_comment_comes_again_though_its_issue_stands_still() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        said = d.sandbox.say(key, "Old")
        cursor = await d.cursor()
        d.bench.clock.forward(minutes=10)
        d.sandbox.reword(said, "New")

        assert [c.body for c in await d.comments(cursor)] == ["New"]
        assert await d.records(cursor) == {key: await d.record(key)}


# -- direct reads ------------------------------------------------------------------------------


async def _filled(d: Desk, count: int) -> dict[str, Record]:
    for number in range(count):
        key = d.sandbox.add(f"Issue {number}", body="Text\r\nmore" if number % 2 else None, labels=["b", "A"])
        d.sandbox.edit(key, assignees=["omar", "jane"], status=["open", "not_planned", "duplicate"][number % 3])
    return await d.records()


async def test_many_issues_are_read_in_one_request_and_look_the_same() -> None:
    async with desk(types=["Bug"]) as d:
        listed = await _filled(d, 30)
        d.sandbox.wire.forget()

        found = await d.connector.get([address(r) for r in listed.values()])

        assert {r.key: r for r in found.values() if isinstance(r, Record)} == listed
        assert d.bench.asked() == ["POST /graphql"]
        assert d.sandbox.wire.writes() == []


async def test_what_a_batch_does_not_find_is_asked_by_itself() -> None:
    async with desk() as d:
        listed = await _filled(d, 8)
        d.sandbox.remove("#3")

        found = await d.connector.get([address(r) for r in listed.values()])

    assert found[listed["#3"].ref] == Missing(listed["#3"].ref, State.GONE)
    assert sum(isinstance(f, Record) for f in found.values()) == 7


@pytest.mark.parametrize("status", [403, 404, 405, 501])
async def test_without_graphql_many_issues_are_read_one_by_one(status: int) -> None:
    async with desk() as d:
        listed = await _filled(d, 8)
        plain = d.bench.connector(app=Instead(d.sandbox.wire, "/graphql", status))
        await plain.open()

        found = await plain.get([address(r) for r in listed.values()])

        assert {r.key: r for r in found.values() if isinstance(r, Record)} == listed
        await plain.close()


def test_the_batch_query_is_valid_graphql_of_github() -> None:
    folder = contracts()
    if folder is None:
        pytest.skip("no published contracts here (SYNCER_CONTRACTS)")
    schema = _github_schema(folder)

    # The published schema is from before issue types.
    for fragment in (ISSUE, ISSUE + PARENT, NESTED):
        assert graphql.validate(schema, graphql.parse(query_for([7, 12], fragment))) == []


def _github_schema(folder: Any) -> graphql.GraphQLSchema:
    sdl = gzip.decompress((folder / "github" / "schema.graphql.gz").read_bytes()).decode()
    return graphql.build_schema(sdl, assume_valid=True, assume_valid_sdl=True)


# -- history -----------------------------------------------------------------------------------


async def test_history_says_who_changed_which_field_when() -> None:
    tables = {"status": {"started": [{"state": "open", "label": "in progress"}]}}
    async with desk(tables) as d:
        key = d.sandbox.add("One")
        record = await d.record(key)
        d.bench.clock.forward(minutes=1)
        d.sandbox.edit(key, title="Two", by="omar")
        d.bench.clock.forward(minutes=1)
        d.sandbox.edit(key, labels=["in progress"], by="mia")

        edits = await d.connector.history(address(record), frozenset({"title", "status", "labels", "body"}))

    assert set(edits) == {"title", "status"}
    assert (edits["title"].who, edits["status"].who) == ("omarh", "mia-chen")
    assert (edits["status"].at - edits["title"].at) == timedelta(minutes=1)


async def test_a_server_without_events_has_no_history() -> None:
    async with desk() as d:
        record = await d.record(d.sandbox.add("One"))
        bare = d.bench.connector(app=Instead(Instead(d.sandbox.wire, _issue("events"), 501), _issue("timeline"), 405))
        await bare.open()

        assert await bare.history(address(record), frozenset({"title"})) == {}
        await bare.close()


def _issue(what: str) -> str:
    return f"/repos/acme/web/issues/2/{what}"


# -- limits ------------------------------------------------------------------------------------


async def test_a_secondary_limit_is_waited_out() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("limit", path=".*/issues"))

        await d.records()

        assert 1.0 <= d.bench.slept[0] < 2.0
        assert d.bench.meter.waits[0][1].startswith("rate limited")


async def test_a_spent_budget_is_told_with_the_time_until_it_is_filled_again() -> None:
    async with desk() as d:
        d.sandbox.desk.remaining = 0

        with pytest.raises(RateLimitedError) as caught:
            await d.records()

        assert caught.value.retry_after == pytest.approx(3600, abs=5)
        assert d.bench.slept == []


# -- check -------------------------------------------------------------------------------------


async def test_check_finds_nothing_wrong_with_a_good_connection() -> None:
    async with desk() as d:
        assert await d.connector.check() == []


async def test_check_tells_that_labels_would_be_dropped() -> None:
    async with desk(push=False) as d:
        [problem] = await d.connector.check()

    assert problem.level == "error"
    assert "labels and assignees" in problem.message
    assert problem.key == "connections.github.token"


async def test_check_tells_of_disabled_issues_and_of_a_clock_that_is_off() -> None:
    async with desk() as d:
        d.sandbox.disable_issues()
        d.sandbox.world.clock = lambda: d.bench.clock() + timedelta(minutes=7)

        told = {p.level: p.message for p in await d.connector.check()}

    assert told == {
        "error": "issues are disabled in acme/web",
        "warning": "this machine's clock is 420 s away from GitHub's",
    }


async def test_check_tells_of_a_bad_token_without_failing() -> None:
    async with desk() as d:
        d.sandbox.desk.token = "rotated"

        [problem] = await d.connector.check()

    assert problem.fix is not None
    assert "Issues read/write" in problem.fix
