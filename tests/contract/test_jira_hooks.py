"""Webhooks registered with the Jira sandbox, what it then sends, and what our plugin hears of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncer.connector import Delivery, Heard, Hook, Hooks, Lead
from syncer.errors import CredentialsError, DeliveryError
from syncer.model import Address, Ref
from syncer.sdk.postman import Letter
from syncer.sdk.sandbox import Fault, serve
from syncer_jira import Jira
from syncer_jira.subscriptions import PATH, SECTION
from tests.contract.jira_bench import URL, Desk, desk
from tests.contract.test_jira_sandbox import DOC, Raw, raw

pytestmark = pytest.mark.anyio

NOBODY = "http://127.0.0.1:9/hooks/jira"
"""Where nobody listens: the sandbox's postman keeps what it sent all the same."""
SECRET = "between the two of us"
EVERY = [
    *("jira:issue_created", "jira:issue_updated", "jira:issue_deleted"),
    *("comment_created", "comment_updated", "comment_deleted"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def registrar(d: Desk) -> Hooks:
    assert isinstance(d.connector, Hooks)
    return d.connector


async def listed(hooks: Hooks) -> None:
    await hooks.hooks()


async def added(hooks: Hooks) -> None:
    await hooks.add_hook(NOBODY, SECRET)


async def removed(hooks: Hooks) -> None:
    await hooks.remove_hook(Hook("1", NOBODY))


async def admin(r: Raw, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
    answer = await r.client.request(method, f"/{PATH}{path}", json=body)
    return answer.status_code, answer.json() if answer.content else None


def letters(d: Desk | Raw) -> Sequence[Letter]:
    assert d.sandbox.post.idle()
    return [letter for letter, _ in d.sandbox.post.sent]


def bodies(d: Desk | Raw) -> list[Any]:
    return [json.loads(letter.body) for letter in letters(d)]


def heard(d: Desk, letter: Letter) -> Heard:
    headers = {k.lower(): v for k, v in letter.headers.items()}
    options = Jira.settings.model_validate(d.sandbox.options(URL))
    delivery = Delivery(headers, letter.body, d.bench.clock())
    return Jira().listen(delivery, connection="jira", options=options, secrets=[SECRET], window=300.0)


def leads(d: Desk) -> list[Lead]:
    return [lead for letter in letters(d) for lead in heard(d, letter).leads]


# -- registering -----------------------------------------------------------------------------------


def test_the_plugin_says_that_it_registers_webhooks() -> None:
    assert "hooks" in Jira.abilities


async def test_a_webhook_is_registered_signed_and_for_our_project_alone() -> None:
    async with desk() as d:
        made = await registrar(d).add_hook(NOBODY, SECRET)
        held = d.sandbox.rest.hooks.held[1]

        assert await registrar(d).hooks() == [made] == [Hook("1", NOBODY, EVERY)]
        assert (held.jql, held.secret) == ('project = "ROAD"', SECRET)


async def test_the_same_url_is_registered_once_and_gets_the_new_secret() -> None:
    async with desk() as d:
        one = await registrar(d).add_hook(NOBODY, SECRET)
        held = d.sandbox.rest.hooks.held
        held[1] = replace(held[1], events=EVERY[:1], jql="", secret="forgotten", enabled=False)
        two = await registrar(d).add_hook(NOBODY, SECRET)

        assert two == one
        assert [(h.secret, h.enabled, h.jql) for h in held.values()] == [(SECRET, True, 'project = "ROAD"')]


async def test_webhooks_of_other_projects_alone_are_not_listed_and_all_others_are() -> None:
    async with desk() as d:
        ours = await registrar(d).add_hook(NOBODY, SECRET)
        held = d.sandbox.rest.hooks.held
        held[2] = replace(held[1], id=2, url=f"{NOBODY}/2", jql="project = ATTIC")
        held[3] = replace(held[1], id=3, url=f"{NOBODY}/3", jql="labels = urgent", enabled=False)

        assert await registrar(d).hooks() == [ours, Hook("3", f"{NOBODY}/3", EVERY, active=False)]


async def test_a_removed_webhook_may_be_removed_again() -> None:
    async with desk() as d:
        made = await registrar(d).add_hook(NOBODY, SECRET)
        await registrar(d).remove_hook(made)
        await registrar(d).remove_hook(made)

        assert await registrar(d).hooks() == []


@pytest.mark.parametrize("doing", ["list", "add", "remove"])
async def test_who_does_not_administer_jira_is_told_how_to_do_it_by_hand(doing: str) -> None:
    async with desk() as d:
        d.sandbox.rest.denied.add("ADMINISTER")
        with pytest.raises(CredentialsError, match=r'Settings > System > WebHooks.* project = "ROAD"') as refused:
            await {"list": listed, "add": added, "remove": removed}[doing](registrar(d))

    assert SECRET not in str(refused.value)
    assert refused.value.connection == "jira"


async def test_jira_shows_a_secret_to_nobody_and_keeps_it_where_an_update_leaves_it_out() -> None:
    async with raw() as r:
        _, made = await admin(r, "POST", body={"name": "One", "url": NOBODY, "events": EVERY, "secret": SECRET})
        _, changed = await admin(r, "PUT", "/1", {"name": "Two"})
        _, shown = await admin(r, "GET", "/1")

    assert SECRET not in json.dumps([made, changed, shown])
    assert (shown["name"], made["self"]) == ("Two", f"http://jira.test/{PATH}/1")
    assert r.sandbox.rest.hooks.held[1].secret == SECRET


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"url": "http://far.example/hooks"}, 400),
        ({"url": 1}, 400),
        ({"name": ""}, 400),
        ({"events": "jira:issue_created"}, 400),
        ({"filters": {SECTION: "project = NOWHERE"}}, 400),
        ({"filters": [SECTION]}, 400),
        ({"filters": {SECTION: ""}}, 201),
    ],
)
async def test_jira_takes_no_webhook_that_it_could_not_send(wrong: dict[str, Any], status: int) -> None:
    async with raw() as r:
        given = {"name": "One", "url": NOBODY, "events": EVERY, **wrong}

        assert (await admin(r, "POST", body=given))[0] == status


