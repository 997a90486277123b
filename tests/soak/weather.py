"""What goes wrong while a sync runs: answers lost, trackers away, a search index behind, a process that dies."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from syncer.sdk.sandbox import Fault, FaultKind, Sandbox
from tests.properties.company import Company
from tests.soak.words import TRACKERS

KINDS = [k for k in get_args(FaultKind) if k != "slow"]
"""Time is the clock's here: nothing is slow."""
FOREVER = 10**9
FEW = 25
"""Calls between mishaps, at most."""


@dataclass(slots=True)
class Weather:
    """Drawn anew for every run. `away`: the runs a tracker is still away for. `lagging`: Jira's search
    is behind: from before people work until after the run."""

    company: Company
    rng: random.Random
    away: dict[str, int] = field(default_factory=dict)
    lagging: bool = False
    deaths: int = 0
    faults: int = 0
    outages: int = 0
    lags: int = 0

    @property
    def boxes(self) -> Mapping[str, Sandbox]:
        return self.company.boxes

    def morning(self) -> None:
        """Say whether the search index keeps up with what people do today."""
        self.lagging = self.rng.random() < 0.25
        if self.lagging:
            self.lags += 1
            _site(self.boxes["jira"]).lag = timedelta(seconds=self.rng.randint(20, 240))

    def run(self) -> str:
        """Run once in it; return what it was like."""
        told = [f"search lags {_site(self.boxes['jira']).lag.seconds} s"] if self.lagging else []
        for name in TRACKERS:
            self._draw(name)
            told += [f"{name} is away"] if name in self.away else []
        tracker, which = self.rng.choice(TRACKERS), self.rng.randint(1, 60)
        if self.rng.random() < 0.2:
            old = self.company.disk
            if self.company.killed(tracker, which):
                self.deaths += 1
                told.append(f"died at write {which} on {tracker}")
                _forget(old)
        else:
            told.append(self.company.run().outcome)
        self._clear_up()
        return ", ".join(told)

    def _draw(self, name: str) -> None:
        faults = self.boxes[name].wire.faults
        if name not in self.away and self.rng.random() < 0.07:
            self.away[name] = 2
            self.outages += 1
        if name in self.away:
            faults.append(Fault("before", times=FOREVER))
            return
        for _ in range(self.rng.choice((0, 0, 1, 2, 3, 5))):
            kind, skip = self.rng.choice(KINDS), self.rng.randrange(FEW)
            faults.append(Fault(kind, writes_only=self.rng.random() < 0.7, skip=skip, times=self.rng.choice((1, 1, 2))))

    def _clear_up(self) -> None:
        for name in TRACKERS:
            faults = self.boxes[name].wire.faults
            self.faults += sum(1 for f in faults if f.times <= 0)
            faults.clear()
        self.away = {n: left - 1 for n, left in self.away.items() if left > 1}
        self.lagging = False
        _site(self.boxes["jira"]).lag = timedelta()


def _site(jira: Any) -> Any:
    return jira.site


def _forget(disk: Path) -> None:
    """No process opens the disk of an earlier life again."""
    for file in disk.parent.glob(f"{disk.name}*"):
        file.unlink()
