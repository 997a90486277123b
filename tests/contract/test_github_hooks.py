"""GitHub's webhooks: registered by the connector, fed by the sandbox, understood by the plugin."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from syncer.connector import Connector, Hook, Hooks, Lead
from syncer.errors import CredentialsError, ProtocolError, RejectedError
from syncer.model import Missing, State
from syncer.sdk.sandbox import Fault
from syncer_github import GitHub
from syncer_github.registration import EARLIER, EVENTS
from syncer_github.sandbox import TOKEN, GitHubSandbox
from tests.contract.github_bench import EAR, SECRET, URL, Desk, address, desk, event, said

pytestmark = pytest.mark.anyio

HOME = "/repos/acme/web/hooks"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def at(connector: Connector) -> Hooks:
    assert isinstance(connector, Hooks)
    return connector


async def posted(d: Desk, method: str, path: str, body: object = None) -> httpx.Response:
    """Send a request past the connector."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    transport = httpx.ASGITransport(d.sandbox.wire)
    async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers) as client:
        return await client.request(method, path, json=body)


# -- registering -----------------------------------------------------------------------------------


def test_the_plugin_says_that_it_can_register_webhooks() -> None:
    assert "hooks" in GitHub.abilities


async def test_a_webhook_is_registered_for_everything_we_understand() -> None:
    async with desk() as d:
        hook = await at(d.connector).add_hook(EAR, SECRET)

        assert (hook.url, hook.events, hook.active) == (EAR, EVENTS, True)
        assert await at(d.connector).hooks() == [hook]


async def test_a_webhook_is_registered_for_signed_json_over_checked_tls() -> None:
    async with desk() as d:
        await at(d.connector).add_hook(EAR, SECRET)

        [asked] = [c for c in d.sandbox.wire.writes() if c.method == "POST"]
        assert asked.json()["config"] == {"url": EAR, "content_type": "json", "insecure_ssl": "0", "secret": SECRET}


async def test_a_registered_webhook_is_pinged_and_the_ping_is_of_no_interest() -> None:
    async with desk() as d:
        hook = await at(d.connector).add_hook(EAR, SECRET)

        [ping] = d.deliveries()
        assert (event(ping), said(ping)["hook_id"]) == ("ping", int(hook.id))
        found = d.heard(ping)
        assert (found.leads, found.look) == ((), False)


async def test_a_url_that_is_registered_already_gets_the_new_secret() -> None:
    async with desk() as d:
        before = await at(d.connector).add_hook(EAR, "old")

        after = await at(d.connector).add_hook(EAR, SECRET)
        d.deliveries()
        d.sandbox.add("One")

        assert after == before
        assert await at(d.connector).hooks() == [after]
        assert [d.heard(letter).event for letter in d.deliveries()] == ["issues"]


async def test_a_webhook_that_was_switched_off_is_switched_on_again() -> None:
    async with desk() as d:
        hook = await at(d.connector).add_hook(EAR, SECRET)
        await posted(d, "PATCH", f"{HOME}/{hook.id}", {"active": False, "events": ["push"]})

        assert await at(d.connector).add_hook(EAR, SECRET) == hook


async def test_a_server_that_knows_fewer_events_is_asked_for_those_it_knows() -> None:
    async with desk() as d:
        d.sandbox.world.hookable -= {"sub_issues", "issue_dependencies"}

        hook = await at(d.connector).add_hook(EAR, SECRET)
        again = await at(d.connector).add_hook(EAR, SECRET)

        assert hook.events == EARLIER
        assert again == hook


async def test_a_url_that_github_does_not_take_is_refused_as_it_says() -> None:
    async with desk() as d:
        with pytest.raises(RejectedError, match="not a valid URL"):
            await at(d.connector).add_hook("ftp://example.org", SECRET)

        assert await at(d.connector).hooks() == []


async def test_the_secret_is_in_no_error() -> None:
    async with desk() as d:
        with pytest.raises(RejectedError) as refused:
            await at(d.connector).add_hook("ftp://example.org", "s3cret-of-ours")

        assert "s3cret-of-ours" not in str(refused.value)


async def test_all_pages_of_webhooks_are_listed() -> None:
    async with desk() as d:
        for number in range(130):
            await posted(d, "POST", HOME, {"config": {"url": f"https://example.org/{number}"}})

        assert len(await at(d.connector).hooks()) == 130


