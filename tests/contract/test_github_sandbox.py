"""The GitHub sandbox is as strict as GitHub is said to be, whoever asks."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncer.sdk.sandbox import Sandbox, serve
from syncer_github.sandbox import TOKEN, GitHubSandbox
from tests.contract.github_bench import START, URL, Bench, Clock, Memory

pytestmark = pytest.mark.anyio

HOME = "/repos/acme/web"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextlib.asynccontextmanager
async def caller(**options: Any) -> AsyncIterator[tuple[httpx.AsyncClient, GitHubSandbox, Clock]]:
    """Yield a plain client; at the end, every answer must have been by the contract."""
    clock = Clock()
    bench = Bench(GitHubSandbox(clock=clock, **options), clock, Memory(clock))
    headers = {"authorization": f"Bearer {TOKEN}", "x-github-api-version": "2022-11-28"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(bench.sandbox.wire), base_url=URL, headers=headers
    ) as client:
        yield client, bench.sandbox, clock
    assert bench.violations() == []


def a_sandbox() -> Sandbox:
    """The type checker's proof that it meets the protocol."""
    return GitHubSandbox()


# -- who asks, and how often -----------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"authorization": ""}, {"authorization": "Bearer wrong"}])
async def test_strangers_are_not_let_in(headers: dict[str, str]) -> None:
    async with caller() as (github, _, _):
        assert (await github.get("/user", headers=headers)).status_code == 401


async def test_an_unknown_api_version_is_refused() -> None:
    async with caller() as (github, _, _):
        assert (await github.get("/user", headers={"x-github-api-version": "2020-01-01"})).status_code == 400


async def test_every_answer_tells_the_budget_and_refusals_do_too() -> None:
    async with caller() as (github, sandbox, clock):
        first = await github.get("/user")
        sandbox.desk.remaining = 0
        spent = await github.get("/user")
        clock.forward(hours=1, seconds=1)

        assert first.headers["x-ratelimit-remaining"] == "4999"
        assert (spent.status_code, spent.headers["x-ratelimit-remaining"]) == (403, "0")
        assert int(spent.headers["x-ratelimit-reset"]) == int(START.timestamp()) + 3600
        assert (await github.get("/user")).status_code == 200


async def test_a_hidden_repository_looks_missing() -> None:
    async with caller() as (github, sandbox, _):
        sandbox.shut_out()

        assert (await github.get(HOME)).status_code == 404


# -- lists -----------------------------------------------------------------------------------------


async def test_a_list_unasked_is_open_issues_and_pulls_newest_first_by_thirty() -> None:
    async with caller() as (github, sandbox, clock):
        for number in range(40):
            clock.forward(seconds=1)
            sandbox.add(f"Issue {number}")
        sandbox.add("Shut", status="closed")

        answer = await github.get(HOME + "/issues")
        following = await github.get(answer.links["next"]["url"])

    assert [i["title"] for i in answer.json()][:2] == ["Issue 39", "Issue 38"]
    assert (len(answer.json()), len(following.json())) == (30, 11)
    assert answer.links["next"]["url"].startswith(f"{URL}/repositories/{sandbox.world.repo.id}/issues?")
    assert "pull_request" in following.json()[-1]
    assert "next" not in following.links


async def test_no_page_is_longer_than_a_hundred() -> None:
    async with caller() as (github, sandbox, _):
        for number in range(120):
            sandbox.add(f"Issue {number}")

        assert len((await github.get(HOME + "/issues", params={"per_page": 500})).json()) == 100


async def test_since_is_inclusive_and_counts_whole_seconds() -> None:
    async with caller(pulls=0) as (github, sandbox, clock):
        sandbox.add("One")
        clock.forward(seconds=1)
        sandbox.add("Two")

        at = (await github.get(HOME + "/issues/2")).json()["updated_at"]
        titles = [i["title"] for i in (await github.get(HOME + "/issues", params={"since": at})).json()]

    assert (at, titles) == ("2026-11-02T15:00:31Z", ["Two"])


