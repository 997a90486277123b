"""Webhooks of Linear: registered over the API, posted by the sandbox as Linear posts them, and understood."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jsonschema
import pytest

from syncer.connector import Delivery, Heard, Hook, Hooks, Lead, Listens
from syncer.errors import CredentialsError, RejectedError
from syncer.model import Address, Ref
from syncer_linear import Linear
from syncer_linear.hooks import KINDS
from syncer_linear.sandbox import LinearSandbox
from syncer_linear.sandbox.rows import Ways
from tests.contract.linear_bench import Clock, Desk, Letterbox, address, desk, draft, letterbox
from tests.contract.openapi import contracts

pytestmark = pytest.mark.anyio

ISSUE = "11111111-1111-4111-8111-111111111111"
NOTE = "22222222-2222-4222-8222-222222222222"
SOON = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
FIRST = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
FAR = "https://sync.acme.example/hooks/linear"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# -- the published examples ------------------------------------------------------------------


@lru_cache
def published() -> tuple[str, list[tuple[str, Delivery]]]:
    """Return the secret and the published deliveries, by name, each come when it was sent."""
    root = contracts()
    folder = root and root / "linear" / "webhooks"
    if folder is None or not folder.is_dir():
        pytest.skip("no contracts/linear/webhooks (say where with SYNCER_CONTRACTS)")
    said = json.loads((folder / "deliveries.json").read_text())
    found = []
    for one in said["deliveries"]:
        body = (folder / one["file"]).read_bytes()
        at = datetime.fromtimestamp(json.loads(body)["webhookTimestamp"] / 1000, UTC)
        headers = {name.lower(): value for name, value in one["headers"].items()}
        found.append((one["file"].removeprefix("examples/").removesuffix(".json"), Delivery(headers, body, at)))
    return said["secret"], found


def understood(delivery: Delivery, secret: str) -> Heard:
    plugin: Listens = Linear()
    options = Linear.settings.model_validate({"team": "ENG", "token": "lin_api_x"})
    return plugin.listen(delivery, connection="linear", options=options, secrets=[secret], window=60.0)


def lead(at: datetime | None, comment: str | None = None, key: str = "ENG-7") -> Lead:
    return Lead(Address(Ref("linear", "issue", ISSUE), key), comment, at)


LEADS = {
    "issue.create": [lead(FIRST)],
    "issue.update.state": [lead(SOON)],
    "issue.update.label-removed": [lead(SOON)],
    "issue.update.team-move": [lead(SOON, key="OPS-3")],
    "issue.update.archived": [lead(None)],
    "issue.remove.trashed": [lead(None)],
    "comment.create": [lead(FIRST, NOTE)],
    "comment.create.synced-external": [lead(FIRST, NOTE)],
    "comment.remove": [lead(None, NOTE)],
    "oauthapp.revoked": [],
    "issuesla.breached": [],
}


def test_every_published_delivery_is_believed_and_leads_where_it_should() -> None:
    secret, deliveries = published()

    found = {name: list(understood(delivery, secret).leads) for name, delivery in deliveries}

    assert found == LEADS


def test_every_published_delivery_keeps_its_id() -> None:
    secret, deliveries = published()

    assert [understood(delivery, secret).id for _, delivery in deliveries] == [
        delivery.headers["linear-delivery"] for _, delivery in deliveries
    ]


def test_every_published_delivery_is_what_the_published_schema_says() -> None:
    for name, delivery in published()[1]:
        assert (name, wrongs(json.loads(delivery.body))) == (name, [])


@lru_cache
def judge() -> Any:
    """Return the published schema of deliveries, None where it is not at hand."""
    root = contracts()
    file = root and root / "linear" / "webhooks" / "linear-webhooks.schema.json"
    return json.loads(file.read_text()) if file and file.is_file() else None


def wrongs(body: Any) -> list[str]:
    """Return what the published schema has against the body of a delivery."""
    schema = judge()
    if schema is None:
        pytest.skip("no contracts/linear/webhooks (say where with SYNCER_CONTRACTS)")
    # Against all kinds at once, a wrong body shows no more than that it is none of them.
    kind = f"Event_{body['type']}"
    event = {"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]} if kind in schema["$defs"] else schema
    return [error.message for error in jsonschema.Draft202012Validator(event).iter_errors(body)]


# -- what the sandbox posts ------------------------------------------------------------------


@dataclass
class Post:
    """A sandbox with an issue and a comment, and a letterbox its webhook posts to."""

    sandbox: LinearSandbox
    box: Letterbox
    key: str
    note: str

    def bodies(self, act: Callable[[Post], object]) -> list[Any]:
        act(self)
        return self.box.bodies()

    def body(self, act: Callable[[Post], object]) -> Any:
        (only,) = self.bodies(act)
        return only

    def leads(self, act: Callable[[Post], object]) -> list[Lead]:
        act(self)
        return [lead for heard in self.box.heard() for lead in heard.leads]


def posted(sandbox: LinearSandbox) -> Iterator[Post]:
    key = sandbox.add("Retry fails", body="Steps", labels=["Bug"])
    note = sandbox.say(key, "Seen again")
    with letterbox(sandbox) as box:
        sandbox.hook(box.url, box.secret, "Issue", "Comment", "IssueLabel")
        yield Post(sandbox, box, key, note)


@pytest.fixture
def post() -> Iterator[Post]:
    yield from posted(LinearSandbox(clock=Clock()))


def there_and_back(post: Post) -> None:
    post.sandbox.remove(post.key)
    post.sandbox.restore(post.key)


ACTS: dict[str, tuple[Callable[[Post], object], list[str]]] = {
    "add": (lambda p: p.sandbox.add("New", parent=p.key, assignees=["omar"], due="2026-12-01"), ["Issue.create"]),
    "edit": (lambda p: p.sandbox.edit(p.key, title="Else", status="Done"), ["Issue.update"]),
    "unassign": (lambda p: p.sandbox.edit(p.key, labels=[]), ["Issue.update"]),
    "say": (lambda p: p.sandbox.say(p.key, "More"), ["Comment.create"]),
    "say_as_bot": (lambda p: p.sandbox.say_as_bot(p.key, "More"), ["Comment.create"]),
    "reword": (lambda p: p.sandbox.reword(p.note, "Never seen again"), ["Comment.update"]),
    "unsay": (lambda p: p.sandbox.unsay(p.note), ["Comment.remove"]),
    "remove": (lambda p: p.sandbox.remove(p.key), ["Issue.remove"]),
    "purge": (lambda p: p.sandbox.purge(p.key), ["Issue.remove"]),
    "archive": (lambda p: p.sandbox.archive(p.key), ["Issue.update"]),
    "auto_archive": (lambda p: p.sandbox.auto_archive(p.key), ["Issue.update"]),
    "restore": (there_and_back, ["Issue.remove", "Issue.update"]),
    "move": (lambda p: p.sandbox.move(p.key), ["Issue.update"]),
    "sync_with": (lambda p: p.sandbox.sync_with(p.key, "github"), ["Issue.update"]),
    "rename_label": (lambda p: p.sandbox.rename_label("Bug", "Defect"), ["IssueLabel.update"]),
    "new label": (
        lambda p: p.sandbox.edit(p.key, labels=["Bug", "Fresh"]),
        ["IssueLabel.create", "Issue.update"],
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_people_do_is_posted(post: Post, act: str) -> None:
    do, events = ACTS[act]

    assert [f"{body['type']}.{body['action']}" for body in post.bodies(do)] == events


@pytest.mark.parametrize("act", ACTS)
def test_what_is_posted_is_what_the_published_schema_says(post: Post, act: str) -> None:
    for body in post.bodies(ACTS[act][0]):
        assert wrongs(body) == []


@pytest.mark.parametrize("act", ACTS)
def test_what_is_posted_leads_to_the_issue(post: Post, act: str) -> None:
    ours = {issue.id for issue in post.sandbox.space.issues.values()}

    ACTS[act][0](post)

    for heard in post.box.heard():
        named = {one.address.ref.id for one in heard.leads}
        assert heard.look if heard.event.startswith("IssueLabel") else len(named) == 1
        assert act == "add" or named <= ours


def test_only_what_changed_is_told_with_what_it_was(post: Post) -> None:
    before = post.sandbox.space.issue(post.key)
    state, stamp = before.state.id, before.updated

    said = post.body(lambda p: p.sandbox.edit(p.key, title="Else", status="Done", priority=0))

    was = said["updatedFrom"]
    assert was.pop("updatedAt") == stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert was == {"title": "Retry fails", "stateId": state, "completedAt": None, "startedAt": None}


def test_the_stamp_of_the_body_is_the_sandboxs_clock(post: Post) -> None:
    said = post.body(lambda p: p.sandbox.edit(p.key, title="Else"))

    assert said["webhookTimestamp"] == int(post.sandbox.space.clock().timestamp() * 1000)


def test_the_actor_is_who_did_it(post: Post) -> None:
    said = post.body(lambda p: p.sandbox.edit(p.key, by="omar", title="Else"))

    assert (said["actor"]["type"], said["actor"]["id"]) == ("user", post.sandbox.people["omar"])


def test_what_linear_does_by_itself_has_no_actor(post: Post) -> None:
    assert "actor" not in post.body(lambda p: p.sandbox.auto_archive(p.key))


def test_a_lead_bears_the_stamp_that_a_read_then_shows(post: Post) -> None:
    (found,) = post.leads(lambda p: p.sandbox.edit(p.key, title="Else"))

    assert found.at == post.sandbox.space.issue(post.key).updated


def test_an_edit_that_changes_nothing_is_not_posted(post: Post) -> None:
    assert post.bodies(lambda p: p.sandbox.edit(p.key, title="Retry fails")) == []


def test_every_delivery_has_an_id_of_its_own(post: Post) -> None:
    post.sandbox.edit(post.key, title="Else")
    post.sandbox.edit(post.key, title="Something")

    ids = [delivery.headers["linear-delivery"] for delivery in post.box.taken()]
    assert len(set(ids)) == 2


def test_a_move_out_of_the_team_is_told_to_it(post: Post) -> None:
    (found,) = post.leads(lambda p: p.sandbox.move(p.key))

    assert found.address.key == "OPS-1"


def test_whether_a_team_hears_of_what_leaves_it_is_linears_secret() -> None:
    for post in posted(LinearSandbox(clock=Clock(), ways=Ways(farewell=False))):
        assert post.bodies(lambda p: p.sandbox.move(p.key)) == []


def test_what_goes_to_a_private_team_is_not_told(post: Post) -> None:
    assert post.bodies(lambda p: p.sandbox.hide(p.key)) == []


def test_nothing_is_posted_where_nobody_asked() -> None:
    sandbox = LinearSandbox(clock=Clock())

    sandbox.say(sandbox.add("One"), "Two")

    assert sandbox.post.idle()
    assert sandbox.post.sent == []


@pytest.mark.parametrize(
    ("kinds", "team", "comes"),
    [
        ((), None, ["Issue", "Comment"]),
        (("Comment",), None, ["Comment"]),
        ((), "OPS", []),
        ((), "", ["Issue", "Comment"]),
    ],
)
def test_a_webhook_hears_of_its_kinds_and_team(kinds: tuple[str, ...], team: str | None, comes: list[str]) -> None:
    sandbox = LinearSandbox(clock=Clock())
    with letterbox(sandbox) as box:
        sandbox.hook(box.url, box.secret, *kinds, team=team)

        sandbox.say(sandbox.add("One"), "Two")

        assert [body["type"] for body in box.bodies()] == comes


def test_a_webhook_that_is_off_hears_nothing(post: Post) -> None:
    (hook,) = post.sandbox.space.hooks.values()
    hook.enabled = False

    assert post.bodies(lambda p: p.sandbox.say(p.key, "Two")) == []


async def test_our_own_writes_are_posted_too() -> None:
    async with desk() as d:
        with letterbox(d.sandbox) as box:
            await d.hooks.add_hook(box.url, box.secret)

            record = (await d.connector.create(draft("Ours"))).record
            assert record is not None
            await d.connector.comment(address(record), "Said", "L0.c", str(draft("c", "L0.c").client_id))
            await d.connector.archive(address(record))

            events = [heard.event for heard in box.heard()]
            assert events == ["Issue.create", "Comment.create", "Issue.update"]


# -- registering -----------------------------------------------------------------------------


def test_the_plugin_says_that_it_can_register() -> None:
    assert "hooks" in Linear.abilities


async def test_the_connector_meets_the_protocol() -> None:
    async with desk() as d:
        assert isinstance(d.connector, Hooks)


async def test_a_new_webhook_is_for_our_team_and_for_all_we_understand() -> None:
    async with desk() as d:
        made = await d.hooks.add_hook(FAR, "s3cret")

        (hook,) = d.sandbox.space.hooks.values()
        assert (made.id, made.url, made.active, tuple(made.events)) == (hook.id, FAR, True, KINDS)
        assert (hook.team, hook.secret) == (d.sandbox.team, "s3cret")


async def test_the_webhooks_of_our_team_are_listed_whoever_made_them() -> None:
    async with desk() as d:
        ours = [d.sandbox.hook(FAR, "a"), d.sandbox.hook(FAR, "b", team="")]
        d.sandbox.hook(FAR, "c", team="OPS")

        assert sorted(hook.id for hook in await d.hooks.hooks()) == sorted(ours)


async def test_a_long_list_of_webhooks_is_read_to_its_end() -> None:
    async with desk() as d:
        for n in range(260):
            d.sandbox.hook(f"{FAR}/{n}", "a")

        assert len(await d.hooks.hooks()) == 260


async def test_a_url_that_is_there_gets_the_new_secret_and_is_switched_on() -> None:
    async with desk() as d:
        there = d.sandbox.hook(FAR, "old")
        d.sandbox.space.hooks[there].enabled = False

        made = await d.hooks.add_hook(FAR, "new")

        (hook,) = d.sandbox.space.hooks.values()
        assert (made.id, hook.secret, hook.enabled, hook.kinds) == (there, "new", True, KINDS)


async def test_the_url_of_another_teams_webhook_is_left_alone() -> None:
    async with desk() as d:
        there = d.sandbox.hook(FAR, "old", team="OPS")

        made = await d.hooks.add_hook(FAR, "new")

        assert made.id != there
        assert d.sandbox.space.hooks[there].secret == "old"


async def test_a_removed_webhook_is_gone() -> None:
    async with desk() as d:
        made = await d.hooks.add_hook(FAR, "s3cret")

        await d.hooks.remove_hook(made)

        assert await d.hooks.hooks() == []


async def test_a_webhook_that_is_gone_already_is_no_error() -> None:
    async with desk() as d:
        made = await d.hooks.add_hook(FAR, "s3cret")
        await d.hooks.remove_hook(made)

        await d.hooks.remove_hook(made)


async def _list(d: Desk) -> None:
    await d.hooks.hooks()


async def _add(d: Desk) -> None:
    await d.hooks.add_hook(FAR, "s3cret")


async def _remove(d: Desk) -> None:
    await d.hooks.remove_hook(Hook(d.sandbox.hook(FAR, "s3cret"), FAR))


@pytest.mark.parametrize("act", [_list, _add, _remove])
async def test_who_is_no_admin_is_told_so(act: Any) -> None:
    async with desk(admin_scope=False) as d:
        with pytest.raises(CredentialsError, match="for admins of the workspace"):
            await act(d)


async def test_a_url_that_linear_will_not_take_is_rejected() -> None:
    async with desk() as d:
        with pytest.raises(RejectedError, match="https"):
            await d.hooks.add_hook("http://sync.acme.example/hooks/linear", "s3cret")


async def test_the_secret_is_never_read_back() -> None:
    async with desk() as d:
        await d.hooks.add_hook(FAR, "s3cret")
        await d.hooks.add_hook(FAR, "s3cret")
        await d.hooks.hooks()

        assert not [call for call in d.sandbox.wire.calls if b"s3cret" in call.answer]


# -- the budget ------------------------------------------------------------------------------


async def test_the_meter_hears_what_is_left_of_the_hour() -> None:
    async with desk() as d:
        d.bench.meter.budgets.clear()

        await d.records()

        told = d.bench.meter.budgets[-1]
        assert (told.unit, told.limit) == ("requests", 2_500)
        assert told.remaining < 2_500
        assert told.resets is not None
        assert d.bench.clock.now < told.resets <= d.bench.clock.now + timedelta(hours=1)


async def test_points_are_told_where_they_are_scarcer() -> None:
    async with desk() as d:
        d.sandbox.budgets.complexity.level = 30_000.0

        await d.records()

        assert d.bench.meter.budgets[-1].unit == "complexity"
