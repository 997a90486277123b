"""A GitHub connector on a sandbox in this process, and the published OpenAPI as judge of their talk."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from syncer.connector import Budget, Connector, Delivery, Heard, Hook, Hooks, Place, Setting
from syncer.model import (
    JSON,
    Address,
    Comment,
    Delta,
    Draft,
    Page,
    Patch,
    Receipt,
    Record,
    client_id,
)
from syncer.sdk.postman import Letter
from syncer.sdk.sandbox import App, Call, Receive, Scope, Send
from syncer_github import GitHub
from syncer_github.sandbox import GitHubSandbox
from tests.contract.openapi import Contract, Document, contracts

START = datetime(2026, 11, 2, 15, 0, 30, 123_000, tzinfo=UTC)
URL = "http://127.0.0.1:9"
EAR = "http://127.0.0.1:9/hooks/github"
"""Where nobody listens: deliveries are looked at as they were sent."""
SECRET = "whsec"

UNDOCUMENTED = ("answer 307 is not documented", "answer 301 is not documented")
"""Recordings show both for a renamed repository, whatever is asked; the document lists 301, and not everywhere."""
_BY_ID = re.compile(r"/repositories/\d+")


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
    """A catalogue that knows the age of what it holds."""

    clock: Clock
    held: dict[str, tuple[JSON, datetime]] = field(default_factory=dict)

    def get(self, name: str, *, max_age: float = 86_400.0) -> JSON:
        value, at = self.held.get(name, (None, self.clock()))
        return value if (self.clock() - at).total_seconds() <= max_age else None

    def put(self, name: str, value: JSON) -> None:
        self.held[name] = (value, self.clock())


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

    sandbox: GitHubSandbox
    clock: Clock
    catalogue: Memory
    meter: Counter = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)

    def connector(
        self,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        app: App | None = None,
        url: str = URL,
        plugin: GitHub | None = None,
        **options: Any,
    ) -> Connector:
        plugin = plugin or GitHub()
        said = plugin.settings.model_validate({**self.sandbox.options(url), **options})
        setting = Setting(
            connection="github",
            options=said,
            tables=tables or {},
            catalogue=self.catalogue,
            meter=self.meter,
            clock=self.clock,
            sleep=self._sleep,
            transport=httpx.ASGITransport(app or self.sandbox.wire),
        )
        return plugin.connect(setting)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.forward(seconds=seconds)

    def asked(self) -> list[str]:
        """Return the calls seen so far, as "METHOD path"."""
        return [f"{c.method} {c.path}" for c in self.sandbox.wire.calls]

    def violations(self) -> list[str]:
        """Return what the calls so far break of the published contract."""
        folder = contracts()
        if folder is None:
            return []
        contract = Contract.load(folder / "github" / "openapi.trimmed.json", allow=UNDOCUMENTED)
        return [
            line for call in self.sandbox.wire.calls for line in contract.check(_documented(call)) if _is_rest(call)
        ]


def _is_rest(call: Call) -> bool:
    return call.path != "/graphql"


def _documented(call: Call) -> Call:
    """`Link` and redirects lead by way of the repository's id, which the document does not list."""
    path = _BY_ID.sub("/repos/acme/web", call.path)
    # The server hands paths on decoded; a label's own slash is none of the path's.
    head, label, name = path.partition("/labels/")
    return replace(call, path=head + label + quote(name, safe=""))