async def test_deleted_and_transferred_issues_leave_the_list_without_a_trace() -> None:
    async with caller(pulls=0) as (github, sandbox, _):
        gone, moved, stays = (sandbox.add(t) for t in ("gone", "moved", "stays"))
        sandbox.remove(gone)
        sandbox.move(moved)

        assert [i["title"] for i in (await github.get(HOME + "/issues")).json()] == ["stays"]
        assert sandbox.keys() == [stays]
        assert (await github.get(HOME + "/issues/1")).status_code == 410
        there = await github.get(HOME + "/issues/2")
        assert (there.status_code, (await github.get(there.headers["location"])).json()["title"]) == (
            301,
            "moved",
        )
        assert (await github.get(HOME + "/issues/2/events")).status_code == 404


# -- stamps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "moves"),
    [
        ({"title": "Other"}, True),
        ({"body": "Other"}, True),
        ({"labels": ["bug"]}, True),
        ({"assignees": ["jane"]}, True),
        ({"status": "closed"}, True),
        ({"title": "One"}, False),
        ({"status": "open"}, False),
    ],
)
async def test_an_edit_moves_the_stamp_if_it_changes_something(edit: dict[str, Any], moves: bool) -> None:  # noqa: FBT001 -- a case
    async with caller() as (github, sandbox, clock):
        key = sandbox.add("One")
        clock.forward(minutes=1)
        sandbox.edit(key, **edit)

        stamp = (await github.get(f"{HOME}/issues/{key[1:]}")).json()["updated_at"]

    assert stamp == ("2026-11-02T15:01:30Z" if moves else "2026-11-02T15:00:30Z")


async def test_a_label_deleted_from_the_repository_leaves_the_stamp_alone() -> None:
    async with caller() as (github, sandbox, clock):
        sandbox.add("One", labels=["bug"])
        clock.forward(minutes=1)
        sandbox.drop_label("BUG")

        issue = (await github.get(HOME + "/issues/2")).json()

    assert (issue["labels"], issue["updated_at"]) == ([], "2026-11-02T15:00:30Z")


# -- writes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 257}, "title"),
        ({"title": "x", "body": "x" * 65_537}, "body"),
        ({"title": "x", "assignees": ["nobody"]}, "assignees"),
    ],
)
async def test_a_create_that_github_would_refuse_is_refused(body: dict[str, Any], field: str) -> None:
    async with caller() as (github, sandbox, _):
        answer = await github.post(HOME + "/issues", json=body)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
        assert sandbox.keys() == []


async def test_unknown_labels_are_made_and_known_ones_found_in_any_case() -> None:
    async with caller() as (github, _, _):
        answer = await github.post(HOME + "/issues", json={"title": "One", "labels": ["BUG", "New"]})

    assert [(label["name"], label["color"]) for label in answer.json()["labels"]] == [
        ("bug", "d73a4a"),
        ("New", "ededed"),
    ]


async def test_without_push_access_labels_and_people_are_dropped_without_a_word() -> None:
    async with caller(push=False) as (github, _, _):
        said = {"title": "One", "labels": ["bug"], "assignees": ["jane-doe"]}
        answer = await github.post(HOME + "/issues", json=said)

    assert (answer.status_code, answer.json()["labels"], answer.json()["assignees"]) == (201, [], [])


async def test_a_reason_is_ignored_unless_the_state_changes() -> None:
    async with caller() as (github, sandbox, _):
        key = sandbox.add("One", status="closed")
        path = f"{HOME}/issues/{key[1:]}"
        same = await github.patch(path, json={"state": "closed", "state_reason": "not_planned"})
        alone = await github.patch(path, json={"state_reason": "not_planned"})

    assert (same.json()["state_reason"], alone.json()["state_reason"]) == ("completed", "completed")


