"""What a connector is given by the program, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from syncer.connector import Budget
from syncer.model import JSON

START = datetime(2026, 11, 2, 15, 0, 30, 123_000, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """A wall clock that tests move."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class MemoryCatalogue:
    """A catalogue that knows the age of what it holds."""

    clock: Clock
    held: dict[str, tuple[JSON, datetime]] = field(default_factory=dict)

    def get(self, name: str, *, max_age: float = 86_400.0) -> JSON:
        if name not in self.held:
            return None
        value, put = self.held[name]
        return value if (self.clock() - put).total_seconds() <= max_age else None

    def put(self, name: str, value: JSON) -> None:
        self.held[name] = (value, self.clock())


@dataclass(slots=True)
class Counter:
    """A meter."""

    requests: int = 0
    waits: list[tuple[float, str]] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)

    def request(self) -> None:
        self.requests += 1

    def throttled(self, seconds: float, reason: str) -> None:
        self.waits.append((seconds, reason))

    def budget(self, budget: Budget) -> None:
        self.budgets.append(budget)
