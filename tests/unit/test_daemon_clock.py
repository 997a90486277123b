"""The clock: when a sync is asked for, whatever the machine's own clock does meanwhile.

A jump of the machine's clock is what it leaves behind: times that are hours past, or hours further away.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.config import Daemon, Sync
from syncer.daemon.clock import SPREAD, Clock
from syncer.daemon.desk import Kind
from syncer.daemon.timetable import Cron, Every, zone_of
from syncer.errors import ConfigError

pytestmark = pytest.mark.anyio

BERLIN = ZoneInfo("Europe/Berlin")
NEVER = "0 0 29 2 *"
"""A daily job far enough away to keep quiet during a test, most of the time: tests look at polls alone."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Bell:
    """A clock, and what it asked for."""

    clock: Clock = field(init=False)
    asked: list[tuple[str, Kind]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = Clock(lambda name, kind: self.asked.append((name, kind)))

    def start(self, *syncs: Sync, **settings: Any) -> None:
        self.clock.start(named(syncs), daemon(**settings))

    def keep(self, *syncs: Sync, **settings: Any) -> None:
        self.clock.keep(named(syncs), daemon(**settings))

    def polls(self) -> Counter[str]:
        return Counter(name for name, kind in self.asked if kind == "poll")

    async def quiet(self) -> None:
        """Let what is due be asked for, and forget it."""
        await asyncio.sleep(0.1)
        self.asked.clear()

    def at(self, name: str, kind: str = "poll") -> datetime:
        found = self.clock._scheduler.get_job(f"{kind} {name}").next_run_time
        assert isinstance(found, datetime)
        return found

    def away(self, name: str, kind: str = "poll") -> float:
        """Return the seconds until a job is due."""
        return (self.at(name, kind) - datetime.now(UTC)).total_seconds()

    def jump(self, **span: float) -> None:
        """Leave every job as it stands once the machine's clock was set by *span*."""
        for job in self.clock._scheduler.get_jobs():
            # Not by `modify`: that wakes the scheduler up, and a jump does not.
            job._modify(next_run_time=job.next_run_time - timedelta(**span))
            self.clock._scheduler._jobstores["default"].update_job(job)


@pytest.fixture
async def bell() -> AsyncIterator[Bell]:
    made = Bell()
    yield made
    made.clock.stop()
    await asyncio.sleep(0)


def sync(name: str, every: str | None = "1h", cron: str | None = None) -> Sync:
    return Sync.model_validate(
        {"name": name, "connections": ("x", "y"), **({"cron": cron} if cron else {"every": every})}
    )


def named(syncs: Iterable[Sync]) -> dict[str, Sync]:
    return {s.name: s for s in syncs}


def daemon(**settings: Any) -> Daemon:
    return Daemon.model_validate({"timezone": "UTC", "jitter": "0s", "sweep": NEVER, "audit": NEVER, **settings})


# -- asking ----------------------------------------------------------------------------------


async def test_every_sync_is_asked_for_at_the_start(bell: Bell) -> None:
    bell.start(sync("a"), sync("b", cron="0 4 * * *"))

    await asyncio.sleep(0.1)

    assert bell.polls() == {"a": 1, "b": 1}


async def test_the_start_of_several_is_spread_within_their_jitter(bell: Bell) -> None:
    bell.start(*(sync(f"s{n}") for n in range(40)), jitter="20s")

    away = sorted(bell.away(f"s{n}") for n in range(40))

    assert away[0] <= 0.0
    assert away[-1] <= 20.0
    assert away[-1] - away[1] > 5.0


async def test_a_sync_is_asked_for_at_every_interval(bell: Bell) -> None:
    bell.start(sync("a", every="200ms"))

    await asyncio.sleep(1.1)

    assert 4 <= bell.polls()["a"] <= 6


async def test_by_default_a_start_is_late_by_a_tenth_of_its_interval_at_most(bell: Bell) -> None:
    bell.start(sync("short", every="20s"), sync("long", every="10h"), jitter=None)
    for name in ("short", "long"):
        bell.clock._scheduler.get_job(f"poll {name}").modify(next_run_time=datetime.now(UTC))
    await asyncio.sleep(0.1)

    assert 19.0 < bell.away("short") <= 22.0
    assert 35_990.0 < bell.away("long") <= 36_010.0


async def test_asking_again_comes_beside_the_timetable(bell: Bell) -> None:
    bell.start(sync("a"))
    await bell.quiet()

    bell.clock.again("a", "sweep", 0.05)
    await asyncio.sleep(0.2)

    assert bell.asked == [("a", "sweep")]
    assert bell.away("a") > 3500


async def test_of_several_wishes_to_be_asked_again_the_first_counts(bell: Bell) -> None:
    bell.start(sync("a"))
    await bell.quiet()

    for seconds in (0.2, 0.05, 0.1, 30.0):
        bell.clock.again("a", "leads", seconds)
    await asyncio.sleep(0.4)
    bell.clock.again("a", "leads", 0.01)
    await asyncio.sleep(0.1)

    assert bell.asked == [("a", "leads")] * 2


async def test_a_stopped_clock_asks_nobody(bell: Bell) -> None:
    bell.start(sync("a", every="150ms"))
    await bell.quiet()

    bell.clock.stop()
    await asyncio.sleep(0.3)

    assert not bell.asked


# -- missed starts ---------------------------------------------------------------------------


async def test_missed_starts_are_one(bell: Bell) -> None:
    bell.start(sync("a", every="30s"), sync("b", cron="* * * * *"))
    await bell.quiet()

    bell.jump(hours=8)
    bell.clock._scheduler.wakeup()
    await asyncio.sleep(0.1)

    assert bell.polls() == {"a": 1, "b": 1}


@pytest.mark.parametrize("one", [sync("a", every="1ms"), sync("a", cron="* * * * *")], ids=["interval", "cron"])
async def test_a_clock_that_was_decades_behind_does_not_hold_up_the_loop(bell: Bell, one: Sync) -> None:
    bell.start(one)
    await asyncio.sleep(0.05)

    bell.jump(days=56 * 365)
    began = time.monotonic()
    bell.clock._scheduler._process_jobs()

    assert time.monotonic() - began < 1.0


# -- the machine's clock ---------------------------------------------------------------------


@pytest.mark.parametrize("hours", [3, -3, 8], ids=["forward", "back", "slept"])
async def test_after_a_jump_every_sync_is_asked_for_once(bell: Bell, hours: int) -> None:
    bell.start(*(sync(f"s{n}") for n in range(5)), jitter="300ms")
    await asyncio.sleep(0.4)
    bell.asked.clear()

    bell.jump(hours=hours)
    bell.clock.set_right()
    await asyncio.sleep(0.5)

    assert bell.polls() == {f"s{n}": 1 for n in range(5)}


async def test_after_a_jump_not_all_start_at_one_moment(bell: Bell) -> None:
    bell.start(*(sync(f"s{n}") for n in range(40)), jitter="1h")

    bell.jump(hours=3)
    bell.clock.set_right()

    assert max(bell.away(f"s{n}") for n in range(40)) > 600


async def test_set_back_a_cron_line_goes_by_the_new_clock(bell: Bell) -> None:
    bell.start(sync("a", cron="* * * * *"), sweep="* * * * *")
    await bell.quiet()

    bell.jump(hours=-3)
    bell.clock.set_right()

    assert bell.away("a") <= 60
    assert bell.away("a", "sweep") <= 60


async def test_set_forward_a_missed_daily_job_is_done_once(bell: Bell) -> None:
    bell.start(sync("a"), sweep="* * * * *")
    await bell.quiet()

    bell.jump(hours=3)
    bell.clock.set_right()
    await asyncio.sleep(0.1)

    assert [kind for _, kind in bell.asked if kind == "sweep"] == ["sweep"]
    assert 0 < bell.away("a", "sweep") <= 60


async def test_a_daily_job_that_was_drawn_to_be_late_today_is_not_put_off_by_a_jump(bell: Bell) -> None:
    bell.start(sync("a"), sync("b"), sweep=a_moment_ago())
    due = datetime.now(UTC) + timedelta(minutes=5)
    bell.clock._scheduler.get_job("sweep a")._modify(next_run_time=due)

    bell.clock.set_right()

    assert bell.at("a", "sweep") == due


def a_moment_ago() -> str:
    then = datetime.now(UTC) - timedelta(minutes=1)
    return f"{then.minute} {then.hour} * * *"


# -- another config --------------------------------------------------------------------------


async def test_what_did_not_change_keeps_its_times(bell: Bell) -> None:
    parts = (sync("a"), sync("b", cron="0 4 * * *"))
    bell.start(*parts, sweep="17 3 * * *", audit="47 3 * * *")
    await bell.quiet()
    before = {(n, k): bell.at(n, k) for n in "ab" for k in ("poll", "sweep", "audit")}

    bell.keep(*parts, sync("c"), sweep="17 3 * * *", audit="47 3 * * *")
    await asyncio.sleep(0.1)

    assert {spot: bell.at(*spot) for spot in before} == before
    assert bell.polls() == {"c": 1}


async def test_a_changed_sync_is_asked_for_at_once_and_goes_by_its_new_interval(bell: Bell) -> None:
    bell.start(sync("a"), sync("b"))
    await bell.quiet()

    bell.keep(sync("a", every="2h"), sync("b"))
    await asyncio.sleep(0.1)

    assert bell.polls() == {"a": 1}
    assert bell.away("a") > 7000


async def test_a_sync_that_is_gone_is_not_asked_for_and_its_daily_jobs_go_with_it(bell: Bell) -> None:
    bell.start(sync("a", every="150ms"), sync("b"))
    await bell.quiet()

    bell.keep(sync("b"))
    await asyncio.sleep(0.3)

    assert not bell.asked
    assert {job.id for job in bell.clock._scheduler.get_jobs()} == {"poll b", "sweep b", "audit b"}
    assert bell.clock.next_at("a") is None


async def test_a_new_line_replaces_a_daily_job(bell: Bell) -> None:
    bell.start(sync("a"), sweep="0 3 * * *", audit="0 4 * * *")
    audit = bell.at("a", "audit")

    bell.keep(sync("a"), sweep="30 5 * * *", audit="0 4 * * *")

    assert (bell.at("a", "sweep").hour, bell.at("a", "sweep").minute) == (5, 30)
    assert bell.at("a", "audit") == audit


async def test_a_new_time_zone_moves_cron_lines_and_no_interval(bell: Bell) -> None:
    bell.start(sync("a"), sync("b", cron="0 4 * * *"), timezone="UTC")
    await bell.quiet()
    interval = bell.at("a")

    bell.keep(sync("a"), sync("b", cron="0 4 * * *"), timezone="Asia/Tokyo")
    await asyncio.sleep(0.1)

    assert bell.at("b").astimezone(ZoneInfo("Asia/Tokyo")).hour == 4
    assert bell.at("a") == interval


async def test_a_cron_line_that_never_comes_again_can_be_taken_out(bell: Bell) -> None:
    bell.start(sync("a", cron="0 0 30 2 *"), sync("b"), sweep="0 0 30 2 *")
    await bell.quiet()

    bell.clock.postpone("a", 10.0)
    bell.clock.resume("a")
    bell.clock.set_right()
    bell.keep(sync("b"), sweep="0 0 30 2 *")

    assert bell.clock.next_at("a") is None


# -- later, sooner ---------------------------------------------------------------------------


async def test_a_postponed_poll_comes_no_sooner(bell: Bell) -> None:
    bell.start(sync("a"))
    await bell.quiet()

    bell.clock.postpone("a", 7200.0)

    assert bell.away("a") == pytest.approx(7200, abs=2)


async def test_to_postpone_never_brings_a_poll_forward(bell: Bell) -> None:
    bell.start(sync("a"))
    await bell.quiet()
    before = bell.at("a")

    bell.clock.postpone("a", 10.0)

    assert bell.at("a") == before


async def test_a_postponed_cron_line_still_comes_at_its_own_times(bell: Bell) -> None:
    bell.start(sync("a", cron="*/10 * * * *"))
    await bell.quiet()

    bell.clock.postpone("a", 3600.0)

    assert 3600 <= bell.away("a") + 1 <= 4202
    assert bell.at("a").minute % 10 == 0
    assert bell.at("a").second == 0


async def test_after_a_resumed_poll_it_goes_on_by_its_interval(bell: Bell) -> None:
    bell.start(sync("a", every="10s"), sync("b", cron="* * * * *"))
    await bell.quiet()
    for name in "ab":
        bell.clock.postpone(name, 3600.0)

    for name in "ab":
        bell.clock.resume(name)

    assert bell.away("a") == pytest.approx(10, abs=2)
    assert bell.away("b") <= 60


async def test_to_resume_what_was_not_postponed_changes_nothing(bell: Bell) -> None:
    bell.start(sync("a"))
    await bell.quiet()
    await asyncio.sleep(0.05)
    before = bell.at("a")

    bell.clock.resume("a")

    assert bell.at("a") == before


async def test_nobody_stumbles_over_a_sync_it_does_not_know(bell: Bell) -> None:
    bell.start(sync("a"))

    bell.clock.resume("gone")
    bell.clock.postpone("gone", 1.0)

    assert bell.clock.next_at("gone") is None


# -- times -----------------------------------------------------------------------------------

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- UTC is said beside
SPANS = st.floats(0.001, 1e6)


@given(previous=MOMENTS, late=st.floats(0.0, 1e9), every=SPANS, jitter=st.floats(0.0, 1e3))
def test_the_next_start_is_ahead_and_an_interval_after_the_last(
    previous: datetime, late: float, every: float, jitter: float
) -> None:
    now = previous + timedelta(seconds=late)

    then = Every(every, jitter).get_next_fire_time(previous, now)

    step = timedelta(seconds=every)
    slack = timedelta(seconds=jitter, milliseconds=1)
    assert then > now
    assert previous + step - timedelta(milliseconds=1) <= then <= max(previous, now) + step + slack


def times(line: str, start: datetime, number: int, jitter: float = 0.0) -> list[datetime]:
    """Return the next times of a line, each asked for when the one before it came."""
    trigger = Cron(line, BERLIN, jitter)
    found: list[datetime] = []
    previous, now = None, start
    for _ in range(number):
        then = trigger.get_next_fire_time(previous, now)
        assert then is not None
        found.append(then)
        previous = now = then
    return found


def test_a_daily_time_is_kept_by_the_clock_on_the_wall() -> None:
    days = times("17 3 * * *", datetime(2026, 3, 28, tzinfo=BERLIN), 3)

    assert [d.strftime("%d %H:%M %z") for d in days] == ["28 03:17 +0100", "29 03:17 +0200", "30 03:17 +0200"]


def test_a_time_that_one_day_lacks_comes_once_on_that_day() -> None:
    days = times("30 2 * * *", datetime(2026, 3, 28, tzinfo=BERLIN), 3)

    assert [d.astimezone(UTC).strftime("%d %H:%M") for d in days] == ["28 01:30", "29 01:30", "30 00:30"]


def test_an_hour_that_comes_twice_is_gone_through_twice() -> None:
    """Once too often is harmless; an hour without a poll would not be."""
    halves = times("*/30 * * * *", datetime(2026, 10, 25, 1, 30, tzinfo=BERLIN), 6)

    gaps = [b.astimezone(UTC) - a.astimezone(UTC) for a, b in pairwise(halves)]
    assert set(gaps) == {timedelta(minutes=30)}


def test_an_interval_is_not_an_hour_longer_when_clocks_change() -> None:
    before = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)

    then = Every(3600.0, 0.0).get_next_fire_time(before, before)

    assert then - before.astimezone(UTC) == timedelta(hours=1)


def test_jitter_makes_a_daily_time_late_by_so_much_at_most_and_no_day_is_left_out() -> None:
    days = times("17 3 * * *", datetime(2026, 6, 1, tzinfo=BERLIN), 60, jitter=SPREAD)

    late = [(d - d.replace(hour=3, minute=17, second=0, microsecond=0)).total_seconds() for d in days]
    assert all(0.0 <= seconds <= SPREAD for seconds in late)
    assert max(late) > SPREAD / 2
    assert [d.toordinal() - days[0].toordinal() for d in days] == list(range(60))


def test_a_machine_that_does_not_tell_its_zone_is_told_of_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Nowhere/Land")
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)

    with pytest.raises(ConfigError, match=r"\[daemon.timezone\]: the time zone of this machine") as caught:
        zone_of(None)

    assert "\n" not in str(caught.value)
