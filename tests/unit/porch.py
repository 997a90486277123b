"""A house with a real store, a tracker that signs honestly, and a book of what was asked for."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from syncer.config import Daemon
from syncer.connector import Delivery, Heard, Lead
from syncer.errors import DeliveryError
from syncer.model import Address, Ref
from syncer.sdk.hooks import believe, parsed
from syncer.status import Status
from syncer.store import Store, leads
from syncer.store.leads import Noted
from syncer.web.app import app
from syncer.web.house import Health, House, Post
from syncer.web.limits import Limits
from syncer.web.metrics import Metrics

SECRET = "correct horse battery staple"
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
T = TypeVar("T")


class Tracker:
    """Listens as a plugin does. The body says which issues changed; `trip` makes it stumble, as a mistake would."""

    def listen(
        self,
        delivery: Delivery,
        *,
        connection: str,
        options: Any,
        secrets: Sequence[str],
        window: float,
    ) -> Heard:
        believe(delivery.body, delivery.headers.get("x-signature"), secrets)
        said = parsed(delivery.body)
        if said.get("trip"):
            raise KeyError(said["trip"])
        if said.get("refuse"):
            raise DeliveryError(said["refuse"], status=said["status"])
        found = [Lead(Address(Ref(connection, "issue", str(i)), f"K-{i}")) for i in said.get("issues", ())]
        return Heard(delivery.headers.get("x-delivery", ""), "issue.changed", found, look=bool(said.get("look")))


def signed(body: bytes | Mapping[str, Any], id_: str = "1", secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """Return a body and its headers, as the tracker sends them."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw, {"x-signature": hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest(), "x-delivery": id_}


def never() -> Status:
    return Status(NOW, ())


@dataclass
class Porch:
    """The app of one house. `asked` are the runs it asked for; `tick` is the clock of its limits."""

    store: Store
    posts: dict[str, Post] = field(default_factory=lambda: {"jira": Post(Tracker(), None, (SECRET,), ("roadmap",))})
    settings: Daemon = field(default_factory=Daemon)
    health: Health = field(default_factory=lambda: Health(alive=True, ready=True))
    limits: Limits = field(default_factory=Limits)
    asked: list[tuple[str, str]] = field(default_factory=list)
    tick: float = 0.0
    metrics: Metrics = field(default_factory=lambda: Metrics("1.2.3"))
    client: httpx.AsyncClient = field(init=False)
    house: House = field(init=False)

    def __post_init__(self) -> None:
        self.house = House(
            store=self.store,
            posts=lambda: self.posts,
            settings=lambda: self.settings,
            ask=lambda sync, trigger: self.asked.append((sync, trigger)),
            health=lambda: self.health,
            statuses=never,
            metrics=self.metrics,
            clock=lambda: NOW,
        )
        self.app = app(self.house, self.limits, tick=lambda: self.tick)
        self.client = self.from_("203.0.113.7")

    def from_(self, address: str) -> httpx.AsyncClient:
        """Return a client at *address*."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=(address, 4711)), base_url="http://test"
        )

    async def post(
        self,
        body: bytes | AsyncIterator[bytes],
        headers: Mapping[str, str],
        to: str = "jira",
        by: httpx.AsyncClient | None = None,
    ) -> httpx.Response:
        return await (by or self.client).post(f"/hooks/{to}", content=body, headers=dict(headers))

    async def tell(self, body: Mapping[str, Any], id_: str = "1", **more: Any) -> httpx.Response:
        """Post what the tracker would."""
        return await self.post(*signed(body, id_), **more)

    def noted(self, sync: str = "roadmap") -> list[Noted]:
        with self.store.read() as tx:
            return leads.pending(tx, sync)

    def counted(self, result: str, connection: str = "jira") -> float:
        labels = {"connection": connection, "result": result}
        return self.metrics.registry.get_sample_value("syncer_deliveries_total", labels) or 0.0


def porch(folder: Path, **parts: Any) -> Porch:
    """Return a porch whose database is given up on quickly when it is locked."""
    return Porch(Store.open(f"sqlite:///{folder / 'syncer.db'}?timeout=0.1"), **parts)


def run(doing: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(doing)
