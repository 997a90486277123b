"""What changed since: Linear lists newest first, with no way to turn it round."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from syncer_linear.api import Api, Node
from syncer_linear.operations import Operation
from syncer_linear.records import Reader, iso, moment

OVERLAP = timedelta(seconds=5)
"""Read again behind the mark: a change may become visible later than the stamp it bears."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How far each list was read to its end; None: never, or it was empty."""

    issues: datetime | None = None
    comments: datetime | None = None

    @classmethod
    def parse(cls, cursor: str | None) -> Marks:
        """Return the marks `str()` wrote; what cannot be read means reading everything again."""
        try:
            held = json.loads(cursor) if cursor else {}
            return cls(_mark(held.get("issues")), _mark(held.get("comments")))
        except (ValueError, AttributeError, TypeError):
            return cls()

    def __str__(self) -> str:
        return json.dumps({"issues": _iso(self.issues), "comments": _iso(self.comments)})


async def delta(
    api: Api,
    reader: Reader,
    operation: Operation,
    variables: Mapping[str, Any],
    since: datetime | None,
) -> AsyncIterator[tuple[list[Node], datetime | None]]:
    """Yield pages of all that changed from *since* on; with the last one, the newest stamp seen.

    *variables* hold the filter that is narrowed to the window.
    The mark moves only at the end: an earlier page is newer than all behind it. A row that changes
    while we page leaves its place, so what took several pages is asked again from the newest stamp
    until nothing newer shows. The window is open at its upper end: no clock but Linear's counts.
    """
    newest, scope = since, variables["filter"]
    window = {"updatedAt": {"gte": iso(since - OVERLAP)}} if since else {}
    while True:
        start, pages = newest, 0
        held: list[Node] = []
        async for nodes, more in api.pages(operation, {**variables, "filter": {**scope, **window}}):
            pages += 1
            newest = max([reader.stamp(node) for node in nodes] + ([newest] if newest else []), default=None)
            if more:
                yield nodes, None
            held = nodes
        if pages == 1 or newest == start:
            yield held, newest
            return
        yield held, None
        window = {"updatedAt": {"gt": iso(newest)}} if newest else {}


def _mark(text: str | None) -> datetime | None:
    return moment(text) if text else None


def _iso(at: datetime | None) -> str | None:
    return iso(at) if at else None
