"""Which ADF may be overwritten: only what Markdown can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Node: TypeAlias = Mapping[str, Any]

_PRODUCED = frozenset(
    {
        "doc",
        "paragraph",
        "heading",
        "blockquote",
        "bulletList",
        "orderedList",
        "listItem",
        "codeBlock",
        "rule",
        "text",
        "hardBreak",
        "taskList",
        "taskItem",
        "table",
        "tableRow",
        "tableHeader",
        "tableCell",
        "mediaSingle",
        "media",
    }
)
_MARKS = frozenset({"link", "em", "strong", "strike", "code"})


def writable(adf: Mapping[str, Any] | str | None) -> bool:
    """Say whether *adf* holds only what `from_markdown` can make, so that writing it loses nothing.

    False for mentions, files, panels, statuses, cards, layouts, colours and the like, and for
    tables that are more than a header row over plain cells. Sizes and local ids do not count.
    """
    if adf is None or isinstance(adf, str):
        return True
    stack: list[object] = [adf]
    while stack:
        node = stack.pop()
        if not isinstance(node, Mapping) or not _is_plain(node):
            return False
        stack += _list(node, "content")
    return True


def _is_plain(node: Node) -> bool:
    kind = node.get("type")
    if kind not in _PRODUCED or not all(_is_plain_mark(node, mark) for mark in _list(node, "marks")):
        return False
    match kind:
        case "media":
            return _attrs(node).get("type") == "external"
        case "table":
            return _has_one_header(node)
        case "tableHeader" | "tableCell":
            return _is_plain_cell(node)
    return True


def _is_plain_mark(node: Node, mark: object) -> bool:
    if not isinstance(mark, Mapping):
        return False
    kind = mark.get("type")
    return kind in _MARKS if node.get("type") == "text" else kind == "link" and node.get("type") == "media"


def _has_one_header(table: Node) -> bool:
    rows = [_kinds(row) for row in _list(table, "content")]
    head = bool(rows) and rows[0] <= {"tableHeader"}
    return head and all(row <= {"tableCell"} for row in rows[1:])


def _is_plain_cell(cell: Node) -> bool:
    attrs = _attrs(cell)
    spans = {attrs.get("colspan", 1), attrs.get("rowspan", 1)} <= {1, None}
    return spans and not attrs.get("background") and _kinds(cell) <= {"paragraph"}


def _kinds(node: object) -> frozenset[str]:
    if not isinstance(node, Mapping):
        return frozenset()
    return frozenset(str(child.get("type")) for child in _list(node, "content") if isinstance(child, Mapping))


def _attrs(node: Node) -> Node:
    attrs = node.get("attrs")
    return attrs if isinstance(attrs, Mapping) else {}


def _list(node: Node, name: str) -> Sequence[object]:
    value = node.get(name)
    return value if isinstance(value, list | tuple) else ()
