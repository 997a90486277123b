"""A daemon on a long watch, its time compressed: a second stands for the two minutes between polls, a minute for the
day between sweeps, ten seconds for the week that deliveries are remembered. The trackers' hourly limits are larger
by the same measure."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncer import plugins
from syncer.sdk.sandbox import Sandbox
from syncer_github.sandbox import GitHubSandbox
from tests.e2e.duty import Duty, on_duty, tables
from tests.e2e.office import Ended, Office, opened, until
from tests.properties.company import LINEAR_KINDS
from tests.soak.crew import Crew
from tests.soak.gale import Gale
from tests.soak.gauges import Gauges, Sample, growth, settled

COMPRESSED = 120
EVERY = 1.0
"""Seconds. Shorter ones leave no room between two polls for a webhook's own run."""
KEPT = {"run": 20.0, "delivery": 10.0}
"""Seconds for which runs and deliveries are remembered."""
TENDED = 5.0
"""Seconds by which something may outlive its time: until it is looked for, and the look itself."""
MANY = "{ creates = 100000, updates = 100000, closes = 100000, archives = 100000, flaps = 100000 }"
BESIDE = (("status",), ("runs",), ("held",), ("parked",), ("status", "--json"))
LEAST = 200
"""kB that a database may grow by in a moment when nobody edits: leads and runs come and go."""
TERRIBLE = ("run.crashed", "run.failed", "web.failed", "watch.failed", "database.untended")


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds of work in all weathers, and seconds of quiet after it; `items` are there from the start, `pace` is
    the seconds between two deeds of people."""

    work: float
    quiet: float
    items: int
    pace: float = 0.35


@dataclass
class LongWatch:
    """One daemon, its office, and all that goes on around it. `wrong`: what broke a promise, as text."""

    length: Length
    office: Office
    duty: Duty
    gauges: Gauges
    crew: Crew
    gale: Gale
    wrong: list[str] = field(default_factory=list)
    beside: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    letters: Counter[int] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)

    # -- two hours ---------------------------------------------------------------------------------

    def work(self) -> None:
        """Let people work in all weathers, and an operator look on."""
        operator = threading.Thread(target=self._operate)
        operator.start()
        before, end = time.monotonic(), time.monotonic() + self.length.work
        try:
            looked = before
            while (now := time.monotonic()) < end:
                self.crew.work()
                self.gale.blow(now, now - before)
                before = now
                if now - looked > 2.0:
                    looked = now
                    self._look()
                time.sleep(self.length.pace * random.uniform(0.2, 1.8))  # noqa: S311 -- people, not secrets
        finally:
            self._over.set()
            operator.join()
            self.gale.clear()

    def _look(self) -> None:
        self.crew.look()
        for name, box in self.office.boxes.items():
            self.requests[name] += len(box.wire.calls)
            box.wire.forget()
            self.letters.update(status for _, status in box.post.sent)
            box.post.sent.clear()

    def _operate(self) -> None:
        sound = self.office.config.read_text(encoding="utf-8")
        broken = sound.replace('connections = ["jira"', 'conections = ["jira"')
        try:
            for at in range(10**6):
                if self._over.wait(2.0):
                    return
                self._ask(*BESIDE[at % len(BESIDE)])
                if at % 4 == 3:
                    self._reload(
                        broken if at % 8 == 3 else sound, "config.refused" if at % 8 == 3 else "config.reloaded"
                    )
                    self.office.config.write_text(sound, encoding="utf-8")
        except BaseException as error:  # noqa: BLE001 -- told in the end, from another thread
            self.wrong.append(f"the operator gave up: {type(error).__name__}: {error}")

    def _ask(self, *words: str) -> Ended:
        done = self.office.run(*words)
        self.beside[f"{' '.join(words)}: {done.code}"] += 1
        if "Traceback" in done.err or done.code not in {0, 1, 3}:
            self.wrong.append(f"syncer {' '.join(words)}: {done.code} {done.err[-2000:]}")
        return done

    def _reload(self, text: str, event: str) -> None:
        before = len(self.duty.told(event))
        self.office.config.write_text(text, encoding="utf-8")
        self.duty.sign(signal.SIGHUP)
        self.duty.wait(event, times=before + 1)
        self.signals[event] += 1

    # -- and then it is quiet ----------------------------------------------------------------------

    def settle(self) -> None:
        """Let what failed in bad weather be tried again, as an operator would, while people still work."""
        self._reload(self.office.config.read_text(encoding="utf-8"), "config.reloaded")
        self.office.run("parked", "retry")
        until(self._recovered, within=90.0)

    def _recovered(self) -> bool:
        self.crew.work()
        time.sleep(0.3)
        if self._rows("parked"):
            self.office.run("parked", "retry")
        last = self.duty.told("run.finished")[-1:]
        return bool(last) and last[0]["outcome"] in {"in_step", "changed"} and not self._rows("intents")

    def _rows(self, table: str) -> int:
        return self.gauges.samples[-1].rows[table]

    def calm(self) -> None:
        """People stop. After two polls all is in step: nothing is written any more, and everything is everywhere."""
        for box in self.office.boxes.values():
            box.post.idle()
        self._runs(2, "schedule")
        self._look()
        self.wrong += self.crew.wrong()
        self.office.forget()
        trail, used = self._rows("audit"), self.gauges.samples[-1].used
        self._runs(3, "schedule")
        wrote = {n: w for n, w in self.office.writes().items() if w}
        if wrote:
            self.wrong.append(f"in step, and yet it wrote {wrote}")
        self._audited()
        time.sleep(max(0.0, self.length.quiet))
        if self._rows("audit") != trail:
            self.wrong.append(f"nobody edits, and the audit trail grew from {trail} to {self._rows('audit')}")
        if self.gauges.samples[-1].used > used + LEAST:
            self.wrong.append(f"nobody edits, and the database grew from {used} to {self.gauges.samples[-1].used} kB")
        if self._rows("leads"):
            self.wrong.append(f"{self._rows('leads')} leads are never followed")

    def _runs(self, number: int, trigger: str) -> None:
        """Wait until so many runs, begun from now on, have ended."""
        before = len(self.duty.told("run.started", trigger=trigger))
        self.duty.wait("run.started", times=before + number, trigger=trigger, within=90.0)
        run = self.duty.told("run.started", trigger=trigger)[before + number - 1]["run"]
        self.duty.wait("run.finished", run=run)

    def _audited(self) -> None:
        """Have everything compared. What people put away is known to be away, and no drift."""
        found = self.office.run("audit", "--json").doc
        if any(not a["known"] for a in found["away"]):
            # Jira says nothing of what is archived, and lists it no more: the daily sweep finds it.
            self._runs(1, "sweep")
            found = self.office.run("audit", "--json").doc
        gone = [t for t in self.crew.things.values() if t.away.keys() >= t.keys.keys()]
        strays = [s for s in found["strays"] if s["kind"] != "missing" or not gone]
        news = [a for a in found["away"] if not a["known"]]
        for what in (*found["divergences"], *strays, *news, *found.get("down", {}).items()):
            self.wrong.append(f"audit: {what}")

    def leave(self) -> None:
        """Have the daemon end, and look through its log."""
        self.gauges.stop()
        self.duty.sign(signal.SIGTERM)
        code = self.duty.ended()
        if code:
            self.wrong.append(f"it ended with {code}: {self.duty.tail()}")
        self.wrong += [f"{e['event']}: {e}" for name in TERRIBLE for e in self.duty.told(name)]
        if any("Traceback" in line for line in self.duty.other) or any("exception" in e for e in self.duty.events):
            self.wrong.append(f"a traceback: {self.duty.tail()}")

    # -- what it used up ---------------------------------------------------------------------------

    def used(self, *, memory: float, slack: float = 1.0) -> Iterator[str]:
        """Yield what grew: by more than *memory* in MB, by more than *slack* handles, threads or tasks.

        The audit trail is kept for good, and the daily audit works on a copy of the database in memory: by as much as
        the one grows, the other may.
        """
        rest = settled(self.gauges.samples)
        trail = max(0.0, growth(rest, lambda s: s.used)) / 1e3
        for name, most in {"rss": memory + trail, "handles": slack, "threads": slack, "tasks": slack}.items():
            grown = growth(rest, lambda s, name=name: getattr(s, name))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            if grown > most:
                yield f"{name} grew by {grown:.1f}: {[round(getattr(s, name)) for s in rest[:: len(rest) // 20 or 1]]}"
        for name, kept in KEPT.items():
            oldest = max(s.oldest[name] for s in rest)
            if oldest > kept + TENDED:
                yield f"a {name} is remembered for {oldest:.0f} s, not {kept:.0f}"
        if max(s.wal for s in rest) > 16_000:
            yield f"the WAL has {max(s.wal for s in rest):.0f} kB"

    def figures(self) -> str:
        rest = settled(self.gauges.samples)
        rss = [round(s.rss) for s in self.gauges.samples[:: len(self.gauges.samples) // 30 or 1]]
        facts = {**self._lived(), **_used(rest), "rss over time": rss, "not read": self.gauges.failures or "never"}
        return "\n".join(f"{name:>20}  {value}" for name, value in facts.items())

    def _lived(self) -> dict[str, object]:
        told, first, last = self.duty.told, self.gauges.samples[0], self.gauges.samples[-1]
        span, polls = last.at - first.at, len(told("run.started", trigger="schedule"))
        lost, throttled = len(told("connection.lost")), len(told("connection.throttled"))
        return {
            "stands for": f"{polls * 2 / 60:.1f} hours: {polls} polls in {span:.0f} s",
            "runs": dict(Counter(e["trigger"] for e in told("run.started"))),
            "outcomes": dict(Counter(e["outcome"] for e in told("run.finished"))),
            "seconds of a run": _spread([float(e["seconds"]) for e in told("run.finished")]),
            "audits": len(told("audit.finished")),
            "people": self.crew.counted(),
            "weather": self.gale.told(),
            "connections": f"{lost} times lost, {throttled} times throttled",
            "polls slowed": dict(Counter(e["why"] for e in told("sync.slowed"))) or "never",
            "requests": dict(self.requests),
            "deliveries": f"{dict(self.letters)} by their answers",
            "reloads": dict(self.signals),
            "beside it": dict(self.beside),
            "CPU": f"{(last.cpu - first.cpu) / span:.0%} of a core",
        }


def _spread(took: Sequence[float]) -> str:
    inorder = sorted(took)
    return f"p50 {inorder[len(inorder) // 2]:.1f}, p95 {inorder[int(len(inorder) * 0.95)]:.1f}, max {inorder[-1]:.1f}"


def _used(rest: Sequence[Sample]) -> dict[str, object]:
    figures = {"rss": "MB", "handles": "", "threads": "", "tasks": "", "used": "kB in the database", "wal": "kB"}
    rows = {f"rows of {t}": f"{_most(rest, t)} at most, {rest[-1].rows[t]} at last" for t in rest[0].rows}
    oldest = {f"oldest {n}": f"{max(s.oldest[n] for s in rest):.1f} s (kept {k:.0f} s)" for n, k in KEPT.items()}
    return {**{name: _span(rest, name, unit) for name, unit in figures.items()}, **rows, **oldest}


def _most(samples: Sequence[Sample], table: str) -> int:
    return max(s.rows[table] for s in samples)


def _span(samples: Sequence[Sample], name: str, unit: str) -> str:
    values = [float(getattr(s, name)) for s in samples]
    grown = growth(samples, lambda s: float(getattr(s, name)))
    ends = f"{values[0]:.1f} at first, {values[-1]:.1f} at last, trend {grown:+.2f}"
    return f"{min(values):.1f} to {max(values):.1f} {unit}; {ends}"


@contextlib.contextmanager
def watch(folder: Path, length: Length, seed: int) -> Iterator[LongWatch]:
    """Start a daemon on three trackers with a backlog that is in step."""
    with opened(folder, _boxes()) as office:
        crew = Crew.of(office.boxes, seed, _compared(office.database))
        for _ in range(length.items):
            crew.file()
        office.configure(every=f'"{EVERY * 1000:.0f}ms"', limits=MANY)
        url = tables(office, jitter='"0s"', sweep='"* * * * *"', audit='"* * * * *"')
        _furnish(office)
        office.settled()
        crew.look()
        done = office.run("hooks", "install", "--json")
        assert done.code == 0, f"{done.out}\n{done.err}"
        with on_duty(office, url) as duty:
            duty.wait("run.finished")
            gauges = Gauges(duty.process.pid, url, office.database)
            gale = Gale(office.boxes, random.Random(seed + 1))  # noqa: S311 -- weather, not secrets
            with gauges.reading():
                yield LongWatch(length, office, duty, gauges, crew, gale)


def _compared(database: Path) -> Callable[[str, str, str], bool]:
    def compared(at: str, key: str, name: str) -> bool:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20.0)) as base:
            query = "SELECT base FROM copies WHERE connection = ? AND key = ? AND link != ''"
            row = base.execute(query, (at, key)).fetchone()
        return row is not None and f'"{name}":' in row[0]

    return compared


def _boxes() -> dict[str, Sandbox]:
    """Return trackers whose hour is as short as ours. Jira's limits are by the second: nothing to widen."""
    linear: Any = plugins.sandbox("linear")()
    for bucket in (linear.budgets.requests, linear.budgets.complexity):
        bucket.limit *= COMPRESSED
        bucket.level = float(bucket.limit)
    return {"github": GitHubSandbox(hourly=5_000 * COMPRESSED), "linear": linear}


def _furnish(office: Office) -> None:
    """Say in the config how long things are kept, and which labels Linear has for kinds."""
    kept = f'keep = {{ runs = "{KEPT["run"]:.0f}s", deliveries = "{KEPT["delivery"]:.0f}s" }}'
    said = office.config.read_text(encoding="utf-8").replace("[store]", f"[store]\n{kept}", 1)
    kinds = "\n".join(["[connections.linear.map.fields.kind]", *LINEAR_KINDS])
    office.config.write_text(f"{said}\n{kinds}\n", encoding="utf-8")