@contextlib.asynccontextmanager
async def desk(
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    app: App | None = None,
    **sandbox: Any,
) -> AsyncIterator[Desk]:
    """Open a connector on a new sandbox; at the end, every call must have been by the contract."""
    clock = Clock()
    bench = Bench(GitHubSandbox(clock=clock, **sandbox), clock, Memory(clock))
    connector = bench.connector(tables, app=app, **(options or {}))
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
    sandbox: GitHubSandbox
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

    async def cursor(self, cursor: str | None = None) -> str | None:
        return (await self.pages(cursor))[-1].cursor

    def read(self, record: Record, name: str) -> Any:
        codec: Any = self.place.codecs[name]
        return codec.read(record.fields)

    def patch(self, record: Record, **values: Any) -> Patch:
        """Return the patch that makes the fields say *values*; sets as (add, remove), words as (word, others)."""
        patch: dict[str, JSON | Delta] = {}
        for name, value in values.items():
            for native, want in self._one(record, name, value).items():
                had = patch.get(native)
                both = isinstance(had, Delta) and isinstance(want, Delta)
                patch[native] = _united(had, want) if both else want
        return patch

    def _one(self, record: Record, name: str, value: Any) -> Patch:
        codec: Any = self.place.codecs[name]
        if name in {"status", "kind", "priority"}:
            word, others = value if isinstance(value, tuple) else (value, [])
            return dict(codec.write(word, record.fields, others))
        if name in {"labels", "assignees"}:
            return dict(codec.write(frozenset(value[0]), frozenset(value[1]), record.fields))
        return dict(codec.write(value, record.fields))

    async def write(self, record: Record, patch: Patch) -> list[Receipt]:
        receipts: list[Receipt] = []
        now = record.fields
        for step in self.connector.steps(patch):
            receipts.append(await self.connector.update(address(record), step, now))
            shown = receipts[-1].record
            now = shown.fields if shown is not None else now
        return receipts

    async def listening(self, url: str = EAR) -> Hook:
        """Register a webhook, and be done with its ping."""
        assert isinstance(self.connector, Hooks)
        hook = await self.connector.add_hook(url, SECRET)
        self.deliveries()
        return hook

    def deliveries(self) -> list[Letter]:
        """Return what was delivered since the last time; by its schema, every one of it."""
        assert self.sandbox.post.idle()
        letters = [letter for letter, _ in self.sandbox.post.sent]
        self.sandbox.post.sent.clear()
        assert [wrong for letter in letters for wrong in wrongs(letter)] == []
        return letters

    def told(self) -> list[str]:
        """Return the same as "event action"."""
        return [f"{event(one)} {said(one)['action']}" for one in self.deliveries()]

    def heard(self, letter: Letter) -> Heard:
        """Return what our own ear makes of a delivery."""
        headers = {name.lower(): value for name, value in letter.headers.items()}
        options = GitHub.settings.model_validate(self.sandbox.options(URL))
        delivery = Delivery(headers, letter.body, self.bench.clock())
        return GitHub().listen(delivery, connection="github", options=options, secrets=[SECRET], window=300.0)

    def draft(self, title: str, marker: str = "L0.abc", patch: Patch | None = None, **native: Any) -> Draft:
        return Draft("issue", {**(patch or {}), **native, "title": title}, marker, client_id(marker))


@dataclass
class Meddler:
    """Lets people act between two requests: the first of *acts* after the first call whose path ends in *after*."""

    inner: App
    after: str
    acts: list[Callable[[], object]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inner(scope, receive, send)
        if scope["path"].endswith(self.after) and self.acts:
            self.acts.pop(0)()


@dataclass
class Instead:
    """Another server's answer to one path."""

    inner: App
    path: str
    status: int
    says: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != self.path:
            await self.inner(scope, receive, send)
            return
        body = b"" if self.says is None else json.dumps(self.says).encode()
        headers = [(k.encode(), v.encode()) for k, v in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def event(letter: Letter) -> str:
    return letter.headers["X-GitHub-Event"]


def said(letter: Letter) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(letter.body)
    return body


def wrongs(letter: Letter) -> Sequence[str]:
    """Return what a delivery breaks of the published schema of its event."""
    document = _webhooks()
    if document is None:
        return []
    name = "-".join([event(letter), *([said(letter)["action"]] if "action" in said(letter) else [])]).replace("_", "-")
    place = f"/webhooks/{name}/post"
    asked = document.raw["webhooks"][name]["post"]
    needs = {p["name"].casefold() for p in asked["parameters"] if p["in"] == "header"}
    missing = needs - {header.casefold() for header in letter.headers}
    pointer = f"{place}/requestBody/content/application~1json/schema"
    return [
        *(f"{name}: no header {header}" for header in sorted(missing)),
        *(f"{name}: {line}" for line in document.complaints("answered", pointer, said(letter))),
    ]


@functools.cache
def _webhooks() -> Document | None:
    folder = contracts()
    if folder is None:
        return None
    text = (folder / "github" / "webhooks" / "webhook-schemas.json").read_text()
    return Document.of({"openapi": "3.0", **json.loads(text)})


def _united(one: Any, other: Any) -> Delta:
    return Delta(one.add | other.add, one.remove | other.remove)


def address(record: Record) -> Address:
    return Address(record.ref, record.key)