async def test_a_patch_replaces_the_labels_and_the_label_paths_do_not() -> None:
    async with caller() as (github, sandbox, _):
        path = f"{HOME}/issues/{sandbox.add('One', labels=['a', 'b'])[1:]}"
        added = await github.post(path + "/labels", json={"labels": ["c"]})
        dropped = await github.delete(path + "/labels/B")
        twice = await github.delete(path + "/labels/B")
        replaced = await github.patch(path, json={"labels": ["z"]})

    assert [label["name"] for label in added.json()] == ["a", "b", "c"]
    assert [label["name"] for label in dropped.json()] == ["a", "c"]
    assert (twice.status_code, twice.json()["message"]) == (404, "Label does not exist")
    assert [label["name"] for label in replaced.json()["labels"]] == ["z"]


async def test_a_renamed_repository_redirects_reads_and_writes_differently() -> None:
    async with caller() as (github, sandbox, _):
        sandbox.add("One")
        sandbox.rename("site")
        read = await github.get(HOME + "/issues", params={"state": "all"})
        written = await github.patch(HOME + "/issues/2", json={"title": "Two"})

        assert (read.status_code, written.status_code) == (301, 307)
        assert (await github.get(read.headers["location"])).json()[0]["title"] == "One"
        assert read.headers["location"].endswith("issues?state=all")


async def test_events_and_timeline_tell_the_story() -> None:
    async with caller() as (github, sandbox, clock):
        key = sandbox.add("One")
        for edit in ({"title": "Two"}, {"labels": ["bug"]}, {"assignees": ["jane"]}, {"status": "closed"}):
            clock.forward(seconds=1)
            sandbox.edit(key, **edit)
        clock.forward(seconds=1)
        sandbox.say(key, "Done")

        events = (await github.get(f"{HOME}/issues/{key[1:]}/events")).json()
        timeline = (await github.get(f"{HOME}/issues/{key[1:]}/timeline")).json()

    assert [e["event"] for e in events] == ["renamed", "labeled", "assigned", "closed"]
    assert [e["event"] for e in timeline] == ["renamed", "labeled", "assigned", "closed", "commented"]


async def test_comments_can_be_edited_and_vanish_without_a_tombstone() -> None:
    async with caller() as (github, sandbox, _):
        said = sandbox.say(sandbox.add("One"), "Old")
        path = f"{HOME}/issues/comments/{said}"
        await github.patch(path, json={"body": "New"})
        [listed] = (await github.get(HOME + "/issues/comments")).json()
        gone = await github.delete(path)

        assert (listed["body"], gone.status_code) == ("New", 204)
        assert (await github.get(HOME + "/issues/comments")).json() == []


async def test_a_comments_stamp_moves_with_an_edit_and_its_issues_does_not() -> None:
    async with caller() as (github, sandbox, clock):
        key = sandbox.add("One")
        said, other = sandbox.say(key, "Old"), sandbox.say(key, "Another")
        clock.forward(minutes=1)
        edited = await github.patch(f"{HOME}/issues/comments/{said}", json={"body": "New"})
        await github.delete(f"{HOME}/issues/comments/{other}")
        issue = (await github.get(f"{HOME}/issues/{key[1:]}")).json()

    assert (edited.json()["created_at"], edited.json()["updated_at"]) == (
        "2026-11-02T15:00:30Z",
        "2026-11-02T15:01:30Z",
    )
    assert issue["updated_at"] == "2026-11-02T15:00:30Z"


@pytest.mark.parametrize(("method", "body", "done"), [("PATCH", {"body": "x"}, 200), ("DELETE", None, 204)])
async def test_a_comment_is_changed_by_its_author_or_with_push_access(method: str, body: Any, done: int) -> None:
    for push in (True, False):
        async with caller(push=push) as (github, sandbox, _):
            key = sandbox.add("One")
            theirs, ours = sandbox.say(key, "Theirs"), sandbox.say(key, "Ours", by="syncer-bot")
            path = HOME + "/issues/comments/"
            answers = [(await github.request(method, path + c, json=body)).status_code for c in (theirs, ours)]

        assert answers == [done if push else 403, done]


