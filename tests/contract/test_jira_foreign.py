"""The Jira connector against servers that are not our sandbox: poorer, richer, odd or broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from syncer.connector import Connector, Setting
from syncer.errors import (
    ConfigError,
    CredentialsError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from syncer.model import Address, Draft, Missing, Record, Ref, State
from syncer_jira import Jira
from tests.contract.jira_bench import Clock, Counter, Memory

pytestmark = pytest.mark.anyio

Server = Callable[[httpx.Request], httpx.Response]
STAMP = "2026-11-02T10:00:00.000+0100"
ISSUE: Mapping[str, Any] = {
    "id": "7",
    "key": "ROAD-7",
    "fields": {
        "summary": "Bare",
        "issuetype": {"id": "1", "name": "Task"},
        "status": {"id": "1", "name": "To Do", "statusCategory": {"key": "new"}},
        "created": STAMP,
        "updated": STAMP,
        "comment": {"comments": [], "total": 0},
        "customfield_1": {"something": "new"},
    },
    "something": "else",
}
REF = Ref("jira", "issue", "7")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def site(**answers: Any) -> Server:
    """Return a server with nothing but what must be there, and *answers* by the end of the path."""
    must: dict[str, Any] = {
        "myself": {"accountId": "me", "displayName": "Me"},
        "project/ROAD": {"id": "1", "key": "ROAD", "name": "Road"},
        "search/jql": {"issues": [ISSUE], "isLast": True},
    }
    told = {**must, **{k.replace("__", "/"): v for k, v in answers.items()}}

    def serve(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/rest/api/3/")
        answer = told.get(path)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx.Response):
            return answer
        if answer is None:
            return httpx.Response(404, json={"errorMessages": ["nothing here"], "errors": {}})
        return httpx.Response(200, json=answer)

    return serve


def connect(server: Server, **options: Any) -> Connector:
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.forward(seconds=seconds)

    said = {
        "url": "https://acme.example",
        "email": "bot@acme.example",
        "token": "a-token",
        "project": "ROAD",
        **options,
    }
    plugin = Jira()
    transport = httpx.MockTransport(server)
    settings = plugin.settings.model_validate(said)
    return plugin.connect(Setting("jira", settings, {}, Memory(), Counter(), clock, sleep, transport))


async def listed(connector: Connector) -> list[Record]:
    await connector.open()
    return [record async for page in connector.changes(None) for record in page.records]


async def test_a_site_with_nothing_optional_is_read_all_the_same() -> None:
    (record,) = await listed(connect(site()))

    assert (record.ref, record.key, record.url) == (REF, "ROAD-7", "https://acme.example/browse/ROAD-7")
    assert record.fields["labels"] == []
    assert record.fields["parent"] is None
    assert "customfield_1" not in record.fields


async def test_without_metadata_every_field_may_be_created_and_every_word_is_taken() -> None:
    place = await connect(site()).open()

    assert {"title", "body", "labels", "due", "kind"} <= place.at_create
    assert "estimate" not in place.codecs
    assert place.words == {}
    assert place.private


@pytest.mark.parametrize("status", [403, 405, 410, 501])
async def test_optional_endpoints_may_refuse_in_any_way(status: int) -> None:
    refusal = httpx.Response(status, json={"errorMessages": ["no"], "errors": {}})
    names = ("serverInfo", "field", "priority", "priority/search", "user/assignable/search", "project/ROAD/statuses")
    server = site(**{n.replace("/", "__"): refusal for n in names})

    assert len(await listed(connect(server))) == 1


async def test_comments_that_did_not_come_along_are_asked_for() -> None:
    fields = {k: v for k, v in ISSUE["fields"].items() if k != "comment"}
    body = {"version": 1, "type": "doc", "content": []}
    comment = {"id": "1", "created": STAMP, "body": body, "author": {"accountId": "x"}}
    search = {"issues": [{**ISSUE, "fields": fields}], "isLast": True}
    server = site(search__jql=search, issue__7__comment={"comments": [comment], "total": 1})
    connector = connect(server)
    await connector.open()

    comments = [c async for page in connector.changes(None) for c in page.comments]

    assert [c.ref.id for c in comments] == ["1"]


async def test_internal_notes_of_a_service_project_never_come() -> None:
    body = {"version": 1, "type": "doc", "content": []}
    notes = [
        {"id": "1", "created": STAMP, "body": body, "author": {"accountId": "x"}, "jsdPublic": False},
        {"id": "2", "created": STAMP, "body": body, "author": {"accountId": "x"}, "jsdPublic": True},
    ]
    fields = {**ISSUE["fields"], "comment": {"comments": notes, "total": 2}}
    connector = connect(site(search__jql={"issues": [{**ISSUE, "fields": fields}]}))
    await connector.open()

    comments = [c async for page in connector.changes(None) for c in page.comments]

    assert [c.ref.id for c in comments] == ["2"]


async def test_a_listing_ends_without_a_token_even_if_nobody_says_so() -> None:
    records = await listed(connect(site(search__jql={"issues": [ISSUE], "nextPageToken": None})))

    assert len(records) == 1


async def test_a_repeated_page_token_is_a_broken_server_and_no_endless_loop() -> None:
    search = {"issues": [ISSUE], "isLast": False, "nextPageToken": "again"}

    with pytest.raises(ProtocolError, match="same page token"):
        await listed(connect(site(search__jql=search)))


async def test_an_issue_without_its_stamps_is_a_broken_server() -> None:
    search = {"issues": [{"id": "7", "key": "ROAD-7"}], "isLast": True}

    with pytest.raises(ProtocolError):
        await listed(connect(site(search__jql=search)))


async def test_a_login_page_is_not_an_answer() -> None:
    page = httpx.Response(200, html="<html>Log in</html>")

    with pytest.raises(ProtocolError, match="login page or a proxy") as error:
        await listed(connect(site(search__jql=page)))

    assert "Log in" in error.value.body


async def test_a_server_that_is_data_center_is_a_matter_of_the_config() -> None:
    with pytest.raises(ConfigError, match="not supported yet"):
        await connect(site(serverInfo={"deploymentType": "Server"})).open()


async def test_behind_the_gateway_links_lead_to_the_site() -> None:
    inner = site(serverInfo={"baseUrl": "https://acme.example/", "deploymentType": "Cloud"})

    def gateway(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/ex/jira/1")
        return inner(httpx.Request(request.method, f"https://acme.example{path}"))

    (record,) = await listed(connect(gateway, url="https://api.atlassian.com/ex/jira/1"))

    assert record.url == "https://acme.example/browse/ROAD-7"


async def test_a_wait_is_read_from_the_reset_where_there_is_no_retry_after() -> None:
    reset = (Clock().now + timedelta(hours=1)).isoformat()
    headers = {"X-RateLimit-Reset": reset, "RateLimit-Reason": "jira-quota-tenant-based"}
    refusal = httpx.Response(429, headers=headers, json={})

    with pytest.raises(RateLimitedError, match="jira-quota-tenant-based") as error:
        await listed(connect(site(search__jql=refusal)))

    assert error.value.retry_after == pytest.approx(3600)


async def test_a_503_says_when_to_come_back() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "600"}, json={})

    with pytest.raises(UnavailableError) as error:
        await listed(connect(site(search__jql=busy)))

    assert error.value.retry_after == 600


async def test_a_refused_edit_is_that_edit_s_and_not_the_connection_s() -> None:
    no = httpx.Response(403, json={"errorMessages": ["You do not have permission to edit."], "errors": {}})
    connector = connect(site(issue__7=no))
    (record,) = await listed(connector)

    with pytest.raises(RejectedError, match="permission to edit"):
        await connector.update(Address(record.ref, record.key), {"summary": "New"}, record.fields)


async def test_a_refused_reading_is_the_connection_s() -> None:
    no = httpx.Response(403, json={"errorMessages": ["Blocked"], "errors": {}})

    with pytest.raises(CredentialsError, match="Blocked"):
        await listed(connect(site(search__jql=no)))


async def test_an_edit_may_be_answered_without_a_body() -> None:
    connector = connect(site(issue__7=httpx.Response(204)))
    (record,) = await listed(connector)

    receipt = await connector.update(Address(record.ref, record.key), {"summary": "New"}, record.fields)

    assert (receipt.ref, receipt.record) == (REF, None)


async def test_without_bulk_reading_records_are_read_one_by_one() -> None:
    connector = connect(site(issue__7=ISSUE))
    (record,) = await listed(connector)

    answers = await connector.get([Address(record.ref, record.key)])

    assert answers == {REF: record}


async def test_nothing_is_called_gone_where_nobody_says_what_we_may_see() -> None:
    connector = connect(site(issue__bulkfetch={"issues": [], "issueErrors": []}))
    await connector.open()

    answers = await connector.get([Address(REF, "ROAD-7")])

    assert answers == {REF: Missing(REF, State.UNREACHABLE)}


async def test_a_refused_create_tells_every_field_s_text() -> None:
    said = {"errorMessages": [], "errors": {"duedate": "not on the screen", "priority": "unknown"}}
    connector = connect(site(issue=httpx.Response(400, json=said)))
    await connector.open()

    with pytest.raises(RejectedError, match=r"duedate: not on the screen.*priority: unknown"):
        await connector.create(Draft("issue", {"summary": "x"}, "L1.a", "id"))


async def test_a_create_only_carries_what_every_create_screen_takes() -> None:
    def screen(*names: str) -> dict[str, Any]:
        return {"fields": [{"fieldId": n, "key": n, "name": n, "required": False} for n in names]}

    types = {"issueTypes": [{"id": "1", "name": "Task"}, {"id": "2", "name": "Epic"}], "total": 2}
    place = await connect(
        site(
            issue__createmeta__ROAD__issuetypes=types,
            issue__createmeta__ROAD__issuetypes__1=screen("summary", "description", "duedate", "labels"),
            issue__createmeta__ROAD__issuetypes__2=screen("summary", "description", "labels"),
        )
    ).open()

    assert place.at_create == {"title", "kind", "parent", "body", "labels"}


async def test_a_create_screen_s_demands_are_reported_by_check() -> None:
    types = {"issueTypes": [{"id": "1", "name": "Bug"}], "total": 1}
    demand = {"fieldId": "customfield_5", "key": "customfield_5", "name": "Found in", "required": True}
    problems = await connect(
        site(
            issue__createmeta__ROAD__issuetypes=types,
            issue__createmeta__ROAD__issuetypes__1={"fields": [demand]},
        )
    ).check()

    assert ["Found in" in p.message for p in problems if "demands" in p.message] == [True]


async def test_a_clock_that_is_wrong_is_reported_by_check() -> None:
    late = httpx.Response(
        200, headers={"Date": "Mon, 02 Nov 2026 15:10:30 GMT"}, json={"accountId": "me", "timeZone": "UTC"}
    )

    problems = await connect(site(myself=late)).check()

    assert ["ahead" in p.message for p in problems if "clocks" in p.message] == [True]


async def test_no_secret_is_in_an_error() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, text=json.dumps({"errorMessages": [request.headers["authorization"], "a-token"]}))

    with pytest.raises(RejectedError) as error:
        await listed(connect(site(search__jql=echo)))

    assert "a-token" not in str(error.value)
    assert "Basic Y" not in str(error.value)
