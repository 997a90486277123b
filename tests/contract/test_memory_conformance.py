"""The in-memory connector keeps the promises of the contract, whatever its tracker is like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from syncer.connector import Connector
from syncer.model import State
from syncer.sdk.memory import BOT, NATIVES, Fault, FaultKind, MemoryConnector, MemoryPlugin, Paging, Tracker
from syncer.sdk.testing import Clock, Conformance, Counter, Mishap, Samples, Subject

WRITES = "create|update|archive|comment|edit_comment|delete_comment"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
    born: dict[str, str] = field(default_factory=dict)
    """Key at birth -> id, of what people added: a record that left keeps being the same."""

    @property
    def abilities(self) -> frozenset[str]:
        return MemoryPlugin.abilities if self.tracker.archives else MemoryPlugin.abilities - {"archive"}

    @property
    def fields(self) -> frozenset[str]:
        return MemoryPlugin.fields

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
        record = self.tracker.add(title, **native)
        self.born[self.tracker.row(record).key] = record
        return self.tracker.row(record).key

    def edit(self, key: str, **fields: Any) -> None:
        self.clock.forward(1)
        self.tracker.edit(self._id(key), **self._native(fields))

    def say(self, key: str, body: str, *, restricted: bool = False) -> str:
        self.clock.forward(1)
        return self.tracker.say(self._id(key), body, restricted=restricted)

    def reword(self, comment: str, body: str) -> None:
        self.clock.forward(1)
        self.tracker.edit_comment(comment, body)

    def unsay(self, comment: str) -> None:
        self.clock.forward(1)
        self.tracker.delete_comment(comment)

    def restrict(self, comment: str) -> None:
        self.clock.forward(1)
        self.tracker.restrict(comment)

    def remove(self, key: str) -> None:
        self.clock.forward(1)
        self.tracker.remove(self._id(key))

    def archive(self, key: str) -> None:
        self.clock.forward(1)
        self.tracker.archive(self._id(key))

    def restore(self, key: str) -> None:
        self.clock.forward(1)
        if self.tracker.purges and self.tracker.row(self._id(key)).state is State.GONE:
            raise TypeError("deleted for good")
        self.tracker.restore(self._id(key))

    def move(self, key: str) -> str:
        self.clock.forward(1)
        return self.tracker.move(self._id(key))

    def hide(self, key: str) -> None:
        self.clock.forward(1)
        self.tracker.hide(self._id(key))

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
        return self.born.get(key) or next(r.id for r in self.tracker.rows() if r.key == key)

    def _native(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        native = {NATIVES[name]: value for name, value in fields.items()}
        if native.get("above"):
            native["above"] = self._id(native["above"])
        return native


def plain(clock: Clock) -> MemorySubject:
    return MemorySubject(Tracker("plain", clock=clock), clock, Paging())


def like_linear(clock: Clock) -> MemorySubject:
    tracker = Tracker("linear", clock=clock, client_ids=True, single_assignee=True, private=True, tombstones=True)
    return MemorySubject(tracker, clock, Paging(newest_first=True))


def like_jira(clock: Clock) -> MemorySubject:
    tracker = Tracker(
        "jira",
        clock=clock,
        late={"status"},
        resolution=timedelta(minutes=1),
        bare={"create", "update"},
        spaced_labels=False,
        comments_with_records=True,
        comments_touch=True,
        purges=True,
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
        archives=False,
    )
    return MemorySubject(tracker, clock, Paging(size=30, repeats=True))


def askew(clock: Clock) -> MemorySubject:
    """Has a clock that is late, and habits nobody has together."""
    tracker = Tracker(
        "askew",
        clock=clock,
        skew=timedelta(seconds=-90),
        comments_with_records=True,
        comments_touch=True,
        bare={"archive"},
    )
    return MemorySubject(tracker, clock, Paging(size=40, newest_first=True))


class TestMemory(Conformance):
    @pytest.fixture(params=[plain, like_linear, like_jira, like_github, askew], ids=lambda make: make.__name__)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        make: Callable[[Clock], Subject] = request.param
        return make(Clock())


def test_our_account_is_nobody_else() -> None:
    assert BOT.id not in Tracker("any", clock=Clock()).people