# -- sending ---------------------------------------------------------------------------------------


async def test_without_a_webhook_nothing_is_sent() -> None:
    async with raw() as r:
        r.sandbox.say(r.sandbox.add("Quiet"), "Word")

        assert letters(r) == []


async def test_everything_people_do_to_issues_and_comments_is_heard() -> None:
    async with desk() as d:
        await registrar(d).add_hook(NOBODY, SECRET)
        key = d.sandbox.add("Talked about", body="Text")
        address = Address(Ref("jira", "issue", str(d.sandbox.site.keys[key])), key)
        d.sandbox.edit(key, title="Another", status="In Progress", assignees=["mia"])
        d.sandbox.draw(key, None)
        said = d.sandbox.say(key, "First")
        d.sandbox.reword(said, "Second")
        d.sandbox.restrict(said)
        d.sandbox.unsay(said)
        d.sandbox.hide(key)
        d.sandbox.restore(key)
        d.sandbox.remove(key)

        events = [heard(d, letter).event for letter in letters(d)]
        assert events == [
            "jira:issue_created",
            *("jira:issue_updated", "jira:issue_updated"),
            *("comment_created", "comment_updated", "comment_updated", "comment_deleted"),
            *("jira:issue_updated", "jira:issue_updated", "jira:issue_deleted"),
        ]
        assert {(lead.address, lead.comment) for lead in leads(d)} == {(address, None), (address, said)}


