"""The sandboxes' wire: it logs every call, and goes wrong exactly as told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from syncer.sdk.sandbox import Call, Fault, FaultKind, Receive, Scope, Send, Wire, serve

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Shelf:
    """A server that keeps what is posted; an empty post is refused."""

    kept: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"].decode()
        status = 200
        if scope["method"] == "POST":
            status = 201 if body else 422
            self.kept += [body] if body else []
        answer = json.dumps(self.kept).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def is_write(call: Call) -> bool:
    return call.method == "POST"


def limited() -> tuple[int, dict[str, str], Any]:
    return 429, {"Retry-After": "9"}, {"message": "too fast"}


@dataclass
class Bench:
    shelf: Shelf
    wire: Wire
    client: httpx.AsyncClient


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    shelf = Shelf()
    wire = Wire(shelf, is_write, limited)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(wire), base_url="http://shelf") as client:
        yield Bench(shelf, wire, client)


async def test_without_faults_calls_pass_and_are_logged(bench: Bench) -> None:
    response = await bench.client.post("/shelf?x=1", content="one", headers={"X-Said": "Hello"})

    assert (response.status_code, response.json()) == (201, ["one"])
    [call] = bench.wire.calls
    assert (call.method, call.path, call.query, call.body) == ("POST", "/shelf", "x=1", b"one")
    assert (call.write, call.status, call.answer) == (True, 201, b'["one"]')
    assert call.headers["x-said"] == "Hello"


async def test_only_writes_are_told_as_writes(bench: Bench) -> None:
    await bench.client.get("/")
    await bench.client.post("/", content="one")

    assert [c.method for c in bench.wire.writes()] == ["POST"]

    bench.wire.forget()
    assert bench.wire.calls == []


async def test_before_fails_without_effect(bench: Bench) -> None:
    bench.wire.faults.append(Fault("before"))

    response = await bench.client.post("/", content="one")

    assert response.status_code == 500
    assert bench.shelf.kept == []
    assert bench.wire.calls[0].status == 500


async def test_after_fails_with_effect(bench: Bench) -> None:
    bench.wire.faults.append(Fault("after"))

    response = await bench.client.post("/", content="one")

    assert response.status_code == 500
    assert bench.shelf.kept == ["one"]


async def test_a_limit_refuses_in_the_trackers_own_words(bench: Bench) -> None:
    bench.wire.faults.append(Fault("limit"))

    response = await bench.client.post("/", content="one")

    assert (response.status_code, response.headers["retry-after"]) == (429, "9")
    assert response.json() == {"message": "too fast"}
    assert bench.shelf.kept == []


async def test_garbage_is_a_success_that_is_not_json(bench: Bench) -> None:
    bench.wire.faults.append(Fault("garbage"))

    response = await bench.client.post("/", content="one")

    assert response.status_code == 200
    assert response.text.startswith("<html>")
    assert bench.shelf.kept == ["one"]


@pytest.mark.parametrize("kind", ["cut", "half"])
async def test_a_cut_connection_ends_early_on_a_real_socket(kind: FaultKind) -> None:
    shelf = Shelf()
    wire = Wire(shelf, is_write, limited, faults=[Fault(kind)])
    with serve(wire) as url:
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post(url, content="one")
            after = await client.get(url)

    assert shelf.kept == ["one"]
    assert after.json() == ["one"]


async def test_half_a_body_is_half_of_what_was_answered(bench: Bench) -> None:
    bench.wire.faults.append(Fault("half"))

    response = await bench.client.post("/", content="one")

    assert response.content == b'["o'


async def test_a_fault_happens_as_often_as_said_and_after_those_let_pass(bench: Bench) -> None:
    bench.wire.faults.append(Fault("before", times=2, skip=1))

    statuses = [(await bench.client.get("/")).status_code for _ in range(5)]

    assert statuses == [200, 500, 500, 200, 200]


async def test_a_fault_can_wait_for_a_write(bench: Bench) -> None:
    bench.wire.faults.append(Fault("before", writes_only=True))

    statuses = [(await bench.client.request(m, "/", content="x")).status_code for m in ("GET", "POST", "POST")]

    assert statuses == [200, 500, 201]


@pytest.mark.parametrize(
    "fault", [Fault("before", method="POST"), Fault("before", path="/b/.*"), Fault("before", body="two")]
)
async def test_a_fault_only_strikes_the_calls_it_names(bench: Bench, fault: Fault) -> None:
    bench.wire.faults.append(fault)

    first = await bench.client.put("/a", content="one")
    second = await bench.client.post("/b/c", content="two")

    assert (first.status_code, second.status_code) == (200, 500)


async def test_one_call_spends_one_fault(bench: Bench) -> None:
    bench.wire.faults += [Fault("before"), Fault("limit")]

    statuses = [(await bench.client.get("/")).status_code for _ in range(3)]

    assert statuses == [500, 429, 200]


async def test_effects_are_told_once_a_write_has_happened(bench: Bench) -> None:
    told: list[tuple[str, list[str]]] = []
    bench.wire.effects.append(lambda call: told.append((call.method, list(bench.shelf.kept))))

    await bench.client.get("/")
    await bench.client.post("/", content="")
    await bench.client.post("/", content="one")

    assert told == [("POST", ["one"])]


async def test_effects_are_told_before_an_answer_is_lost(bench: Bench) -> None:
    told: list[str] = []
    bench.wire.effects.append(lambda call: told.append(call.path))
    bench.wire.faults.append(Fault("after"))

    await bench.client.post("/lost", content="one")

    assert told == ["/lost"]


async def test_no_effect_is_told_of_a_write_that_never_happened(bench: Bench) -> None:
    told: list[str] = []
    bench.wire.effects.append(lambda call: told.append(call.path))
    bench.wire.faults += [Fault("before"), Fault("limit")]

    await bench.client.post("/", content="one")
    await bench.client.post("/", content="one")

    assert told == []


async def test_a_slow_call_still_gets_its_answer(bench: Bench) -> None:
    bench.wire.faults.append(Fault("slow", seconds=0.0))

    assert (await bench.client.get("/")).status_code == 200
