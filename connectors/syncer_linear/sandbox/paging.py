"""Relay connections, newest first, whichever of the two stamps they are ordered by."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from syncer_linear.sandbox.refusals import invalid, refused

DEFAULT = 50
LARGEST = 250
Row = TypeVar("Row")
Key = tuple[datetime, str]


def connection(
    rows: Iterable[Row],
    args: Mapping[str, Any],
    key: Callable[[Row, str], Key],
    passing: Callable[[Row], bool],
    view: Callable[[Row], Mapping[str, Any]],
) -> dict[str, Any]:
    """Return one page. A cursor names its row, which is looked for under today's order."""
    order = args.get("orderBy") or "createdAt"
    every = sorted(rows, key=lambda row: key(row, order), reverse=True)
    chosen = [row for row in every if passing(row)]
    stamps = {key(row, order)[1]: key(row, order) for row in every}
    if args.get("after"):
        mark = _anchor(args["after"], stamps)
        chosen = [row for row in chosen if key(row, order) < mark]
    if args.get("before"):
        mark = _anchor(args["before"], stamps)
        chosen = [row for row in chosen if key(row, order) > mark]
    page, more, less = _cut(chosen, args)
    ids = [_cursor(key(row, order)[1]) for row in page]
    nodes = [view(row) for row in page]
    return {
        "nodes": nodes,
        "edges": [{"cursor": id_, "node": node} for id_, node in zip(ids, nodes, strict=True)],
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": less or bool(args.get("after")),
            "startCursor": ids[0] if ids else None,
            "endCursor": ids[-1] if ids else None,
        },
    }


def size(args: Mapping[str, Any]) -> int:
    """Return how many rows are asked for. Refuses what is not 1..250."""
    for name in ("first", "last"):
        asked = args.get(name)
        if asked is None:
            continue
        if asked > LARGEST:
            raise invalid(name, f"must not be greater than {LARGEST}")
        if asked < 1:
            raise invalid(name, "must not be less than 1")
    return int(args.get("first") or args.get("last") or DEFAULT)


def _cut(chosen: Sequence[Row], args: Mapping[str, Any]) -> tuple[Sequence[Row], bool, bool]:
    many = size(args)
    backwards = args.get("last") is not None and args.get("first") is None
    if backwards:
        return chosen[-many:], False, len(chosen) > many
    return chosen[:many], len(chosen) > many, False


def _cursor(id_: str) -> str:
    return base64.b64encode(id_.encode()).decode()


def _anchor(cursor: str, stamps: Mapping[str, Key]) -> Key:
    try:
        id_ = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        id_ = ""
    if id_ not in stamps:
        raise refused("Invalid cursor", "The cursor does not name a row.")
    return stamps[id_]
