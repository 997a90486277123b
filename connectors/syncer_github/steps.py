"""A patch split into single requests, in the order to be sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from syncer.model import JSON, Delta, Patch

EDITED = ("title", "body", "type", "state", "state_reason")
"""Native fields that one PATCH changes together."""


@dataclass(frozen=True, slots=True)
class Request:
    """One write under an issue's path; `answers` is what GitHub answers it with."""

    method: Literal["PATCH", "POST", "DELETE"]
    path: str
    body: Any
    answers: Literal["issue", "labels"] = "issue"


def steps(patch: Patch) -> Sequence[Patch]:
    """Return *patch* as writes of one request each.

    A `state_reason` without a `state` is a closed issue to be closed for another reason: GitHub
    only listens to a reason when the state changes, so it is opened first. A `parent` is a step of its own, and
    of more than one request where somebody interferes.
    """
    return [
        *_edits(patch),
        *_deltas("labels", patch.get("labels")),
        *_deltas("assignees", patch.get("assignees")),
        *([{"parent": patch["parent"]}] if "parent" in patch else []),
    ]


def _edits(patch: Patch) -> list[Patch]:
    edit = {name: patch[name] for name in EDITED if name in patch}
    if not edit:
        return []
    if "state_reason" not in edit or "state" in edit:
        return [edit]
    reason = edit.pop("state_reason")
    return [{**edit, "state": "open"}, {"state": "closed", "state_reason": reason}]


def _deltas(name: str, delta: JSON | Delta) -> list[Patch]:
    if not isinstance(delta, Delta):
        return []
    adds: list[Patch] = [{name: Delta(add=delta.add)}] if delta.add else []
    if name == "assignees":
        return adds + ([{name: Delta(remove=delta.remove)}] if delta.remove else [])
    return adds + [{name: Delta(remove=frozenset({one}))} for one in sorted(delta.remove)]


def request_for(step: Patch) -> Request:
    """Return the request that sends one of `steps`."""
    labels, people = step.get("labels"), step.get("assignees")
    if isinstance(labels, Delta) and labels.add:
        return Request("POST", "/labels", {"labels": sorted(labels.add)}, "labels")
    if isinstance(labels, Delta):
        name = next(iter(sorted(labels.remove)), "")
        return Request("DELETE", f"/labels/{quote(name, safe='')}", None, "labels")
    if isinstance(people, Delta) and people.add:
        return Request("POST", "/assignees", {"assignees": sorted(people.add)})
    if isinstance(people, Delta):
        return Request("DELETE", "/assignees", {"assignees": sorted(people.remove)})
    return Request("PATCH", "", dict(step))
