"""A GitHub App on the sandbox: in by its signature, on by tokens of an hour, and told what is wrong in a line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from syncer.connector import Connector, Hooks
from syncer.errors import CredentialsError, UnavailableError
from syncer.log import redact
from syncer.model import Account, Record, State
from syncer.sdk.sandbox import Fault
from syncer.sdk.testing import Clock as SuiteClock
from syncer.sdk.testing import Conformance, Samples, SandboxSubject, Subject
from syncer_github import GitHub
from syncer_github.connector import GitHubConnector
from syncer_github.sandbox import GitHubSandbox
from syncer_github.sandbox.apps import CLIENT, INSTALLATION, Apps, pem
from tests.contract.github_bench import URL, Bench, Clock, Desk, Memory, address, desk
from tests.contract.test_github_conformance import STATUSES

pytestmark = pytest.mark.anyio

MINT = f"POST /app/installations/{INSTALLATION}/access_tokens"
LOOK = f"GET /app/installations/{INSTALLATION}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def apps(d: Desk | Bench) -> Apps:
    found = d.sandbox.apps
    assert found is not None
    return found


def bench(**sandbox: Any) -> Bench:
    clock = Clock()
    return Bench(GitHubSandbox(clock=clock, as_app=True, **sandbox), clock, Memory(clock))


def minted(b: Bench) -> list[Any]:
    """Return what was asked of each token so far."""
    return [call.json() for call in b.sandbox.wire.calls if call.path.endswith("/access_tokens")]


@contextlib.asynccontextmanager
async def connector(b: Bench, plugin: GitHub | None = None, **options: Any) -> AsyncIterator[Connector]:
    made = b.connector(plugin=plugin, **options)
    yield made
    await made.close()


async def refusal(b: Bench, **options: Any) -> str:
    """Return what opening says, a single line; every answer by the contract."""
    async with connector(b, **options) as c:
        with pytest.raises(CredentialsError) as caught:
            await c.open()
    assert "\n" not in caught.value.message
    assert b.violations() == []
    return caught.value.message


# -- getting in ------------------------------------------------------------------------------------


async def test_it_is_its_bot_account() -> None:
    async with desk(as_app=True) as d:
        assert d.place.me == Account("syncer[bot]", "syncer[bot]")


async def test_a_token_is_for_one_repository_and_what_we_need() -> None:
    async with desk(as_app=True) as d:
        assert minted(d.bench) == [
            {
                "repositories": ["web"],
                "permissions": {"issues": "write", "metadata": "read", "repository_hooks": "write"},
            }
        ]
        assert all(held.repositories == {d.sandbox.world.repo.id} for held in apps(d).passes.values())


async def test_no_permission_is_asked_for_that_was_not_granted() -> None:
    b = bench()
    apps(b).granted = {"issues": "read", "metadata": "read", "contents": "write"}

    async with connector(b) as c:
        await c.open()

    assert minted(b)[0]["permissions"] == {"issues": "read", "metadata": "read"}


async def test_its_own_issues_and_comments_are_own_by_every_way_of_reading() -> None:
    async with desk(as_app=True) as d:
        receipt = await d.connector.create(d.draft("Ours"))
        for number in range(6):
            d.sandbox.add(f"Theirs {number}")
        assert receipt.record is not None
        await d.connector.comment(address(receipt.record), "Hello", "L0.abd", "")

        listed = await d.records()
        batched = await d.connector.get([address(r) for r in listed.values()])

        assert [key for key, r in listed.items() if r.own] == [receipt.key]
        assert [r.key for r in batched.values() if isinstance(r, Record) and r.own] == [receipt.key]
        assert [c.own for c in await d.comments()] == [True]


async def test_a_client_id_names_the_app_as_well() -> None:
    async with desk(options={"app_id": CLIENT}, as_app=True) as d:
        assert d.place.me.id == "syncer[bot]"


async def test_the_second_connector_asks_for_its_token_alone() -> None:
    async with desk(as_app=True) as d:
        d.sandbox.wire.forget()

        async with connector(d.bench) as c:
            await c.open()
            _ = [page async for page in c.changes(None)]

        assert [one for one in d.bench.asked() if "/app" in one] == [MINT]
        assert list(minted(d.bench)[0]) == ["repository_ids", "permissions"]


async def test_a_plugin_keeps_a_good_token_for_its_next_connector() -> None:
    b = bench()
    plugin = GitHub()

    for _ in range(3):
        async with connector(b, plugin) as c:
            await c.open()
            _ = [page async for page in c.changes(None)]

    assert len(minted(b)) == 1


async def test_a_poll_with_nothing_new_within_the_hour_is_two_requests() -> None:
    b = bench()
    plugin = GitHub()
    async with connector(b, plugin) as c:
        await c.open()
        cursor = [page async for page in c.changes(None)][-1].cursor
    b.clock.forward(minutes=50)
    before = b.meter.requests

    async with connector(b, plugin) as c:
        await c.open()
        _ = [page async for page in c.changes(cursor)]

    assert b.meter.requests - before == 2


async def test_what_a_token_account_was_is_not_what_the_app_is() -> None:
    b = bench()
    b.catalogue.put("me", {"login": "syncer-bot", "id": 1})

    async with connector(b) as c:
        assert (await c.open()).me.id == "syncer[bot]"


async def test_labels_and_webhooks_need_no_push_access() -> None:
    async with desk(as_app=True) as d:
        record = await d.record(d.sandbox.add("One"))

        await d.write(record, d.patch(record, labels=({"bug"}, set())))
        await d.listening()

        assert d.sandbox.show(record.key)["labels"] == ["bug"]


async def test_no_token_is_stored_or_shown() -> None:
    async with desk(as_app=True) as d:
        given = list(apps(d).passes)

        assert not [t for t in given if t in repr(d.bench.catalogue.held)]
        assert not [t for t in given if t in redact(f"token is {t}")]


# -- going on --------------------------------------------------------------------------------------


async def test_a_run_outlives_its_token() -> None:
    async with desk(as_app=True) as d:
        key = d.sandbox.add("One")
        record = await d.record(key)
        d.bench.clock.forward(hours=2)

        await d.write(record, d.patch(record, title="Two"))

        assert d.sandbox.show(key)["title"] == "Two"
        assert len(minted(d.bench)) == 2


async def test_a_token_is_renewed_before_its_end() -> None:
    async with desk(as_app=True) as d:
        d.bench.clock.forward(minutes=56)

        await d.records()

        assert len(minted(d.bench)) == 2
        assert not [call for call in d.sandbox.wire.calls if call.status == 401]


async def test_a_write_refused_for_its_token_is_sent_again_with_a_new_one() -> None:
    async with desk(as_app=True) as d:
        key = d.sandbox.add("One")
        record = await d.record(key)
        d.bench.clock.forward(minutes=1)
        apps(d).revoke()

        await d.write(record, d.patch(record, title="Two"))

        assert d.sandbox.show(key)["title"] == "Two"
        assert len(minted(d.bench)) == 2


async def test_many_requests_that_meet_a_revoked_token_ask_for_one() -> None:
    async with desk(as_app=True) as d:
        records = [await d.record(d.sandbox.add(f"Issue {n}")) for n in range(5)]
        d.bench.clock.forward(minutes=1)
        apps(d).revoke()

        await asyncio.gather(*(d.connector.comments(address(r)) for r in records))

        assert len(minted(d.bench)) == 2


async def test_a_token_no_server_takes_is_given_up() -> None:
    async with desk(as_app=True) as d:
        d.bench.clock.forward(minutes=1)
        world, gone = d.sandbox.world, apps(d)
        world.clock = lambda: d.bench.clock() + timedelta(hours=3)
        gone.revoke()
        gone.admit = _nobody(gone)  # type: ignore[method-assign]  # the server's own fault, not ours

        with pytest.raises(CredentialsError, match="401"):
            await d.records()

        assert len(minted(d.bench)) <= 3
        del gone.admit


def _nobody(gone: Apps) -> Callable[..., None]:
    admit = gone.admit

    def none(request: Any, token: str) -> None:
        if not request.url.path.startswith("/app/"):
            gone.revoke()
        admit(request, token)

    return none


async def test_a_write_whose_token_could_not_be_had_was_not_sent() -> None:
    async with desk(as_app=True) as d:
        record = await d.record(d.sandbox.add("One"))
        d.bench.clock.forward(hours=2)
        d.sandbox.wire.forget()
        d.sandbox.wire.faults.append(Fault("before", path=".*/access_tokens", times=100))

        with pytest.raises(UnavailableError) as caught:
            await d.write(record, d.patch(record, title="Two"))

        assert caught.value.sent is False
        assert d.bench.asked() == [MINT] * 5
        d.sandbox.wire.faults.clear()


@pytest.mark.parametrize("kind", ["before", "after"])
async def test_a_mishap_on_the_way_to_a_token_is_nothing(kind: Any) -> None:
    b = bench()
    b.sandbox.wire.faults.append(Fault(kind, path=".*/access_tokens"))
    b.sandbox.wire.faults.append(Fault(kind, path="/app/installations/[0-9]+"))

    async with connector(b) as c:
        assert (await c.open()).me.id == "syncer[bot]"


@pytest.mark.parametrize("kind", ["cut", "half", "garbage"])
async def test_a_broken_token_is_no_token_and_nothing_was_sent(kind: Any) -> None:
    async with desk(as_app=True) as d:
        record = await d.record(d.sandbox.add("One"))
        d.bench.clock.forward(hours=2)
        d.sandbox.wire.forget()
        d.sandbox.wire.faults.append(Fault(kind, path=".*/access_tokens"))

        with pytest.raises(UnavailableError) as caught:
            await d.write(record, d.patch(record, title="Two"))

        assert caught.value.sent is False
        assert d.bench.asked() == [MINT]


# -- two clocks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-90, -5, 5, 90])
async def test_clocks_that_differ_are_githubs_to_say(minutes: int) -> None:
    theirs = Clock()
    theirs.forward(minutes=minutes)
    ours = Clock()
    b = Bench(GitHubSandbox(clock=theirs, as_app=True), ours, Memory(ours))

    async with connector(b) as c:
        await c.open()
        assert isinstance(c, GitHubConnector)
        assert c._api.app is not None
        token = c._api.app.tokens.current

    assert token is not None
    assert abs(token.ends - ours() - timedelta(hours=1)) <= timedelta(seconds=2)
    assert b.violations() == []


# -- what is wrong, in a line ----------------------------------------------------------------------


async def test_a_wrong_key_is_told() -> None:
    said = await refusal(bench(), private_key=pem(1))

    assert said == (
        "401: A JSON web token could not be decoded. private_key is none of the keys of app 421337: "
        "make one in the app's settings"
    )


async def test_a_wrong_app_is_told() -> None:
    assert (await refusal(bench(), app_id=1)).startswith("GitHub knows no app 1: say its App ID")


async def test_a_wrong_installation_is_told() -> None:
    said = await refusal(bench(), installation_id=7)

    assert said.startswith("app 421337 has no installation 7: it was removed, or the number is another's.")


async def test_a_suspended_installation_is_told() -> None:
    b = bench()
    apps(b).suspended = True

    assert (await refusal(b)).startswith("the installation is suspended: an owner of it takes that back")


@pytest.mark.parametrize("later", [False, True])
async def test_an_installation_suspended_meanwhile_is_told(later: bool) -> None:  # noqa: FBT001 -- a table of tests
    async with desk(as_app=True) as d:
        apps(d).suspended = True
        d.bench.clock.forward(hours=2 if later else 0)

        with pytest.raises(CredentialsError, match="suspended"):
            await d.records()


async def test_an_installation_removed_meanwhile_is_told() -> None:
    async with desk(as_app=True) as d:
        d.bench.clock.forward(minutes=1)
        apps(d).installed = False

        with pytest.raises(CredentialsError, match="has no installation"):
            await d.records()


async def test_a_repository_out_of_reach_is_told() -> None:
    b = bench()
    apps(b).reached.clear()

    assert (await refusal(b)).startswith(
        f"installation {INSTALLATION} does not reach acme/web: add it under Repository"
    )


async def test_a_missing_permission_is_told() -> None:
    b = bench()
    apps(b).granted = {"metadata": "read"}

    assert (await refusal(b)).startswith('the app "syncer" may not read issues. Give it Issues: Read and write')


async def test_what_is_no_key_is_told_before_anything_is_asked() -> None:
    b = bench()

    assert (await refusal(b, private_key="not a key")).startswith("private_key is no RSA key")
    assert b.asked() == []


async def test_an_issue_moved_out_of_reach_is_unreachable_and_never_gone() -> None:
    async with desk(as_app=True) as d:
        record = await d.record(d.sandbox.add("Goes"))
        d.sandbox.move(record.key)

        (found,) = (await d.connector.get([address(record)])).values()

        assert found.state is State.UNREACHABLE


# -- change ----------------------------------------------------------------------------------------


async def test_a_renamed_repository_is_still_reached() -> None:
    async with desk(as_app=True) as d:
        d.sandbox.rename("site")
        d.bench.clock.forward(hours=2)
        d.sandbox.add("After")

        assert len(await d.records()) == 1


async def test_a_permission_taken_back_is_noticed() -> None:
    async with desk(as_app=True) as d:
        del apps(d).granted["repository_hooks"]
        d.bench.clock.forward(hours=2)

        await d.records()

        assert minted(d.bench)[-1]["permissions"] == {"issues": "write", "metadata": "read"}


# -- check -----------------------------------------------------------------------------------------


async def test_check_says_who_we_are_and_when_the_token_ends() -> None:
    async with desk(as_app=True) as d:
        (note,) = await d.connector.check()

    assert note.level == "note"
    assert note.message == (
        f"as GitHub App syncer, installation {INSTALLATION}: the token ends at 2026-11-02 16:00 UTC, "
        "and is renewed before"
    )


async def test_check_says_that_an_app_may_only_read() -> None:
    b = bench()
    apps(b).granted["issues"] = "read"

    async with connector(b) as c:
        await c.open()
        problems = [p for p in await c.check() if p.level == "error"]

    assert [p.message for p in problems] == ["the app may not write issues of acme/web"]


async def test_webhooks_need_their_permission() -> None:
    b = bench()
    del apps(b).granted["repository_hooks"]

    async with connector(b) as c:
        await c.open()
        assert isinstance(c, Hooks)
        with pytest.raises(CredentialsError):
            await c.hooks()


# -- the common contract ---------------------------------------------------------------------------


class AsApp(SandboxSubject):
    """The subject whose credentials are an app's; a wrong one is another app's key."""

    @property
    def token(self) -> str:
        return pem()

    def _options(self, token: str | None = None) -> Any:
        wrong = {} if token is None else {"private_key": pem(1)}
        return self.plugin.settings.model_validate({**self.sandbox.options(URL), **wrong})

    def move(self, key: str) -> str:
        raise TypeError(f"{key} goes where a token of one repository does not see it: that is tested above")


class TestGitHubApp(Conformance):
    @pytest.fixture
    def subject(self) -> SandboxSubject:
        clock = SuiteClock()
        sandbox = GitHubSandbox(clock=clock, as_app=True)
        return AsApp(GitHub(), sandbox, clock, Samples(words={"status": STATUSES}, signs_time=False))

    async def test_a_poll_with_nothing_new_is_cheap_even_for_a_new_process(self, subject: Subject) -> None:
        pytest.skip("an hour later a token is due as well; within the hour it is cheap, as tested above")
