"""`syncer runs --follow`: runs as they start and end, until somebody stops it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from syncer.cli.app import INTERRUPTED
from syncer.cli.runs import COUNTED, outcome, requests, took
from syncer.errors import StoreError
from syncer.output import clean, say, say_json
from syncer.store import Store, standing
from syncer.store.lease import held

PAUSE: Final = 1.0
"""Seconds between two looks at the database."""

PATIENCE: Final = 1000
"""Milliseconds one look waits for a busy database; the next look comes anyway."""


@dataclass(slots=True)
class Follower:
    """What was told so far. `mark`: per sync, the number of the run up to which all have ended and were told;
    `begun` and `ended`: the runs after it. `at_work` says whether a process is at a sync."""

    mark: dict[str, int]
    at_work: Callable[[str], bool]
    begun: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def news(self, tx: sa.Connection) -> Iterator[dict[str, Any]]:
        """Yield the documents of runs that began or ended since it was last asked, oldest first."""
        for sync in self.mark:
            behind = True
            for head in standing.later(tx, sync, self.mark[sync]):
                if head.id not in self.ended:
                    yield from self._of(tx, sync, head)
                behind = behind and head.id in self.ended
                if behind:
                    self.mark[sync] = head.number
                    self.ended.discard(head.id)
                    self.begun.discard(head.id)

    def _of(self, tx: sa.Connection, sync: str, head: standing.Head) -> Iterator[dict[str, Any]]:
        doc = standing.outline(tx, head.id) or {"outcome": "running"}
        if head.finished is not None or doc["outcome"] != "running":
            self.ended.add(head.id)
            yield doc
        elif head.id not in self.begun and self.at_work(sync):
            self.begun.add(head.id)
            yield doc


def follow(store: Store, syncs: Sequence[str], limit: int, *, as_json: bool) -> int:
    """Tell the newest *limit* runs of each sync, then all that happens; no transaction outlasts a look."""
    follower: Follower | None = None
    trouble = ""

    def at_work(sync: str) -> bool:
        return held(store, sync) is not None

    try:
        while True:
            try:
                with store.read() as tx:
                    _hurry(tx)
                    follower = follower or Follower({s: _start(tx, s, limit) for s in syncs}, at_work)
                    found = list(follower.news(tx))
                trouble = ""
            except StoreError as error:
                found = []
                if str(error) != trouble:
                    trouble = str(error)
                    say(f"syncer: {trouble} (still trying)", out=sys.stderr)
            for doc in found:
                _tell(doc, as_json=as_json)
            sys.stdout.flush()
            time.sleep(PAUSE)
    except KeyboardInterrupt:
        return INTERRUPTED


def _hurry(tx: sa.Connection) -> None:
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql(f"PRAGMA busy_timeout = {PATIENCE}")


def _start(tx: sa.Connection, sync: str, limit: int) -> int:
    heads = standing.newest(tx, sync, limit + 1)
    if not heads:
        return 0
    return max(0, heads[0].number - limit - (heads[0].finished is None))


def _tell(doc: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(doc)
        return
    if doc["outcome"] == "running":
        say(f"{str(doc['started'])[:19]}  {doc['run']}  {doc['sync']}  started ({clean(doc.get('trigger'))})")
        return
    tally = doc.get("tally", {})
    did = ", ".join(f"{tally[k]} {k}" for k in COUNTED if k != "read" and tally.get(k)) or "nothing written"
    spent = f" in {took(doc)}" if took(doc) else ""
    asked = f"; {sum(requests(doc).values())} requests" if requests(doc) else ""
    at = str(doc.get("finished") or doc["started"])[:19]
    say(f"{at}  {doc['run']}  {doc['sync']}  {outcome(doc)}{spent}: {did}{asked}")