async def test_our_own_writes_are_sent_as_well() -> None:
    async with raw() as r:
        await admin(r, "POST", body={"name": "One", "url": NOBODY, "events": EVERY})
        new = {"fields": {"summary": "New", "issuetype": {"name": "Task"}, "project": {"key": "ROAD"}}}
        _, made = await r.ask("POST", "/issue", new)
        path = f"/issue/{made['key']}"
        await r.ask("PUT", path, {"fields": {"summary": "Newer"}})
        _, steps = await r.ask("GET", f"{path}/transitions")
        await r.ask("POST", f"{path}/transitions", {"transition": {"id": steps["transitions"][0]["id"]}})
        _, said = await r.ask("POST", f"{path}/comment", {"body": DOC})
        await r.ask("PUT", f"{path}/comment/{said['id']}", {"body": DOC})
        await r.ask("DELETE", f"{path}/comment/{said['id']}")
        await r.ask("DELETE", path)

    assert [b["webhookEvent"] for b in bodies(r)] == [
        "jira:issue_created",
        "jira:issue_updated",
        "jira:issue_updated",
        "comment_created",
        "comment_updated",
        "comment_deleted",
        "jira:issue_deleted",
    ]


async def test_what_changes_nothing_is_not_sent() -> None:
    async with raw() as r:
        key = r.sandbox.add("Same")
        await admin(r, "POST", body={"name": "One", "url": NOBODY, "events": EVERY})
        r.sandbox.edit(key, title="Same")

        assert letters(r) == []


async def test_an_issue_is_shown_as_by_version_two_with_what_changed() -> None:
    async with raw() as r:
        key = r.sandbox.add("Drawn", body="Some text", assignees=["mia"])
        r.sandbox.say(key, "Word", restricted=True)
        await admin(r, "POST", body={"name": "One", "url": NOBODY, "events": EVERY})
        r.sandbox.edit(key, title="Redrawn", by="omar")
        (body,) = bodies(r)
        _, now = await r.ask("GET", f"/issue/{key}")

    assert (body["issue_event_type_name"], body["user"]["displayName"]) == ("issue_updated", "Omar Haddad")
    assert "emailAddress" not in body["user"]
    assert [(i["field"], i["fromString"], i["toString"]) for i in body["changelog"]["items"]] == [
        ("summary", "Drawn", "Redrawn")
    ]
    assert body["issue"]["self"] == f"http://jira.test/rest/api/2/issue/{now['id']}"
    assert body["issue"]["fields"]["description"].strip() == "Some text"
    assert body["issue"]["fields"]["updated"] == now["fields"]["updated"]
    assert "comment" not in body["issue"]["fields"]


async def test_a_comment_is_sent_without_user_and_changes_and_with_little_of_its_issue() -> None:
    async with raw() as r:
        key = r.sandbox.add("Talked about")
        await admin(r, "POST", body={"name": "One", "url": NOBODY, "events": EVERY})
        r.sandbox.say(key, "Word", restricted=True)
        (body,) = bodies(r)

    assert set(body) == {"timestamp", "webhookEvent", "comment", "issue"}
    assert body["comment"]["body"].strip() == "Word"
    assert "visibility" in body["comment"]
    assert {"project", "status"} <= set(body["issue"]["fields"])
    assert not {"updated", "description"} & set(body["issue"]["fields"])


async def test_each_delivery_is_named_signed_and_says_its_flow() -> None:
    async with desk() as d:
        await registrar(d).add_hook(NOBODY, SECRET)
        key = d.sandbox.add("Talked about")
        d.sandbox.say(key, "Word")
        d.sandbox.remove(key)
        sent = letters(d)

        assert len({heard(d, letter).id for letter in sent}) == len(sent) == 4
        assert [s.headers["X-Atlassian-Webhook-Flow"] for s in sent] == ["Primary"] * 3 + ["Secondary"]
        assert bodies(d)[-1]["webhookEvent"] == "comment_deleted"


async def test_without_a_secret_jira_does_not_sign_and_we_do_not_listen() -> None:
    async with desk() as d:
        await registrar(d).add_hook(NOBODY, SECRET)
        held = d.sandbox.rest.hooks.held
        held[1] = replace(held[1], secret=None)
        d.sandbox.add("Unsigned")
        (letter,) = letters(d)

        with pytest.raises(DeliveryError, match="unsigned"):
            heard(d, letter)


