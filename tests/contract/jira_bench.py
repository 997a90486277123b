"""A Jira connector on a sandbox in this process, and the published OpenAPI as judge of their talk."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from syncer.connector import Budget, Connector, Place, Setting
from syncer.model import JSON, Address, Comment, Draft, Missing, Page, Patch, Receipt, Record, client_id
from syncer_jira import Jira
from syncer_jira.sandbox import JiraSandbox
from tests.contract.openapi import Contract, contracts

START = datetime(2026, 11, 2, 15, 0, 30, 123_000, tzinfo=UTC)
URL = "http://127.0.0.1:9"


@dataclass
class Clock:
    """A wall clock that tests move."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Memory:
    """A catalogue without a disk; given a clock, what it holds grows old."""

    held: dict[str, JSON] = field(default_factory=dict)
    clock: Clock | None = None
    born: dict[str, datetime] = field(default_factory=dict)

    def get(self, name: str, *, max_age: float = 86_400.0) -> JSON:
        if self.clock is not None and name in self.born and self.clock() - self.born[name] > timedelta(seconds=max_age):
            return None
        return self.held.get(name)

    def put(self, name: str, value: JSON) -> None:
        self.held[name] = value
        if self.clock is not None:
            self.born[name] = self.clock()


@dataclass
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


@dataclass
class Bench:
    """A sandbox, its clock, and connectors that share one catalogue and one meter."""

    sandbox: JiraSandbox
    clock: Clock
    catalogue: Memory = field(default_factory=Memory)
    meter: Counter = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)

    def connector(self, tables: Mapping[str, Mapping[str, Any]] | None = None, **options: Any) -> Connector:
        plugin = Jira()
        said = plugin.settings.model_validate({**self.sandbox.options(URL), **options})
        setting = Setting(
            connection="jira",
            options=said,
            tables=tables or {},
            catalogue=self.catalogue,
            meter=self.meter,
            clock=self.clock,
            sleep=self._sleep,
            transport=httpx.ASGITransport(self.sandbox.wire),
        )
        return plugin.connect(setting)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.forward(seconds=seconds)

    def asked(self, method: str = ".*", path: str = "") -> list[str]:
        """Return the calls seen so far, as "METHOD path"."""
        told = [f"{c.method} {c.path}" for c in self.sandbox.wire.calls]
        return [t for t in told if method in {".*", t.split()[0]} and path in t]

    def violations(self) -> list[str]:
        """Return what the calls so far break of the published contract, which leaves admin webhooks out."""
        folder = contracts()
        if folder is None:
            return []
        calls = [c for c in self.sandbox.wire.calls if not c.path.startswith("/rest/webhooks/")]
        contract = Contract.load(folder / "jira" / "jira-cloud-platform-v3.openapi.json.gz")
        return [line for call in calls for line in contract.check(call)]


@contextlib.asynccontextmanager
async def desk(
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    **sandbox: Any,
) -> AsyncIterator[Desk]:
    """Open a connector on a new sandbox; at the end, every call must have been by the contract."""
    clock = Clock()
    bench = Bench(JiraSandbox(clock=clock, **sandbox), clock, Memory(clock=clock))
    connector = bench.connector(tables, **(options or {}))
    place = await connector.open()
    try:
        yield Desk(bench, bench.sandbox, connector, place)
    finally:
        await connector.close()
    assert bench.violations() == []


@dataclass
class Desk:
    """An open connector and what tests do with it."""

    bench: Bench
    sandbox: JiraSandbox
    connector: Connector
    place: Place

    async def pages(self, cursor: str | None = None) -> list[Page]:
        return [page async for page in self.connector.changes(cursor)]

    async def records(self, cursor: str | None = None) -> dict[str, Record]:
        return {r.key: r for page in await self.pages(cursor) for r in page.records}

    async def comments(self, cursor: str | None = None) -> list[Comment]:
        return [c for page in await self.pages(cursor) for c in page.comments]

    async def record(self, key: str) -> Record:
        return (await self.records())[key]

    async def found(self, *records: Record) -> list[Record | Missing]:
        """Read records directly, in their order."""
        answers = await self.connector.get([address(r) for r in records])
        return [answers[r.ref] for r in records]

    async def cursor(self, cursor: str | None = None) -> str | None:
        return (await self.pages(cursor))[-1].cursor

    def patch(self, record: Record, **values: Any) -> Patch:
        """Return the patch that makes the fields say *values*, sets given as (add, remove)."""
        return {k: v for name, value in values.items() for k, v in self._one(record, name, value).items()}

    def _one(self, record: Record, name: str, value: Any) -> Patch:
        codec: Any = self.place.codecs[name]
        if name in {"status", "kind", "priority"}:
            word = value if isinstance(value, dict) else {codec.primary: value}
            return dict(codec.write(word, record.fields, []))
        if name in {"labels", "assignees"}:
            return dict(codec.write(frozenset(value[0]), frozenset(value[1]), record.fields))
        return dict(codec.write(value, record.fields))

    async def write(self, record: Record, patch: Patch) -> list[Receipt]:
        address = Address(record.ref, record.key)
        return [await self.connector.update(address, step, record.fields) for step in self.connector.steps(patch)]

    def draft(self, title: str, marker: str = "L0.abc", kind: str = "Task", **native: Any) -> Draft:
        patch = {"summary": title, "issuetype": {"name": kind}, **native}
        return Draft("issue", patch, marker, client_id(marker))


def address(record: Record) -> Address:
    return Address(record.ref, record.key)


def titles(records: Iterable[Record]) -> list[object]:
    return [r.fields["summary"] for r in records]
