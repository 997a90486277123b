"""A Linear connector on a sandbox in this process, and the official schema as judge of what it sends."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema, build_schema

from syncer.connector import Budget, Connector, Delivery, Heard, Hooks, Place, Setting
from syncer.model import JSON, Address, Comment, Draft, Page, Patch, Receipt, Record, client_id
from syncer.sdk.sandbox import Message, Receive, Scope, Send, serve
from syncer_linear import Linear
from syncer_linear.sandbox import LinearSandbox

START = datetime(2026, 11, 2, 15, 0, 30, 123_000, tzinfo=UTC)
URL = "http://127.0.0.1:9"


@lru_cache
def official() -> GraphQLSchema | None:
    """Return Linear's published schema, None where the contracts are not at hand."""
    root = Path(__file__).resolve().parents[2]
    folder = root / os.environ.get("SYNCER_CONTRACTS", "../shared/contracts")
    file = folder / "linear" / "schema.graphql.gz"
    if not file.exists():
        return None
    with gzip.open(file, "rt") as text:
        return build_schema(text.read(), assume_valid=True)


def need_official() -> GraphQLSchema:
    """Return Linear's published schema; skip the test where it is not at hand."""
    schema = official()
    if schema is None:
        pytest.skip("no contracts/linear/schema.graphql.gz (say where with SYNCER_CONTRACTS)")
    return schema


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
    """A catalogue without a disk."""

    held: dict[str, JSON] = field(default_factory=dict)

    def get(self, name: str, *, max_age: float = 86_400.0) -> JSON:
        del max_age
        return self.held.get(name)

    def put(self, name: str, value: JSON) -> None:
        self.held[name] = value


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

    sandbox: LinearSandbox
    clock: Clock
    catalogue: Memory = field(default_factory=Memory)
    meter: Counter = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)

    def connector(self, *, plugin: Linear | None = None, **options: Any) -> Connector:
        plugin = plugin or Linear()
        setting = Setting(
            connection="linear",
            options=plugin.settings.model_validate({**self.sandbox.options(URL), **options}),
            tables={},
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

    def asked(self) -> list[str]:
        """Return the names of the operations sent so far."""
        return [str(call.json()["operationName"]) for call in self.sandbox.wire.calls]

    def inputs(self, operation: str) -> list[Any]:
        """Return the inputs of the mutations of that name sent so far."""
        sent = [call.json() for call in self.sandbox.wire.calls]
        return [body["variables"]["input"] for body in sent if body["operationName"] == operation]


@dataclass
class Letterbox:
    """Where webhooks are delivered: it answers 200 and keeps them, as they came at our clock."""

    sandbox: LinearSandbox
    url: str = ""
    secret: str = "a signing secret"
    got: list[Delivery] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            part: Message = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.got.append(Delivery(headers, body, self.sandbox.space.clock()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def taken(self) -> list[Delivery]:
        """Return what came since this was last asked."""
        assert self.sandbox.post.idle()
        taken, self.got = self.got, []
        return taken

    def bodies(self) -> list[Any]:
        """Return the bodies of what came since this was last asked."""
        return [json.loads(delivery.body) for delivery in self.taken()]

    def heard(self) -> list[Heard]:
        """Return what the plugin understands of what came since this was last asked."""
        options = Linear.settings.model_validate(self.sandbox.options(URL))
        return [
            Linear().listen(delivery, connection="linear", options=options, secrets=[self.secret], window=60.0)
            for delivery in self.taken()
        ]


@contextlib.contextmanager
def letterbox(sandbox: LinearSandbox) -> Iterator[Letterbox]:
    """Open a letterbox on loopback, which no webhook knows of yet."""
    box = Letterbox(sandbox)
    with serve(box) as url:
        box.url = f"{url}/hooks/linear"
        yield box


@contextlib.asynccontextmanager
async def desk(options: Mapping[str, Any] | None = None, **sandbox: Any) -> AsyncIterator[Desk]:
    """Open a connector on a new sandbox."""
    clock = Clock()
    bench = Bench(LinearSandbox(clock=clock, **sandbox), clock)
    async with opened(bench, **(options or {})) as found:
        yield found


@contextlib.asynccontextmanager
async def opened(bench: Bench, **options: Any) -> AsyncIterator[Desk]:
    """Open one more connector on a bench that is there."""
    connector = bench.connector(**options)
    place = await connector.open()
    bench.sandbox.wire.forget()
    try:
        yield Desk(bench, bench.sandbox, connector, place)
    finally:
        await connector.close()


@dataclass
class Desk:
    """An open connector and what tests do with it."""

    bench: Bench
    sandbox: LinearSandbox
    connector: Connector
    place: Place

    @property
    def hooks(self) -> Hooks:
        assert isinstance(self.connector, Hooks)
        return self.connector

    async def pages(self, cursor: str | None = None) -> list[Page]:
        return [page async for page in self.connector.changes(cursor)]

    async def records(self, cursor: str | None = None) -> dict[str, Record]:
        return {r.key: r for page in await self.pages(cursor) for r in page.records}

    async def comments(self, cursor: str | None = None) -> list[Comment]:
        return [c for page in await self.pages(cursor) for c in page.comments]

    async def record(self, key: str) -> Record:
        return (await self.records())[key]

    async def cursor(self, cursor: str | None = None) -> str:
        said = [page.cursor for page in await self.pages(cursor) if page.cursor is not None]
        return said[-1]

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
        return [
            await self.connector.update(address(record), step, record.fields) for step in self.connector.steps(patch)
        ]

    async def change(self, key: str, **values: Any) -> Receipt:
        """Write *values* to the record of that key as the engine would."""
        record = await self.record(key)
        self.sandbox.wire.forget()
        return (await self.write(record, self.patch(record, **values)))[-1]


def draft(title: str, marker: str = "L0.abc", **native: Any) -> Draft:
    return Draft("issue", {"title": title, **native}, marker, client_id(marker))


def address(record: Record) -> Address:
    return Address(record.ref, record.key)


def titles(records: Iterable[Record]) -> list[object]:
    return [r.fields["title"] for r in records]


def official_operations() -> str:
    """Return the operations recommended beside the published schema."""
    root = Path(__file__).resolve().parents[2]
    folder = root / os.environ.get("SYNCER_CONTRACTS", "../shared/contracts")
    return (folder / "linear" / "operations.graphql").read_text()
