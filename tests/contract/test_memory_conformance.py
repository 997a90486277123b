"""The in-memory connector keeps the promises of the contract, whatever its tracker is like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from syncer.connector import Connector
from syncer.sdk.memory import BOT, NATIVES, Fault, FaultKind, MemoryConnector, Paging, Tracker
from syncer.sdk.testing import Clock, Conformance, Counter, Mishap, Samples, Subject

WRITES = "create|update|comment"


@dataclass
class MemorySubject:
    """Keys are those of the tracker; its records are reached by id inside."""

    tracker: Tracker
    clock: Clock
    paging: Paging
    split: bool = False
    connection: str = "memory"
    samples: Samples = field(default_factory=lambda: Samples(people=("u-ann",)))
    meter: Counter = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)

    @property
    def token(self) -> str:
        return self.tracker.token

    def connector(self, *, token: str | None = None) -> Connector:
        return MemoryConnector(
            self.tracker,
            self.connection,
            paging=self.paging,
            split=self.split,
            token=token or self.token,
            meter=self.meter,
        )

    def add(self, title: str, **fields: Any) -> str:
        self.clock.forward(1)
        native = self._native(fields)
        return self.tracker.row(self.tracker.add(title, **native)).key

    def edit(self, key: str, **fields: Any) -> None:
        self.clock.forward(1)
        self.tracker.edit(self._id(key), **self._native(fields))

    def say(self, key: str, body: str, *, restricted: bool = False) -> str:
        self.clock.forward(1)
        return self.tracker.say(self._id(key), body, restricted=restricted)

    def remove(self, key: str) -> None:
        self.tracker.remove(self._id(key))

    def show(self, key: str) -> Mapping[str, Any]:
        record = self._id(key)
        native = self.tracker.row(record).fields
        shown = {name: native[own] for name, own in NATIVES.items() if own in native}
        return {**shown, "comments": [{"body": s.body} for s in self.tracker.comments(record)]}

    def keys(self) -> Sequence[str]:
        return [r.key for r in self.tracker.rows()]

    def go_wrong(self, how: Mishap, *, writes: bool = False, times: int = 1) -> bool:
        if not writes or how not in {"before", "after"}:
            return False  # nothing is waited for, and there is no wire to cut
        kind: FaultKind = "sent" if how == "before" else "after"
        self.tracker.faults.append(Fault(kind, WRITES, times))
        return True

    def served(self) -> int:
        return sum(call != "open" for call in self.tracker.calls)

    def _id(self, key: str) -> str:
        return next(r.id for r in self.tracker.rows() if r.key == key)

    def _native(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        native = {NATIVES[name]: value for name, value in fields.items()}
        if native.get("above"):
            native["above"] = self._id(native["above"])
        return native


def plain(clock: Clock) -> MemorySubject:
    return MemorySubject(Tracker("plain", clock=clock), clock, Paging())


def like_linear(clock: Clock) -> MemorySubject:
    tracker = Tracker("linear", clock=clock, client_ids=True, single_assignee=True, private=True)
    return MemorySubject(tracker, clock, Paging(newest_first=True))


def like_jira(clock: Clock) -> MemorySubject:
    tracker = Tracker(
        "jira",
        clock=clock,
        late={"status"},
        resolution=timedelta(minutes=1),
        bare={"create", "update"},
        spaced_labels=False,
        moves={
            "Inbox": ["Next"],
            "Someday": ["Next"],
            "Next": ["Someday", "Doing", "Inbox"],
            "Doing": ["Checking", "Next"],
            "Checking": ["Doing", "Shipped", "Dropped"],
            "Shipped": ["Next"],
            "Dropped": ["Next"],
        },
    )
    return MemorySubject(tracker, clock, Paging(size=100, shuffle=7), split=True)


def like_github(clock: Clock) -> MemorySubject:
    tracker = Tracker(
        "github",
        clock=clock,
        statuses={"Next": "new", "Shipped": "over"},
        fields={"title", "body", "status", "labels", "assignees"},
        resolution=timedelta(seconds=1),
        folds_labels=True,
        rewrites=lambda text: text.replace("\n", "\r\n"),
        keeps_history=False,
        comments_touch=True,
    )
    return MemorySubject(tracker, clock, Paging(size=30, repeats=True))


class TestMemory(Conformance):
    @pytest.fixture(params=[plain, like_linear, like_jira, like_github], ids=lambda make: make.__name__)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        make: Callable[[Clock], Subject] = request.param
        return make(Clock())


def test_our_account_is_nobody_else() -> None:
    assert BOT.id not in Tracker("any", clock=Clock()).people
