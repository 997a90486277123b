"""What GitHub's headers say is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.connector import Budget
from syncer_github.budget import Budgets

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
HOUR = NOW + timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def answer(path: str = "/user", /, **said: object) -> httpx.Response:
    headers = {f"x-ratelimit-{name}": str(value) for name, value in said.items()}
    return httpx.Response(200, headers=headers, request=httpx.Request("GET", "https://api.github.com" + path))


def core(remaining: int, resets: datetime = HOUR) -> httpx.Response:
    return answer(limit=5000, remaining=remaining, reset=int(resets.timestamp()), resource="core")


def graph(remaining: int, resets: datetime = HOUR) -> httpx.Response:
    return answer("/graphql", limit=5000, remaining=remaining, reset=int(resets.timestamp()), resource="graphql")


def test_requests_are_told_with_the_time_they_are_given_back() -> None:
    assert Budgets(Clock()).read(core(4200)) == Budget(5000, 4200, HOUR, "requests")


def test_the_tighter_of_two_limits_is_told_whichever_was_asked() -> None:
    budgets = Budgets(Clock())

    budgets.read(graph(100))

    assert budgets.read(core(4200)) == Budget(5000, 100, HOUR, "points")


def test_shares_are_compared_not_counts() -> None:
    budgets = Budgets(Clock())

    budgets.read(answer("/graphql", limit=10_000, remaining=900, resource="graphql"))

    assert budgets.read(answer(limit=1_000, remaining=800, resource="core")) == Budget(10_000, 900, None, "points")


def test_a_window_that_is_over_counts_no_more() -> None:
    clock = Clock()
    budgets = Budgets(clock)
    budgets.read(graph(0))

    clock.now = HOUR

    assert budgets.read(core(4200, HOUR + timedelta(hours=1))) == Budget(
        5000, 4200, HOUR + timedelta(hours=1), "requests"
    )


def test_a_budget_just_told_counts_though_our_clock_runs_ahead() -> None:
    assert Budgets(Clock()).read(core(7, NOW - timedelta(minutes=2))) == Budget(
        5000, 7, NOW - timedelta(minutes=2), "requests"
    )


@pytest.mark.parametrize(("path", "unit"), [("/user", "requests"), ("/api/graphql", "points")])
def test_a_server_that_names_no_resource_is_known_by_what_was_asked(path: str, unit: str) -> None:
    assert Budgets(Clock()).read(answer(path, limit=60, remaining=59)) == Budget(60, 59, None, unit)


def test_limits_we_do_not_spend_of_are_not_told() -> None:
    assert Budgets(Clock()).read(answer(limit=30, remaining=1, resource="search")) is None


def test_an_answer_without_headers_tells_nothing_new() -> None:
    budgets = Budgets(Clock())
    budgets.read(core(4200))

    assert budgets.read(answer()) == Budget(5000, 4200, HOUR, "requests")


@pytest.mark.parametrize(
    "said",
    [
        {"limit": "many", "remaining": 1},
        {"limit": 0, "remaining": 0},
        {"limit": 10, "remaining": 11},
        {"limit": -5, "remaining": -6},
        {"limit": 10, "remaining": "1.5"},
        {"limit": "9" * 5_000, "remaining": 1},
        {"limit": 10},
        {"remaining": 10},
    ],
)
def test_nonsense_tells_nothing(said: dict[str, object]) -> None:
    assert Budgets(Clock()).read(answer(**said)) is None


@pytest.mark.parametrize("reset", ["soon", "-1", "999999999999", "1e9", ""])
def test_a_time_that_cannot_be_read_leaves_the_rest(reset: str) -> None:
    assert Budgets(Clock()).read(answer(limit=10, remaining=1, reset=reset)) == Budget(10, 1, None, "requests")


@given(*[st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)] * 4)
def test_no_header_is_too_strange_to_be_read(limit: str, remaining: str, reset: str, resource: str) -> None:
    said = {"limit": limit, "remaining": remaining, "reset": reset, "resource": resource}
    headers = [(f"x-ratelimit-{name}".encode(), value.encode("latin-1")) for name, value in said.items()]
    request = httpx.Request("GET", "https://api.github.com/user")

    told = Budgets(Clock()).read(httpx.Response(200, headers=headers, request=request))

    assert told is None or told.remaining <= told.limit
