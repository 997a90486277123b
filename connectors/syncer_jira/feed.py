"""The listing of changes: one search, comments in it, in windows that overlap."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from syncer.errors import NotFoundError, ProtocolError
from syncer.model import IN_FILTER, Comment, Page, Record
from syncer_jira import jql, records
from syncer_jira.api import MARK, Api, Object
from syncer_jira.facts import Facts
from syncer_jira.talk import whole_list


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
            said = [await self._said(i, r) for i, r in zip(issues, found, strict=True)]
            comments = [c for raws, r in zip(said, found, strict=True) for c in self._open_to_all(raws or (), r)]
            heard = [r.ref for raws, r in zip(said, found, strict=True) if raws is not None]
            shown = found if inside is None else [_judged(r, inside) for r in found]
            yield Page(shown, comments, written(newest) if last else None, heard=heard)

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

    def _open_to_all(self, raws: Sequence[Object], record: Record) -> Sequence[Comment]:
        return records.comments(raws, record.ref, record.key, self.facts)

    async def _said(self, issue: Object, record: Record) -> Sequence[Object] | None:
        """Return all comments: those that came with the issue, or its list where only some did.

        None where that list moved while it was read, or the issue went away since the search: it is
        then heard another time.
        """
        embedded = issue["fields"].get("comment")
        if isinstance(embedded, dict):
            held = [c for c in embedded.get("comments") or [] if isinstance(c, dict)]
            if int(embedded.get("total") or 0) <= len(held):
                return held
        try:
            return await whole_list(self.api, record.ref.id)
        except NotFoundError:
            return None


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
