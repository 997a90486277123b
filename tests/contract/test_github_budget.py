"""What is left of GitHub's limits reaches the meter, over REST and GraphQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncer.connector import Budget
from syncer.errors import RateLimitedError
from tests.contract.github_bench import START, address, desk

pytestmark = pytest.mark.anyio

FILLED = START.replace(microsecond=0) + timedelta(hours=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_every_answer_tells_what_is_left() -> None:
    async with desk() as d:
        await d.records()

        left = d.bench.meter.budgets
        assert left[0] == Budget(5000, 4999, FILLED, "requests")
        assert len(left) == d.bench.meter.requests


async def test_points_are_spent_apart_from_requests() -> None:
    async with desk() as d:
        for number in range(120):
            d.sandbox.add(f"Issue {number}")
        records = list((await d.records()).values())
        d.bench.meter.budgets.clear()
        requests, points = d.sandbox.desk.remaining, d.sandbox.desk.points.remaining

        await d.connector.get([address(r) for r in records])

        assert (d.sandbox.desk.remaining, d.sandbox.desk.points.remaining) == (requests, points - 3)


async def test_the_tighter_limit_is_told() -> None:
    async with desk() as d:
        for number in range(6):
            d.sandbox.add(f"Issue {number}")
        d.sandbox.desk.points.remaining = 11
        await d.connector.get([address(r) for r in (await d.records()).values()])

        await d.records()

        assert d.bench.meter.budgets[-1] == Budget(5000, 10, FILLED, "points")


async def test_spent_points_are_a_limit_and_nothing_worse() -> None:
    async with desk() as d:
        for number in range(6):
            d.sandbox.add(f"Issue {number}")
        records = await d.records()
        d.sandbox.desk.points.remaining = 0

        with pytest.raises(RateLimitedError):
            await d.connector.get([address(r) for r in records.values()])

        assert d.bench.meter.budgets[-1].remaining == 0
