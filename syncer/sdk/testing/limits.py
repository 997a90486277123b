"""Claims about what things cost, and what happens when the tracker has had enough."""
# ruff: noqa: S101 -- assertions are how a suite speaks

from __future__ import annotations

from typing import ClassVar

import pytest

from syncer.errors import RateLimitedError
from syncer.sdk.testing.desk import address, at_work
from syncer.sdk.testing.subject import Subject

MANY = 240
SHARE = 10
"""Records that one request of a direct read brings at least, when many are asked for."""
FEW = 20
FOR_GOOD = 1_000
"""More refusals than anybody waits for."""
PATIENT = 600.0
"""Seconds of waiting in one call after which a run should rather leave the connection out."""


class Limits:
    """Requests are few, and a limit is waited for, told, and in the end believed.

    A team's limits are shared with its people and its other tools.
    """

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.anyio]

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_a_direct_read_of_many_records_takes_few_requests(self, subject: Subject) -> None:
        keys = [subject.add(f"Record {n}") for n in range(MANY)]
        async with at_work(subject) as desk:
            records = await desk.records()
            before = subject.meter.requests

            found = await desk.connector.get([address(records[key]) for key in keys])

            assert {ref.id for ref in found} == {records[key].ref.id for key in keys}
            assert subject.meter.requests - before <= MANY // SHARE

    async def test_a_poll_costs_by_what_changed_and_not_by_what_is_there(self, subject: Subject) -> None:
        keys = [subject.add(f"Record {n}") for n in range(MANY)]
        async with at_work(subject) as desk:
            cursor = await desk.cursor(await desk.cursor())
            subject.clock.forward(3_600)
            for key in keys[:FEW]:
                subject.edit(key, title=f"Edited {key}")
                subject.say(key, "Said.")
            before = subject.meter.requests

            changed = await desk.records(cursor)

            assert set(keys[:FEW]) <= set(changed)
            assert subject.meter.requests - before <= 2 + FEW // SHARE

    async def test_a_limit_that_does_not_end_is_told_and_the_create_was_certainly_not_sent(
        self, subject: Subject
    ) -> None:
        """`sent=False` lets the program try again later without looking for a record that cannot be there."""
        async with at_work(subject) as desk:
            if not subject.go_wrong("limit", writes=True, times=FOR_GOOD):
                pytest.skip("this place cannot refuse for a limit")

            with pytest.raises(RateLimitedError) as caught:
                await desk.connector.create(desk.draft("Ours"))

            assert (caught.value.connection, caught.value.sent) == (subject.connection, False)
            assert subject.keys() == []
            assert sum(subject.slept) <= PATIENT

    async def test_what_is_said_of_limits_makes_sense(self, subject: Subject) -> None:
        """`Meter.budget` hears what the headers say; the daemon leaves a fifth of it to others."""
        subject.add("Counted")
        async with at_work(subject) as desk:
            await desk.records()

        for budget in subject.meter.budgets:
            assert budget.unit
            assert 0 <= budget.remaining <= budget.limit
            assert budget.resets is None or budget.resets.tzinfo is not None
