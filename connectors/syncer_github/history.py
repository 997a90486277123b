"""Who changed which field when, from an issue's own events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from syncer.model import Edited
from syncer_github.api import Raw
from syncer_github.records import stamp

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "closed": ("status",),
    "reopened": ("status",),
    "renamed": ("title",),
    "assigned": ("assignees",),
    "unassigned": ("assignees",),
    "issue_type_added": ("kind",),
    "issue_type_changed": ("kind",),
    "issue_type_removed": ("kind",),
    "parent_issue_added": ("parent",),
    "parent_issue_removed": ("parent",),
}
_LABELLED = frozenset({"labeled", "unlabeled"})
_OTHER_WORDS = frozenset({"state", "reason", "type", "field"})


def edited(events: Iterable[Raw], worded: Mapping[str, frozenset[str]]) -> dict[str, Edited]:
    """Return the newest edit of each field. *worded*: the labels that are words of a field."""
    newest: dict[str, Edited] = {}
    for event in events:
        found = _edit(event)
        if found is None:
            continue
        for field in _fields(event, worded):
            if field not in newest or newest[field].at <= found.at:
                newest[field] = found
    return newest


def _edit(event: Raw) -> Edited | None:
    actor = event.get("actor")
    try:
        at = stamp(event.get("created_at"))
    except ValueError:
        return None
    return Edited(at, actor.get("login") if isinstance(actor, dict) else None)


def _fields(event: Raw, worded: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    name = event.get("event")
    if name not in _LABELLED:
        return _FIELDS.get(str(name), ())
    label = event.get("label")
    said = str(label.get("name", "")).casefold() if isinstance(label, dict) else ""
    return tuple(f for f, labels in worded.items() if said in labels) or ("labels",)


def worded_labels(tables: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the labels that the mapping's tables use as words, by field."""
    fields = tables.get("fields", tables)
    found = {
        "status": frozenset(_labels(fields.get("status"), bare=False)),
        "kind": frozenset(_labels(fields.get("kind"), bare=True)),
        "priority": frozenset(_labels(fields.get("priority"), bare=True)),
    }
    return {f: labels for f, labels in found.items() if labels}


def _labels(node: object, *, bare: bool) -> Iterable[str]:
    """Yield the labels *node* names; *bare* says that a word without a name is a label, too."""
    if isinstance(node, str) and bare:
        yield node.casefold()
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _labels(one, bare=bare)
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if key in {"label", ""} and isinstance(value, str):
                if key == "label" or bare:
                    yield value.casefold()
            elif isinstance(value, Mapping | list | tuple) or key not in _OTHER_WORDS:
                yield from _labels(value, bare=bare)
