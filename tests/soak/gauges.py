"""What a process and its database use up, looked at from outside, second by second."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
_TASKS = re.compile(r'^syncer_tasks\{loop="(\w+)"\} (\S+)$', re.MULTILINE)
ROWS = ("runs", "deliveries", "leads", "audit", "texts", "intents", "parked", "copies", "comments")


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` is in seconds of a steady clock, `rss` in MB, `cpu` in seconds, `used` (pages that hold something) and `wal`
    in kB. `oldest`: how many seconds ago the oldest finished run, and the oldest delivery, came to be."""

    at: float
    rss: float
    cpu: float
    handles: int
    threads: int
    tasks: int
    used: float
    wal: float
    rows: dict[str, int]
    oldest: dict[str, float]


def process(pid: int) -> tuple[float, float, int, int]:
    """Return memory in MB, CPU seconds, open handles and threads of a process. Raises `OSError` where it is gone."""
    home = Path(f"/proc/{pid}")
    rss = int((home / "statm").read_text().split()[1]) * PAGE / 1e6
    stat = (home / "stat").read_text().rpartition(")")[2].split()
    cpu = (int(stat[11]) + int(stat[12])) / TICKS
    return rss, cpu, sum(1 for _ in (home / "fd").iterdir()), int(stat[17])


@dataclass(slots=True)
class Gauges:
    """Looks at the process *pid*, its metrics at *url* and its database once a second, on a thread of its own."""

    pid: int
    url: str
    database: Path
    every: float = 1.0
    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Gauges]:
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join()

    def stop(self) -> None:
        self._stop.set()

    def _work(self) -> None:
        with httpx.Client(timeout=20.0) as client:
            while not self._stop.wait(self.every):
                try:
                    self.samples.append(self.look(client))
                except (OSError, httpx.HTTPError, sqlite3.Error) as error:
                    self.failures.append(f"{type(error).__name__}: {error}")

    def look(self, client: httpx.Client) -> Sample:
        answer = client.get(f"{self.url}/metrics")
        answer.raise_for_status()
        tasks = sum(int(float(n)) for _, n in _TASKS.findall(answer.text))
        rss, cpu, handles, threads = process(self.pid)
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20.0)) as base:
            pages = [base.execute(f"PRAGMA {p}").fetchone()[0] for p in ("page_count", "freelist_count", "page_size")]
            rows = {t: base.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ROWS}  # noqa: S608 -- our own names
            oldest = {
                "run": _age(base.execute("SELECT min(finished) FROM runs WHERE finished != ''").fetchone()[0]),
                "delivery": _age(base.execute("SELECT min(at) FROM deliveries").fetchone()[0]),
            }
        wal = Path(f"{self.database}-wal")
        return Sample(
            at=time.monotonic(),
            rss=rss,
            cpu=cpu,
            handles=handles,
            threads=threads,
            tasks=tasks,
            used=(pages[0] - pages[1]) * pages[2] / 1e3,
            wal=wal.stat().st_size / 1e3 if wal.exists() else 0.0,
            rows=rows,
            oldest=oldest,
        )


def _age(stamp: str | None) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds() if stamp else 0.0


def settled(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples after the warm-up, a quarter of the time."""
    begin, end = samples[0].at, samples[-1].at
    return [s for s in samples if s.at >= begin + (end - begin) / 4]


def growth(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """Return by how much a figure grew from the first to the last sample: the median of all slopes (Theil and Sen),
    which no single peak moves, times the time that passed."""
    some = samples[:: max(1, len(samples) // 200)]
    slopes = [(figure(b) - figure(a)) / (b.at - a.at) for n, a in enumerate(some) for b in some[n + 1 :] if b.at > a.at]
    return statistics.median(slopes) * (samples[-1].at - samples[0].at) if slopes else 0.0
