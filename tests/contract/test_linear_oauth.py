"""Linear as an OAuth application on the sandbox: tokens for its own credentials, and what goes wrong with them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from syncer.connector import Connector, Hooks
from syncer.errors import CredentialsError, UnavailableError
from syncer.log import redact
from syncer.model import Address
from syncer.sdk.sandbox import Call, Fault
from syncer.sdk.testing import Clock as SuiteClock
from syncer.sdk.testing import Conformance, SandboxSubject
from syncer_linear import Linear
from syncer_linear.sandbox import LinearSandbox
from syncer_linear.sandbox.oauth import ID, SECRET, Application
from tests.contract.linear_bench import URL, Bench, Clock, Desk, desk, draft

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def application(b: Bench | Desk) -> Application:
    found = b.sandbox.application
    assert found is not None
    return found


def bench(**sandbox: Any) -> Bench:
    clock = Clock()
    return Bench(LinearSandbox(clock=clock, as_app=True, **sandbox), clock)


def tokens(b: Bench) -> list[Call]:
    """Return the requests for tokens since the calls were last forgotten."""
    return [call for call in b.sandbox.wire.calls if call.path == "/oauth/token"]


@contextlib.asynccontextmanager
async def connector(b: Bench, plugin: Linear | None = None, **options: Any) -> AsyncIterator[Connector]:
    made = b.connector(plugin=plugin, **options)
    yield made
    await made.close()


async def refusal(b: Bench, **options: Any) -> str:
    async with connector(b, **options) as c:
        with pytest.raises(CredentialsError) as caught:
            await c.open()
    return caught.value.message


# -- getting in ------------------------------------------------------------------------------------


async def test_a_token_is_asked_for_by_a_form_with_the_same_scopes_always() -> None:
    b = bench()

    async with connector(b) as c:
        await c.open()

    (call,) = tokens(b)
    assert parse_qs(call.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": [ID],
        "client_secret": [SECRET],
        "scope": ["read,write"],
    }
    assert "authorization" not in call.headers


async def test_it_is_the_applications_own_account() -> None:
    async with desk(as_app=True) as d:
        assert d.place.me.id == application(d).me.id


async def test_what_it_makes_is_own() -> None:
    async with desk(as_app=True) as d:
        receipt = await d.connector.create(draft("Ours"))
        d.sandbox.add("Theirs")
        comment = await d.connector.comment(Address(receipt.ref, receipt.key), "Hello", "L0.abd", draft("x").client_id)

        records = await d.records()

        assert {key: r.own for key, r in records.items()} == {receipt.key: True, "ENG-2": False}
        assert comment.own


async def test_a_plugin_keeps_a_good_token_for_its_next_connector() -> None:
    b, plugin = bench(), Linear()

    for _ in range(3):
        async with connector(b, plugin) as c:
            await c.open()
            _ = [page async for page in c.changes(None)]

    assert len(tokens(b)) == 1


async def test_no_token_is_stored_or_shown() -> None:
    async with desk(as_app=True) as d:
        given = list(application(d).tokens)

        assert given
        assert not [t for t in (*given, SECRET) if t in repr(d.bench.catalogue.held)]
        assert not [t for t in (*given, SECRET) if t in redact(f"it is {t}")]


async def test_webhooks_are_not_for_applications() -> None:
    async with desk(as_app=True) as d:
        assert isinstance(d.connector, Hooks)

        with pytest.raises(CredentialsError):
            await d.connector.hooks()


# -- going on --------------------------------------------------------------------------------------


@pytest.mark.parametrize("life", [DAY, timedelta(days=30), timedelta(minutes=2)])
async def test_a_run_outlives_its_token(life: timedelta) -> None:
    async with desk(as_app=True, life=life) as d:
        key = d.sandbox.add("One")
        await d.records()
        d.bench.clock.now += life

        assert set(await d.records()) == {key}
        assert len(tokens(d.bench)) == 1


async def test_a_token_is_renewed_before_its_end() -> None:
    async with desk(as_app=True, life=DAY) as d:
        d.bench.clock.forward(hours=23, minutes=56)

        await d.records()

        assert len(tokens(d.bench)) == 1
        assert not [call for call in d.sandbox.wire.calls if call.status == 401]


async def test_a_create_refused_for_its_token_is_sent_again_with_a_new_one() -> None:
    async with desk(as_app=True) as d:
        d.bench.clock.forward(minutes=1)
        application(d).tokens.clear()

        receipt = await d.connector.create(draft("Once"))

        assert d.sandbox.keys() == [receipt.key]
        assert len(tokens(d.bench)) == 1


async def test_a_write_whose_token_could_not_be_had_was_not_sent() -> None:
    async with desk(as_app=True, life=DAY) as d:
        d.bench.clock.forward(days=2)
        d.sandbox.wire.faults.append(Fault("before", path="/oauth/token", times=100))

        with pytest.raises(UnavailableError) as caught:
            await d.connector.create(draft("Once"))

        assert caught.value.sent is False
        assert [call.path for call in d.sandbox.wire.calls] == ["/oauth/token"] * 5


async def test_a_token_ended_by_another_with_other_scopes_is_renewed() -> None:
    async with desk(as_app=True) as d:
        d.bench.clock.forward(minutes=1)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(d.sandbox.wire)) as other:
            said = {"grant_type": "client_credentials", "client_id": ID, "client_secret": SECRET, "scope": "read"}
            await other.post(f"{URL}/oauth/token", data=said)

        await d.records()

        assert len(application(d).tokens) == 1


# -- what is wrong, in a line ----------------------------------------------------------------------


async def test_a_wrong_secret_is_told_without_it() -> None:
    said = await refusal(bench(), client_secret="wrong-secret")

    assert said == (
        "no token for client_id: Client authentication failed: "
        "client_id or client_secret is wrong: both are in the application under Settings > API"
    )


async def test_a_secret_rotated_meanwhile_is_told() -> None:
    async with desk(as_app=True) as d:
        d.bench.clock.forward(minutes=1)
        application(d).rotate("another")

        with pytest.raises(CredentialsError, match="client_secret is wrong"):
            await d.records()


async def test_credentials_that_are_switched_off_are_told() -> None:
    b = bench()
    application(b).enabled = False

    assert "turn client credentials on in the application under Settings > API" in await refusal(b)


async def test_check_says_what_is_wrong_under_its_key() -> None:
    async with desk(as_app=True) as d:
        application(d).rotate("another")
        d.bench.clock.forward(minutes=1)

        (problem,) = await d.connector.check()

    assert (problem.level, problem.key) == ("error", "client_id")


async def test_check_says_how_we_got_in_and_when_the_token_ends() -> None:
    async with desk(as_app=True, life=DAY) as d:
        (note,) = await d.connector.check()

    assert note.level == "note"
    assert note.message == ("as an OAuth application: the token ends at 2026-11-03 15:00 UTC, and is renewed before")


# -- the sandbox is as strict ----------------------------------------------------------------------


async def test_a_token_to_read_does_not_write() -> None:
    b = bench()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(b.sandbox.wire), base_url=URL) as linear:
        said = {"grant_type": "client_credentials", "client_id": ID, "client_secret": SECRET}
        token = (await linear.post("/oauth/token", data=said)).json()["access_token"]
        query = 'mutation { issueLabelCreate(input: {name: "x"}) { success } }'

        answer = await linear.post("/graphql", json={"query": query}, headers={"authorization": f"Bearer {token}"})

    assert answer.json()["errors"][0]["extensions"]["type"] == "forbidden"


@pytest.mark.parametrize("scope", ["read,admin", "everything"])
async def test_an_application_has_no_scope_of_an_admin(scope: str) -> None:
    b = bench()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(b.sandbox.wire), base_url=URL) as linear:
        said = {"grant_type": "client_credentials", "client_id": ID, "client_secret": SECRET, "scope": scope}

        assert (await linear.post("/oauth/token", data=said)).json()["error"] == "invalid_scope"


async def test_a_token_is_asked_for_by_a_form_or_not_at_all() -> None:
    b = bench()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(b.sandbox.wire), base_url=URL) as linear:
        said = {"grant_type": "client_credentials", "client_id": ID, "client_secret": SECRET}

        assert (await linear.post("/oauth/token", json=said)).status_code == 400


# -- the common contract ---------------------------------------------------------------------------


class AsApplication(SandboxSubject):
    """The subject whose credentials are an application's."""

    @property
    def token(self) -> str:
        return SECRET

    @property
    def abilities(self) -> frozenset[str]:
        """An application may not have the scope that webhooks need."""
        return self.plugin.abilities - {"hooks"}

    def _options(self, token: str | None = None) -> Any:
        wrong = {} if token is None else {"client_secret": token}
        return self.plugin.settings.model_validate({**self.sandbox.options(URL), **wrong})


class TestLinearAsApplication(Conformance):
    @pytest.fixture
    def subject(self) -> SandboxSubject:
        clock = SuiteClock()
        return AsApplication(Linear(), LinearSandbox(clock=clock, as_app=True), clock)
