"""From a patch to the bodies of Jira's writes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncer.model import JSON, Delta, Draft, Patch
from syncer_jira.api import MARK

TRANSITION_FIELDS = frozenset({"status", "resolution"})


def steps(patch: Patch) -> Sequence[Patch]:
    """Return one edit of the fields, then one transition: a closed issue often cannot be edited."""
    moved = {k: v for k, v in patch.items() if k in TRANSITION_FIELDS} if "status" in patch else {}
    rest = {k: v for k, v in patch.items() if k not in moved}
    return [step for step in (rest, moved) if step]


def edit(patch: Patch) -> dict[str, Any]:
    """Return the body of an edit: values are set, elements of a set added and removed one by one."""
    fields: dict[str, Any] = {}
    update: dict[str, Any] = {}
    for name, want in patch.items():
        if isinstance(want, Delta):
            update[name] = [{"add": n} for n in sorted(want.add)] + [{"remove": n} for n in sorted(want.remove)]
        elif name == "parent" and want is None:
            update[name] = [{"set": {"none": True}}]
        else:
            fields[name] = _reference(name, want)
    return {k: v for k, v in (("fields", fields), ("update", update)) if v}


def creation(draft: Draft, project: str) -> dict[str, Any]:
    """Return the body of a create: the marker travels in it, so that it is there from the start."""
    fields: dict[str, Any] = {"project": {"key": project}}
    for name, want in draft.patch.items():
        if isinstance(want, Delta):
            fields[name] = sorted(want.add)
        elif want is not None and name not in TRANSITION_FIELDS:
            fields[name] = _reference(name, want)
    return {"fields": fields, "properties": [{"key": MARK, "value": {"marker": draft.marker}}]}


_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "issuetype": ("id", "name"),
    "priority": ("id", "name"),
    "resolution": ("id", "name"),
    "parent": ("id", "key"),
    "assignee": ("accountId",),
}


def _reference(name: str, want: JSON) -> JSON:
    """Return the one member by which Jira finds an object; the others it would refuse or ignore."""
    if not isinstance(want, Mapping):
        return want
    for member in _NAMED_BY.get(name, ()):
        if want.get(member):
            return {member: want[member]}
    return want