async def test_the_webhooks_of_a_renamed_repository_are_found() -> None:
    async with desk() as d:
        d.sandbox.rename("site")

        hook = await at(d.connector).add_hook(EAR, SECRET)

        assert await at(d.connector).hooks() == [hook]


async def test_a_removed_webhook_hears_nothing() -> None:
    async with desk() as d:
        hook = await d.listening()

        await at(d.connector).remove_hook(hook)
        d.sandbox.add("One")

        assert await at(d.connector).hooks() == []
        assert d.deliveries() == []


async def test_a_webhook_that_is_gone_already_is_no_error() -> None:
    async with desk() as d:
        hook = await d.listening()
        await at(d.connector).remove_hook(hook)

        await at(d.connector).remove_hook(hook)


async def test_no_path_is_made_of_what_is_no_id() -> None:
    async with desk() as d:
        with pytest.raises(ProtocolError):
            await at(d.connector).remove_hook(Hook("1/../../issues", EAR))


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize(
    "act",
    [
        lambda hooks: hooks.hooks(),
        lambda hooks: hooks.add_hook(EAR, SECRET),
        lambda hooks: hooks.remove_hook(Hook("1", EAR)),
    ],
    ids=["list", "add", "remove"],
)
async def test_a_token_that_may_not_is_told_what_it_needs(
    act: Callable[[Hooks], Awaitable[object]],
    private: bool,  # noqa: FBT001 -- a case
) -> None:
    async with desk(private=private, admin=False) as d:
        with pytest.raises(CredentialsError, match=r"Webhooks: read and write .* admin:repo_hook"):
            await act(at(d.connector))


async def test_a_token_that_reads_webhooks_but_may_not_remove_them_is_told() -> None:
    async with desk() as d:
        hook = await d.listening()
        d.sandbox.wire.faults.append(Fault("limit", method="DELETE"))
        d.sandbox.wire.limited = lambda: (404, {}, {"message": "Not Found"})

        with pytest.raises(CredentialsError, match="Webhooks: read and write"):
            await at(d.connector).remove_hook(hook)


async def test_a_token_that_expired_is_told_as_such() -> None:
    async with desk() as d:
        d.sandbox.desk.token = "rotated"

        with pytest.raises(CredentialsError) as refused:
            await at(d.connector).hooks()

        assert refused.value.status == 401
        assert "admin:repo_hook" not in refused.value.message


# -- what the sandbox's GitHub keeps ---------------------------------------------------------------


async def test_a_secret_is_never_shown_again() -> None:
    async with desk() as d:
        hook = await d.listening()

        shown = (await posted(d, "GET", f"{HOME}/{hook.id}")).json()

        assert shown["config"]["secret"] == "********"


async def test_two_webhooks_of_one_url_are_refused() -> None:
    async with desk() as d:
        await d.listening()

        answer = await posted(d, "POST", HOME, {"config": {"url": EAR}})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["message"] == "Hook already exists on this repository"


async def test_an_edit_without_the_secret_takes_it_away() -> None:
    async with desk() as d:
        hook = await d.listening()

        await posted(d, "PATCH", f"{HOME}/{hook.id}", {"config": {"url": EAR, "content_type": "json"}})
        await posted(d, "POST", f"{HOME}/{hook.id}/pings")
        headers = d.sandbox.post.sent[0][0].headers if d.sandbox.post.idle() else {}

        assert "X-Hub-Signature-256" not in headers
        d.sandbox.post.sent.clear()


async def test_a_form_is_signed_as_it_is_sent() -> None:
    async with desk() as d:
        await posted(d, "POST", HOME, {"config": {"url": EAR, "secret": SECRET}, "events": ["*"]})

        assert d.sandbox.post.idle()
        letter, _ = d.sandbox.post.sent[0]
        assert json.loads(parse_qs(letter.body.decode())["payload"][0])["hook_id"]
        signed = hmac.new(SECRET.encode(), letter.body, hashlib.sha256).hexdigest()
        assert letter.headers["X-Hub-Signature-256"] == f"sha256={signed}"


async def test_an_archived_repository_takes_no_webhooks() -> None:
    async with desk() as d:
        d.sandbox.world.repo.archived = True

        assert (await posted(d, "POST", HOME, {"config": {"url": EAR}})).status_code == 403


# -- what is delivered -----------------------------------------------------------------------------


async def test_without_a_webhook_nothing_is_delivered() -> None:
    async with desk() as d:
        key = d.sandbox.add("One", labels=["bug"])
        d.sandbox.say(key, "Hello.")

        assert d.deliveries() == []


