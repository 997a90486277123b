"""The listing of changes: one search, comments in it, in windows that overlap."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from syncer.errors import ProtocolError
from syncer.model import Comment, Page, Record
from syncer_jira import jql, records
from syncer_jira.api import MARK, Api, Object
from syncer_jira.facts import Facts

IN_FILTER = "@in_filter"
"""The native field that says whether a record meets the connection's `filter`."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Everything changed in one project, oldest first as asked; the order is not relied upon."""

    api: Api
    facts: Facts

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        """Yield pages; the last one carries the cursor: the newest stamp seen, never "now"."""
        since = parsed(cursor)
        key = self.facts.project["key"]
        inside = await self._inside(since)
        newest = since
        query = jql.changed(key, since, self.facts.zone)
        fields = [*records.asked(self.facts), "comment"]
        async for issues, last in self.api.search(query, fields, [MARK]):
            found = [records.record(i, self.facts, self.api.setting.connection) for i in issues]
            newest = max([r.updated for r in found] + ([newest] if newest else []), default=None)
            comments = [c for i, r in zip(issues, found, strict=True) for c in await self._comments(i, r)]
            shown = found if inside is None else [_judged(r, inside) for r in found]
            yield Page(shown, comments, written(newest) if last else None)

    async def _inside(self, since: datetime | None) -> frozenset[str] | None:
        """Return the ids that meet the filter in the same window, None where there is no filter.

        What comes to meet it between this search and the listing is listed again by the overlap.
        """
        condition = self.api.options.filter
        if condition is None:
            return None
        query = jql.changed(self.facts.project["key"], since, self.facts.zone, condition)
        found: set[str] = set()
        async for issues, _ in self.api.search(query, ["id"]):
            found.update(str(i.get("id")) for i in issues)
        return frozenset(found)

    async def _comments(self, issue: Object, record: Record) -> Sequence[Comment]:
        raws = await self._raw_comments(issue, record)
        return records.comments(raws, record.ref, record.key, self.facts)

    async def _raw_comments(self, issue: Object, record: Record) -> Sequence[Object]:
        """Return the comments that came with the issue, or all of them where only some did."""
        embedded = issue["fields"].get("comment")
        if isinstance(embedded, dict):
            held = [c for c in embedded.get("comments") or [] if isinstance(c, dict)]
            if int(embedded.get("total") or 0) <= len(held):
                return held
        return [c async for c in self.api.listed(f"issue/{record.ref.id}/comment", "comments")]


def _judged(record: Record, inside: frozenset[str]) -> Record:
    return replace(record, fields={**record.fields, IN_FILTER: record.ref.id in inside})


def parsed(cursor: str | None) -> datetime | None:
    """Return the time a cursor holds. Raises `ProtocolError` for one we did not write."""
    if cursor is None:
        return None
    try:
        return datetime.fromisoformat(json.loads(cursor)["updated"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError):
        raise ProtocolError(f"not a cursor of ours: {cursor[:80]!r}") from None


def written(newest: datetime | None) -> str | None:
    """Return the cursor that holds *newest*."""
    return None if newest is None else json.dumps({"updated": newest.astimezone(UTC).isoformat()})
