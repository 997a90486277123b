"""What a Jira site holds, as values: people, words, levels, comments, issues. Changing one makes a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Fields = dict[str, Any]

POINTS = "customfield_10016"
START = "customfield_10015"
BOT = "syncer"
OTHER = "ATTIC"
"""A second project, to move issues to."""

PEOPLE: Mapping[str, str] = {
    "jane": "Jane Doe",
    "omar": "Omar Haddad",
    "mia": "Mia Chen",
    "ravi": "Ravi Shah",
    BOT: "Syncer",
}
PRIORITIES: Mapping[str, str] = {"1": "Highest", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"}
RESOLUTIONS: Mapping[str, str] = {
    "10000": "Done",
    "10001": "Won't Do",
    "10002": "Duplicate",
    "10003": "Cannot Reproduce",
}
CATEGORIES: Mapping[str, tuple[int, str, str]] = {
    "new": (2, "blue-gray", "To Do"),
    "indeterminate": (4, "yellow", "In Progress"),
    "done": (3, "green", "Done"),
}
STATUSES: Mapping[str, str] = {
    "To Do": "new",
    "In Progress": "indeterminate",
    "In Review": "indeterminate",
    "Done": "done",
}
EDGES: Mapping[str, Sequence[str]] = {
    "To Do": ("In Progress", "Done"),
    "In Progress": ("To Do", "In Review", "Done"),
    "In Review": ("To Do", "In Progress", "Done"),
    "Done": ("To Do", "In Progress"),
}


@dataclass(frozen=True, slots=True)
class User:
    """A person, or the sync's own account."""

    name: str
    id: str
    display: str
    email: str


@dataclass(frozen=True, slots=True)
class Status:
    """A status of the workflow; `category` is Jira's key for it."""

    id: str
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class Kind:
    """An issue type. Level -1 is a sub-task, 0 the base, 1 an epic."""

    id: str
    name: str
    level: int


KINDS = (
    Kind("10000", "Epic", 1),
    Kind("10001", "Story", 0),
    Kind("10002", "Task", 0),
    Kind("10003", "Bug", 0),
    Kind("10004", "Sub-task", -1),
    Kind("10005", "Initiative", 2),
)


@dataclass(frozen=True, slots=True)
class Level:
    """An issue security level; `ours` lets the sync's account in."""

    id: str
    name: str
    ours: bool


LEVELS = (Level("10100", "Staff", ours=True), Level("10101", "Board", ours=False))


@dataclass(frozen=True, slots=True)
class Note:
    """A comment; `restricted` ones are for a role only."""

    id: str
    author: str
    body: Mapping[str, Any]
    created: datetime
    updated: datetime
    restricted: bool = False
    editor: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an issue's history."""

    id: str
    author: str
    at: datetime
    items: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as it stands; changing one makes a new value, so that an index may lag."""

    id: int
    key: str
    fields: Mapping[str, Any]
    created: datetime
    updated: datetime
    creator: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    log: tuple[Entry, ...] = ()
    level: Level | None = None
    archived: datetime | None = None
    archiver: str | None = None

    @property
    def hidden(self) -> bool:
        return self.level is not None and not self.level.ours

    @property
    def project(self) -> str:
        return self.key.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to an issue, or to a comment on it, as webhooks tell it.

    `name` is Jira's `webhookEvent`, `kind` its `issue_event_type_name`. `primary` is False for the
    fallout of another event, as of comments deleted with their issue.
    """

    name: str
    issue: Issue
    kind: str | None = None
    who: str | None = None
    entry: Entry | None = None
    note: Note | None = None
    primary: bool = True