async def test_what_leaves_the_project_is_sent_to_webhooks_of_every_project_alone_and_leads_to_itself() -> None:
    async with desk() as d:
        await registrar(d).add_hook(NOBODY, SECRET)
        key = d.sandbox.add("On its way")
        held = d.sandbox.rest.hooks.held
        held[2] = replace(held[1], id=2, url=f"{NOBODY}/2", jql="")
        new = d.sandbox.move(key)
        d.sandbox.edit(new, title="Theirs now")
        moved, edited = letters(d)[1:]

        assert {moved.url, edited.url} == {f"{NOBODY}/2"}
        (lead,) = heard(d, moved).leads
        assert lead.address == Address(Ref("jira", "issue", str(d.sandbox.site.keys[key])), new)
        assert not heard(d, edited).leads


async def test_a_webhook_gets_the_events_it_asked_for_alone_and_none_when_switched_off() -> None:
    async with raw() as r:
        await admin(r, "POST", body={"name": "One", "url": NOBODY, "events": ["comment_created"]})
        await admin(r, "POST", body={"name": "Two", "url": NOBODY, "events": EVERY, "enabled": False})
        r.sandbox.say(r.sandbox.add("Talked about"), "Word")

    assert [b["webhookEvent"] for b in bodies(r)] == ["comment_created"]


async def test_a_stamp_in_a_lead_is_that_of_the_record_then_read() -> None:
    async with desk() as d:
        await registrar(d).add_hook(NOBODY, SECRET)
        key = d.sandbox.add("New")
        d.bench.clock.forward(minutes=2)
        d.sandbox.edit(key, title="Newer")
        said = d.sandbox.say(key, "Word")
        by_event = leads(d)
        (read,) = await d.comments()

        assert by_event[1].at is not None
        assert by_event[1].at < (await d.record(key)).updated
        assert (by_event[2].comment, by_event[2].at) == (said, read.updated)


@pytest.mark.parametrize("bumps", [True, False])
async def test_a_change_that_moves_no_stamp_is_not_taken_for_one_already_read(bumps: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    async with desk(bumps=bumps) as d:
        await registrar(d).add_hook(NOBODY, SECRET)
        key = d.sandbox.add("Talked about")
        said = d.sandbox.say(key, "Word")
        d.bench.clock.forward(minutes=1)
        d.sandbox.unsay(said)

        assert leads(d)[-1] == Lead(Address(Ref("jira", "issue", str(d.sandbox.site.keys[key])), key), said)


async def test_a_delivery_arrives_as_it_was_signed() -> None:
    arrived: list[Delivery] = []
    async with desk() as d:

        async def receive(request: Request) -> Response:
            arrived.append(Delivery(dict(request.headers), await request.body(), d.bench.clock()))
            return Response(status_code=202)

        with serve(Starlette(routes=[Route("/hooks/jira", receive, methods=["POST"])])) as url:
            await registrar(d).add_hook(f"{url}/hooks/jira", SECRET)
            key = d.sandbox.add("Sent för real")
            assert d.sandbox.post.idle()
            options = Jira.settings.model_validate(d.sandbox.options(URL))
            (delivery,) = arrived
            found = Jira().listen(delivery, connection="jira", options=options, secrets=[SECRET], window=300.0)

        assert [lead.address.key for lead in found.leads] == [key]
        assert [status for _, status in d.sandbox.post.sent] == [202]


# -- limits ----------------------------------------------------------------------------------------


async def test_jira_speaks_of_its_limit_when_it_refuses_and_the_meter_hears_it() -> None:
    async with desk() as d:
        d.sandbox.wire.faults.append(Fault("limit"))
        assert d.bench.meter.budgets == []
        await d.pages()
        (told,) = d.bench.meter.budgets

        assert (told.limit, told.remaining) == (100, 0)
        assert told.resets is not None
