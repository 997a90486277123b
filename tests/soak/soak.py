"""The soak: people work on three trackers, a sync runs in all weathers, and every edit is answered for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syncer.config import load
from syncer.links import Link
from syncer.opening import Request
from syncer.run import Report, sync
from syncer.store import Store
from syncer.wiring import rules_of
from tests.properties.company import KEY, Company, company
from tests.soak.ledger import Edit, Ledger, said
from tests.soak.shelf import Shelf
from tests.soak.staff import Staff, Thing
from tests.soak.talk import duplicates
from tests.soak.weather import Weather
from tests.soak.words import NAME, TRACKERS, meaning

LIMITS = "limits = { creates = 100000, updates = 100000, closes = 100000, archives = 100000 }"
EVERY = 10
"""Runs after which all comments are counted."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """`items` in all, filed on three trackers; `edits` between two of the `runs`."""

    items: int
    edits: int
    runs: int

    @classmethod
    def asked(cls, usual: Sizes) -> Sizes:
        """Return the usual sizes, or those the environment asks for."""
        names = ("items", "edits", "runs")
        return cls(**{n: int(os.environ.get(f"SYNCER_SOAK_{n.upper()}", getattr(usual, n))) for n in names})


@dataclass
class Soak:
    """`wrong`: what broke a promise, as text."""

    sizes: Sizes
    seed: int
    company: Company
    staff: Staff
    weather: Weather
    say: Callable[[str], None] = print
    shelf: Shelf = field(default_factory=Shelf)
    wrong: list[str] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.staff.noted = self.noted

    @property
    def ledger(self) -> Ledger:
        return self.staff.ledger

    def perform(self) -> None:
        """File the backlog, and live through all runs."""
        for number in range(self.sizes.items):
            self.staff.file(TRACKERS[number % len(TRACKERS)])
        self.company.clock.pass_(minutes=10)
        for number in range(self.sizes.runs):
            self.weather.morning()
            if number:
                self.staff.work(self.sizes.edits)
            self._run()
            self._rest()
        self._count_remarks()

    def _run(self) -> None:
        started = time.monotonic()
        how = self.weather.run()
        self._after_run(started, how)

    def run_in_quiet(self, *, full: bool = False) -> tuple[Report, list[str]]:
        """Run once while nothing goes wrong; return also what was written, as text."""
        started = time.monotonic()
        self.company.clock.pass_(seconds=5)
        with self.opened() as store:
            report = asyncio.run(sync(store, self.company.wiring, Request(full=full)))
        wrote = [w for lines in self.company.writes().values() for w in lines]
        self._after_run(started, f"in quiet weather, {report.outcome}")
        return report, wrote

    @contextlib.contextmanager
    def opened(self) -> Iterator[Store]:
        store = Store.open(f"sqlite:///{self.company.disk}", key=KEY)
        try:
            yield store
        finally:
            store.close()

    def _after_run(self, started: float, how: str) -> None:
        took = time.monotonic() - started
        self.seconds += took
        self.runs += 1
        calls = {n: len(b.wire.calls) for n, b in self.company.boxes.items()}
        wrote = {n: self.company.effects(n) for n in TRACKERS}
        self.requests.update(calls)
        self.writes.update(wrote)
        self.company.forget()
        self._look()
        open_ = len(self.ledger.pending)
        self.say(
            f"run {self.runs}: {how}; {sum(calls.values())} requests, {sum(wrote.values())} writes, {took:.1f} s; "
            f"{open_} edits open, {len(self.shelf.parked)} parked, {len(self.shelf.holds)} held"
        )

    def _count_remarks(self) -> None:
        for what in duplicates(self.staff):
            self.found_wrong(what)

    def _rest(self) -> None:
        """Let time pass: minutes between runs, now and then a night."""
        if self.staff.rng.random() < 0.1:
            self.company.clock.pass_(hours=11)
        self.company.clock.pass_(minutes=self.staff.rng.randint(1, 30))
        if self.runs % EVERY == 0:
            self._count_remarks()

    # -- after every run -----------------------------------------------------------------------

    def _look(self) -> None:
        """Find the new copies, and answer for every edit that is open."""
        self._find_copies()
        self.shelf = Shelf.read(self.company.disk)
        pending = list(self.ledger.pending.values())
        self.shelf.trail(self.company.disk, sorted({k.id for e in pending if (k := self.link_of(e.spot.thing))}))
        for edit in pending:
            self._answer(edit)

    def _find_copies(self) -> None:
        for at, box in self.company.boxes.items():
            known = {t.keys[at] for t in self.staff.things.values() if at in t.keys}
            for key in box.keys():  # noqa: SIM118 -- a sandbox is no mapping
                if key in known:
                    continue
                found = NAME.search(box.show(key)["title"])
                thing = self.staff.things[found[0]] if found else None
                if thing is None or at in thing.keys:
                    self.found_wrong(f"{thing and thing.name} has a duplicate on {at}: {key}")
                    continue
                thing.keys[at] = key

    def link_of(self, name: str) -> Link | None:
        thing = self.staff.things[name]
        spots = (self.shelf.spots.get((at, key)) for at, key in thing.keys.items())
        spot = next((s for s in spots if s is not None), None)
        return self.shelf.links.get(spot.link) if spot is not None else None

    def _answer(self, edit: Edit) -> None:
        """Say what became of an edit; one that is still to be read must still be there to be read."""
        name, thing = edit.spot.field, self.staff.things[edit.spot.thing]
        link = self.link_of(thing.name)
        spot = self.shelf.spots.get((edit.spot.at, thing.keys[edit.spot.at]))
        stands = edit.stands(meaning(edit.spot.at, name, self.shown(thing, edit.spot.at)))
        if stands and (spot is None or not spot.shows(edit.when)):
            return
        fate = self._fate(edit, link, spot.ref if spot is not None else "")
        if fate is not None:
            self.ledger.close(edit, fate)
            return
        held = link is not None and any((h.link, h.field) == (link.id, name) for h in self.shelf.holds)
        if held or stands:
            return
        self.found_wrong(f"lost: {edit}; it says {self.shown(thing, edit.spot.at)}; {self.told(link, name)}")
        self.ledger.close(edit, "lost")

    def _fate(self, edit: Edit, link: Link | None, ref: str) -> str | None:
        name = edit.spot.field
        if edit.undone():
            return "undone"
        if link is None or name not in link.agreed:
            return None
        fate = edit.fate(said(name, link.agreed[name]), self.shelf.trails[link.id], ref)
        if fate is None and edit.joining and edit.now in {None, "none", "-"}:
            return "what is empty gives way on a first link"
        return fate

    def shown(self, thing: Thing, at: str) -> Mapping[str, object]:
        return self.company.boxes[at].show(thing.keys[at])

    def told(self, link: Link | None, name: str) -> str:
        if link is None:
            return "no link"
        entries = [
            (e["at"], e["act"], e["ref"], e["from"], e["to"], e["why"])
            for e in self.shelf.trails[link.id]
            if e["field"] == name
        ]
        owed = [c for c, fields in link.owed.items() if name in fields]
        return f"agreed is {link.agreed.get(name)!r}; owed {owed}; trail {entries}"

    def noted(self, thing: Thing, at: str, name: str) -> tuple[int, bool]:
        """Return how long the item's trail is, and whether that field of that copy is still to be joined."""
        link = self.link_of(thing.name)
        spot = self.shelf.spots.get((at, thing.keys[at]))
        joining = at != thing.home and (spot is None or not spot.has_base(name))
        return (self.shelf.lengths.get(link.id, 0) if link is not None else 0), joining

    def found_wrong(self, what: str) -> None:
        if what not in self.wrong:
            self.wrong.append(what)
            self.say(f"WRONG: {what}")


def soak(folder: Path, sizes: Sizes, seed: int) -> Soak:
    """Return a soak about to begin: nothing is filed yet."""
    ours = company(folder, 0)
    config = folder / "config.toml"
    config.write_text(f"{config.read_text(encoding='utf-8')}\n{LIMITS}\n", encoding="utf-8")
    told = load(config)
    ours.wiring = replace(ours.wiring, rules=rules_of(told, told.syncs["roadmap"]))
    _let_all_transitions_be(ours.boxes["jira"])
    rng = random.Random(seed)  # noqa: S311 -- people, not secrets
    staff = Staff(ours.boxes, ours.clock, rng, Ledger())
    weather = Weather(ours, random.Random(seed + 1))  # noqa: S311 -- weather, not secrets
    return Soak(sizes, seed, ours, staff, weather)


def _let_all_transitions_be(jira: Any) -> None:
    """Let any status lead to any other, as in the workflow Jira gives a new project: what cannot be
    reached is parked, and a soak is to end with nothing parked."""
    names = [s.name for s in jira.site.statuses]
    jira.site.edges = {name: [n for n in names if n != name] for name in names}
