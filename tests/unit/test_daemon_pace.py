"""When to poll again: never sooner than asked, never beyond the limit's reserve, and never never."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from syncer.connector import Budget
from syncer.daemon.pace import LONGEST, LONGEST_ASKED, LONGEST_REST, RESERVE, affordable, next_start, rest

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOUR = 3600.0

EVERY = st.floats(0.001, 1e6)
FAILURES = st.integers(0, 10_000)
SPENT = st.lists(st.integers(0, 5000), max_size=6)


@st.composite
def budgets(draw: st.DrawFn, within: float = HOUR) -> Budget:
    limit = draw(st.integers(1, 10_000_000))
    resets = NOW + timedelta(seconds=draw(st.floats(1.0, within)))
    return Budget(limit, draw(st.integers(0, limit)), resets)


ANY = st.builds(
    Budget,
    limit=st.integers(-10, 10**18),
    remaining=st.integers(-10, 10**18),
    resets=st.none() | st.datetimes(timezones=st.just(UTC)),
)
"""Whatever a header can say."""


# -- always ----------------------------------------------------------------------------------


@example(every=120.0, failures=5000, spent=[], budget=Budget(1, 1, None))
@given(every=EVERY, failures=FAILURES, spent=SPENT, budget=ANY)
def test_a_start_is_never_sooner_than_every_nor_out_of_sight(
    every: float, failures: int, spent: list[int], budget: Budget
) -> None:
    then = next_start(every, NOW, failures=failures, spent={"a": spent}, budgets={"a": budget})

    assert every <= then.seconds <= max(every, LONGEST)


@given(failures=FAILURES, spent=SPENT, budget=ANY)
def test_a_sync_by_cron_is_held_back_as_one_with_an_interval_is(
    failures: int, spent: list[int], budget: Budget
) -> None:
    then = next_start(None, NOW, failures=failures, spent={"a": spent}, budgets={"a": budget})

    assert 0.0 <= then.seconds <= LONGEST
    assert (then.seconds > 0.0) == (then.why != "cron")


# -- budgets ---------------------------------------------------------------------------------


@given(every=EVERY, cost=st.integers(0, 5000), polls=st.integers(3, 6), budget=budgets())
def test_polls_leave_the_reserve_untouched_until_the_limit_is_renewed(
    every: float, cost: int, polls: int, budget: Budget
) -> None:
    assert budget.resets is not None

    wait = affordable(every, NOW, [cost] * polls, budget)

    window = (budget.resets - NOW).total_seconds()
    before = math.ceil(window / wait * (1 - 1e-9)) - 1
    assert before * cost <= max(0.0, budget.remaining - RESERVE * budget.limit) + 1e-6


@given(every=EVERY, spent=SPENT, budget=budgets())
def test_no_poll_waits_for_longer_than_until_the_limit_is_renewed(
    every: float, spent: list[int], budget: Budget
) -> None:
    assert budget.resets is not None

    assert affordable(every, NOW, spent, budget) <= max(every, (budget.resets - NOW).total_seconds())


@pytest.mark.parametrize(
    "budget",
    [
        Budget(0, 0, NOW + timedelta(hours=1)),
        Budget(-5, 0, NOW + timedelta(hours=1)),
        Budget(5000, 0, None),
        Budget(5000, 0, NOW - timedelta(hours=1)),
        Budget(5000, 0, NOW),
    ],
    ids=["no limit", "less than none", "no reset", "reset long ago", "reset now"],
)
def test_nonsense_changes_nothing(budget: Budget) -> None:
    then = next_start(120.0, NOW, failures=0, spent={"a": [1000] * 5}, budgets={"a": budget})

    assert (then.seconds, then.why) == (120.0, "every")


def test_a_plentiful_budget_changes_nothing() -> None:
    budget = Budget(5000, 4900, NOW + timedelta(hours=1))

    then = next_start(120.0, NOW, failures=0, spent={"a": [5] * 5}, budgets={"a": budget})

    assert (then.seconds, then.why) == (120.0, "every")


def test_a_scarce_budget_stretches_the_interval() -> None:
    budget = Budget(1000, 600, NOW + timedelta(hours=1))

    then = next_start(60.0, NOW, failures=0, spent={"a": [40] * 5}, budgets={"a": budget})

    # 400 to spend, 40 each: ten polls in the hour.
    assert (then.seconds, then.why) == (360.0, "saving budget")


def test_within_the_reserve_nothing_is_spent_until_the_limit_is_renewed() -> None:
    budget = Budget(1000, 200, NOW + timedelta(minutes=20))

    then = next_start(60.0, NOW, failures=0, spent={}, budgets={"a": budget})

    assert (then.seconds, then.why) == (1200.0, "saving budget")


def test_the_scarcest_budget_decides() -> None:
    rich = Budget(5000, 5000, NOW + timedelta(hours=1))
    poor = Budget(1000, 300, NOW + timedelta(hours=1))

    then = next_start(60.0, NOW, failures=0, spent={"a": [5] * 5, "b": [10] * 5}, budgets={"a": rich, "b": poor})

    assert then.seconds == 360.0


def test_one_dear_poll_among_cheap_ones_concludes_nothing() -> None:
    budget = Budget(1000, 900, NOW + timedelta(hours=1))

    assert affordable(60.0, NOW, [5, 5, 5, 5, 600], budget) == 60.0


def test_from_few_polls_nothing_is_concluded() -> None:
    budget = Budget(1000, 900, NOW + timedelta(hours=1))

    assert affordable(60.0, NOW, [600, 600], budget) == 60.0


def test_what_polls_cost_long_ago_does_not_count() -> None:
    budget = Budget(1000, 900, NOW + timedelta(hours=1))

    assert affordable(60.0, NOW, [600] * 10 + [5] * 5, budget) == 60.0


@given(
    every=st.floats(0.5, 300.0),
    cost=st.integers(1, 40),
    level=st.floats(0.0, 1.0),
    others=st.floats(0.0, 0.7),
)
def test_a_limit_that_refills_all_the_time_is_polled_at_least_every_hour_and_not_run_dry(
    every: float, cost: int, level: float, others: float
) -> None:
    """Linear's: a bucket of 2500 that fills by the hour, whose reset is ever an hour away. *others* of what flows in
    is spent by somebody else."""
    limit = 2500.0
    left, now, polls, last = level * limit, NOW, 0, math.inf
    while now < NOW + timedelta(hours=12) and polls < 3000:
        left -= cost
        polls += 1
        budget = Budget(int(limit), max(0, int(left)), now + timedelta(hours=1))
        last = affordable(every, now, [cost] * 5, budget)
        assert every <= last <= HOUR
        now += timedelta(seconds=last)
        left = min(limit, left + limit * (1 - others) * last / HOUR)

    assert left > 0
    # What flows in after the others is enough for polls every so often; then it does not stay starved.
    if cost / every < 0.1 * limit / HOUR:
        assert last == every


# -- failures --------------------------------------------------------------------------------


@given(every=EVERY | st.none(), failures=st.integers(1, 10_000))
def test_each_failure_makes_the_wait_longer_or_as_long_as_it_gets(every: float | None, failures: int) -> None:
    waits = [next_start(every, NOW, failures=f, spent={}, budgets={}).seconds for f in (failures, failures + 1)]

    assert waits[0] < waits[1] or waits[0] == waits[1] == max(every or 0.0, LONGEST)


def test_a_failing_sync_waits_twice_as_long_each_time_up_to_an_hour() -> None:
    waits = [next_start(120.0, NOW, failures=f, spent={}, budgets={}).seconds for f in range(7)]

    assert waits == [120, 240, 480, 960, 1920, 3600, 3600]


def test_a_failing_sync_saves_its_budget_too() -> None:
    budget = Budget(1000, 0, NOW + timedelta(minutes=50))

    then = next_start(120.0, NOW, failures=1, spent={}, budgets={"a": budget})

    assert (then.seconds, then.why) == (3000.0, "backing off")


# -- rests -----------------------------------------------------------------------------------


def test_a_failing_connection_rests_twice_as_long_each_time_up_to_a_quarter_of_an_hour() -> None:
    assert [rest(f, None).total_seconds() for f in range(1, 8)] == [30, 60, 120, 240, 480, 900, 900]


def test_a_tracker_may_ask_for_more_but_not_for_less() -> None:
    assert rest(1, 1800.0).total_seconds() == 1800
    assert rest(3, 5.0).total_seconds() == 120


@given(failures=st.integers(1, 10_000), asked=st.none() | st.floats())
def test_whatever_is_asked_a_rest_ends(failures: int, asked: float | None) -> None:
    seconds = rest(failures, asked).total_seconds()

    assert 30.0 <= seconds <= LONGEST_ASKED
    assume(asked is None or not asked > LONGEST_REST)
    assert seconds <= LONGEST_REST
