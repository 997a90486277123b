"""What a Prometheus may scrape: counters of this process, and how things stand by the database.

Labels take few values: syncs and connections are those configured, and reasons are counted up to `MOST_REASONS`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from syncer.errors import StoreError
from syncer.run import Report
from syncer.status import Status
from syncer.web.standing import STANDING, Figure, Standing

CONTENT_TYPE = CONTENT_TYPE_LATEST
MOST_REASONS = 48
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
"""Bounds of a run's duration."""

RUNS = Figure("syncer_runs_total", "counter", ("sync", "outcome"), "Runs that ended, by how.")
DURATION = Figure("syncer_run_duration_seconds", "histogram", ("sync",), "How long runs took.")
ACTIONS = Figure(
    "syncer_actions_total", "counter", ("sync", "connection", "do", "state"), "What runs did, and what came of it."
)
REQUESTS = Figure(
    "syncer_requests_total", "counter", ("connection",), "Requests that runs and audits sent to a tracker."
)
THROTTLED = Figure(
    "syncer_throttled_seconds_total", "counter", ("connection",), "Seconds spent waiting for a tracker's limits."
)
DELIVERIES = Figure(
    "syncer_deliveries_total",
    "counter",
    ("connection", "result"),
    "Webhook deliveries: accepted, ignored (of no interest), known (came before), or why they were refused.",
)
RELOADS = Figure("syncer_reloads_total", "counter", ("ok",), 'Reloads of the configuration; ok is "true" or "false".')
STORE = Figure("syncer_store_up", "gauge", (), "1 if the database could be read for this scrape, else 0.")
TASKS = Figure("syncer_tasks", "gauge", ("loop",), "Tasks in flight on each event loop; they come and go.")
BUILD = Figure("syncer_build_info", "gauge", ("version",), "Always 1; the version that runs.")
COUNTED = (RUNS, DURATION, ACTIONS, REQUESTS, THROTTLED, DELIVERIES, RELOADS, STORE, TASKS, BUILD)


def documented() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return name, type, labels and meaning of every metric of ours, for the documentation."""
    return [(f.name, f.kind, f.labels, f.help) for f in (*COUNTED, *STANDING)]


class Metrics:
    """The figures of one process. Every method may be called from any thread."""

    def __init__(self, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves this one untyped
        # Not the default registry of the process: a second daemon in it (a test) counts for itself.
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._runs = Counter(*_as_said(RUNS), registry=self.registry)
        self._duration = Histogram(*_as_said(DURATION), registry=self.registry, buckets=SECONDS)
        self._actions = Counter(*_as_said(ACTIONS), registry=self.registry)
        self._requests = Counter(*_as_said(REQUESTS), registry=self.registry)
        self._throttled = Counter(*_as_said(THROTTLED), registry=self.registry)
        self._deliveries = Counter(*_as_said(DELIVERIES), registry=self.registry)
        self._reloads = Counter(*_as_said(RELOADS), registry=self.registry)
        self._store = Gauge(*_as_said(STORE), registry=self.registry)
        self._tasks = Gauge(*_as_said(TASKS), registry=self.registry)
        Gauge(*_as_said(BUILD), registry=self.registry).labels(version).set(1)
        self._reasons: set[str] = set()
        self._lock = threading.Lock()

    def run_ended(self, report: Report) -> None:
        self._runs.labels(report.sync, report.outcome).inc()
        self._duration.labels(report.sync).observe(max(0.0, (report.finished - report.started).total_seconds()))
        for action in report.actions:
            self._actions.labels(report.sync, action.connection, action.do, action.state).inc()
        self.asked(report.requests)

    def asked(self, requests: Mapping[str, int]) -> None:
        """Count requests, by connection."""
        for connection, sent in requests.items():
            self._requests.labels(connection).inc(sent)

    def throttled(self, connection: str, seconds: float) -> None:
        self._throttled.labels(connection).inc(max(0.0, seconds))

    def delivery(self, connection: str, result: str) -> None:
        """Count a delivery. *connection* is configured, or one name that stands for all that are not."""
        with self._lock:
            if len(self._reasons) < MOST_REASONS:
                self._reasons.add(result)
            known = result if result in self._reasons else "other"
        self._deliveries.labels(connection, known).inc()

    def watch(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        """Count the tasks of *loop* at each scrape."""
        self._tasks.labels(name).set_function(lambda: len(asyncio.all_tasks(loop)))

    def reloaded(self, *, ok: bool) -> None:
        self._reloads.labels(str(ok).lower()).inc()

    def text(self, statuses: Callable[[], Status]) -> bytes:
        """Return everything as `CONTENT_TYPE` says; without what the database knows where it cannot be read."""
        try:
            standing: Standing | None = Standing(statuses())
        except StoreError:
            standing = None
        self._store.set(standing is not None)
        counted = generate_latest(self.registry)
        if standing is None:
            return counted
        passing = CollectorRegistry()
        passing.register(standing)
        return counted + generate_latest(passing)


def _as_said(figure: Figure) -> tuple[str, str, tuple[str, ...]]:
    return figure.name, figure.help, figure.labels
