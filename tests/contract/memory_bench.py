"""An in-memory tracker and its connector, as the tests of both need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from syncer.model import Address, Comment, Draft, Page, Ref, client_id
from syncer.sdk.memory import MemoryConnector, Paging, Tracker
from syncer.sdk.testing import Clock

MARKER = "Lmemory.0123456789abcdef01234567"


@dataclass
class Bench:
    """A tracker, its connector, and a draft to create."""

    tracker: Tracker
    clock: Clock
    connector: MemoryConnector

    @property
    def draft(self) -> Draft:
        return Draft("issue", {"headline": "Ours"}, MARKER, client_id(MARKER))

    def address(self, record: str) -> Address:
        return Address(Ref("memory", "issue", record), self.tracker.row(record).key)

    async def listed(self, cursor: str | None = None) -> list[str]:
        return [r.ref.id for page in await self.pages(cursor) for r in page.records]

    async def pages(self, cursor: str | None = None) -> list[Page]:
        return [page async for page in self.connector.changes(cursor)]


def bench(paging: Paging | None = None, **tracker: Any) -> Bench:
    clock = Clock()
    made = Tracker("bench", clock=clock, **tracker)
    return Bench(made, clock, MemoryConnector(made, "memory", paging=paging or Paging()))


async def commented(there: Bench) -> tuple[Address, Comment]:
    """Return a new record with a comment of ours on it, and forget what was called for that."""
    at = there.address(there.tracker.add("Spoken of"))
    ours = await there.connector.comment(at, "Ours.", MARKER, client_id(MARKER))
    there.tracker.effects.clear()
    there.tracker.calls.clear()
    return at, ours