async def test_a_locked_issue_takes_no_comment_without_push_access() -> None:
    for push in (True, False):
        async with caller(push=push) as (github, sandbox, _):
            key = sandbox.add("One")
            ours = sandbox.say(key, "Ours", by="syncer-bot")
            sandbox.lock(key)
            new = await github.post(f"{HOME}/issues/{key[1:]}/comments", json={"body": "x"})
            edit = await github.patch(f"{HOME}/issues/comments/{ours}", json={"body": "x"})
            issue = (await github.get(f"{HOME}/issues/{key[1:]}")).json()

        assert (new.status_code, edit.status_code) == ((201, 200) if push else (403, 403))
        assert (issue["locked"], issue["active_lock_reason"]) == (True, "too heated")


async def test_an_archived_repository_takes_no_write() -> None:
    async with caller() as (github, sandbox, _):
        key = sandbox.add("One")
        said = sandbox.say(key, "Ours", by="syncer-bot")
        sandbox.world.repo.archived = True
        path = f"{HOME}/issues/comments/{said}"
        answers = [await github.patch(path, json={"body": "x"}), await github.delete(path)]
        answers.append(await github.patch(f"{HOME}/issues/{key[1:]}", json={"title": "x"}))

        assert [a.status_code for a in answers] == [403] * 3
        assert (await github.get(path)).json()["body"] == "Ours"


@pytest.mark.parametrize("fate", ["remove", "move", "hide", "convert"])
async def test_comments_leave_with_their_issue(fate: str) -> None:
    async with caller() as (github, sandbox, _):
        key = sandbox.add("One")
        said = sandbox.say(key, "Said")
        getattr(sandbox, fate)(key)

        assert (await github.get(HOME + "/issues/comments")).json() == []
        assert (await github.get(f"{HOME}/issues/comments/{said}")).status_code == 404


async def test_a_minimised_comment_shows_why_and_is_not_edited_by_it() -> None:
    async with caller() as (github, sandbox, clock):
        said = sandbox.say(sandbox.add("One"), "Spam")
        clock.forward(minutes=1)
        sandbox.minimize(said, "spam")
        comment = (await github.get(f"{HOME}/issues/comments/{said}")).json()

    assert (comment["body"], comment["minimized"]) == ("Spam", {"reason": "spam"})
    assert comment["updated_at"] == comment["created_at"]


# -- leaving ---------------------------------------------------------------------------------------


async def test_a_transfer_takes_comments_and_known_labels_along_and_gives_another_id() -> None:
    async with caller(pulls=0) as (github, sandbox, _):
        world = sandbox.world
        world.add_label(world.elsewhere, "Bug")
        key = sandbox.add("One", labels=["bug", "ours only"], assignees=["jane"])
        sandbox.say(key, "Said")
        before = (await github.get(HOME + "/issues/1")).json()
        sandbox.move(key)
        there = (await github.get("/repos/acme/elsewhere/issues/1")).json()

    assert (there["id"] != before["id"], there["comments"], there["created_at"]) == (True, 1, before["created_at"])
    assert [label["name"] for label in there["labels"]] == ["Bug"]
    assert [a["login"] for a in there["assignees"]] == ["jane-doe"]


def test_github_transfers_neither_closed_issues_nor_private_ones_to_public_places() -> None:
    sandbox = GitHubSandbox()
    world = sandbox.world
    closed, private = (world.repo.issues[int(sandbox.add("One", status=s)[1:])] for s in ("closed", "open"))

    with pytest.raises(ValueError, match="open issues only"):
        world.transfer(world.repo, closed, world.elsewhere)
    world.elsewhere.private = False
    with pytest.raises(ValueError, match="private to a public"):
        world.transfer(world.repo, private, world.elsewhere)


