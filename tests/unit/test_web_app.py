"""What every answer has in common, and health."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import structlog

from syncer.web.app import app
from syncer.web.house import Health
from tests.unit.porch import Porch, porch

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Porch]:
    made = porch(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize(
    "path", ["/", "/hooks", "/hooks/", "/hooks/jira/", "/hooks/a/b", "/healthz/", "/docs", "/..%2f"]
)
async def test_there_is_nothing_else(house: Porch, path: str) -> None:
    answer = await house.client.post(path)

    assert (answer.status_code, answer.json()) == (404, {"error": "not_found"})


@pytest.mark.parametrize(("method", "path"), [("GET", "/hooks/jira"), ("PUT", "/hooks/jira"), ("POST", "/healthz")])
async def test_other_methods_are_refused(house: Porch, method: str, path: str) -> None:
    answer = await house.client.request(method, path)

    assert (answer.status_code, answer.json()) == (405, {"error": "method"})


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/hooks/jira", "/nosuch"])
async def test_no_browser_guesses_what_an_answer_is(house: Porch, path: str) -> None:
    assert (await house.client.get(path)).headers["x-content-type-options"] == "nosniff"


async def test_a_mistake_of_ours_is_answered_and_logged_without_its_content(house: Porch) -> None:
    def ill() -> Health:
        raise RuntimeError("the salary of Jane")

    broken = app(replace(house.house, health=ill))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(broken), base_url="http://test")
    with structlog.testing.capture_logs() as told:
        answer = await client.get("/healthz")

    assert (answer.status_code, answer.json()) == (500, {"error": "unforeseen"})
    assert (told[0]["event"], told[0]["error"]) == ("web.failed", "RuntimeError")
    assert "salary" not in f"{answer.text}{told}"


@pytest.mark.parametrize(
    ("health", "alive", "ready"),
    [
        (Health(alive=True, ready=True), 200, 200),
        (Health(alive=True, ready=False, why=("starting",)), 200, 503),
        (Health(alive=False, ready=False, why=("the worker is gone",)), 503, 503),
    ],
)
async def test_health_tells_life_from_work(house: Porch, health: Health, alive: int, ready: int) -> None:
    house.health = health

    assert [(await house.client.get(p)).status_code for p in ("/healthz", "/readyz")] == [alive, ready]


async def test_who_is_not_ready_says_why(house: Porch) -> None:
    house.health = Health(alive=True, ready=False, why=("the database is locked",))

    assert (await house.client.get("/readyz")).json() == {"ok": False, "why": ["the database is locked"]}
