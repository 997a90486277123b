"""The sandbox's workspace: what may be written, and what a write does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from syncer_linear.sandbox.payloads import News, Payload, Row, payload
from syncer_linear.sandbox.refusals import conflict, forbidden, invalid, refused, unknown
from syncer_linear.sandbox.rewriting import rewritten
from syncer_linear.sandbox.rows import Entry, Issue, Label, Note, Person, Team, Ways, Webhook, WorkflowState
from syncer_linear.sandbox.values import due_of, estimate_of, is_v4, new_id, past_of, priority_of, title_of, told

STATES: Final = (
    ("Backlog", "backlog"),
    ("Todo", "unstarted"),
    ("In Progress", "started"),
    ("In Review", "started"),
    ("Done", "completed"),
    ("Canceled", "canceled"),
    ("Duplicate", "duplicate"),
)
SETTLING: Final = timedelta(minutes=3)
"""Changes this soon after creation count as part of it and are not in the history."""
Given = Mapping[str, Any]
Held = TypeVar("Held")


def _nobody(_: News) -> None:
    return None


@dataclass(slots=True)
class Workspace:
    """Every write goes through here, the API's and a person's alike, and is told to `hear`. The caller
    holds `lock`."""

    clock: Callable[[], datetime]
    teams: dict[str, Team] = field(default_factory=dict)
    states: dict[str, WorkflowState] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    issues: dict[str, Issue] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    hooks: dict[str, Webhook] = field(default_factory=dict)
    hear: Callable[[News], None] = _nobody
    lock: threading.RLock = field(default_factory=threading.RLock)
    writes: int = 0
    ways: Ways = field(default_factory=Ways)
    _last: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))

    def now(self) -> datetime:
        """Return a stamp in whole milliseconds, later than every one before."""
        at = self.clock().astimezone(UTC)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        self._last = max(at, self._last + timedelta(milliseconds=1))
        return self._last

    def tell(self, action: str, row: Row, by: Person | None, was: Payload | None = None) -> None:
        """Count a write that is done and let the webhooks hear of it."""
        self.writes += 1
        self.hear(News(action, row, by, self._last, was))

    # -- furniture -------------------------------------------------------------------------------

    def add_team(self, key: str, name: str, members: frozenset[str] | None = None) -> Team:
        team = Team(new_id(), key, name, self.now(), members=members)
        self.teams[team.id] = team
        for position, (state, kind) in enumerate(STATES):
            row = WorkflowState(new_id(), state, kind, float(position), team, self.now())
            self.states[row.id] = row
        return team

    def add_person(self, name: str, email: str, *, admin: bool = False) -> Person:
        person = Person(new_id(), name, email, self.now(), admin=admin)
        self.people[person.id] = person
        return person

    def add_label(self, given: Given, by: Person | None = None) -> Label:
        team = self.team(given["teamId"], by) if given.get("teamId") else None
        name = str(given["name"]).strip()
        if not name:
            raise invalid("name", "must not be empty")
        taken = [label for label in self.labels.values() if label.name.casefold() == name.casefold()]
        if any(label.team is None or team is None or label.team is team for label in taken):
            raise refused("duplicate label name", f'A label "{name}" is already there.')
        parent = self.label(given["parentId"]) if given.get("parentId") else None
        group = bool(given.get("isGroup"))
        label = Label(self.fresh_id(given, self.labels, "IssueLabel"), name, self.now(), team, group, parent)
        self.labels[label.id] = label
        self.tell("create", label, by)
        return label

    # -- looking up ------------------------------------------------------------------------------

    def team(self, id_: str, who: Person | None = None) -> Team:
        """Return the team, to *who* if they see it: what is hidden answers as what is not there."""
        team = _found(self.teams, id_, "Team")
        self._admit(team, who, "Team")
        return team

    def state(self, id_: str) -> WorkflowState:
        return _found(self.states, id_, "WorkflowState")

    def label(self, id_: str) -> Label:
        return _found(self.labels, id_, "IssueLabel")

    def person(self, id_: str) -> Person:
        return _found(self.people, id_, "User")

    def note(self, id_: str, who: Person | None = None) -> Note:
        note = _found(self.notes, id_, "Comment")
        if note.archived:
            raise unknown("Comment")
        self._admit(note.issue.team, who, "Comment")
        return note

    def hook(self, id_: str) -> Webhook:
        return _found(self.hooks, id_, "Webhook")

    def issue(self, id_: str, who: Person | None = None) -> Issue:
        """Return the issue by id, by identifier, or by one it had before it moved."""
        known = [self.issues[id_]] if id_ in self.issues else self._called(id_)
        if not known:
            raise unknown("Issue")
        self._admit(known[0].team, who, "Issue")
        return known[0]

    def _admit(self, team: Team, who: Person | None, entity: str) -> None:
        if not team.shown_to(who):
            raise unknown(entity) if self.ways.discreet else forbidden("You do not have access.")

    def _called(self, key: str) -> list[Issue]:
        today = [issue for issue in self.issues.values() if issue.identifier == key]
        return today or [issue for issue in self.issues.values() if key in issue.previous]

    def state_named(self, team: Team, name: str) -> WorkflowState:
        return next(s for s in self.states.values() if s.team is team and s.name.casefold() == name.casefold())

    # -- issues ----------------------------------------------------------------------------------

    def create(self, given: Given, by: Person | None) -> Issue:
        team = self.team(given["teamId"], by)
        id_ = self.fresh_id(given, self.issues, "Issue")
        first = next(s for s in self.states.values() if s.team is team and s.type == "backlog")
        now = self.now()
        created = past_of(given.get("createdAt"), now)
        issue = Issue(id_, team.issues + 1, team, "", first, by, created, now)
        if not given.get("title"):
            raise invalid("title", "must not be empty")
        for name, change in self._changes(issue, given, by).items():
            setattr(issue, name, change)
        team.issues += 1
        self.issues[id_] = issue
        self._enter_state(issue, now)
        self.tell("create", issue, by)
        return issue

    def update(self, issue: Issue, given: Given, by: Person | None) -> Issue:
        """Change what *given* names. Everything is checked before anything is changed."""
        target = self.team(given["teamId"], by) if given.get("teamId") else issue.team
        changes = self._changes(issue, given, by, target)
        if target is not issue.team:
            changes = {**self._left_behind(issue, target), **changes}
        if "trashed" in given:
            changes |= {"trashed": bool(given["trashed"]), "archived": self.now() if given["trashed"] else None}
        changed = {name: new for name, new in changes.items() if getattr(issue, name) != new}
        was = payload(issue)
        if target is not issue.team:
            self._move(issue, target)
        elif not changed:
            return issue
        self._remember(issue, changed, by)
        for name, new in changed.items():
            setattr(issue, name, new)
        issue.updated = self.now()
        if "state" in changed:
            self._enter_state(issue, issue.updated)
        self._tell_of(issue, by, was)
        return issue

    def archive(self, issue: Issue, by: Person | None = None, *, trash: bool, auto: bool = False) -> Issue:
        """Put an issue away; nobody did where Linear does so by itself."""
        was = payload(issue)
        issue.archived, issue.trashed = self.now(), trash or issue.trashed
        issue.updated = self.now()
        issue.auto_archived = issue.archived if auto else issue.auto_archived
        self._tell_of(issue, by, was)
        return issue

    def unarchive(self, issue: Issue, by: Person | None = None) -> Issue:
        was = payload(issue)
        issue.archived, issue.trashed, issue.updated = None, False, self.now()
        issue.auto_archived = None
        self._tell_of(issue, by, was)
        return issue

    def purge(self, issue: Issue, by: Person | None = None) -> None:
        """Delete for good, comments and all."""
        self.notes = {id_: note for id_, note in self.notes.items() if note.issue is not issue}
        del self.issues[issue.id]
        self.now()
        self.tell("remove", issue, by)

    def _tell_of(self, issue: Issue, by: Person | None, was: Payload) -> None:
        """Tell of a changed issue. Into the trash is told as `remove`, out of it and in and out of the archive as
        `update`: Linear does not document either."""
        if issue.trashed and not was["trashed"]:
            self.tell("remove", issue, by)
            return
        self.tell("update", issue, by, was)

    def _changes(self, issue: Issue, given: Given, by: Person | None, team: Team | None = None) -> dict[str, Any]:
        """Return what *given* asks for, by attribute, each value checked as Linear checks it."""
        home = team or issue.team
        readers: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
            "title": ("title", title_of),
            "description": ("description", rewritten),
            "stateId": ("state", lambda said: self._state_of(home, said)),
            "priority": ("priority", priority_of),
            "estimate": ("estimate", estimate_of),
            "dueDate": ("due", due_of),
            "assigneeId": ("assignee", lambda said: self._assignable(said) if said else None),
            "parentId": ("parent", lambda said: self._parent_of(issue, said, by) if said else None),
        }
        found = {attribute: read(given[name]) for name, (attribute, read) in readers.items() if name in given}
        labels = self._labels_of(issue, given, home)
        return found if labels is None else {**found, "labels": labels}

    def _state_of(self, team: Team, id_: str) -> WorkflowState:
        state = self.state(id_)
        if state.team is not team:
            raise refused("Incorrect state", "The state does not belong to the issue's team.")
        return state

    def _assignable(self, id_: str) -> Person:
        person = self.person(id_)
        if not person.active:
            raise refused("Incorrect assignee", "The user is suspended.")
        return person

    def _parent_of(self, issue: Issue, id_: str, by: Person | None) -> Issue:
        parent = self.issue(id_, by)
        above: Issue | None = parent
        while above is not None:
            if above is issue:
                raise refused("Circular parent", "An issue cannot be its own ancestor.")
            above = above.parent
        return parent

    def _labels_of(self, issue: Issue, given: Given, team: Team) -> list[Label] | None:
        named = given.get("labelIds")
        added, removed = given.get("addedLabelIds") or (), given.get("removedLabelIds") or ()
        if named is None and not added and not removed:
            return None
        wanted = [self._appliable(id_, team) for id_ in (*(named or ()), *added)]
        gone = {self.label(id_).id for id_ in removed}
        kept = issue.labels if named is None else []
        every = {label.id: label for label in (*kept, *wanted)}
        return [label for id_, label in every.items() if id_ not in gone]

    def _appliable(self, id_: str, team: Team) -> Label:
        label = self.label(id_)
        if label.group:
            raise refused("Group label", f'"{label.name}" is a label group and cannot be applied.')
        if label.team is not None and label.team is not team:
            raise refused("Incorrect label", f'The label "{label.name}" belongs to another team.')
        return label

    def _move(self, issue: Issue, team: Team) -> None:
        """Give the issue a number of *team*: the one it had, where it comes back.

        Whether Linear gives the old one back is not documented; the id stays, no client may count on more.
        """
        had = [key for key in issue.previous if key.rpartition("-")[0] == team.key]
        issue.previous = [key for key in issue.previous if key not in had] + [issue.identifier]
        if not had:
            team.issues += 1
        issue.team, issue.number = team, int(had[0].rpartition("-")[2]) if had else team.issues

    def _left_behind(self, issue: Issue, team: Team) -> dict[str, Any]:
        """Return what a move changes by itself: states and labels belong to teams."""
        own = [s for s in self.states.values() if s.team is team]
        alike = [s for s in own if s.name == issue.state.name] or [s for s in own if s.type == issue.state.type]
        return {"state": alike[0], "labels": [label for label in issue.labels if label.team is None]}

    def _enter_state(self, issue: Issue, now: datetime) -> None:
        kind = issue.state.type
        issue.started = (issue.started or now) if kind in {"started", "completed"} else None
        issue.completed = now if kind == "completed" else None
        issue.canceled = now if kind in {"canceled", "duplicate"} else None

    def _remember(self, issue: Issue, changed: Mapping[str, Any], by: Person | None) -> None:
        now = self.now()
        if not changed or now - issue.created < SETTLING:
            return
        entry: dict[str, Any] = {}
        for name, new in changed.items():
            entry |= told(name, getattr(issue, name), new)
        issue.history.append(Entry(new_id(), now, by, entry))

    # -- comments --------------------------------------------------------------------------------

    def say(self, given: Given, by: Person | None, bot: str | None = None) -> Note:
        issue = self.issue(given.get("issueId") or "", by)
        id_ = self.fresh_id(given, self.notes, "Comment")
        body = rewritten(given.get("body"))
        if body is None:
            raise invalid("body", "must not be empty")
        if given.get("parentId"):
            self.note(given["parentId"], by)
        now = self.now()
        created = past_of(given.get("createdAt"), now)
        note = Note(id_, issue, body, by, created, now, parent=given.get("parentId"), bot=bot)
        self.notes[id_] = note
        self.tell("create", note, by)
        return note

    def reword(self, note: Note, body: str | None, by: Person | None) -> Note:
        """Change a comment; its issue's stamp stays. Null leaves the text alone, as partial input does."""
        _permit(note, by)
        if body is None:
            return note
        said = rewritten(body)
        if said is None:
            raise invalid("body", "must not be empty")
        was = payload(note)
        note.body = said
        note.updated = note.edited = self.now()
        self.tell("update", note, by, was)
        return note

    def unsay(self, note: Note, by: Person | None) -> Note:
        """Delete a comment; its issue's stamp stays."""
        _permit(note, by)
        if self.ways.tombstones:
            note.archived = note.updated = self.now()
        else:
            self.now()
            del self.notes[note.id]
        self.tell("remove", note, by)
        return note

    def fresh_id(self, given: Given, taken: Mapping[str, object], entity: str) -> str:
        id_ = given.get("id")
        if id_ is None:
            return new_id()
        if not is_v4(id_):
            raise invalid("id", "must be a UUID")
        if id_ in taken:
            raise conflict(entity, id_)
        return str(id_)


def _found(rows: Mapping[str, Held], id_: str, entity: str) -> Held:
    row = rows.get(id_)
    if row is None:
        raise unknown(entity)
    return row


def _permit(note: Note, by: Person | None) -> None:
    """Comments are changed by their authors and by admins of the workspace."""
    if by is not None and by is not note.user and not by.admin:
        raise forbidden("You can only change your own comments.")
