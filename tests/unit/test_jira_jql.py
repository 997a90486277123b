"""How we ask by time, for servers that read times in somebody's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from syncer_jira import jql

ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"]
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- Hypothesis wants naive bounds


@given(INSTANTS, ZONES, st.sampled_from([0, 1]))
def test_a_literal_is_never_later_than_its_instant_however_it_is_read(instant: datetime, zone: str, fold: int) -> None:
    text = jql.literal(instant, zone)

    wall = datetime.strptime(text, "%Y/%m/%d %H:%M")  # noqa: DTZ007 -- that is the point
    read = wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
    assert read <= instant
    assert (instant - read).total_seconds() < 2 * 3600 + 60


@given(INSTANTS, ZONES)
def test_with_the_zone_unknown_a_literal_is_safe_in_every_zone(instant: datetime, zone: str) -> None:
    text = jql.literal(instant, None)

    wall = datetime.strptime(text, "%Y/%m/%d %H:%M")  # noqa: DTZ007 -- that is the point
    assert wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) <= instant


def test_a_zone_nobody_knows_is_an_unknown_zone() -> None:
    instant = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)

    assert jql.literal(instant, "Mars/Olympus") == jql.literal(instant, None)


def test_a_poll_asks_for_the_project_from_five_minutes_before() -> None:
    since = datetime(2026, 11, 2, 12, 0, 59, tzinfo=UTC)

    assert jql.changed("ROAD", since, "Europe/Berlin") == (
        'project = "ROAD" AND updated >= "2026/11/02 12:55" ORDER BY updated ASC, id ASC'
    )


def test_a_full_listing_is_bounded_by_the_project() -> None:
    assert jql.changed("ROAD", None, "UTC") == 'project = "ROAD" ORDER BY updated ASC, id ASC'


def test_a_filter_cannot_widen_the_query() -> None:
    asked = jql.changed("ROAD", None, "UTC", "labels = a OR project = OTHER")

    assert asked.startswith('project = "ROAD" AND (labels = a OR project = OTHER) ORDER BY')


def test_quotes_are_escaped() -> None:
    assert jql.quoted('a"b\\c') == '"a\\"b\\\\c"'
