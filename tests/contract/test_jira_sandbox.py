"""The Jira sandbox refuses what Jira refuses, and every answer of it is by the published OpenAPI."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from syncer.sdk.sandbox import serve
from syncer_jira.sandbox import JiraSandbox
from tests.contract.jira_bench import START, Bench, Clock
from tests.contract.openapi import contracts

pytestmark = pytest.mark.anyio

ROOT = "/rest/api/3"
DOC = {"version": 1, "type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Hi"}]}]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Raw:
    """A client that sends what it is told, right or wrong."""

    def __init__(self, client: httpx.AsyncClient, sandbox: JiraSandbox, clock: Clock) -> None:
        self.client, self.sandbox, self.clock = client, sandbox, clock

    async def ask(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        answer = await self.client.request(method, ROOT + path, json=body, params=params or None)
        return answer.status_code, answer.json() if answer.content else None

    async def search(self, jql: str, **more: Any) -> tuple[int, Any]:
        return await self.ask("POST", "/search/jql", {"jql": jql, **more})

    async def keys(self, jql: str) -> list[str]:
        status, body = await self.search(jql, fields=["key", "summary"])
        assert status == 200, body
        return [i["key"] for i in body["issues"]]


@contextlib.asynccontextmanager
async def raw(**options: Any) -> AsyncIterator[Raw]:
    clock = Clock()
    sandbox = JiraSandbox(clock=clock, **options)
    said = sandbox.options("http://jira.test")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sandbox.wire),
        base_url="http://jira.test",
        auth=(said["email"], said["token"]),
    ) as client:
        yield Raw(client, sandbox, clock)


async def test_nothing_is_answered_without_the_token() -> None:
    async with raw() as r:
        answer = await r.client.get(f"{ROOT}/myself", auth=("syncer@acme.example", "guess"))

    assert answer.status_code == 401


async def test_every_answer_is_by_the_contract() -> None:
    if contracts() is None:
        pytest.skip("the published contracts are not on this machine (SYNCER_CONTRACTS)")
    async with raw() as r:
        epic = r.sandbox.add("Epic", kind="Epic")
        key = r.sandbox.add("Story", kind="Story", body="Text", assignees=["mia"], estimate=3, parent=epic)
        said = r.sandbox.say(key, "Open")
        r.sandbox.say(key, "Restricted", restricted=True)
        r.sandbox.secure(epic, ours=True)
        r.sandbox.edit(key, title="Story 2", status="Done", labels=["a"])
        issue = {"project": {"key": "ROAD"}, "issuetype": {"name": "Bug"}, "summary": "New", "description": DOC}
        for method, path, body, params in (
            ("GET", "/myself", None, {}),
            ("GET", "/serverInfo", None, {}),
            ("GET", "/project/ROAD", None, {}),
            ("GET", "/project/ROAD/statuses", None, {}),
            ("GET", "/field", None, {}),
            ("GET", "/priority", None, {}),
            ("GET", "/priority/search", None, {}),
            ("GET", "/mypermissions", None, {"permissions": "EDIT_ISSUES", "projectKey": "ROAD"}),
            ("GET", "/user/assignable/search", None, {"project": "ROAD"}),
            ("GET", "/issue/createmeta/ROAD/issuetypes", None, {}),
            ("GET", "/issue/createmeta/ROAD/issuetypes/10004", None, {}),
            ("GET", "/search/jql", None, {"jql": "project = ROAD", "fields": "*all"}),
            ("POST", "/search/jql", {"jql": "project = ROAD", "fields": ["summary"], "maxResults": 1}, {}),
            ("POST", "/issue/bulkfetch", {"issueIdsOrKeys": [key, "ROAD-99"], "properties": ["x"]}, {}),
            ("POST", "/issue", {"fields": issue, "properties": [{"key": "x", "value": {"a": 1}}]}, {}),
            ("GET", f"/issue/{key}", None, {"properties": "x"}),
            ("PUT", f"/issue/{key}", {"fields": {"summary": "Edited"}}, {}),
            ("PUT", f"/issue/{key}", {"fields": {"summary": "Again"}}, {"returnIssue": "true"}),
            ("GET", f"/issue/{key}/transitions", None, {"expand": "transitions.fields"}),
            ("GET", f"/issue/{key}/changelog", None, {}),
            ("GET", f"/issue/{key}/comment", None, {}),
            ("POST", f"/issue/{key}/comment", {"body": DOC}, {}),
            ("GET", f"/issue/{key}/comment/{said}", None, {}),
            ("PUT", f"/issue/{key}/comment/{said}", {"body": DOC}, {}),
            ("DELETE", f"/issue/{key}/comment/{said}", None, {}),
            ("PUT", f"/issue/{key}/properties/x", {"a": 2}, {}),
            ("GET", f"/issue/{key}/properties/x", None, {}),
            ("GET", "/project/ROAD/issuesecuritylevelscheme", None, {}),
            ("GET", "/project/ROAD/securitylevel", None, {}),
            ("PUT", "/issue/archive", {"issueIdsOrKeys": [key, "ROAD-99"]}, {}),
            ("GET", f"/issue/{key}", None, {}),
            ("PUT", "/issue/unarchive", {"issueIdsOrKeys": [key]}, {}),
            ("DELETE", f"/issue/{key}", None, {}),
        ):
            status, answer = await r.ask(method, path, body, **params)
            assert status < 300, (method, path, answer)

    assert Bench(r.sandbox, r.clock).violations() == []


async def test_the_contract_s_judge_can_say_no() -> None:
    if contracts() is None:
        pytest.skip("the published contracts are not on this machine (SYNCER_CONTRACTS)")
    async with raw() as r:
        await r.ask("POST", "/search/jql", {"jql": "project = ROAD", "startAt": 0})

    assert Bench(r.sandbox, r.clock).violations() != []


# -- search ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "jql",
    [
        "",
        "ORDER BY updated",
        "project = NOPE",
        "project = ROAD AND colour = red",
        "project = ROAD AND updated >= '2026-11-02T10:00:00Z'",
        'project = ROAD AND updated >= "2026/11/02 10:00:30"',
        "project = ROAD AND (labels = a",
        "project = ROAD AND labels > a",
        "project = ROAD trailing",
        "project = ROAD ORDER BY shoe_size",
        "project = ROAD ORDER BY " + ", ".join(["updated"] * 8),
    ],
)
async def test_queries_jira_would_refuse_are_refused(jql: str) -> None:
    async with raw() as r:
        status, body = await r.search(jql)

    assert status == 400
    assert body["errorMessages"]


async def test_the_old_search_is_gone() -> None:
    async with raw() as r:
        status, body = await r.ask("GET", "/search", jql="project = ROAD")

    assert status == 410
    assert "/search/jql" in body["errorMessages"][0]


async def test_without_named_fields_a_search_returns_ids_alone() -> None:
    async with raw() as r:
        r.sandbox.add("Bare")
        _, body = await r.search("project = ROAD")

    assert [set(i) for i in body["issues"]] == [{"id"}]


async def test_times_in_jql_are_minutes_of_the_account_s_zone() -> None:
    async with raw(account_zone="Asia/Tokyo", zone="America/Los_Angeles") as r:
        key = r.sandbox.add("Stamped at 00:00:30 in Tokyo")

        assert r.clock() == START
        assert await r.keys('project = ROAD AND updated >= "2026/11/03 00:00"') == [key]
        assert await r.keys('project = ROAD AND updated >= "2026/11/03 00:01"') == []
        assert await r.keys('project = ROAD AND updated >= "2026-11-03"') == [key]
        assert await r.keys("project = ROAD AND created >= -5m") == [key]


async def test_conditions_combine_as_in_jql() -> None:
    async with raw() as r:
        a = r.sandbox.add("Alpha", labels=["x"], status="Done")
        b = r.sandbox.add("Beta", labels=["y"], assignees=["mia"])
        c = r.sandbox.add("Gamma")

        assert await r.keys("project = ROAD AND (labels in (x, y)) ORDER BY key ASC") == [a, b]
        assert await r.keys('project = ROAD AND NOT labels = x AND summary ~ "gam"') == [c]
        assert await r.keys("project = ROAD AND statusCategory != Done ORDER BY created") == [b, c]
        assert await r.keys("project = ROAD AND assignee is EMPTY ORDER BY id DESC") == [c, a]
        assert await r.keys(f"key = {a} OR issuekey not in ({a}, {b}) ORDER BY key") == [a, c]


async def test_page_tokens_are_opaque_and_expire() -> None:
    async with raw(page_cap=1) as r:
        r.sandbox.add("A")
        r.sandbox.add("B")
        query: dict[str, Any] = {"fields": ["summary"]}
        _, first = await r.search("project = ROAD", **query)
        token = first["nextPageToken"]
        _, second = await r.search("project = ROAD", nextPageToken=token, **query)
        r.clock.forward(days=8)

        expired, _ = await r.search("project = ROAD", nextPageToken=token, **query)
        invented, _ = await r.search("project = ROAD", nextPageToken="1", **query)

    assert (first["isLast"], second["isLast"]) == (False, True)
    assert "nextPageToken" not in second
    assert (expired, invented) == (400, 400)


async def test_the_index_lags_and_a_read_by_id_does_not() -> None:
    async with raw(search_lag=10) as r:
        key = r.sandbox.add("First title")
        r.clock.forward(seconds=20)
        r.sandbox.edit(key, title="Second title")

        _, found = await r.search("project = ROAD", fields=["summary"])
        _, read = await r.ask("GET", f"/issue/{key}")

    assert found["issues"][0]["fields"]["summary"] == "First title"
    assert read["fields"]["summary"] == "Second title"


async def test_bulk_reads_leave_out_in_silence_what_is_not_there() -> None:
    async with raw() as r:
        key, hidden = r.sandbox.add("Here"), r.sandbox.add("Hidden")
        r.sandbox.hide(hidden)

        status, body = await r.ask("POST", "/issue/bulkfetch", {"issueIdsOrKeys": [key, hidden, "99999"]})
        too_many, _ = await r.ask("POST", "/issue/bulkfetch", {"issueIdsOrKeys": [str(n) for n in range(101)]})

    assert status == 200
    assert [i["key"] for i in body["issues"]] == [key]
    assert body["issueErrors"] == []
    assert too_many == 400


# -- writes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"summary": "x" * 256}, "summary"),
        ({"summary": "two\nlines"}, "summary"),
        ({"summary": "  "}, "summary"),
        ({"description": "a plain string"}, "description"),
        ({"description": {"version": 1, "type": "doc", "content": [{"type": "text", "text": ""}]}}, "description"),
        ({"labels": ["with space"]}, "labels"),
        ({"assignee": {"accountId": "nobody"}}, "assignee"),
        ({"priority": {"name": "Soon"}}, "priority"),
        ({"issuetype": {"name": "Saga"}}, "issuetype"),
        ({"duedate": "next week"}, "duedate"),
        ({"parent": {"key": "ROAD-999"}}, "parent"),
        ({"customfield_99999": 1}, "customfield_99999"),
        ({"issuetype": {"name": "Sub-task"}}, "parent"),
        ({"project": {"key": "NOPE"}}, "project"),
        ({"status": {"name": "Done"}}, "status"),
    ],
)
async def test_a_create_jira_would_refuse_is_refused_by_field(fields: dict[str, Any], blamed: str) -> None:
    good = {"project": {"key": "ROAD"}, "issuetype": {"name": "Task"}, "summary": "Fine"}
    async with raw() as r:
        status, body = await r.ask("POST", "/issue", {"fields": {**good, **fields}})

    assert status == 400
    assert set(body["errors"]) == {blamed}
    assert r.sandbox.keys() == []


async def test_a_create_without_a_type_is_refused() -> None:
    async with raw() as r:
        status, body = await r.ask("POST", "/issue", {"fields": {"project": {"key": "ROAD"}, "summary": "Untyped"}})

    assert (status, set(body["errors"])) == (400, {"issuetype"})


async def test_a_status_in_an_edit_is_ignored_in_silence() -> None:
    async with raw() as r:
        key = r.sandbox.add("Not moved")
        status, _ = await r.ask("PUT", f"/issue/{key}", {"fields": {"status": {"name": "Done"}}})

    assert status == 204
    assert r.sandbox.show(key)["status"] == "To Do"


async def test_a_field_may_not_be_both_set_and_updated() -> None:
    async with raw() as r:
        key = r.sandbox.add("Twice")
        body = {"fields": {"labels": ["a"]}, "update": {"labels": [{"add": "b"}]}}
        status, said = await r.ask("PUT", f"/issue/{key}", body)

    assert (status, set(said["errors"])) == (400, {"labels"})


async def test_only_transitions_from_where_an_issue_stands_are_taken() -> None:
    async with raw() as r:
        key = r.sandbox.add("In order")
        _, offered = await r.ask("GET", f"/issue/{key}/transitions")
        ids = {t["to"]["name"]: t["id"] for t in offered["transitions"]}
        moved, _ = await r.ask("POST", f"/issue/{key}/transitions", {"transition": {"id": ids["In Progress"]}})
        again, _ = await r.ask("POST", f"/issue/{key}/transitions", {"transition": {"id": ids["In Progress"]}})

    assert set(ids) == {"In Progress", "Done"}
    assert (moved, again) == (204, 400)


async def test_closing_sets_a_resolution_and_reopening_clears_it() -> None:
    async with raw() as r:
        key = r.sandbox.add("There and back")
        r.sandbox.edit(key, status="Done")
        closed = r.sandbox.show(key)["resolution"]
        r.sandbox.edit(key, status="To Do")

    assert (closed, r.sandbox.show(key)["resolution"]) == ("Done", None)


async def test_a_moved_issue_keeps_its_id_and_answers_to_its_old_key() -> None:
    async with raw() as r:
        key = r.sandbox.add("Moved")
        _, before = await r.ask("GET", f"/issue/{key}")
        new = r.sandbox.move(key)
        _, after = await r.ask("GET", f"/issue/{key}")

    assert (after["id"], after["key"]) == (before["id"], new)
    assert r.sandbox.keys() == []


async def test_stamps_are_the_site_s_with_an_offset_that_has_no_colon() -> None:
    async with raw(zone="America/Los_Angeles") as r:
        key = r.sandbox.add("Stamped")
        _, issue = await r.ask("GET", f"/issue/{key}")

    assert issue["fields"]["created"] == "2026-11-02T07:00:30.123-0800"


async def test_no_two_changes_share_a_stamp_though_the_clock_stands_still() -> None:
    async with raw() as r:
        keys = [r.sandbox.add(f"Issue {n}") for n in range(3)]
        r.sandbox.edit(keys[0], title="Edited")
        _, body = await r.search("project = ROAD", fields=["updated"])

    assert len({i["fields"]["updated"] for i in body["issues"]}) == 3


async def test_writes_to_one_issue_are_limited_where_asked_for() -> None:
    async with raw(per_issue=1) as r:
        key = r.sandbox.add("Busy")
        first, _ = await r.ask("PUT", f"/issue/{key}", {"fields": {"summary": "One"}})
        second = await r.client.put(f"{ROOT}/issue/{key}", json={"fields": {"summary": "Two"}})
        r.clock.forward(seconds=3)
        third, _ = await r.ask("PUT", f"/issue/{key}", {"fields": {"summary": "Three"}})

    assert (first, second.status_code, third) == (204, 429, 204)
    assert second.headers["retry-after"] == "2"
    assert second.headers["ratelimit-reason"] == "jira-per-issue-on-write"


async def test_an_issue_with_sub_tasks_is_not_deleted_alone() -> None:
    async with raw() as r:
        key = r.sandbox.add("Parent")
        r.sandbox.add("Child", parent=key)
        alone, _ = await r.ask("DELETE", f"/issue/{key}")

    assert alone == 400
    assert len(r.sandbox.keys()) == 2


async def test_it_can_be_served_on_loopback() -> None:
    sandbox = JiraSandbox()
    sandbox.add("Over the wire")
    with serve(sandbox.wire) as url:
        said = sandbox.options(url)
        async with httpx.AsyncClient(base_url=url, auth=(said["email"], said["token"])) as client:
            answer = await client.get(f"{ROOT}/issue/ROAD-1")

    assert answer.json()["fields"]["summary"] == "Over the wire"
    assert answer.json()["self"].startswith(url)
    stamp = datetime.fromisoformat(answer.json()["fields"]["created"])
    assert abs(stamp - datetime.now(UTC)) < timedelta(minutes=1)
