"""The state of the sandbox: one Jira site with its projects, people, workflow and issues."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from syncer_jira.sandbox.things import (
    KINDS,
    LEVELS,
    PEOPLE,
    POINTS,
    PRIORITIES,
    RESOLUTIONS,
    START,
    Entry,
    Event,
    Fields,
    Issue,
    Kind,
    Level,
    Note,
    Status,
    User,
)


@dataclass(slots=True)
class Site:
    """Everything behind the API. Take `lock` around every use.

    `bumps`: editing or deleting a comment, archiving and restoring move the issue's `updated`; Jira
    documents neither. `tells_archived`: an archived issue says so in its fields; Jira Cloud documents
    no way. `in_role`: the sync's account sees restricted comments.
    """

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
    bumps: bool = True
    tells_archived: bool = True
    in_role: bool = True
    levels: Sequence[Level] = ()
    """The project's issue security scheme; empty where it has none."""
    former: set[str] = field(default_factory=set)
    """Keys the project once had."""
    shelved: Literal["archived", "deleted"] | None = None
    """The project is in the archive, or in the trash."""
    tell: Callable[[Event], None] = lambda _: None
    """Hears of what happened to issues and comments. Jira documents no webhook for the archive."""
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
        return found if found is not None and self._is_visible(found) else None

    def _is_visible(self, issue: Issue) -> bool:
        if self.shelved == "deleted" and issue.project == self.project:
            return False
        return self.readable and not issue.hidden

    def audible(self, issue: Issue) -> Sequence[Note]:
        """Return the comments the sync's account is shown."""
        return [n for n in issue.notes if self.in_role or not n.restricted]

    def subtasks(self, issue: Issue) -> list[Issue]:
        below = [i for i in self.issues.values() if i.fields["parent"] == issue.id]
        return [i for i in below if self.kind(i.fields["issuetype"]).level < 0]

    def indexed(self) -> list[Issue]:
        """Return the issues as the search index shows them, which is late, and without archived ones."""
        horizon = self.clock() - self.lag
        found = []
        for id_, versions in self.versions.items():
            known = [issue for at, issue in versions if at <= horizon or not self.lag]
            now = self.issues.get(id_)
            if known and now is not None and now.archived is None and self._is_visible(now):
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
        self.keep(issue)
        self.tell(Event("jira:issue_created", issue, "issue_created", who))
        return issue

    def change(self, issue: Issue, fields: Fields, who: str) -> Issue:
        """Set *fields* and write history; nothing moves where nothing differs."""
        fields = self._with_resolution(issue, fields)
        changed = {k: v for k, v in fields.items() if issue.fields.get(k) != v}
        if not changed:
            return issue
        now = self.tick()
        items = [self._item(k, issue.fields.get(k), v) for k, v in sorted(changed.items())]
        entry = Entry(str(self.number()), who, now, items)
        made = self.keep(replace(issue, fields={**issue.fields, **changed}, updated=now, log=(*issue.log, entry)))
        self.tell(Event("jira:issue_updated", made, _kind(changed), who, entry))
        return made

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
        made = self.keep(replace(issue, notes=(*issue.notes, note), updated=now))
        self.tell(Event("comment_created", made, note=note))
        return note

    def _bumped(self, issue: Issue, now: datetime) -> Issue:
        return replace(issue, updated=now) if self.bumps else issue

    def reword(self, comment: str, body: Mapping[str, Any], who: str | None, *, restricted: bool | None = None) -> Note:
        """Edit a comment, by its author for None. Raises KeyError where there is none."""
        issue, note = self._said(comment)
        now = self.tick()
        kept = note.restricted if restricted is None else restricted
        edited = replace(note, body=body, updated=now, editor=who or note.author, restricted=kept)
        notes = tuple(edited if n.id == comment else n for n in issue.notes)
        made = self.keep(self._bumped(replace(issue, notes=notes), now))
        self.tell(Event("comment_updated", made, note=edited))
        return edited

    def unsay(self, comment: str) -> None:
        """Delete a comment; nothing is left of it. Raises KeyError where there is none."""
        issue, note = self._said(comment)
        notes = tuple(n for n in issue.notes if n.id != comment)
        made = self.keep(self._bumped(replace(issue, notes=notes), self.tick()))
        self.tell(Event("comment_deleted", made, note=note))

    def note(self, comment: str) -> Note:
        return self._said(comment)[1]

    def _said(self, comment: str) -> tuple[Issue, Note]:
        for issue in self.issues.values():
            for note in issue.notes:
                if note.id == comment:
                    return issue, note
        raise KeyError(comment)

    # -- away and back ---------------------------------------------------------------------------

    def delete(self, issue: Issue, who: str, *, primary: bool = True) -> None:
        """Delete an issue with its sub-tasks; other children stay, without a parent."""
        for below in self.subtasks(issue):
            self.delete(below, who, primary=False)
        del self.issues[issue.id]
        for child in [i for i in self.issues.values() if i.fields["parent"] == issue.id]:
            self.keep(replace(child, fields={**child.fields, "parent": None}))
        self.tell(Event("jira:issue_deleted", issue, who=who, primary=primary))
        for note in issue.notes:
            self.tell(Event("comment_deleted", issue, note=note, primary=False))

    def move(self, issue: Issue, project: str, who: str) -> Issue:
        """Move an issue to another project, where it has another key."""
        now = self.tick()
        moved = self.keep(replace(issue, key=self.new_key(project), updated=now))
        items = [_switch("Key", issue.key, moved.key), _switch("project", issue.project, moved.project)]
        self.tell(Event("jira:issue_updated", moved, "issue_moved", who, Entry(str(self.number()), who, now, items)))
        return moved

    def archive(self, issue: Issue, who: str) -> int:
        """Put an issue away with its sub-tasks; return how many."""
        now = self.tick()
        put = [i for i in (issue, *self.subtasks(issue)) if i.archived is None]
        for one in put:
            self.keep(self._bumped(replace(one, archived=now, archiver=who), now))
        return len(put)

    def unarchive(self, issue: Issue) -> int:
        """Take an issue out again with its sub-tasks; return how many."""
        now = self.tick()
        put = [i for i in (issue, *self.subtasks(issue)) if i.archived is not None]
        for one in put:
            self.keep(self._bumped(replace(one, archived=None, archiver=None), now))
        return len(put)

    def secure(self, issue: Issue, level: Level | None, who: str) -> None:
        """Set an issue's security level, which needs a scheme."""
        self.levels = self.levels or LEVELS
        now = self.tick()
        made = self.keep(replace(issue, level=level, updated=now))
        before, after = (one.name if one else None for one in (issue.level, level))
        items = [_switch("security", before, after)]
        self.tell(Event("jira:issue_updated", made, "issue_updated", who, Entry(str(self.number()), who, now, items)))

    def rename(self, key: str) -> None:
        """Give the project another key: its issues follow, and their old keys still find them."""
        ours = [i for i in self.issues.values() if i.project == self.project]
        self._numbers[key] = self._numbers.pop(self.project, 0)
        self.former.add(self.project)
        self.project = key
        for issue in ours:
            self.keep(replace(issue, key=f"{key}-{issue.key.partition('-')[2]}"))


def _kind(changed: Mapping[str, Any]) -> str:
    if "status" in changed:
        return "issue_generic"
    return "issue_assigned" if "assignee" in changed else "issue_updated"


def _switch(name: str, before: str | None, after: str | None) -> Mapping[str, Any]:
    return {"field": name, "fieldtype": "jira", "from": None, "fromString": before, "to": None, "toString": after}
