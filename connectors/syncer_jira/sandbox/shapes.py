"""How the sandbox says things: Jira's JSON for what the site holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from syncer_jira.sandbox.site import Site
from syncer_jira.sandbox.things import (
    CATEGORIES,
    POINTS,
    PRIORITIES,
    RESOLUTIONS,
    START,
    Entry,
    Issue,
    Kind,
    Level,
    Note,
    Status,
)

Shape = dict[str, Any]

EMBEDDED = 20
"""Comments that come with an issue; the rest must be asked for."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """*base* is the address the request came to, *version* that of the REST API which links lead to."""

    site: Site
    base: str
    version: int = 3

    def link(self, path: str) -> str:
        return f"{self.base}/rest/api/{self.version}/{path}"

    def time(self, at: datetime) -> str:
        """Return Jira's form: the site's zone, an offset without a colon."""
        local = at.astimezone(ZoneInfo(self.site.zone))
        return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"

    def user(self, id_: str | None, *, own: bool = False) -> Shape | None:
        if id_ is None:
            return None
        user = self.site.users[id_]
        shape: Shape = {
            "self": self.link(f"user?accountId={id_}"),
            "accountId": id_,
            "accountType": "atlassian",
            "displayName": user.display,
            "active": True,
        }
        if self.site.account_zone is not None:
            shape["timeZone"] = self.site.account_zone
        if own or self.site.emails:
            shape["emailAddress"] = user.email
        return shape

    def status(self, status: Status) -> Shape:
        number, colour, name = CATEGORIES[status.category]
        return {
            "self": self.link(f"status/{status.id}"),
            "description": "",
            "iconUrl": f"{self.base}/images/icons/status.png",
            "id": status.id,
            "name": status.name,
            "statusCategory": {
                "self": self.link(f"statuscategory/{number}"),
                "id": number,
                "key": status.category,
                "colorName": colour,
                "name": name,
            },
        }

    def kind(self, kind: Kind) -> Shape:
        return {
            "self": self.link(f"issuetype/{kind.id}"),
            "id": kind.id,
            "name": kind.name,
            "description": "",
            "iconUrl": f"{self.base}/images/icons/issuetype.png",
            "subtask": kind.level < 0,
            "hierarchyLevel": kind.level,
        }

    def priority(self, id_: str | None) -> Shape | None:
        if id_ is None:
            return None
        return {"self": self.link(f"priority/{id_}"), "id": id_, "name": PRIORITIES[id_]}

    def resolution(self, id_: str | None) -> Shape | None:
        if id_ is None:
            return None
        return {"self": self.link(f"resolution/{id_}"), "id": id_, "name": RESOLUTIONS[id_], "description": ""}

    def level(self, level: Level) -> Shape:
        return {
            "self": self.link(f"securitylevel/{level.id}"),
            "id": level.id,
            "name": level.name,
            "description": "",
        }

    def project(self, key: str) -> Shape:
        number = "10000" if key == self.site.project else "10001"
        return {"self": self.link(f"project/{number}"), "id": number, "key": key, "name": f"{key.title()} project"}

    def note(self, note: Note, issue: Issue) -> Shape:
        author = self.user(note.author)
        shape = {
            "self": self.link(f"issue/{issue.id}/comment/{note.id}"),
            "id": note.id,
            "author": author,
            "body": note.body,
            "updateAuthor": self.user(note.editor or note.author),
            "created": self.time(note.created),
            "updated": self.time(note.updated),
            "jsdPublic": True,
        }
        if note.restricted:
            shape["visibility"] = {"type": "role", "value": "Administrators", "identifier": "Administrators"}
        return shape

    def notes(self, issue: Issue, start: int, most: int) -> Shape:
        shown = self.site.audible(issue)
        return {
            "comments": [self.note(n, issue) for n in shown[start : start + most]],
            "maxResults": most,
            "total": len(shown),
            "startAt": start,
        }

    def entry(self, entry: Entry) -> Shape:
        return {
            "id": entry.id,
            "author": self.user(entry.author),
            "created": self.time(entry.at),
            "items": list(entry.items),
        }

    def parent(self, id_: int | None) -> Shape | None:
        parent = self.site.issues.get(id_) if id_ is not None else None
        if parent is None:
            return None
        return {
            "id": str(parent.id),
            "key": parent.key,
            "self": self.link(f"issue/{parent.id}"),
            "fields": {
                "summary": parent.fields["summary"],
                "status": self.status(self.site.status(parent.fields["status"])),
                "issuetype": self.kind(self.site.kind(parent.fields["issuetype"])),
            },
        }

    def fields(self, issue: Issue) -> Shape:
        held = issue.fields
        shape = {
            "summary": held["summary"],
            "description": held["description"],
            "issuetype": self.kind(self.site.kind(held["issuetype"])),
            "status": self.status(self.site.status(held["status"])),
            "resolution": self.resolution(held["resolution"]),
            "priority": self.priority(held["priority"]),
            "labels": list(held["labels"]),
            "assignee": self.user(held["assignee"]),
            "reporter": self.user(held["reporter"]),
            "creator": self.user(issue.creator),
            "duedate": held["duedate"],
            "project": self.project(issue.project),
            "created": self.time(issue.created),
            "updated": self.time(issue.updated),
            "comment": {**self.notes(issue, 0, EMBEDDED), "self": self.link(f"issue/{issue.id}/comment")},
            POINTS: held[POINTS],
            START: held[START],
        }
        # An issue without a parent has no such field at all.
        parent = self.parent(held["parent"])
        if parent:
            shape["parent"] = parent
        if self.site.levels:
            shape["security"] = self.level(issue.level) if issue.level else None
        if issue.archived and self.site.tells_archived:
            shape |= {"archiveddate": self.time(issue.archived), "archivedby": self.user(issue.archiver)}
        return shape

    def issue(self, issue: Issue, names: Collection[str], properties: Sequence[str] = ()) -> Shape:
        """Return the issue with the fields asked for; the id alone for none."""
        if not set(names) - {"id"} and not properties:
            return {"id": str(issue.id)}
        shape: Shape = {"expand": "", "id": str(issue.id), "self": self.link(f"issue/{issue.id}"), "key": issue.key}
        shape["fields"] = _chosen(self.fields(issue), names)
        if properties:
            shape["properties"] = {k: v for k, v in issue.properties.items() if k in properties}
        return shape

    def edge(self, id_: str, target: Status, *, full: bool) -> Shape:
        shape: Shape = {
            "id": id_,
            "name": "Reopen" if target.category == "new" else f"Move to {target.name}",
            "to": self.status(target),
            "hasScreen": target.category == "done",
            "isGlobal": False,
            "isInitial": False,
            "isAvailable": True,
            "isConditional": False,
            "looped": False,
        }
        if full:
            shape["fields"] = {"resolution": self._resolution_field()} if target.category == "done" else {}
        return shape

    def _resolution_field(self) -> Shape:
        return {
            "required": False,
            "schema": {"type": "resolution", "system": "resolution"},
            "name": "Resolution",
            "key": "resolution",
            "operations": ["set"],
            "hasDefaultValue": False,
            "allowedValues": [self.resolution(id_) for id_ in RESOLUTIONS],
        }

    def screen(self, kind: Kind) -> list[Shape]:
        """Return the fields of a create screen."""
        fields = [
            ("summary", "Summary", {"type": "string", "system": "summary"}, ["set"]),
            ("issuetype", "Issue Type", {"type": "issuetype", "system": "issuetype"}, []),
            ("project", "Project", {"type": "project", "system": "project"}, ["set"]),
            ("description", "Description", {"type": "string", "system": "description"}, ["set"]),
            ("priority", "Priority", {"type": "priority", "system": "priority"}, ["set"]),
            ("labels", "Labels", {"type": "array", "items": "string", "system": "labels"}, ["add", "set", "remove"]),
            ("assignee", "Assignee", {"type": "user", "system": "assignee"}, ["set"]),
            ("duedate", "Due date", {"type": "date", "system": "duedate"}, ["set"]),
            ("parent", "Parent", {"type": "issuelink", "system": "parent"}, ["set"]),
            *((f["id"], f["name"], f["schema"], ["set"]) for f in CUSTOM_FIELDS),
        ]
        needed = {"summary", "issuetype", "project", *(["parent"] if kind.level < 0 else [])}
        return [
            {
                "fieldId": id_,
                "key": id_,
                "name": name,
                "schema": schema,
                "operations": operations,
                "required": id_ in needed,
                "hasDefaultValue": id_ == "priority",
                **({"allowedValues": [self.priority(p) for p in PRIORITIES]} if id_ == "priority" else {}),
            }
            for id_, name, schema, operations in fields
        ]


CUSTOM_FIELDS: Sequence[Mapping[str, Any]] = (
    {
        "id": POINTS,
        "key": POINTS,
        "name": "Story point estimate",
        "custom": True,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": ["Story point estimate", "cf[10016]"],
        "schema": {
            "type": "number",
            "custom": "com.pyxis.greenhopper.jira:jsw-story-points",
            "customId": 10016,
        },
    },
    {
        "id": START,
        "key": START,
        "name": "Start date",
        "custom": True,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": ["Start date", "cf[10015]"],
        "schema": {
            "type": "date",
            "custom": "com.atlassian.jira.plugin.system.customfieldtypes:datepicker",
            "customId": 10015,
        },
    },
)
SYSTEM_FIELDS: Mapping[str, str] = {
    "summary": "string",
    "description": "string",
    "issuetype": "issuetype",
    "status": "status",
    "resolution": "resolution",
    "priority": "priority",
    "labels": "array",
    "assignee": "user",
    "reporter": "user",
    "duedate": "date",
    "created": "datetime",
    "updated": "datetime",
}


def system_fields() -> list[Shape]:
    return [
        {
            "id": name,
            "key": name,
            "name": name.capitalize(),
            "custom": False,
            "orderable": True,
            "navigable": True,
            "searchable": True,
            "clauseNames": [name],
            "schema": {"type": kind, "system": name},
        }
        for name, kind in SYSTEM_FIELDS.items()
    ]


def _chosen(fields: Shape, names: Collection[str]) -> Shape:
    if {"*all", "*navigable"} & set(names):
        return {k: v for k, v in fields.items() if f"-{k}" not in names}
    return {k: v for k, v in fields.items() if k in names}
