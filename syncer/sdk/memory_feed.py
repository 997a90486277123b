"""Listings of the in-memory tracker, with the habits of real ones: pages, repeats, newest first."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from syncer.sdk.memory_tracker import Row, Said, Tracker

START = datetime.min.replace(tzinfo=UTC)
OLD = 0.3
"""How likely a page holds an older version, where it can."""
TWICE = 0.2
"""How likely it comes again."""


@dataclass(frozen=True, slots=True)
class Paging:
    """How listings come: `newest_first` (the cursor moves only at the end), `repeats` (a page begins
    with the end of the one before), `shuffle` (a seed for the order within a page), `stale` (a seed:
    now and then a page comes twice, or holds an older version of a record beside the present one)."""

    size: int = 50
    newest_first: bool = False
    repeats: bool = False
    shuffle: int | None = None
    stale: int | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """`ask` is called before every page: it counts the request, and may fail it."""

    tracker: Tracker
    paging: Paging
    ask: Callable[[], object]

    def rows(self, since: datetime) -> Iterator[Sequence[Row]]:
        """Yield pages of the records changed from *since* on; there is always one."""
        pages = self._newest_first(since) if self.paging.newest_first else self._oldest_first(since)
        return (self._dealt(page) for rows in pages for page in self._served(rows))

    def said(self, since: datetime) -> Iterator[Sequence[Said]]:
        """Yield pages of the comments changed from *since* on, oldest first; there is always one."""
        last: tuple[datetime, str] = (since, "")
        while True:
            self.ask()
            said = sorted((s for s in self.tracker.heard() if _key(s) > last), key=_key)
            batch = said[: self.paging.size]
            yield batch
            if len(said) <= len(batch):
                return
            last = _key(batch[-1])

    def _oldest_first(self, since: datetime) -> Iterator[Sequence[Row]]:
        """Ask anew for each page, so that what is edited meanwhile comes again."""
        last: tuple[datetime, str] = (since, "")
        before: list[Row] = []
        while True:
            self.ask()
            rows = sorted((r for r in self.tracker.listed() if _key(r) > last), key=_key)
            batch = rows[: self.paging.size]
            yield before + batch
            if len(rows) <= len(batch):
                return
            last = _key(batch[-1])
            before = batch[-1:] if self.paging.repeats else []

    def _newest_first(self, since: datetime) -> Iterator[Sequence[Row]]:
        """Go down to *since*, and again from the top until a pass has nothing new.

        What is edited meanwhile jumps over the pages still to come.
        """
        floor = since
        seen: set[tuple[datetime, str]] = set()
        while True:
            passed: list[tuple[datetime, str]] = []
            pages = 0
            for rows in self._downwards(floor):
                pages += 1
                passed += map(_key, rows)
                yield rows
            if pages == 1 or seen.issuperset(passed):
                return
            seen.update(passed)
            floor = max(passed)[0]

    def _downwards(self, floor: datetime) -> Iterator[Sequence[Row]]:
        above: tuple[datetime, str] | None = None
        while True:
            self.ask()
            listed = [r for r in self.tracker.listed() if r.updated >= floor]
            rows = sorted((r for r in listed if above is None or _key(r) < above), key=_key, reverse=True)
            batch = rows[: self.paging.size]
            yield batch
            if len(rows) <= len(batch):
                return
            above = _key(batch[-2 if self.paging.repeats and len(batch) > 1 else -1])

    def _served(self, rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
        """Yield a page, as servers do that are not all up to date."""
        if self.paging.stale is None:
            yield rows
            return
        # The calls so far are as good as a count of pages, and go on from one poll to the next.
        luck = random.Random(f"{self.paging.stale}:{len(self.tracker.calls)}")  # noqa: S311 -- a test's mishap
        served = list(rows)
        old = [version for row in rows for version in self.tracker.listed_before(row.id)]
        if old and luck.random() < OLD:
            served.insert(luck.randrange(len(served) + 1), luck.choice(old))
        yield served
        if luck.random() < TWICE:
            yield served

    def _dealt(self, rows: Sequence[Row]) -> Sequence[Row]:
        if self.paging.shuffle is None:
            return rows
        dealt = list(rows)
        random.Random(self.paging.shuffle).shuffle(dealt)  # noqa: S311 -- a test's order, not a secret
        return dealt


def since_of(cursor: str | None) -> tuple[datetime, datetime]:
    """Return the stamps up to which records and comments are known."""
    if cursor is None:
        return START, START
    said = json.loads(cursor)
    return datetime.fromisoformat(said["records"]), datetime.fromisoformat(said["comments"])


def cursor_of(records: datetime, comments: datetime) -> str:
    return json.dumps({"records": records.isoformat(), "comments": comments.isoformat()})


def _key(version: Row | Said) -> tuple[datetime, str]:
    return version.updated, version.id
