"""The state of the sandbox: one Jira site with its projects, people, workflow and issues."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
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
class Note:
    """A comment; `restricted` ones are for a role only."""

    id: str
    author: str
    body: Mapping[str, Any]
    created: datetime
    updated: datetime
    restricted: bool = False


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
    hidden: bool = False

    @property
    def project(self) -> str:
        return self.key.partition("-")[0]


@dataclass(slots=True)
class Site:
    """Everything behind the API. Take `lock` around every use."""

    clock: Callable[[], datetime]
    project: str
    zone: str
    account_zone: str | None
    emails: bool
    statuses: Sequence[Status]
    edges: Mapping[str, Sequence[str]]
    lag: timedelta
    lock: threading.RLock = field(default_factory=threading.RLock)
    issues: dict[int, Issue] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    versions: dict[int, list[tuple[datetime, Issue]]] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    readable: bool = True
    _numbers: dict[str, int] = field(default_factory=dict)
    _last: datetime | None = None
    _next: int = 10_000

    def __post_init__(self) -> None:
        for number, (name, display) in enumerate(PEOPLE.items()):
            id_ = f"5b10a2844c20165700ede2{number:02x}"
            self.users[id_] = User(name, id_, display, f"{name}@acme.example")

    # -- names -----------------------------------------------------------------------------------

    def account(self, name: str) -> str:
        return next(u.id for u in self.users.values() if u.name == name)

    def status(self, id_: str) -> Status:
        return next(s for s in self.statuses if s.id == id_)

    def status_named(self, name: str) -> Status:
        return next(s for s in self.statuses if s.name.casefold() == name.casefold())

    def kind(self, id_: str) -> Kind:
        return next(k for k in KINDS if k.id == id_)

    def exits(self, status: Status) -> list[tuple[str, Status]]:
        """Return (transition id, target) for every edge leaving *status*."""
        targets = [self.status_named(name) for name in self.edges.get(status.name, ())]
        return [(f"{int(status.id) % 100}{int(t.id) % 100:02d}", t) for t in targets]

    def issue(self, id_or_key: str) -> Issue | None:
        """Return the issue under its id, its key or a key it once had; hidden ones do not show."""
        id_ = int(id_or_key) if id_or_key.isdigit() else self.keys.get(id_or_key.upper())
        found = self.issues.get(id_) if id_ is not None else None
        return found if found is not None and self.readable and not found.hidden else None

    def indexed(self) -> list[Issue]:
        """Return the issues as the search index shows them, which is late."""
        horizon = self.clock() - self.lag
        found = []
        for id_, versions in self.versions.items():
            known = [issue for at, issue in versions if at <= horizon or not self.lag]
            now = self.issues.get(id_)
            if known and now is not None and self.readable and not now.hidden:
                found.append(known[-1])
        return found

    # -- changes ---------------------------------------------------------------------------------

    def tick(self) -> datetime:
        """Return a stamp later than every stamp before: to the millisecond, as Jira's are."""
        now = self.clock()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if self._last is not None and now <= self._last:
            now = self._last + timedelta(milliseconds=1)
        self._last = now
        return now

    def number(self) -> int:
        self._next += 1
        return self._next

    def new_key(self, project: str) -> str:
        self._numbers[project] = self._numbers.get(project, 0) + 1
        return f"{project}-{self._numbers[project]}"

    def keep(self, issue: Issue) -> Issue:
        """Store *issue* as it stands now."""
        self.issues[issue.id] = issue
        self.keys[issue.key] = issue.id
        versions = self.versions.setdefault(issue.id, [])
        horizon = self.clock() - self.lag
        old = [v for v in versions if v[0] <= horizon]
        self.versions[issue.id] = [*old[-1:], *(v for v in versions if v[0] > horizon), (self.clock(), issue)]
        return issue

    def create(self, fields: Fields, who: str, properties: Mapping[str, Any], at: datetime | None = None) -> Issue:
        now = at or self.tick()
        defaults: Fields = {
            "summary": "",
            "description": None,
            "issuetype": "10002",
            "status": self.statuses[0].id,
            "resolution": None,
            "priority": "3",
            "labels": [],
            "assignee": None,
            "reporter": who,
            "duedate": None,
            "parent": None,
            POINTS: None,
            START: None,
        }
        issue = Issue(
            self.number(), self.new_key(self.project), {**defaults, **fields}, now, now, who, dict(properties)
        )
        return self.keep(issue)

    def change(self, issue: Issue, fields: Fields, who: str) -> Issue:
        """Set *fields* and write history; nothing moves where nothing differs."""
        fields = self._with_resolution(issue, fields)
        changed = {k: v for k, v in fields.items() if issue.fields.get(k) != v}
        if not changed:
            return issue
        now = self.tick()
        items = [self._item(k, issue.fields.get(k), v) for k, v in sorted(changed.items())]
        entry = Entry(str(self.number()), who, now, items)
        return self.keep(replace(issue, fields={**issue.fields, **changed}, updated=now, log=(*issue.log, entry)))

    def _with_resolution(self, issue: Issue, fields: Fields) -> Fields:
        """The workflow's post functions: closing sets a resolution, reopening clears it."""
        if "status" not in fields or fields["status"] == issue.fields["status"]:
            return fields
        if self.status(fields["status"]).category != "done":
            return {**fields, "resolution": None}
        return {"resolution": issue.fields["resolution"] or "10000", **fields}

    def _item(self, name: str, before: Any, after: Any) -> Mapping[str, Any]:  # noqa: ANN401 -- native values
        moved = name == "parent"
        item = {
            "field": "IssueParentAssociation" if moved else name,
            "fieldtype": "custom" if name.startswith("customfield_") else "jira",
            "from": self._id_text(name, before),
            "fromString": self._shown(name, before),
            "to": self._id_text(name, after),
            "toString": self._shown(name, after),
        }
        return item if moved else {**item, "fieldId": name}

    def _id_text(self, name: str, value: Any) -> str:  # noqa: ANN401 -- native values
        has_id = name in {"status", "issuetype", "priority", "resolution", "assignee", "parent"}
        return str(value) if has_id and value is not None else ""

    def _shown(self, name: str, value: Any) -> str:  # noqa: ANN401 -- native values
        if value is None:
            return ""
        named: Mapping[str, Callable[[], str]] = {
            "status": lambda: self.status(value).name,
            "issuetype": lambda: self.kind(value).name,
            "priority": lambda: PRIORITIES[value],
            "resolution": lambda: RESOLUTIONS[value],
            "assignee": lambda: self.users[value].display,
            "labels": lambda: " ".join(value),
            "parent": lambda: self.issues[value].key if value in self.issues else "",
        }
        return named[name]() if name in named else str(value)

    def say(self, issue: Issue, body: Mapping[str, Any], who: str, *, restricted: bool = False) -> Note:
        now = self.tick()
        note = Note(str(self.number()), who, body, now, now, restricted)
        self.keep(replace(issue, notes=(*issue.notes, note), updated=now))
        return note
