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
STEP = timedelta(seconds=1)
"""GitHub's documents disagree whether `since` includes its own second."""
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

    GitHub's pages are offsets: what is deleted, moved away or edited while we read pulls later
    things over a page boundary we have passed. So the next page is asked for by the last stamp
    seen, and by offset only where one second holds more than a page; that is then read again
    until nothing new comes.
    """
    seen: dict[Any, datetime] = {}
    newest, since = start, None if start is None else start - OVERLAP
    restless: list[datetime | None] = []
    more = True
    while more:
        onward: datetime | None = None
        for _ in range(PASSES):
            pages, news = 0, 0
            url: str | None = path
            query: dict[str, Any] | None = _query(params, since)
            onward = None
            while url and onward is None:
                page, url = await api.page(url, query)
                fresh = [raw for raw in page if _is_news(raw, seen)]
                pages, news, query = pages + 1, news + len(fresh), None
                newest = max([*_stamps(fresh), *([newest] if newest else [])], default=None)
                onward = _past(page, since)
                yield Stretch(fresh)
            more = bool(url)
            if pages == 1 or news == 0:
                break
        else:
            restless.append(since)
        since = onward
    yield Stretch([], restless[0] if restless else newest, last=True)


def _is_news(raw: Raw, seen: dict[Any, datetime]) -> bool:
    """Say whether this version has not come yet, and remember it."""
    at, before = when(raw, "updated_at"), seen.get(raw.get("id"))
    seen[raw.get("id")] = at
    return at != before


def _past(page: list[Raw], since: datetime | None) -> datetime | None:
    """Return the stamp from which to read on after *page*, None where it is no later than *since*."""
    last = max(_stamps(page), default=None)
    if last is None or (since is not None and last - STEP <= since):
        return None
    return last - STEP


def _stamps(things: list[Raw]) -> list[datetime]:
    return [when(raw, "updated_at") for raw in things]


def _query(params: dict[str, Any], since: datetime | None) -> dict[str, Any]:
    query = {**params, "sort": "updated", "direction": "asc"}
    return query if since is None else {**query, "since": _told(since)}


def _told(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _maybe(text: object) -> datetime | None:
    return None if text is None else stamp(text)
