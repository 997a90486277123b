"""The rules of the one HTTP client: what is asked again, what is waited for, what is never sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from syncer.connector import Setting
from syncer.errors import (
    ConnectorError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    StaleError,
    UnavailableError,
)
from syncer.log import hide
from syncer.sdk.http import ATTEMPTS, PATIENCE, Http, retry_after
from syncer.sdk.testing import Clock, Counter, MemoryCatalogue

pytestmark = pytest.mark.anyio

BASE = "https://tracker.example/api"
TOKEN = "tok-3f9a1c77d2"

Answer = httpx.Response | Exception
Classify = Callable[[httpx.Response], ConnectorError | None]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Server:
    """Answers as told, in order; the last answer stays."""

    answers: list[Answer]
    seen: list[httpx.Request] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    meter: Counter = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def http(self, headers: Callable[[], Awaitable[Mapping[str, str]]] | None = None, **more: Any) -> Http:
        setting = Setting(
            connection="acme",
            options=None,
            tables={},
            catalogue=MemoryCatalogue(self.clock),
            meter=self.meter,
            clock=self.clock,
            sleep=self.sleep,
            transport=httpx.MockTransport(self),
        )
        return Http(setting, BASE, headers or bearer, **more)


async def bearer() -> Mapping[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


def server(*answers: Answer | int) -> Server:
    return Server([httpx.Response(a) if isinstance(a, int) else a for a in answers])


OK = httpx.Response(200, json={"fine": True})


# -- what is asked again ---------------------------------------------------------------------


@pytest.mark.parametrize("mishap", [500, 502, 503, 504, httpx.ReadTimeout("slow"), httpx.ReadError("cut")])
async def test_a_read_is_tried_again(mishap: Answer | int) -> None:
    there = server(mishap, OK)

    response = await there.http().get("items")

    assert response.json() == {"fine": True}
    assert there.meter.requests == 2


@pytest.mark.parametrize("mishap", [500, 502, 503, httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut")])
async def test_a_write_that_may_have_had_effect_is_sent_once(mishap: Answer | int) -> None:
    there = server(mishap, OK)

    with pytest.raises(UnavailableError) as caught:
        await there.http().request("POST", "items", json={})

    assert caught.value.sent
    assert len(there.seen) == 1
    assert there.slept == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_that_was_refused_for_a_limit_is_sent_again(method: str) -> None:
    there = server(httpx.Response(429, headers={"Retry-After": "3"}), OK)

    await there.http().request(method, "items", json={})

    assert len(there.seen) == 2
    assert 3.0 <= there.slept[0] <= 3.5
    assert there.meter.waits == [(there.slept[0], "rate limited: ")]


@pytest.mark.parametrize("mishap", [httpx.ConnectError("refused"), httpx.ConnectTimeout("deaf")])
async def test_a_write_that_never_left_is_sent_again(mishap: Exception) -> None:
    there = server(mishap, OK)

    await there.http().request("POST", "items", json={})

    assert len(there.seen) == 2


async def test_a_post_that_only_reads_is_a_read() -> None:
    there = server(500, OK)

    await there.http().request("POST", "search", json={}, read=True)

    assert len(there.seen) == 2


async def test_a_get_that_writes_is_a_write() -> None:
    there = server(500, OK)

    with pytest.raises(UnavailableError):
        await there.http().request("GET", "odd", read=False)

    assert len(there.seen) == 1


async def test_trying_again_has_an_end() -> None:
    there = server(httpx.ConnectError("refused"))

    with pytest.raises(UnavailableError) as caught:
        await there.http().get("items")

    assert len(there.seen) == ATTEMPTS
    assert not caught.value.sent
    assert caught.value.connection == "acme"


async def test_pauses_grow() -> None:
    there = server(500)

    with pytest.raises(UnavailableError):
        await there.http().get("items")

    nominal = [1.0, 2.0, 4.0, 8.0]
    assert [0.7 * n <= s <= 1.3 * n for n, s in zip(nominal, there.slept, strict=True)] == [True] * 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
async def test_a_refusal_is_not_asked_again(status: int) -> None:
    there = server(status, OK)

    with pytest.raises(ConnectorError):
        await there.http().get("items")

    assert len(there.seen) == 1


async def test_a_wait_beyond_patience_is_left_to_the_caller() -> None:
    there = server(httpx.Response(429, headers={"Retry-After": "3600"}))

    with pytest.raises(RateLimitedError) as caught:
        await there.http().get("items")

    assert caught.value.retry_after == 3600.0
    assert there.slept == []


async def test_patience_is_for_all_waits_together() -> None:
    there = server(httpx.Response(429, headers={"Retry-After": "40"}))

    with pytest.raises(RateLimitedError):
        await there.http().get("items")

    assert len(there.slept) == 2
    assert sum(there.slept) <= PATIENCE


async def test_an_outage_may_say_when_to_come_back() -> None:
    there = server(httpx.Response(503, headers={"Retry-After": "7"}), OK)

    await there.http().get("items")

    assert 7.0 <= there.slept[0] <= 7.5


async def test_only_limits_are_told_to_the_meter() -> None:
    there = server(500, OK)

    await there.http().get("items")

    assert there.slept
    assert there.meter.waits == []


# -- Retry-After -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0", 0.0), ("12", 12.0), ("1.5", 1.5), ("-4", 0.0), ("soon", None), ("", None)],
)
def test_a_number_of_seconds_is_understood(said: str, seconds: float | None) -> None:
    response = httpx.Response(429, headers={"Retry-After": said})

    assert retry_after(response, datetime(2026, 11, 2, tzinfo=UTC)) == seconds


def test_a_date_is_understood_from_now() -> None:
    now = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
    at = format_datetime(now + timedelta(seconds=30), usegmt=True)

    assert retry_after(httpx.Response(503, headers={"Retry-After": at}), now) == 30.0


def test_a_date_in_the_past_asks_for_no_wait() -> None:
    now = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
    at = format_datetime(now - timedelta(seconds=30), usegmt=True)

    assert retry_after(httpx.Response(503, headers={"Retry-After": at}), now) == 0.0


def test_no_header_says_nothing() -> None:
    assert retry_after(httpx.Response(503), datetime(2026, 11, 2, tzinfo=UTC)) is None


# -- the origin ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/api/items",
        "http://tracker.example/api/items",
        "https://tracker.example:8443/api/items",
        "https://tracker.example@evil.example/api/items",
        "https://tracker.example.evil.example/api/items",
    ],
)
async def test_a_link_to_another_origin_is_never_asked(elsewhere: str) -> None:
    there = server(OK)

    with pytest.raises(ProtocolError):
        await there.http().get(elsewhere)

    assert there.seen == []


async def test_a_path_that_looks_like_a_host_stays_at_home() -> None:
    there = server(OK)

    await there.http().get("//evil.example/items")

    assert there.seen[0].url.host == "tracker.example"


async def test_a_link_within_the_origin_is_followed_as_it_is() -> None:
    there = server(OK)

    await there.http().get("https://tracker.example/api/items?page=2")

    assert str(there.seen[0].url) == "https://tracker.example/api/items?page=2"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    there = server(httpx.Response(status, headers={"Location": "https://evil.example/"}), OK)

    with pytest.raises(ProtocolError):
        await there.http().get("items")

    assert [r.url.host for r in there.seen] == ["tracker.example"]


async def test_a_status_the_caller_asked_to_see_is_an_answer() -> None:
    there = server(httpx.Response(304))

    response = await there.http().request("GET", "items", ok=frozenset({304}))

    assert response.status_code == 304


# -- answers into errors ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RejectedError),
        (401, CredentialsError),
        (403, CredentialsError),
        (404, NotFoundError),
        (409, StaleError),
        (410, NotFoundError),
        (422, RejectedError),
        (429, RateLimitedError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_each_status_has_its_error(status: int, kind: type[ConnectorError]) -> None:
    with pytest.raises(ConnectorError) as caught:
        await server(status).http().request("POST", "items", json={})

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.connection) == (status, "acme")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"errorMessages": ["No such project."], "errors": {}}, "No such project."),
        ({"errorMessages": [], "errors": {"summary": "is required"}}, "summary: is required"),
        ({"message": "Validation Failed", "errors": [{"field": "title", "code": "missing"}]}, "title: missing"),
        ({"errors": [{"message": "Entity not found"}]}, "Entity not found"),
        ({"errors": ["plain"]}, "plain"),
        (["odd"], "odd"),
    ],
)
async def test_an_error_says_what_the_tracker_said(body: Any, shown: str) -> None:
    with pytest.raises(RejectedError) as caught:
        await server(httpx.Response(422, json=body)).http().get("items")

    assert shown in str(caught.value)


async def test_a_long_error_page_is_cut() -> None:
    with pytest.raises(RejectedError) as caught:
        await server(httpx.Response(400, text="x" * 10_000)).http().get("items")

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500])
async def test_a_token_the_tracker_sends_back_is_not_in_the_error(status: int) -> None:
    hide(TOKEN)
    there = server(httpx.Response(status, json={"message": f"bad credentials: {TOKEN}"}))

    with pytest.raises(ConnectorError) as caught:
        await there.http().request("POST", "items", json={})

    assert "bad credentials" in str(caught.value)
    assert TOKEN not in str(caught.value)


async def test_a_token_in_a_network_error_is_not_in_ours() -> None:
    hide(TOKEN)
    there = server(httpx.ConnectError(f"cannot connect with {TOKEN}"))

    with pytest.raises(UnavailableError) as caught:
        await there.http().get("items")

    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_connector_may_read_an_answer_its_own_way() -> None:
    def classify(response: httpx.Response) -> ConnectorError | None:
        return RateLimitedError("secondary limit", retry_after=2.0) if response.status_code == 403 else None

    there = server(403, OK)

    await there.http(classify=classify).request("POST", "items", json={})

    assert len(there.seen) == 2
    assert 2.0 <= there.slept[0] <= 2.5


async def test_a_connectors_own_reading_gets_its_facts_filled_in() -> None:
    there = server(httpx.Response(200, json={"errors": []}))

    with pytest.raises(RejectedError) as caught:
        await there.http(classify=lambda _: RejectedError("no")).request("POST", "graphql", json={})

    assert (caught.value.connection, caught.value.status) == ("acme", 200)


# -- the JSON border -------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"<html>gateway</html>", b'{"half": ', b"\xff\xfe{}"])
async def test_what_is_not_json_breaks_the_protocol(body: bytes) -> None:
    http = server(httpx.Response(200, content=body)).http()

    with pytest.raises(ProtocolError) as caught:
        http.parse(await http.get("items"))

    assert caught.value.status == 200


async def test_the_beginning_of_a_broken_body_is_kept_without_secrets() -> None:
    hide(TOKEN)
    http = server(httpx.Response(200, text=f"<html>{TOKEN}</html>" + "x" * 1_000)).http()

    with pytest.raises(ProtocolError) as caught:
        http.parse(await http.get("items"))

    assert caught.value.body.startswith("<html>[secret]</html>")
    assert len(caught.value.body) <= 320


async def test_a_body_that_cannot_be_decoded_breaks_the_protocol() -> None:
    broken = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip"))

    with pytest.raises(ProtocolError):
        await server(broken).http().get("items")


# -- headers and time ------------------------------------------------------------------------


async def test_a_token_is_asked_for_before_every_attempt() -> None:
    tokens = iter(["old", "new"])

    async def headers() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {next(tokens)}"}

    there = server(500, OK)

    await there.http(headers).get("items")

    assert [r.headers["Authorization"] for r in there.seen] == ["Bearer old", "Bearer new"]


async def test_the_trackers_clock_goes_on_with_ours() -> None:
    theirs = datetime(2026, 11, 2, 15, 5, tzinfo=UTC)
    there = server(httpx.Response(200, headers={"Date": format_datetime(theirs, usegmt=True)}))
    http = there.http()
    assert http.server_time() is None

    await http.get("items")
    there.clock.forward(90)

    assert http.server_time() == theirs + timedelta(seconds=90)


async def test_a_nonsense_date_is_no_clock() -> None:
    there = server(httpx.Response(200, headers={"Date": "yesterday"}))
    http = there.http()

    await http.get("items")

    assert http.server_time() is None


async def test_closing_twice_is_fine() -> None:
    http = server(OK).http()
    await http.get("items")

    await http.close()
    await http.close()
