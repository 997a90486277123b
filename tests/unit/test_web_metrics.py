"""What a Prometheus gets to scrape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from syncer.engine.plan import Action
from syncer.errors import StoreError
from syncer.run import Report
from syncer.status import ConnectionStatus, Status, SyncStatus
from syncer.web.app import app
from syncer.web.metrics import CONTENT_TYPE, Metrics, documented
from tests.unit.porch import porch

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
BUDGET = {"limit": 5000, "remaining": 4200, "resets": "2030-01-01T12:30:00Z", "unit": "requests"}
FULL = SyncStatus(
    "roadmap",
    good_at=NOW,
    next_at=NOW + timedelta(seconds=60),
    lag=12.5,
    waiting=3,
    owed=2,
    held=1,
    parked=4,
    audit={"divergences": 5},
    connections=(ConnectionStatus("jira", read_at=NOW, budget=BUDGET), ConnectionStatus("github", down="away")),
    stale=("jira is away",),
)


def scraped(metrics: Metrics, *syncs: SyncStatus) -> dict[tuple[str, ...], float]:
    """Return every sample of ours as a scraper reads it, by name and label values in the documented order."""
    labels = {name: named for name, _, named, _ in documented()}
    text = metrics.text(lambda: Status(NOW, syncs)).decode()
    return {
        (s.name, *(s.labels[label] for label in labels.get(s.name, sorted(s.labels)))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
        if s.name.startswith("syncer_")
    }


def report(actions: Iterable[Action] = ()) -> Report:
    return Report(
        sync="roadmap",
        run="r1",
        trigger="poll",
        outcome="changed",
        started=NOW,
        finished=NOW + timedelta(seconds=2),
        actions=tuple(actions),
        held=(),
        parked=(),
        guards=(),
        down={},
        read=3,
        requests={"jira": 7},
    )


def test_a_run_is_counted_with_all_it_did() -> None:
    metrics = Metrics("1.2.3")
    action = Action("update", "l1", "jira", "edited", state="applied")

    metrics.run_ended(report([action, action]))

    found = scraped(metrics)
    assert found["syncer_runs_total", "roadmap", "changed"] == 1
    assert found["syncer_run_duration_seconds_sum", "roadmap"] == 2
    assert found["syncer_actions_total", "roadmap", "jira", "update", "applied"] == 2
    assert found["syncer_requests_total", "jira"] == 7


def test_waits_and_reloads_are_counted() -> None:
    metrics = Metrics("1.2.3")

    metrics.throttled("jira", 2.5)
    metrics.reloaded(ok=False)

    found = scraped(metrics)
    assert found["syncer_throttled_seconds_total", "jira"] == 2.5
    assert found["syncer_reloads_total", "false"] == 1


def test_gauges_say_how_things_stand_now() -> None:
    found = scraped(Metrics("1.2.3"), FULL)

    at = NOW.timestamp()
    expected = {
        ("syncer_lag_seconds", "roadmap"): 12.5,
        ("syncer_leads_waiting", "roadmap"): 3,
        ("syncer_copies_owing", "roadmap"): 2,
        ("syncer_held", "roadmap"): 1,
        ("syncer_parked", "roadmap"): 4,
        ("syncer_last_good_run_timestamp_seconds", "roadmap"): at,
        ("syncer_next_run_timestamp_seconds", "roadmap"): at + 60,
        ("syncer_audit_divergences", "roadmap"): 5,
        ("syncer_stale", "roadmap"): 1,
        ("syncer_connection_up", "roadmap", "jira"): 1,
        ("syncer_connection_up", "roadmap", "github"): 0,
        ("syncer_connection_read_timestamp_seconds", "roadmap", "jira"): at,
        ("syncer_budget_limit", "jira"): 5000,
        ("syncer_budget_remaining", "jira"): 4200,
        ("syncer_budget_reset_timestamp_seconds", "jira"): at + 1800,
        ("syncer_build_info", "1.2.3"): 1,
        ("syncer_store_up",): 1,
    }
    assert found == expected


def test_what_is_not_known_has_no_sample() -> None:
    found = scraped(Metrics("1.2.3"), SyncStatus("roadmap"))

    assert ("syncer_last_good_run_timestamp_seconds", "roadmap") not in found
    assert found["syncer_stale", "roadmap"] == 0


def test_the_budget_is_told_by_who_read_the_connection_last() -> None:
    older = ConnectionStatus("jira", read_at=NOW - timedelta(hours=1), budget=BUDGET | {"remaining": 1})
    syncs = [replace(FULL, sync=n, connections=(older,)) for n in ("a", "z")]

    found = scraped(Metrics("1.2.3"), syncs[0], FULL, syncs[1])

    assert found["syncer_budget_remaining", "jira"] == 4200


def test_an_unreadable_database_takes_only_the_gauges_away() -> None:
    metrics = Metrics("1.2.3")
    metrics.run_ended(report())

    def locked() -> Status:
        raise StoreError("the database is locked")

    text = metrics.text(locked).decode()

    assert 'syncer_runs_total{outcome="changed",sync="roadmap"} 1.0' in text
    assert "syncer_store_up 0.0" in text
    assert "syncer_lag_seconds" not in text


def test_reasons_made_up_by_strangers_are_bounded() -> None:
    metrics = Metrics("1.2.3")
    for n in range(1000):
        metrics.delivery("jira", f"reason_{n}")

    found = {k: v for k, v in scraped(metrics).items() if k[0] == "syncer_deliveries_total"}
    assert len(found) < 60
    assert sum(found.values()) == 1000


def test_two_daemons_of_one_process_count_for_themselves() -> None:
    one, other = Metrics("1"), Metrics("1")
    one.run_ended(report())

    assert ("syncer_runs_total", "roadmap", "changed") not in scraped(other)


def test_the_documentation_lists_exactly_what_is_scraped() -> None:
    metrics = Metrics("1.2.3")
    metrics.run_ended(report([Action("update", "l1", "jira", "edited", state="applied")]))
    metrics.throttled("jira", 1)
    metrics.delivery("jira", "accepted")
    metrics.reloaded(ok=True)

    text = metrics.text(lambda: Status(NOW, (FULL,))).decode()
    families = {
        (f.name + ("_total" if f.type == "counter" else ""), f.type, f.documentation)
        for f in text_string_to_metric_families(text)
        if f.name.startswith("syncer_")
    }
    assert {(name, kind, meaning) for name, kind, _, meaning in documented()} == families


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_metrics_are_served_as_a_scraper_expects(tmp_path: Path) -> None:
    house = porch(tmp_path)
    served = app(replace(house.house, statuses=lambda: Status(NOW, (FULL,))))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://test")

    answer = await client.get("/metrics")

    assert answer.headers["content-type"] == CONTENT_TYPE
    assert 'syncer_lag_seconds{sync="roadmap"} 12.5' in answer.text
    assert "process_resident_memory_bytes" in answer.text
    assert 'syncer_tasks{loop="web"} ' in answer.text
    house.store.close()
