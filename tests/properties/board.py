"""A board of in-memory trackers joined by one sync, driven from tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer.engine.state import Rules
from syncer.live import Directory
from syncer.mapping.load import Layer, load
from syncer.mapping.mapper import Mapper
from syncer.mapping.schema import Tables
from syncer.model import FIELDS, Address, Draft, Native, Patch, Receipt, Value
from syncer.opening import Request, Spoke, Wiring
from syncer.run import Report, plan, sync
from syncer.sdk.memory import MemoryConnector, Paging, Tracker, table
from syncer.sdk.memory_dialect import codecs
from syncer.store import items
from tests.properties.mortal import MortalStore

PEOPLE: Mapping[str, Mapping[str, str]] = {f"{n}@example.com": {} for n in ("ann", "bob", "cyd")}


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        # Every look at the clock takes a moment, so that no two events share a stamp.
        self.now += timedelta(milliseconds=1)
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


class Unhurried(MemoryConnector):
    """Gives way around its writes, as a connector on a network does: workers interleave."""

    async def create(self, draft: Draft) -> Receipt:
        await asyncio.sleep(0)
        receipt = await MemoryConnector.create(self, draft)
        await asyncio.sleep(0)
        return receipt

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        await asyncio.sleep(0)
        receipt = await MemoryConnector.update(self, address, patch, now)
        await asyncio.sleep(0)
        return receipt


@dataclass
class Board:
    """*trackers* by connection name, joined by one sync with *rules*."""

    trackers: Mapping[str, Tracker]
    clock: Clock
    rules: Rules
    mappings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    paging: Mapping[str, Paging] = field(default_factory=dict)
    split: frozenset[str] = frozenset()
    lagging: frozenset[str] = frozenset()
    store: MortalStore = field(default_factory=MortalStore.fresh)
    settle_wait: float = 60.0
    patience: int | None = None
    """How often a run may ask whether to stop until the answer is yes; None: for ever."""
    _tables: dict[str, tuple[Mapping[str, Any] | None, Tables]] = field(default_factory=dict)

    def wiring(self) -> Wiring:
        async def sleep(seconds: float) -> None:
            self.clock.pass_(seconds=seconds)

        return Wiring(
            rules=self.rules,
            spokes=tuple(self._spoke(name) for name in self.rules.connections),
            people=PEOPLE,
            settle_wait=self.settle_wait,
            clock=self.clock,
            sleep=sleep,
            halted=self._halted(),
        )

    def _halted(self) -> Callable[[], bool]:
        left = self.patience

        def halted() -> bool:
            nonlocal left
            left = None if left is None else max(0, left - 1)
            return left == 0

        return halted

    def _spoke(self, name: str) -> Spoke:
        tracker = self.trackers[name]
        paging = self.paging.get(name, Paging())
        return Spoke(
            name=name,
            connect=lambda setting: Unhurried(
                tracker,
                setting.connection,
                paging=paging,
                split=name in self.split,
                find_lags=name in self.lagging,
                meter=setting.meter,
            ),
            options=None,
            tables=self.tables(name),
            abilities=frozenset({"archive", "comments", "history"}),
        )

    def mapper(self, name: str) -> Mapper:
        """Return the eyes of *name*: what its words mean today."""
        tracker = self.trackers[name]
        return Mapper(
            connection=name,
            codecs=codecs(
                tracker.fields,
                statuses=tracker.statuses,
                people=tracker.people,
                spaced_labels=tracker.spaced_labels,
                single_assignee=tracker.single_assignee,
            ),
            tables=self.tables(name),
            directory=Directory(PEOPLE, self.rules.sync, self.store, {name: list(tracker.people.values())}),
            words={
                "status": [{"stage": w, "category": c} for w, c in tracker.statuses.items()],
                "kind": [{"sort": w} for w in tracker.kinds],
                "priority": [{"rank": w} for w in tracker.priorities],
            },
        )

    def tables(self, name: str) -> Tables:
        ours = self.mappings.get(name)
        known = self._tables.get(name)
        if known is None or known[0] is not ours:
            layers = [Layer("dialect", table())] + ([Layer("ours", dict(ours))] if ours is not None else [])
            known = self._tables[name] = (ours, load(layers))
        return known[1]

    def sync(self, **request: Any) -> Report:
        self.clock.pass_(seconds=5)
        return asyncio.run(sync(self.store, self.wiring(), Request(**request)))

    def plan(self, **request: Any) -> Report:
        self.clock.pass_(seconds=5)
        return asyncio.run(plan(self.store, self.wiring(), Request(**request)))

    def settle(self, runs: int = 3) -> Report:
        """Let pending doubts grow old enough, and run until there is nothing left to do."""
        report = self.sync()
        for _ in range(runs):
            self.clock.pass_(seconds=self.settle_wait + 7 * 3600)
            report = self.sync()
        return report

    def writes(self) -> int:
        return sum(len(t.effects) for t in self.trackers.values())

    def counterpart(self, connection: str, record: str, there: str) -> str:
        """Return the id of the copy on *there* of the record on *connection*."""
        with self.store.read() as tx:
            rows = items.rows_of_links(tx, [k.id for k in items.all_links(tx, self.rules.sync)])
        for copies in rows.values():
            if connection in copies and copies[connection].copy.ref.id == record:
                return copies[there].copy.ref.id
        raise AssertionError(f"{connection}:{record} is not linked")

    def agreed(self) -> dict[str, Mapping[str, Value]]:
        with self.store.read() as tx:
            return {k.id: k.agreed for k in items.all_links(tx, self.rules.sync)}


def board(
    names: Sequence[str] = ("a", "b", "c"),
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **rules: Any,
) -> Board:
    """Return a board of empty trackers; *options* are a tracker's own, *rules* go to the sync."""
    clock = Clock()
    trackers = {
        n: Tracker(n, clock, **{"fields": FIELDS, "private": True, **(options or {}).get(n, {})}) for n in names
    }
    everywhere = frozenset(names)
    return Board(
        trackers=trackers,
        clock=clock,
        rules=Rules(
            sync="s", connections=tuple(names), **{"create_from": everywhere, "create_in": everywhere, **rules}
        ),
    )
