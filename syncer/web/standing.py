"""How things stand, as gauges: read at each scrape, so that no gauge tells what was true once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from syncer.status import ConnectionStatus, Status, SyncStatus


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric. A counter's name ends in _total."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


def _gauge(name: str, labels: tuple[str, ...], meaning: str) -> Figure:
    return Figure(f"syncer_{name}", "gauge", labels, meaning)


def _seconds(moment: object) -> float | None:
    """Return a moment, or its ISO text, in seconds since 1970; None for what is neither."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return None
    return moment.timestamp() if isinstance(moment, datetime) else None


def _divergences(sync: SyncStatus) -> float | None:
    """Return how many the newest audit found: its summary may count or list them."""
    said = None if sync.audit is None else sync.audit.get("divergences")
    return float(len(said)) if isinstance(said, list | tuple) else _number(said)


def _number(said: object) -> float | None:
    return float(said) if isinstance(said, int | float) else None


def _left(name: str) -> Callable[[ConnectionStatus], float | None]:
    return lambda one: None if one.budget is None else _number(one.budget.get(name))


_OF_SYNC: tuple[tuple[Figure, Callable[[SyncStatus], float | None]], ...] = tuple(
    (_gauge(name, ("sync",), meaning), read)
    for name, meaning, read in (
        ("lag_seconds", "Age of the oldest change that is known and not yet everywhere.", lambda s: s.lag),
        ("leads_waiting", "Leads of webhooks that no run has followed yet.", lambda s: s.waiting),
        ("copies_owing", "Copies that still lack something.", lambda s: s.owed),
        ("held", "Fields that wait for a person.", lambda s: s.held),
        ("parked", "Items that failed and are tried again.", lambda s: s.parked),
        (
            "last_good_run_timestamp_seconds",
            "When a run last ended in step or with everything applied.",
            lambda s: _seconds(s.good_at),
        ),
        ("next_run_timestamp_seconds", "When the next run is due.", lambda s: _seconds(s.next_at)),
        ("audit_divergences", "Divergences that the newest audit found.", _divergences),
        ("stale", "1 while something has lasted too long (syncer status says what), else 0.", lambda s: bool(s.stale)),
    )
)
_OF_SPOKE: tuple[tuple[Figure, Callable[[ConnectionStatus], float | None]], ...] = tuple(
    (_gauge(name, ("sync", "connection"), meaning), read)
    for name, meaning, read in (
        ("connection_up", "0 if the newest run had to leave the connection out, else 1.", lambda c: c.down is None),
        (
            "connection_read_timestamp_seconds",
            "When the connection was last read without failing.",
            lambda c: _seconds(c.read_at),
        ),
    )
)
_OF_CONNECTION: tuple[tuple[Figure, Callable[[ConnectionStatus], float | None]], ...] = tuple(
    (_gauge(name, ("connection",), meaning), read)
    for name, meaning, read in (
        ("budget_limit", "What the tracker allows us before its limit resets.", _left("limit")),
        ("budget_remaining", "What is left of that, as the tracker last said.", _left("remaining")),
        (
            "budget_reset_timestamp_seconds",
            "When the limit resets.",
            lambda c: None if c.budget is None else _seconds(c.budget.get("resets")),
        ),
    )
)
STANDING = tuple(figure for figure, _ in (*_OF_SYNC, *_OF_SPOKE, *_OF_CONNECTION))


class Standing(Collector):
    """A status as Prometheus collects it. What is not known has no sample."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        syncs = self._status.syncs
        for figure, read in _OF_SYNC:
            yield _family(figure, [((s.sync,), read(s)) for s in syncs])
        for figure, of_spoke in _OF_SPOKE:
            yield _family(figure, [((s.sync, c.name), of_spoke(c)) for s in syncs for c in s.connections])
        newest = _newest(self._status)
        for figure, of_one in _OF_CONNECTION:
            yield _family(figure, [((c.name,), of_one(c)) for c in newest])


def _family(figure: Figure, samples: list[tuple[tuple[str, ...], float | None]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(figure.name, figure.help, labels=figure.labels)
    for labels, value in samples:
        if value is not None:
            family.add_metric(labels, float(value))
    return family


def _newest(status: Status) -> list[ConnectionStatus]:
    """Return each connection once, as the sync tells that read it last: limits are of the account, not of a sync."""
    found: dict[str, ConnectionStatus] = {}
    for one in (c for s in status.syncs for c in s.connections if c.budget is not None):
        before = found.get(one.name)
        if before is None or (_seconds(one.read_at) or 0.0) > (_seconds(before.read_at) or 0.0):
            found[one.name] = one
    return list(found.values())
