"""What changed since last time: the two lists GitHub keeps, and the place we have read them to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from syncer_github.api import Api, Raw
from syncer_github.records import stamp, when

OVERLAP = timedelta(seconds=5)
"""`since` counts whole seconds, and a stamp may become visible a moment after a later one."""
PASSES = 6


@dataclass(frozen=True, slots=True)
class Cursor:
    """The newest stamps seen, per list; None where nothing was seen yet."""

    issues: datetime | None = None
    comments: datetime | None = None

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        """Return the cursor `str()` wrote; one that cannot be read starts over."""
        try:
            said = json.loads(text) if text else {}
            return cls(_maybe(said.get("issues")), _maybe(said.get("comments")))
        except (ValueError, AttributeError):
            return cls()

    def __str__(self) -> str:
        return json.dumps({"issues": _told(self.issues), "comments": _told(self.comments)})


@dataclass(frozen=True, slots=True)
class Stretch:
    """Things that came, and, on the last stretch only, the stamp from which to ask next time."""

    things: list[Raw]
    read_to: datetime | None = None
    last: bool = False


async def changed(api: Api, path: str, start: datetime | None, **params: Any) -> AsyncIterator[Stretch]:  # noqa: ANN401 -- query parameters
    """Yield everything on the list at *path* updated since *start*, oldest first.

    Pages are offsets: an item updated while we read moves to the end and pulls later ones over a
    page boundary we have passed. So more than one page is read again from the newest stamp, and
    from an item's old stamp where one was seen to move, until a pass is quiet.
    """
    seen: dict[Any, datetime] = {}
    newest, since = start, start
    for _ in range(PASSES):
        pages, lost = 0, None
        async for page in api.pages(path, _query(params, since)):
            pages += 1
            fresh: list[Raw] = []
            for raw in page:
                at, before = when(raw, "updated_at"), seen.get(raw.get("id"))
                if at == before:
                    continue
                if before is not None:
                    lost = before if lost is None else min(lost, before)
                seen[raw.get("id")] = at
                newest = at if newest is None else max(newest, at)
                fresh.append(raw)
            yield Stretch(fresh)
        if newest == start or (pages <= 1 and lost is None):
            break
        since = lost or newest
    else:
        newest = since
    yield Stretch([], newest, last=True)


def _query(params: dict[str, Any], since: datetime | None) -> dict[str, Any]:
    query = {**params, "sort": "updated", "direction": "asc"}
    return query if since is None else {**query, "since": _told(since - OVERLAP)}


def _told(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _maybe(text: object) -> datetime | None:
    return None if text is None else stamp(text)
