"""What Jira refuses in a create or an edit, and what it makes of what it takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from syncer_jira.sandbox.site import Site
from syncer_jira.sandbox.things import KINDS, POINTS, PRIORITIES, START, Fields, Issue

SUMMARY_MAX = 255
LABEL_MAX = 255
TEXT_MAX = 32_767


class RefusedError(Exception):
    """An error answer: its status, messages, and texts by field."""

    def __init__(self, status: int, *messages: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(messages)
        self.status = status
        self.messages = messages
        self.fields = dict(fields or {})


@dataclass(slots=True)
class Edit:
    """One request's changes to one issue (None: one to be created), checked field by field."""

    site: Site
    issue: Issue | None
    errors: dict[str, str] = field(default_factory=dict)

    def read(self, body: Mapping[str, Any]) -> Fields:
        """Return the changes in the site's own values. Raises `RefusedError` naming every bad field."""
        fields, update = body.get("fields") or {}, body.get("update") or {}
        for name in set(fields) & set(update):
            self.errors[name] = f"Field '{name}' cannot be specified in both fields and update."
        changes: Fields = {}
        for name, value in fields.items():
            self._set(changes, name, value)
        for name, verbs in update.items():
            self._update(changes, name, verbs)
        self._family(changes)
        if self.issue is None:
            for name in ("summary", "issuetype", "project"):
                if name not in fields:
                    self.errors[name] = f"{name} is required"
        if self.errors:
            raise RefusedError(400, fields=self.errors)
        return changes

    def _set(self, changes: Fields, name: str, value: Any) -> None:  # noqa: ANN401 -- any JSON
        # Jira takes a status in an edit and ignores it, silently.
        if name == "status" and self.issue is not None:
            return
        if name == "project":
            self._project(value)
            return
        reader = _READERS.get(name)
        if reader is None:
            self.errors[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            return
        try:
            changes[name] = reader(self.site, value)
        except ValueError as error:
            self.errors[name] = str(error)

    def _project(self, value: Any) -> None:  # noqa: ANN401 -- any JSON
        named = value.get("key") or value.get("id") if isinstance(value, Mapping) else None
        if named not in {self.site.project, "10000"}:
            self.errors["project"] = "valid project is required"

    def _update(self, changes: Fields, name: str, verbs: Any) -> None:  # noqa: ANN401 -- any JSON
        if not isinstance(verbs, list) or not all(isinstance(v, Mapping) and len(v) == 1 for v in verbs):
            self.errors[name] = "update takes a list of operations."
            return
        for verb in verbs:
            ((operation, value),) = verb.items()
            self._verb(changes, name, operation, value)

    def _verb(self, changes: Fields, name: str, operation: str, value: Any) -> None:  # noqa: ANN401 -- any JSON
        if name == "labels" and operation in {"add", "remove"}:
            present = changes.get("labels", list(self.issue.fields["labels"]) if self.issue else [])
            try:
                (label,) = _labels(self.site, [value])
            except ValueError as error:
                self.errors["labels"] = str(error)
                return
            rest = [n for n in present if n != label]
            changes["labels"] = [*rest, label] if operation == "add" else rest
        elif name == "parent" and operation == "set" and isinstance(value, Mapping) and value.get("none") is True:
            changes["parent"] = None
        elif operation == "set":
            self._set(changes, name, value)
        else:
            self.errors[name] = f"Field does not support update '{operation}'"

    def _family(self, changes: Fields) -> None:
        """A parent stands one level above its child; a sub-task has one."""
        before: Mapping[str, Any] = self.issue.fields if self.issue else {"issuetype": "10002", "parent": None}
        if not {"issuetype", "parent"} & set(changes) or "parent" in self.errors:
            return
        kind = self.site.kind(changes.get("issuetype") or before["issuetype"])
        parent = changes.get("parent", before["parent"])
        if self.issue is not None and (kind.level < 0) is not (self.site.kind(before["issuetype"]).level < 0):
            self.errors["issuetype"] = "The issue type selected is invalid."
        if parent is None and kind.level < 0:
            self.errors["parent"] = "Issue type is a sub-task but parent issue key or id not specified."
        if parent is not None and self.site.kind(self.site.issues[parent].fields["issuetype"]).level != kind.level + 1:
            self.errors["parent"] = "Given parent work item does not belong to appropriate hierarchy."


def _summary(_: Site, value: Any) -> str:  # noqa: ANN401 -- any JSON
    if not isinstance(value, str) or not value.strip():
        raise ValueError("You must specify a summary of the issue.")
    if len(value) > SUMMARY_MAX:
        raise ValueError("Summary can't exceed 255 characters.")
    if "\n" in value or "\r" in value:
        raise ValueError("The summary is invalid because it contains newline characters.")
    return value.strip()


def document(_: Site, value: Any) -> Any:  # noqa: ANN401 -- any JSON
    """Return *value* if it is a document or nothing. Raises ValueError otherwise."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or value.get("type") != "doc" or value.get("version") != 1:
        raise ValueError("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
    if not isinstance(value.get("content"), list):
        raise ValueError("INVALID_INPUT")  # noqa: TRY004 -- one kind of refusal
    if _text_length(value) > TEXT_MAX:
        raise ValueError("The entered text is too long. It exceeds the allowed limit of 32,767 characters.")
    return value if value["content"] else None


def _text_length(node: Any) -> int:  # noqa: ANN401 -- any JSON
    """Return how much text a node holds. Raises ValueError for what is no node."""
    if not isinstance(node, Mapping) or not isinstance(node.get("type"), str):
        raise ValueError("INVALID_INPUT")  # noqa: TRY004 -- one kind of refusal
    if node["type"] != "text":
        return sum(_text_length(n) for n in node.get("content", ()))
    if not isinstance(node.get("text"), str) or not node["text"]:
        raise ValueError("INVALID_INPUT")
    return len(node["text"])


def _kind(_: Site, value: Any) -> str:  # noqa: ANN401 -- any JSON
    return _chosen(value, {k.id: k.name for k in KINDS}, "The issue type selected is invalid.")


def _priority(_: Site, value: Any) -> str | None:  # noqa: ANN401 -- any JSON
    if value is None:
        return None
    return _chosen(value, PRIORITIES, "The priority selected is invalid.")


def _chosen(value: Any, offered: Mapping[str, str], otherwise: str) -> str:  # noqa: ANN401 -- any JSON
    if not isinstance(value, Mapping):
        raise ValueError("expected Object")  # noqa: TRY004 -- one kind of refusal
    for id_, name in offered.items():
        if value.get("id") == id_ or ("id" not in value and value.get("name") == name):
            return id_
    raise ValueError(otherwise)


def _labels(_: Site, value: Any) -> list[str]:  # noqa: ANN401 -- any JSON
    if not isinstance(value, list) or not all(isinstance(n, str) and n for n in value):
        raise ValueError("expected list of strings")
    for label in value:
        if re.search(r"\s", label):
            raise ValueError(f"The label '{label}' contains spaces which is invalid.")
        if len(label) > LABEL_MAX:
            raise ValueError(f"The label '{label[:20]}...' exceeds the maximum length for a single label of 255.")
    return list(dict.fromkeys(value))


def _user(site: Site, value: Any) -> str | None:  # noqa: ANN401 -- any JSON
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError("expected Object")  # noqa: TRY004 -- one kind of refusal
    id_ = value.get("accountId", value.get("id"))
    if id_ is None:
        return None
    if id_ not in site.users:
        raise ValueError(f"User '{id_}' does not exist.")
    return str(id_)


def _date(_: Site, value: Any) -> str | None:  # noqa: ANN401 -- any JSON
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError("Error parsing date string; use the format yyyy-MM-dd") from None


def _number(_: Site, value: Any) -> float | None:  # noqa: ANN401 -- any JSON
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Operation value must be a number")  # noqa: TRY004 -- one kind of refusal
    return float(value)


def _parent(site: Site, value: Any) -> int | None:  # noqa: ANN401 -- any JSON
    if value is None:
        return None
    named = value.get("id") or value.get("key") if isinstance(value, Mapping) else None
    parent = site.issue(str(named)) if named else None
    if parent is None:
        raise ValueError("Could not find issue by id or key.")
    return parent.id


_READERS: Mapping[str, Callable[[Site, Any], Any]] = {
    "summary": _summary,
    "description": document,
    "issuetype": _kind,
    "priority": _priority,
    "labels": _labels,
    "assignee": _user,
    "reporter": _user,
    "duedate": _date,
    "parent": _parent,
    POINTS: _number,
    START: _date,
}


def properties(raw: Any) -> Mapping[str, Any]:  # noqa: ANN401 -- any JSON
    """Return the entity properties of a create. Raises `RefusedError` for malformed ones."""
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise RefusedError(400, "properties must be a list")
    for one in raw:
        if not isinstance(one, Mapping) or not one.get("key") or one.get("value") is None:
            raise RefusedError(400, "a property has a key and a value")
    return {str(p["key"]): p["value"] for p in raw}
