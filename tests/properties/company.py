"""A company on three sandboxes in this process: real connectors, a database on disk, a clock tests move.

Processes die here as they do out there: at a chosen write the disk is kept as it is in that moment,
nothing more leaves the process, and the next run finds that disk and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx

from syncer import plugins
from syncer.config import load
from syncer.connector import Connector, Setting
from syncer.opening import Request, Spoke, Wiring
from syncer.run import Report, sync
from syncer.sdk.sandbox import Call, Fault, Sandbox
from syncer.store import Store
from syncer.wiring import wire

TRACKERS = ("jira", "github", "linear")
PEOPLE = ("jane", "omar", "mia", "ravi")
KEY = b"the markers of a company"
SETTLE_WAIT = 60.0
LINEAR_KINDS = [f'{kind.lower()} = {{ label = "{kind}" }}' for kind in ("Epic", "Story", "Task", "Bug")]
"""Linear has no kinds of its own, and Jira takes a task only under an epic."""
UNREACHED = "http://127.0.0.1:9"

Mishap = Literal["cut", "after", "half", "garbage", "deaf", "late"]
"""The sandbox's own faults, and two of the line. `deaf`: the effect happens, the client has given up
waiting. `late`: the client gives up first, and the effect happens after its next run."""
ON_THE_LINE = ("deaf", "late")


class KilledError(BaseException):
    """The process is no more. Nothing catches it, as nothing catches SIGKILL."""


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 2, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        # Every look takes a moment, so that no two events share a stamp.
        self.now += timedelta(milliseconds=1)
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Line(httpx.AsyncBaseTransport):
    """The way to one sandbox, which breaks as sockets break: an answer shorter than it says is a
    lost connection, and who waits longer than the client's own timeout hears nothing."""

    box: Sandbox
    clock: Clock
    dead: bool = False
    mishap: tuple[str, int] | None = None
    """One of `ON_THE_LINE`, and which write it happens to."""
    sent: int = 0
    underway: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.dead:
            raise KilledError
        await request.aread()
        mishap = self._mishap(request)
        if mishap == "late":
            self.underway.append(request)
        else:
            response = await self._delivered(request)
        if mishap is not None:
            self.clock.pass_(seconds=request.extensions["timeout"]["read"])
            raise httpx.ReadTimeout("", request=request)
        body = await response.aread()
        said = response.headers.get("content-length")
        if said is not None and int(said) > len(body):
            raise httpx.RemoteProtocolError("peer closed connection", request=request)
        return response

    def _mishap(self, request: httpx.Request) -> str | None:
        if self.mishap is None or not self._is_write(request):
            return None
        self.sent += 1
        kind, which = self.mishap
        return kind if self.sent == which else None

    def _is_write(self, request: httpx.Request) -> bool:
        call = Call(request.method, request.url.path, request.url.query.decode(), {}, request.content)
        return self.box.wire.is_write(call)

    async def _delivered(self, request: httpx.Request) -> httpx.Response:
        return await httpx.ASGITransport(self.box.wire).handle_async_request(request)

    def arrive(self) -> None:
        """Let what the client no longer waits for take effect."""
        while self.underway:
            asyncio.run(self._delivered(self.underway.pop(0)))


@dataclass(frozen=True, slots=True)
class Filed:
    """A record as a person filed it. `parent` is another one's title on the same tracker."""

    title: str
    parent: str | None = None
    comment: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def backlog(tracker: str, number: int) -> list[Filed]:
    """Return *number* records that between them ask for every kind of write elsewhere."""
    cast = {
        "jira": [
            Filed("{} epic", None, "Who owns it?", {"kind": "Epic", "status": "In Progress", "labels": ["pay"]}),
            Filed("{} story", "{} epic", None, {"kind": "Story", "status": "Done", "assignees": ["omar"]}),
            Filed("{} bug", None, None, {"kind": "Bug", "priority": "High", "due": "2027-02-26"}),
        ],
        "github": [
            Filed("{} open", None, "Seen on the old phone.", {"labels": ["in progress", "web"]}),
            Filed("{} dropped", None, None, {"status": "not_planned", "assignees": ["mia"]}),
            Filed("{} plain", None, None, {"labels": ["pay"]}),
        ],
        "linear": [
            Filed("{} bet", None, "Start small.", {"status": "In Progress", "priority": 2, "labels": ["Epic", "web"]}),
            Filed("{} step", "{} bet", None, {"status": "Done", "labels": ["Task", "web"], "estimate": 3}),
            Filed("{} later", None, None, {"status": "Canceled", "due": "2027-02-26", "labels": ["Task"]}),
        ],
    }[tracker]
    return [_numbered(cast[n % len(cast)], f"{tracker} {n // len(cast)}") for n in range(number)]


