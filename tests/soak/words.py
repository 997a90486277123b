"""What the words of three trackers mean, told once more and by hand: what the mappers say is compared with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from syncer.model import Value, fold

TRACKERS = ("jira", "github", "linear")
KINDS = ("Epic", "Story", "Task", "Bug")
"""Jira's issue types; on Linear the labels that stand for them."""
PERSONS = ("jane", "omar", "mia", "ravi")
SIMPLE: Mapping[str, Sequence[str]] = {
    "jira": ("title", "status", "priority", "assignees", "due", "estimate"),
    "github": ("title", "status", "assignees"),
    "linear": ("title", "status", "priority", "assignees", "due", "estimate"),
}
"""By tracker, the fields a person changes at one go; two of the trackers take a single assignee."""

STATUSES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "jira": [
        {"status": "To Do"},
        {"status": "In Progress"},
        {"status": "In Review"},
        {"status": "Done", "resolution": "Done"},
    ],
    "github": [{"status": "open"}, {"status": "closed"}, {"status": "not_planned"}],
    "linear": [{"status": s} for s in ("Backlog", "Todo", "In Progress", "In Review", "Done", "Canceled")],
}
"""By tracker, what a person can set to move an item on. GitHub's label "in progress" comes on top. Nobody
on Jira closes as Won't Do: from there no transition leads to Done, and what cannot be said is parked."""
UNDER_WAY = "in progress"

_STATUS = {
    "jira": {"To Do": "planned", "In Progress": "started", "In Review": "review", "Done": "done"},
    "github": {"open": "planned", "closed": "done", "not_planned": "canceled", "duplicate": "canceled"},
    "linear": {
        "Backlog": "backlog",
        "Todo": "planned",
        "In Progress": "started",
        "In Review": "review",
        "Done": "done",
        "Canceled": "canceled",
        "Duplicate": "canceled",
    },
}
PRIORITIES: Mapping[str, Mapping[Any, str]] = {
    "jira": {"Highest": "urgent", "High": "high", "Medium": "medium", "Low": "low", "Lowest": "low"},
    "linear": {0: "none", 1: "urgent", 2: "high", 3: "medium", 4: "low"},
}
LABELS = ("roadmap", "mobile", "pay", "good first issue", "perf", "infra/db")
TOKEN = re.compile(r"\bw\d+\b")
"""Every line that a person writes has a word of its own: so lines are found again in every spelling."""
NAME = re.compile(r"\bT\d+\b")
REMARK = re.compile(r"\bC\d+\b")
_MARK = re.compile(r"<!--.*?-->", re.DOTALL)


def meaning(tracker: str, name: str, shown: Mapping[str, Any]) -> Value:
    """Return what a field of a record means, as a person reads it; of a text the words its lines are known by."""
    said = shown[name]
    match name:
        case "status":
            return _status(tracker, shown)
        case "priority":
            return PRIORITIES[tracker][said]
        case "labels":
            ours = {UNDER_WAY} if tracker == "github" else {k.casefold() for k in KINDS if tracker == "linear"}
            return frozenset(fold(n) for n in said if n.casefold() not in ours)
        case "assignees":
            return frozenset(f"{n}@acme.example" for n in said)
        case "body":
            return tokens(said)
        case "estimate":
            return None if said is None else float(said)
        case _:
            return said  # type: ignore[no-any-return]  # a title or a date


def _status(tracker: str, shown: Mapping[str, Any]) -> str:
    said = _STATUS[tracker][shown["status"]]
    if tracker == "jira" and said == "done" and shown["resolution"] not in {"Done", None}:
        return "canceled"
    return "started" if said == "planned" and tracker == "github" and UNDER_WAY in shown["labels"] else said


def tokens(text: object) -> frozenset[str]:
    return frozenset(TOKEN.findall(_MARK.sub("", text))) if isinstance(text, str) else frozenset()


def alike(value: object) -> object:
    """Return a value of the audit trail or of a link as `meaning` has it."""
    if isinstance(value, list | tuple | set | frozenset):
        return frozenset(fold(str(v)) for v in value)
    return float(value) if isinstance(value, int | float) else value
