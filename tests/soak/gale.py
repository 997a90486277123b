"""Bad weather while a daemon runs: answers lost, connections cut, limits, and now and then a tracker that is down."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from syncer.sdk.sandbox import Fault, FaultKind, Sandbox

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
FOREVER = 10**9


@dataclass(slots=True)
class Gale:
    """`often`: mishaps a second. `calm`, `storm`: seconds between two outages, and how long one is."""

    boxes: Mapping[str, Sandbox]
    rng: random.Random
    often: float = 0.3
    calm: tuple[float, float] = (50.0, 80.0)
    storm: tuple[float, float] = (8.0, 20.0)
    sent: Counter[str] = field(default_factory=Counter)
    outages: int = 0
    _down: str | None = None
    _next: float | None = None

    def blow(self, now: float, passed: float) -> None:
        """Go on for *passed* seconds, until *now* on a steady clock."""
        if self._next is None:
            self._next = now + self.rng.uniform(*self.calm) / 2
        if now >= self._next:
            self._turn(now)
        if self.rng.random() < self.often * passed:
            name = self.rng.choice([n for n in self.boxes if n != self._down])
            kind = self.rng.choice(KINDS)
            fault = Fault(kind, writes_only=self.rng.random() < 0.6, skip=self.rng.randrange(4), seconds=1.5)
            self.boxes[name].wire.faults.append(fault)
            self.sent[kind] += 1

    def _turn(self, now: float) -> None:
        if self._down is None:
            self._down = self.rng.choice(list(self.boxes))
            self.boxes[self._down].wire.faults.insert(0, Fault("before", times=FOREVER))
            self.outages += 1
            self._next = now + self.rng.uniform(*self.storm)
            return
        self.boxes[self._down].wire.faults.pop(0)
        self._down = None
        self._next = now + self.rng.uniform(*self.calm)

    def clear(self) -> None:
        """Let the sun shine."""
        for box in self.boxes.values():
            box.wire.faults.clear()
        self._down = None

    def told(self) -> str:
        return f"{sum(self.sent.values())} mishaps of calls ({dict(self.sent)}), {self.outages} outages"
