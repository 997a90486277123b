"""Reports as the JSON documents of DESIGN: what `--json` prints and the run history keeps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncer.engine.plan import Action
from syncer.links import Copy, Hold, Link, Parked
from syncer.model import Value


def plain(value: Value) -> Any:  # noqa: ANN401 -- JSON
    """Return a value as JSON says it: sets as sorted lists."""
    return sorted(value) if isinstance(value, frozenset) else value


def action_document(action: Action) -> dict[str, Any]:
    doc: dict[str, Any] = {
        "do": action.do,
        "link": action.link,
        "connection": action.connection,
        "title": action.title,
        "ref": str(action.ref) if action.ref is not None else None,
        "key": action.key or None,
        "url": action.url or None,
        "fields": {n: {"from": plain(m.before), "to": plain(m.after)} for n, m in action.fields.items()},
        "because": action.because,
        "state": action.state,
    }
    if action.thread is not None:
        doc["thread"] = action.thread
        doc["fields"] = {"comments": {"from": action.was, "to": action.text}}
    return doc


def hold_document(hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.id,
        "link": hold.link or None,
        "ref": str(hold.ref) if hold.ref is not None else None,
        "field": hold.field,
        "base": plain(hold.base),
        "values": {c: plain(v) for c, v in hold.values.items()},
        "since": when(hold.since),
        "reason": hold.reason,
    }


def parked_document(parked: Parked) -> dict[str, Any]:
    return {
        "id": parked.id,
        "link": parked.link,
        "connection": parked.connection,
        "ref": parked.ref or None,
        "field": parked.field or None,
        "kind": parked.kind,
        "error": parked.error,
        "attempts": parked.attempts,
        "next_try": when(parked.next_try),
    }


def link_document(link: Link, copies: Mapping[str, Copy]) -> dict[str, Any]:
    kind = link.agreed.get("kind")
    owed = {c: sorted(fields) for c, fields in link.owed.items() if fields}
    for connection in sorted(link.wants):
        owed[connection] = ["create"]
    return {
        "id": link.id,
        "kind": kind if isinstance(kind, str) else None,
        "title": link.title,
        "copies": {
            c: {"ref": str(copy.ref), "key": copy.key, "url": copy.url, "state": str(copy.state)}
            for c, copy in sorted(copies.items())
        },
        "owed": owed,
    }


def when(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
