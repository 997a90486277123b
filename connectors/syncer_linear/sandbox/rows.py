"""What the sandbox's workspace holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Ways:
    """What Linear does not document of itself; a client must get on with either.

    `tombstones`: a deleted comment stays, as archived, in lists that ask for the archived. `discreet`:
    what is hidden answers as what is not there, else as forbidden. `trash_listed`: lists that ask for
    the archived show what is in the trash. `farewell`: the webhooks of a team hear of an issue that
    leaves for another open team.
    """

    tombstones: bool = False
    discreet: bool = True
    trash_listed: bool = True
    farewell: bool = True


@dataclass(slots=True)
class Person:
    id: str
    name: str
    email: str
    created: datetime
    app: bool = False
    active: bool = True
    admin: bool = False


@dataclass(slots=True)
class Team:
    """A team; `members` are the ids of those who see it, None where it is open to the workspace."""

    id: str
    key: str
    name: str
    created: datetime
    estimation: str = "fibonacci"
    issues: int = 0
    members: frozenset[str] | None = None

    def shown_to(self, who: Person | None) -> bool:
        """Say whether *who* sees this team and what is in it; None sees everything."""
        return who is None or self.members is None or who.id in self.members


@dataclass(slots=True)
class WorkflowState:
    id: str
    name: str
    type: str
    position: float
    team: Team
    created: datetime


@dataclass(slots=True)
class Label:
    id: str
    name: str
    created: datetime
    team: Team | None = None
    group: bool = False
    parent: Label | None = None


@dataclass(slots=True)
class Entry:
    """One entry of an issue's history; `changed` has only what changed."""

    id: str
    created: datetime
    actor: Person | None
    changed: dict[str, Any]


@dataclass(slots=True)
class Note:
    """A comment; `archived` where it was deleted and the workspace keeps a trace of it."""

    id: str
    issue: Issue
    body: str
    user: Person | None
    created: datetime
    updated: datetime
    edited: datetime | None = None
    parent: str | None = None
    bot: str | None = None
    archived: datetime | None = None


@dataclass(slots=True)
class Issue:
    id: str
    number: int
    team: Team
    title: str
    state: WorkflowState
    creator: Person | None
    created: datetime
    updated: datetime
    description: str | None = None
    priority: int = 0
    estimate: int | None = None
    due: str | None = None
    labels: list[Label] = field(default_factory=list)
    assignee: Person | None = None
    parent: Issue | None = None
    archived: datetime | None = None
    auto_archived: datetime | None = None
    trashed: bool = False
    started: datetime | None = None
    completed: datetime | None = None
    canceled: datetime | None = None
    previous: list[str] = field(default_factory=list)
    synced_with: list[str] = field(default_factory=list)
    history: list[Entry] = field(default_factory=list)

    @property
    def identifier(self) -> str:
        return f"{self.team.key}-{self.number}"


@dataclass(slots=True)
class Webhook:
    """A webhook; `team` is None where it hears of every open team. `kinds` are Linear's resource types."""

    id: str
    url: str
    secret: str
    kinds: tuple[str, ...]
    created: datetime
    updated: datetime
    team: Team | None = None
    creator: Person | None = None
    label: str | None = None
    enabled: bool = True