def _numbered(filed: Filed, name: str) -> Filed:
    return replace(filed, title=filed.title.format(name), parent=filed.parent and filed.parent.format(name))


@dataclass
class Company:
    """Three trackers, a config that joins them, and the disk of the process that syncs them."""

    folder: Path
    clock: Clock
    boxes: Mapping[str, Sandbox]
    lines: Mapping[str, Line]
    wiring: Wiring
    lives: int = 0
    """How often the process died: each life goes on with the disk as the last one left it."""

    @property
    def disk(self) -> Path:
        return self.folder / f"life-{self.lives}.db"

    def file(self, number: int) -> None:
        """File *number* records on every tracker, each by the people there."""
        for tracker in TRACKERS:
            file(self.boxes[tracker], backlog(tracker, number), after_each=lambda: self.clock.pass_(seconds=1))

    def run(self) -> Report:
        """Run once, as a process does: open the disk, sync, close it."""
        self.clock.pass_(seconds=5)
        store = Store.open(f"sqlite:///{self.disk}", key=KEY)
        try:
            return asyncio.run(sync(store, self.wiring, Request()))
        finally:
            store.close()

    def killed(self, tracker: str, which: int) -> bool:
        """Run, and die the moment write number *which* on *tracker* took effect; say whether it came to that."""
        deaths: list[Call] = []
        count = 0

        def die(call: Call) -> None:
            nonlocal count
            count += 1
            if count != which:
                return
            deaths.append(call)
            self._keep_disk()
            for line in self.lines.values():
                line.dead = True
            raise KilledError

        with _during(self.boxes[tracker], die), contextlib.suppress(KilledError):
            self.run()
        if deaths:
            self._be_reborn()
        return bool(deaths)

    def _keep_disk(self) -> None:
        """Keep the disk as it is: whatever the dying process still wrote would never have been written."""
        with (
            contextlib.closing(sqlite3.connect(self.disk)) as now,
            contextlib.closing(sqlite3.connect(self.folder / f"life-{self.lives + 1}.db")) as kept,
        ):
            now.backup(kept)

    def _be_reborn(self) -> None:
        self.lives += 1
        for line in self.lines.values():
            line.dead = False

    def misheard(self, tracker: str, which: int, how: Mishap) -> Report:
        """Run while the answer to write number *which* on *tracker* goes wrong."""
        line, faults = self.lines[tracker], self.boxes[tracker].wire.faults
        if how in ON_THE_LINE:
            line.mishap, line.sent = (how, which), 0
        else:
            faults.append(Fault(how, writes_only=True, skip=which - 1))
        try:
            return self.run()
        finally:
            faults.clear()
            line.mishap = None

    def recover(self) -> Report:
        """Let doubts grow old enough, twice, each time with a run; what was underway arrives in between."""
        self.clock.pass_(seconds=SETTLE_WAIT)
        self.run()
        for line in self.lines.values():
            line.arrive()
        self.clock.pass_(seconds=SETTLE_WAIT)
        return self.run()

    # -- what is where -------------------------------------------------------------------------

    def forget(self) -> None:
        for box in self.boxes.values():
            box.wire.forget()

    def writes(self) -> dict[str, list[str]]:
        """Return every write since `forget`, as text a failed assertion can show."""
        return {n: [f"{c.method} {c.path} {c.body[:200]!r}" for c in b.wire.writes()] for n, b in self.boxes.items()}

    def effects(self, tracker: str) -> int:
        """Return how many writes since `forget` took effect."""
        return sum(1 for c in self.boxes[tracker].wire.writes() if c.status < httpx.codes.BAD_REQUEST)

    def state(self) -> dict[str, list[Any]]:
        return state(self.boxes)