async def test_one_hidden_issue_hides_no_other() -> None:
    async with caller(pulls=0) as (github, sandbox, _):
        hidden, moved, stays = (sandbox.add(t) for t in ("hidden", "moved", "stays"))
        sandbox.hide(hidden)
        sandbox.move(moved)

        answers = [(await github.get(f"{HOME}/issues/{k[1:]}")).status_code for k in (hidden, moved, stays)]

    assert answers == [404, 301, 200]


@pytest.mark.parametrize("act", ["archive", "restore"])
def test_what_github_cannot_do_nobody_can_do_here(act: str) -> None:
    sandbox = GitHubSandbox()
    key = sandbox.add("One")

    with pytest.raises(TypeError):
        getattr(sandbox, act)(key)


# -- people ----------------------------------------------------------------------------------------


async def test_people_who_left_apps_and_renamed_people_are_shown_as_github_shows_them() -> None:
    async with caller(pulls=0) as (github, sandbox, _):
        sandbox.add("Left", by="omar", assignees=["omar", "jane"])
        sandbox.add("App", by="renovate[bot]")
        sandbox.add("Renamed", by="mia")
        before = (await github.get(HOME + "/issues/3")).json()["user"]
        sandbox.leave("omar")
        sandbox.rename_user("mia", "mia-c")
        users = [(await github.get(f"{HOME}/issues/{n}")).json()["user"] for n in (1, 2, 3)]
        asked = " ".join(f"i{n}: issue(number: {n}) {{ author {{ __typename login }} }}" for n in (1, 2, 3))
        query = f'{{ repository(owner: "acme", name: "web") {{ {asked} }} }}'
        graph = (await github.post("/graphql", json={"query": query})).json()["data"]["repository"]
        listed = (await github.get(HOME + "/issues", params={"creator": "mia-c"})).json()

    assert [(u["login"], u["type"]) for u in users] == [("ghost", "User"), ("renovate[bot]", "Bot"), ("mia-c", "User")]
    assert users[2]["id"] == before["id"]
    assert [graph[f"i{n}"]["author"] for n in (1, 2, 3)] == [
        None,
        {"__typename": "Bot", "login": "renovate"},
        {"__typename": "User", "login": "mia-c"},
    ]
    assert [i["title"] for i in listed] == ["Renamed"]
    assert sandbox.show("#1")["assignees"] == ["jane"]


async def test_graphql_errors_come_with_status_200() -> None:
    async with caller() as (github, sandbox, _):
        sandbox.add("One")
        query = (
            '{ repository(owner: "acme", name: "web") { a: issue(number: 2) { title } b: issue(number: 9) { title } } }'
        )
        answer = await github.post("/graphql", json={"query": query})
        nonsense = await github.post("/graphql", json={"query": "{ nothing }"})

    assert answer.json()["data"]["repository"] == {"a": {"title": "One"}, "b": None}
    assert answer.json()["errors"][0]["type"] == "NOT_FOUND"
    assert (nonsense.status_code, "data" in nonsense.json()) == (200, False)


async def test_repository_labels_people_and_types_are_as_documented() -> None:
    async with caller(types=["Bug", "Feature"]) as (github, sandbox, _):
        sandbox.add("One", kind="Bug", created=START - timedelta(days=1))
        for path in ("", "/labels", "/assignees", "/issue-types", "/issues/2", "/issues/2/labels", "/issues"):
            assert (await github.get(HOME + path)).status_code == 200


def test_people_can_edit_while_it_is_served() -> None:
    sandbox = GitHubSandbox()
    with (
        serve(sandbox.wire) as url,
        httpx.Client(base_url=url, headers={"authorization": f"token {TOKEN}"}) as github,
    ):
        sandbox.add("One")

        issue = github.get(HOME + "/issues").json()[0]

        assert (issue["title"], issue["url"]) == ("One", f"{url}{HOME}/issues/2")
