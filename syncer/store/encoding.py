"""Values to JSON text and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncer.model import Account, Comment, Delta, Native, Ref, Value


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def loads(text: str) -> Any:  # noqa: ANN401 -- the JSON border
    return json.loads(text) if text else None


def stamp(moment: datetime | None) -> str:
    """Return a time as text that sorts like the time."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def surely(text: str) -> datetime:
    found = moment(text)
    return found if found is not None else datetime.fromtimestamp(0, UTC)


def value_out(value: Value) -> object:
    return {"set": sorted(value)} if isinstance(value, frozenset) else value


def value_in(raw: Any) -> Value:  # noqa: ANN401 -- the JSON border
    return frozenset(raw["set"]) if isinstance(raw, dict) else raw


def owed_out(owed: Delta | None) -> object:
    return None if owed is None else {"add": sorted(owed.add), "remove": sorted(owed.remove)}


def owed_in(raw: Any) -> Delta | None:  # noqa: ANN401 -- the JSON border
    return None if raw is None else Delta(frozenset(raw["add"]), frozenset(raw["remove"]))


def base_out(base: Mapping[str, Native], seen: Native) -> dict[str, object]:
    """Return bases in short: a slice that equals what is seen is only its field names."""
    return {
        name: sorted(part) if all(seen.get(k) == v for k, v in part.items()) else dict(part)
        for name, part in base.items()
    }


def base_in(raw: Mapping[str, Any], seen: Native) -> dict[str, Native]:
    return {name: {k: seen.get(k) for k in part} if isinstance(part, list) else part for name, part in raw.items()}


def account_out(account: Account | None) -> object:
    return None if account is None else [account.id, account.name, account.email]


def account_in(raw: Sequence[Any] | None) -> Account | None:
    return None if raw is None else Account(raw[0], raw[1], raw[2])


def comment_out(comment: Comment) -> dict[str, object]:
    return {
        "ref": str(comment.ref),
        "body": comment.body,
        "author": account_out(comment.author),
        "url": comment.url,
        "marker": comment.marker,
        "own": comment.own,
    }


def comment_in(doc: Mapping[str, Any], created: str, updated: str, item: str) -> Comment:
    return Comment(
        ref=Ref.parse(doc["ref"]),
        item=item,
        body=doc["body"],
        author=account_in(doc["author"]) or Account(""),
        created=surely(created),
        updated=surely(updated),
        url=doc["url"],
        marker=doc["marker"],
        own=doc["own"],
    )
