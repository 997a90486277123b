"""What the Linear connector reads: listings, single records, comments, history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from syncer.errors import CredentialsError, NotFoundError, ProtocolError, RateLimitedError, UnavailableError
from syncer.model import Address, Missing, Page, Ref, State, client_id
from syncer.sdk.sandbox import Fault
from tests.contract.linear_bench import START, address, desk, draft, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_full_listing_brings_every_issue_with_what_codecs_need() -> None:
    async with desk() as d:
        epic = d.sandbox.add("Checkout")
        key = d.sandbox.add(
            "Pay by card",
            by="omar",
            body="- see [the plan](https://example.org/plan)",
            status="In Progress",
            priority=2,
            labels=["web", "Bug"],
            assignees=["mia"],
            due="2026-12-24",
            estimate=5,
            parent=epic,
        )

        records = await d.records()

    codecs: Any = d.place.codecs
    fields = records[key].fields
    assert codecs["title"].read(fields) == "Pay by card"
    assert codecs["body"].read(fields) == "- see [the plan](https://example.org/plan)"
    assert codecs["status"].word(fields) == {"state": "In Progress", "type": "started"}
    assert codecs["priority"].word(fields) == {"priority": 2}
    assert codecs["labels"].read(fields) == ["Bug", "web"]
    assert codecs["kind"].word(fields) == {"label": ["Bug", "web"]}
    assert [a.email for a in codecs["assignees"].read(fields)] == ["mia@acme.example"]
    assert codecs["due"].read(fields) == "2026-12-24"
    assert codecs["estimate"].read(fields) == 5.0
    assert codecs["parent"].read(fields) == records[epic].ref.id
    author = records[key].author
    assert author is not None
    assert author.id == d.sandbox.people["omar"]
    assert not records[key].own


async def test_a_poll_with_nothing_new_costs_two_requests_even_for_a_new_process() -> None:
    async with desk() as d:
        d.sandbox.add("One", labels=["a", "b"])
        cursor = await d.cursor()
        d.bench.clock.forward(hours=1)

        async with opened(d.bench) as second:
            again = await second.cursor(cursor)

    assert again == cursor
    assert d.bench.asked() == ["IssuesDelta", "CommentsDelta"]


async def test_opening_again_asks_nothing_while_the_catalogue_is_fresh() -> None:
    async with desk() as d:
        before = d.bench.meter.requests

        async with opened(d.bench) as second:
            assert second.place.me == d.place.me
            assert second.place.accounts == d.place.accounts

    assert d.bench.meter.requests == before


async def test_a_listing_over_many_pages_is_complete() -> None:
    async with desk() as d:
        keys = [d.sandbox.add(f"Issue {n}") for n in range(620)]

        pages = await d.pages()

    assert {r.key for page in pages for r in page.records} == set(keys)
    assert [page.cursor for page in pages[:3]] == [None, None, None]


async def test_a_listing_takes_few_requests_with_comments() -> None:
    async with desk() as d:
        keys = [d.sandbox.add(f"Issue {n}") for n in range(600)]
        for key in keys[:20]:
            d.sandbox.say(key, "hello")

        await d.pages()

    assert d.bench.asked().count("IssuesDelta") == 4
    assert d.bench.asked().count("CommentsDelta") == 1


async def test_what_changes_while_pages_are_read_is_not_lost() -> None:
    async with desk() as d:
        keys = [d.sandbox.add(f"Issue {n}") for n in range(300)]
        d.bench.clock.forward(minutes=5)

        seen: dict[str, list[object]] = {}
        cursor = None
        async for page in d.connector.changes(None):
            if not seen:
                d.sandbox.edit(keys[0], title="Changed meanwhile")
            for record in page.records:
                seen.setdefault(record.key, []).append(record.fields["title"])
            cursor = page.cursor or cursor
        later = await d.records(cursor)

    assert seen.keys() == set(keys)
    assert "Changed meanwhile" in seen[keys[0]]
    assert set(later) <= {keys[0]}


async def test_the_cursor_waits_for_the_last_page() -> None:
    async with desk() as d:
        for n in range(300):
            d.sandbox.add(f"Issue {n}")
        d.sandbox.wire.faults.append(Fault("before", skip=1, times=50))

        cursors: list[str | None] = []
        with pytest.raises(UnavailableError):
            await _gather(cursors, d.connector.changes(None))

    assert cursors == [None]


async def test_only_what_changed_since_the_cursor_comes() -> None:
    async with desk() as d:
        d.sandbox.add("Old")
        d.bench.clock.forward(minutes=1)
        key = d.sandbox.add("New")
        cursor = await d.cursor()
        d.bench.clock.forward(minutes=1)
        d.sandbox.edit(key, title="Newer")

        assert set(await d.records(cursor)) == {key}


async def test_a_cursor_nobody_can_read_means_everything_again() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")

        assert set(await d.records("2026-11-02")) == {key}


async def test_an_empty_team_has_a_cursor_too() -> None:
    async with desk() as d:
        cursor = await d.cursor()
        key = d.sandbox.add("First")

        assert set(await d.records(cursor)) == {key}


async def test_archived_and_trashed_issues_are_told_apart() -> None:
    async with desk() as d:
        kept, shelved, binned = (d.sandbox.add(title) for title in ("Kept", "Shelved", "Binned"))
        d.sandbox.archive(shelved)
        d.sandbox.remove(binned)

        records = await d.records()
        answers = await d.connector.get([address(record) for record in records.values()])

    assert records[kept].state is State.HERE
    assert records[shelved].state is State.ARCHIVED
    assert records[binned].state is State.GONE
    assert answers[records[binned].ref] == Missing(records[binned].ref, State.GONE)
    assert answers[records[shelved].ref] == records[shelved]


async def test_a_restored_issue_is_here_again() -> None:
    async with desk() as d:
        key = d.sandbox.add("Back")
        d.sandbox.remove(key)
        d.sandbox.restore(key)

        assert (await d.record(key)).state is State.HERE


async def test_a_moved_issue_keeps_its_id_and_says_where_it_went() -> None:
    async with desk() as d:
        key = d.sandbox.add("Wanderer")
        ref = (await d.record(key)).ref
        new = d.sandbox.move(key)

        answer = (await d.connector.get([Address(ref, key)]))[ref]

    assert isinstance(answer, Missing)
    assert answer.state is State.MOVED
    assert new in (answer.to or "")


async def test_a_purged_issue_is_unreachable_not_gone() -> None:
    async with desk() as d:
        key = d.sandbox.add("Purged")
        ref = (await d.record(key)).ref
        d.sandbox.purge(key)

        assert (await d.connector.get([Address(ref, key)]))[ref] == Missing(ref, State.UNREACHABLE)


async def test_one_lost_issue_does_not_empty_the_batch() -> None:
    async with desk() as d:
        keys = [d.sandbox.add(f"Issue {n}") for n in range(120)]
        records = await d.records()
        d.sandbox.purge(keys[7])
        d.sandbox.wire.forget()

        answers = await d.connector.get([address(record) for record in records.values()])

    lost = [ref for ref, answer in answers.items() if isinstance(answer, Missing)]
    assert lost == [records[keys[7]].ref]
    assert len(answers) == 120
    assert sorted(d.bench.asked()) == ["IssueOne", "IssuesByIds", "IssuesByIds"]


async def test_an_issue_of_another_sync_says_which() -> None:
    async with desk() as d:
        github, slack, none = (d.sandbox.add(title) for title in ("G", "S", "N"))
        d.sandbox.sync_with(github, "slack", "github")
        d.sandbox.sync_with(slack, "slack")

        records = await d.records()

    assert [records[key].synced_by for key in (github, slack, none)] == ["linear-github", None, None]


async def test_comments_come_with_author_and_item() -> None:
    async with desk() as d:
        key = d.sandbox.add("Talk")
        said = d.sandbox.say(key, "- one", by="omar")
        record = await d.record(key)

        comments = await d.comments()

    assert [(c.ref.id, c.item, c.body, c.author.id, c.own) for c in comments] == [
        (said, record.ref, "- one", d.sandbox.people["omar"], False)
    ]


async def test_a_comment_without_a_user_is_read_all_the_same() -> None:
    async with desk() as d:
        key = d.sandbox.add("Talk")
        d.sandbox.say_as_bot(key, "from a thread", bot="slack")

        comments = await d.comments()

    assert [(c.body, c.author.name) for c in comments] == [("from a thread", "slack")]


async def test_an_edited_comment_comes_again() -> None:
    async with desk() as d:
        key = d.sandbox.add("Talk")
        said = d.sandbox.say(key, "first")
        cursor = await d.cursor()
        d.bench.clock.forward(minutes=1)
        d.sandbox.reword(said, "second")

        assert [c.body for c in await d.comments(cursor)] == ["second"]


async def test_a_label_that_appeared_after_the_catalogue_is_read_by_name() -> None:
    async with desk() as d:
        key = d.sandbox.add("One", labels=["brand new"])

        record = await d.record(key)
        await d.pages()

    assert record.fields["labels"] == ["brand new"]
    assert d.bench.asked().count("LabelCatalog") == 1


async def test_history_says_who_changed_what_last() -> None:
    async with desk() as d:
        key = d.sandbox.add("One", labels=["a"])
        record = await d.record(key)
        d.bench.clock.forward(hours=1)
        d.sandbox.edit(key, by="omar", status="Done", title="Two")
        d.bench.clock.forward(hours=1)
        d.sandbox.edit(key, by="mia", status="Todo", labels=["a", "b"])

        wanted = frozenset({"status", "title", "labels", "due"})
        edited = await d.connector.history(address(record), wanted)

    assert {name: edit.who for name, edit in edited.items()} == {
        "status": d.sandbox.people["mia"],
        "title": d.sandbox.people["omar"],
        "labels": d.sandbox.people["mia"],
    }
    assert edited["status"].at > edited["title"].at > START


async def test_history_knows_nothing_of_the_first_three_minutes() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        record = await d.record(key)
        d.bench.clock.forward(minutes=2)
        d.sandbox.edit(key, status="Done")

        assert await d.connector.history(address(record), frozenset({"status"})) == {}


async def test_the_place_is_private_and_knows_its_words_and_people() -> None:
    async with desk() as d:
        place = d.place

    assert place.private
    assert place.title == "Acme / Engineering"
    assert {"state": "In Review", "type": "started"} in place.words["status"]
    assert {a.email for a in place.accounts} >= {"jane@acme.example", "omar@acme.example"}
    assert "estimate" in place.codecs


async def test_a_team_that_does_not_estimate_has_no_estimate() -> None:
    async with desk(estimation="notUsed") as d:
        place = d.place

    assert "estimate" not in place.codecs
    assert "estimate" not in place.at_create


async def test_a_team_may_be_named_by_its_id_or_in_another_case() -> None:
    async with desk() as d, opened(d.bench, team=d.sandbox.team.id) as by_id, opened(d.bench, team="eng") as by_key:
        assert by_id.place.title == by_key.place.title == d.place.title


async def test_an_unknown_team_is_answered_with_those_there_are() -> None:
    async with desk() as d:
        connector = d.bench.connector(team="ENGG")

        with pytest.raises(NotFoundError, match="ENG, OPS"):
            await connector.open()
        problems = await connector.check()
        await connector.close()

    assert [(p.level, p.key, p.fix) for p in problems] == [("error", "team", 'Did you mean team = "ENG"?')]


async def test_check_finds_nothing_wrong_where_nothing_is() -> None:
    async with desk() as d:
        assert list(await d.connector.check()) == []


async def test_a_wrong_key_is_a_matter_of_credentials() -> None:
    async with desk() as d:
        connector = d.bench.connector(token="lin_api_wrong")

        with pytest.raises(CredentialsError):
            await connector.open()
        problems = await connector.check()
        await connector.close()

    assert [(p.level, p.key) for p in problems] == [("error", "token")]


async def test_an_oauth_token_goes_behind_bearer_and_a_key_does_not() -> None:
    async with desk() as d, opened(d.bench, token="lin_oauth_sandboxsandboxsandbox") as other:
        await other.pages()
        await d.pages()

    credentials = [call.headers["authorization"].split()[0] for call in d.sandbox.wire.calls]
    assert credentials == ["Bearer", "Bearer", "lin_api_sandboxsandboxsandbox", "lin_api_sandboxsandboxsandbox"]


async def test_a_limit_is_waited_for_until_its_reset() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        d.sandbox.wire.faults.append(Fault("limit"))

        assert set(await d.records()) == {key}

    assert len(d.bench.slept) == 1
    assert 1.9 <= d.bench.slept[0] <= 2.6
    assert len(d.bench.meter.waits) == 1


async def test_a_limit_that_lasts_leaves_the_connection_out() -> None:
    async with desk() as d:
        d.sandbox.budgets.requests.refill(d.bench.clock())
        d.sandbox.budgets.requests.level = 0.0

        with pytest.raises(RateLimitedError) as caught:
            await d.pages()

    assert caught.value.retry_after == pytest.approx(timedelta(hours=1).total_seconds(), abs=5)
    assert not caught.value.sent


async def test_a_read_is_asked_again_after_a_failure() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        d.sandbox.wire.faults.append(Fault("before", times=2))

        assert set(await d.records()) == {key}


async def test_no_json_is_a_broken_contract() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("garbage"))

        with pytest.raises(ProtocolError):
            await d.pages()


async def test_find_answers_by_client_id_alone() -> None:
    async with desk() as d:
        wanted = draft("Made")
        assert await d.connector.find(wanted, START) is None

        made = await d.connector.create(wanted)
        found = await d.connector.find(wanted, START)

    assert found is not None
    assert found.ref == made.ref == Ref("linear", "issue", client_id("L0.abc"))
    assert found.own
    assert found.marker is None


async def _gather(cursors: list[str | None], pages: AsyncIterator[Page]) -> None:
    async for page in pages:
        cursors.append(page.cursor)  # noqa: PERF401 -- what came before a failure must be kept