def state(boxes: Mapping[str, Sandbox]) -> dict[str, list[Any]]:
    """Return what people see on every tracker, free of keys, ids and links that differ by accident of order."""
    shown = {name: {key: box.show(key) for key in _keys(box)} for name, box in boxes.items()}
    names = {key: f"<{facts['title']}>" for records in shown.values() for key, facts in records.items()}
    return {n: sorted((_told(f, names) for f in records.values()), key=str) for n, records in shown.items()}


def file(box: Sandbox, records: Sequence[Filed], *, after_each: Callable[[], None] = lambda: None) -> None:
    """File records as their authors did."""
    keys: dict[str, str] = {}
    for filed in records:
        above = {"parent": keys[filed.parent]} if filed.parent else {}
        body = f"Why **{filed.title}** matters.\n\n- one\n- two"
        keys[filed.title] = box.add(filed.title, body=body, **filed.fields, **above)
        if filed.comment:
            box.say(keys[filed.title], filed.comment, by="omar")
        after_each()


def _keys(box: Sandbox) -> Sequence[str]:
    return box.keys()


def _told(shown: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    facts = {k: v for k, v in shown.items() if k not in {"url", "comments"}}
    facts["parent"] = names.get(shown["parent"], shown["parent"])
    facts["body"] = _plain(shown["body"] or "")
    facts["comments"] = sorted((c["author"], _plain(c["body"])) for c in shown["comments"])
    return facts


def _plain(text: str) -> str:
    """Return a text without addresses, times, and the marks we left there."""
    return re.sub(r"\S*://\S*|<!--.*?-->|[\d-]{10} [\d:]{5} UTC", "", text, flags=re.DOTALL)


@contextlib.contextmanager
def _during(box: Sandbox, effect: Callable[[Call], None]) -> Iterator[None]:
    box.wire.effects.append(effect)
    try:
        yield
    finally:
        box.wire.effects.remove(effect)


def company(folder: Path, number: int) -> Company:
    """Return a company with *number* records on every tracker, never synced."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    boxes: dict[str, Sandbox] = {name: plugins.sandbox(name)(clock=clock) for name in TRACKERS}
    lines = {name: Line(box, clock) for name, box in boxes.items()}
    made = Company(folder, clock, boxes, lines, _wiring(folder, boxes, lines, clock))
    made.file(number)
    clock.pass_(minutes=10)
    return made


def _wiring(folder: Path, boxes: Mapping[str, Sandbox], lines: Mapping[str, Line], clock: Clock) -> Wiring:
    path = folder / "config.toml"
    path.write_text("\n".join(_config(folder, boxes)), encoding="utf-8")
    config = load(path)
    usual = wire(config, config.syncs["roadmap"])
    spokes = tuple(replace(spoke, connect=_connect(spoke, lines[spoke.name])) for spoke in usual.spokes)
    return replace(usual, spokes=spokes, clock=clock, sleep=clock.sleep)


def _connect(spoke: Spoke, line: Line) -> Callable[[Setting], Connector]:
    def connect(setting: Setting) -> Connector:
        return spoke.connect(replace(setting, transport=line))

    return connect


def _config(folder: Path, boxes: Mapping[str, Sandbox]) -> Sequence[str]:
    lines: list[str] = []
    for name, box in boxes.items():
        table = box.options(UNREACHED)
        (folder / f"{name}.token").write_text(table["token"], encoding="utf-8")
        table["token"] = f"file:{name}.token"
        lines += [f"[connections.{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items())]
    for person in PEOPLE:
        known = {n: b.people[person] for n, b in boxes.items() if person in b.people}
        lines += [f'[people."{person}@acme.example"]', *(f'{n} = "{a}"' for n, a in known.items())]
    lines += ["[connections.linear.map.fields.kind]", *LINEAR_KINDS]
    lines += ["[syncs.roadmap]", f"connections = {json.dumps(list(boxes))}", f'settle_wait = "{SETTLE_WAIT:.0f}s"']
    return lines
