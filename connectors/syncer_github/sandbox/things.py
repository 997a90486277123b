"""The things in the sandbox's repositories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(slots=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    default: bool = False


@dataclass(slots=True)
class Remark:
    """A comment."""

    id: int
    number: int
    author: str
    body: str
    created: datetime
    updated: datetime
    minimized: str | None = None


@dataclass(slots=True)
class Event:
    id: int
    event: str
    actor: str
    at: datetime
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Issue:
    """`labels` holds label ids, so that a renamed label is renamed everywhere.

    `locked`: why. `converted`: to a discussion, and the status with which the API answers since.
    `moved`: the repository and number it was transferred to. `above`: its parent; `below`: its sub-issues.
    """

    id: int
    number: int
    title: str
    body: str | None
    author: str
    created: datetime
    updated: datetime
    state: Literal["open", "closed"] = "open"
    reason: str | None = None
    labels: list[int] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    type: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    is_pull: bool = False
    locked: str | None = None
    deleted: bool = False
    converted: int | None = None
    moved: tuple[int, int] | None = None
    events: list[Event] = field(default_factory=list)
    above: Issue | None = field(default=None, repr=False, compare=False)
    below: list[Issue] = field(default_factory=list, repr=False, compare=False)

    @property
    def here(self) -> bool:
        return not self.deleted and self.converted is None and self.moved is None


@dataclass(slots=True)
class Hook:
    """A webhook. `root`: the API's address as whoever registered it reached us."""

    id: int
    url: str
    root: str
    created: datetime
    updated: datetime
    events: list[str]
    secret: str | None = None
    form: bool = False
    insecure_ssl: str = "0"
    active: bool = True


@dataclass(slots=True)
class Repo:
    id: int
    owner: str
    name: str
    private: bool
    has_issues: bool = True
    archived: bool = False
    visible: bool = True
    old_names: set[str] = field(default_factory=set)
    issues: dict[int, Issue] = field(default_factory=dict)
    remarks: dict[int, Remark] = field(default_factory=dict)
    talk: dict[int, list[int]] = field(default_factory=dict)
    labels: dict[int, Label] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def label(self, name: str) -> Label | None:
        wanted = name.casefold()
        return next((one for one in self.labels.values() if one.name.casefold() == wanted), None)

    def remarks_on(self, number: int) -> list[Remark]:
        return [self.remarks[i] for i in self.talk.get(number, ())]

    def add_remark(self, remark: Remark) -> None:
        self.remarks[remark.id] = remark
        self.talk.setdefault(remark.number, []).append(remark.id)

    def drop_remark(self, remark: Remark) -> None:
        del self.remarks[remark.id]
        self.talk[remark.number].remove(remark.id)


@dataclass(frozen=True, slots=True)
class Happening:
    """What GitHub tells webhooks of. `by`: whose doing it is. `before`: old values by member.
    `other`: the issue at the other end of a transfer, or of a link; then `issue` is the one that is told."""

    event: str
    action: str
    repo: Repo
    by: str
    issue: Issue | None = None
    remark: Remark | None = None
    label: Label | None = None
    assignee: str | None = None
    type: str | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
    other: tuple[Repo, Issue] | None = None