Act = Callable[[GitHubSandbox, str], object]


def edits(**fields: Any) -> Act:
    return lambda sandbox, key: sandbox.edit(key, **fields)


CHANGES: dict[str, tuple[Sequence[Act], list[str]]] = {
    "title": ([edits(title="New")], ["issues edited"]),
    "body": ([edits(body="New")], ["issues edited"]),
    "title and body": ([edits(title="New", body="New")], ["issues edited"] * 2),
    "nothing": ([edits(title="One", body="Text")], []),
    "labels": (
        [edits(labels=["enhancement", "made up"])],
        ["issues unlabeled", "issues labeled", "label created", "issues labeled"],
    ),
    "assignees": ([edits(assignees=["mia"])], ["issues unassigned", "issues assigned"]),
    "closing": ([edits(status="closed")], ["issues closed"]),
    "closing in two ways": (
        [edits(status="closed"), edits(status="not_planned")],
        ["issues closed", "issues reopened", "issues closed"],
    ),
    "kind and back": ([edits(kind="Bug"), edits(kind=None)], ["issues typed", "issues untyped"]),
    "locking": ([lambda s, key: s.lock(key)], ["issues locked"]),
    "deletion": ([lambda s, key: s.remove(key)], ["issues deleted"]),
    "transfer": ([lambda s, key: s.move(key)], ["issues transferred"]),
    "transfer out of sight": ([lambda s, key: s.hide(key)], ["issues transferred"]),
    "comment": ([lambda s, key: s.say(key, "Hello.")], ["issue_comment created"]),
    "comment edited": (
        [lambda s, key: s.reword(s.say(key, "Hello."), "Bye.", by="omar")],
        ["issue_comment created", "issue_comment edited"],
    ),
    "comment deleted": (
        [lambda s, key: s.unsay(s.say(key, "Hello."))],
        ["issue_comment created", "issue_comment deleted"],
    ),
    "comment on a pull request": ([lambda s, _: s.say("#1", "Hello.")], ["issue_comment created"]),
    "pull request": ([lambda s, _: s.pull("Two"), lambda s, _: s.edit("#1", title="New", labels=["bug"])], []),
    "label renamed": ([lambda s, _: s.rename_label("bug", "defect")], ["label edited"]),
    "label dropped": ([lambda s, _: s.drop_label("bug")], ["label deleted"]),
    "repository renamed": ([lambda s, _: s.rename("site")], ["repository renamed"]),
    "closed birth": ([lambda s, _: s.add("Two", status="closed")], ["issues opened", "issues closed"]),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_each_change_is_a_delivery_of_its_own(change: str) -> None:
    acts, told = CHANGES[change]
    async with desk(types=["Bug"]) as d:
        key = d.sandbox.add("One", body="Text", labels=["bug"], assignees=["omar"])
        await d.listening()

        for act in acts:
            act(d.sandbox, key)

        assert d.told() == told


async def test_an_issue_is_opened_with_its_fields_and_then_told_of_field_by_field() -> None:
    async with desk() as d:
        await d.listening()

        d.sandbox.add("One", labels=["bug"], assignees=["omar"])

        opened, labeled, assigned = d.deliveries()
        assert [said(one)["action"] for one in (opened, labeled, assigned)] == ["opened", "labeled", "assigned"]
        assert [one["name"] for one in said(opened)["issue"]["labels"]] == ["bug"]
        assert said(labeled)["label"]["name"] == "bug"
        assert said(assigned)["assignee"]["login"] == "omarh"
        assert said(opened)["sender"]["login"] == "jane-doe"


async def test_what_was_before_an_edit_is_told() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        await d.listening()

        d.sandbox.edit(key, title="Two", by="omar")

        [edited] = d.deliveries()
        assert said(edited)["changes"] == {"title": {"from": "One"}}
        assert said(edited)["issue"]["title"] == "Two"
        assert said(edited)["sender"]["login"] == "omarh"


async def test_a_transfer_tells_both_ends_of_each_other() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        await d.listening()
        there = "/repos/acme/elsewhere/hooks"
        config = {"url": EAR, "content_type": "json"}
        await posted(d, "POST", there, {"config": config, "events": ["issues"]})
        assert d.sandbox.post.idle()
        d.sandbox.post.sent.clear()

        d.sandbox.move(key)

        assert d.sandbox.post.idle()
        left, came = (said(letter) for letter, _ in d.sandbox.post.sent)
        assert left["changes"]["new_issue"]["id"] == came["issue"]["id"]
        assert came["changes"]["old_issue"]["id"] == left["issue"]["id"]
        assert came["repository"]["full_name"] == "acme/elsewhere"


async def test_our_own_writes_come_back_too() -> None:
    async with desk() as d:
        await d.listening()

        receipt = await d.connector.create(d.draft("One"))
        assert receipt.record is not None
        record = receipt.record
        await d.write(record, d.patch(record, title="Two", labels=(["bug"], [])))
        comment = await d.connector.comment(address(record), "Hello.", "C0.abc", "x")
        await d.connector.edit_comment(address(record), comment.ref, "Bye.", "C0.abc")
        await d.connector.delete_comment(address(record), comment.ref)

        letters = d.deliveries()
        assert [f"{event(one)} {said(one)['action']}" for one in letters] == [
            "issues opened",
            "issues edited",
            "issues labeled",
            "issue_comment created",
            "issue_comment edited",
            "issue_comment deleted",
        ]
        assert {said(one)["sender"]["login"] for one in letters} == {"syncer-bot"}


async def test_every_webhook_hears_of_a_change_under_the_same_id() -> None:
    async with desk() as d:
        await d.listening()
        await d.listening(EAR + "2")

        d.sandbox.add("One")

        one, other = d.deliveries()
        assert one.headers["X-GitHub-Delivery"] == other.headers["X-GitHub-Delivery"]
        assert one.headers["X-GitHub-Hook-ID"] != other.headers["X-GitHub-Hook-ID"]


async def test_two_changes_have_two_ids() -> None:
    async with desk() as d:
        await d.listening()

        d.sandbox.add("One", labels=["bug"])

        assert len({one.headers["X-GitHub-Delivery"] for one in d.deliveries()}) == 2


@pytest.mark.parametrize("edit", [{"active": False}, {"events": ["label"]}])
async def test_a_webhook_that_does_not_want_to_know_is_not_told(edit: dict[str, object]) -> None:
    async with desk() as d:
        hook = await d.listening()
        await posted(d, "PATCH", f"{HOME}/{hook.id}", edit)

        d.sandbox.add("One")

        assert d.deliveries() == []


async def test_a_delivery_nobody_answers_is_not_sent_again() -> None:
    async with desk() as d:
        await d.listening()

        d.sandbox.add("One")

        assert d.sandbox.post.idle()
        assert [status for _, status in d.sandbox.post.sent] == [0]


# -- what is heard ---------------------------------------------------------------------------------


async def test_a_delivery_leads_to_the_record_as_it_was_read() -> None:
    async with desk() as d:
        await d.listening()

        key = d.sandbox.add("One")

        [opened] = d.deliveries()
        record = await d.record(key)
        assert d.heard(opened).leads == (Lead(address(record), at=record.updated),)


async def test_a_delivery_leads_to_the_comment_as_it_was_read() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        await d.listening()

        d.sandbox.say(key, "Hello.")

        [created] = d.deliveries()
        [comment] = await d.comments()
        record = await d.record(key)
        assert d.heard(created).leads == (Lead(address(record), comment.ref.id, comment.updated),)


async def test_a_deleted_issue_is_found_gone_where_the_delivery_leads() -> None:
    async with desk() as d:
        key = d.sandbox.add("One")
        await d.listening()

        d.sandbox.remove(key)

        [deleted] = d.deliveries()
        [lead] = d.heard(deleted).leads
        assert lead.at is None
        ref = lead.address.ref
        assert await d.connector.get([lead.address]) == {ref: Missing(ref, State.GONE)}


async def test_a_comment_on_a_pull_request_leads_nowhere() -> None:
    async with desk() as d:
        await d.listening()

        d.sandbox.say("#1", "Hello.")

        [created] = d.deliveries()
        assert d.heard(created).leads == ()


async def test_a_renamed_label_makes_a_poll_due() -> None:
    async with desk() as d:
        await d.listening()

        d.sandbox.rename_label("bug", "defect")

        [edited] = d.deliveries()
        assert d.heard(edited).look


async def test_under_a_new_name_deliveries_lead_nowhere_and_check_says_why() -> None:
    async with desk() as d:
        await d.listening()
        d.sandbox.rename("site")
        d.deliveries()

        d.sandbox.add("One")

        [opened] = d.deliveries()
        assert d.heard(opened).leads == ()
        [problem] = await d.connector.check()
        assert (problem.level, problem.key) == ("warning", "connections.github.repository")
        assert "acme/site" in problem.message
