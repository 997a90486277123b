"""Three trackers on loopback, a config that joins them, and the command line run as a process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from syncer import plugins
from syncer.sdk.sandbox import Call, Sandbox, serve

SYNCER = Path(sys.executable).parent / "syncer"
TRACKERS = ("jira", "github", "linear")
T = TypeVar("T")
PEOPLE = ("jane", "omar", "mia", "ravi")
NOTHING: dict[str, list[str]] = {name: [] for name in TRACKERS}
"""What `Office.writes` returns where nothing was written."""

PATIENCE = 60.0
"""Seconds after which a process is taken to hang."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended. `code` is negative for the signal that killed it."""

    code: int
    out: str
    err: str

    @property
    def doc(self) -> Any:
        """The one object that `--json` prints."""
        return json.loads(self.out)


@dataclass(slots=True)
class Office:
    """A company's trackers and its syncer. `options` are the tables of the config, free to change
    before `configure`; tokens are in `environ` and only referred to in the file."""

    folder: Path
    boxes: Mapping[str, Sandbox]
    options: dict[str, dict[str, Any]]
    environ: dict[str, str]
    sync: dict[str, str] = field(default_factory=lambda: {"every": '"1h"', "settle_wait": '"1s"'})
    store: str = "sqlite:///syncer.db"
    limited: Callable[[], None] | None = None
    """Called in each new process before it becomes syncer, to take from it what it shall do without."""

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def database(self) -> Path:
        return self.folder / "syncer.db"

    def configure(self, **sync: str) -> None:
        """Write config.toml; *sync* are lines of the sync's table, in TOML."""
        self.sync |= sync
        lines = ["[store]", f'url = "{self.store}"']
        for name, options in self.options.items():
            lines += ["", f"[connections.{name}]", *(f"{k} = {json.dumps(v)}" for k, v in options.items())]
        for person in PEOPLE:
            known = {n: b.people[person] for n, b in self.boxes.items() if person in b.people}
            lines += ["", f'[people."{person}@acme.example"]', *(f'{n} = "{a}"' for n, a in known.items())]
        lines += ["", "[syncs.roadmap]", f"connections = {json.dumps(list(self.options))}"]
        lines += [f"{key} = {value}" for key, value in self.sync.items()]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    # -- the command line ------------------------------------------------------------------------

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(SYNCER), "--config", str(self.config), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
            cwd=self.folder,
            preexec_fn=self.limited,  # noqa: PLW1509 -- what is called there takes no lock
        )

    def run(self, *words: str) -> Ended:
        return ended(self.start(*words))

    def synced(self) -> dict[str, Any]:
        """Run a sync that must end in step, and return its document."""
        done = self.run("sync", "--json")
        assert done.code == 0, f"{done.code}: {done.out}\n{done.err}"
        doc: dict[str, Any] = done.doc
        return doc

    def settled(self) -> None:
        """Sync until nothing is left to do: two runs, as DESIGN promises."""
        self.synced()
        self.synced()

    def killed(self, box: Sandbox, wanted: Callable[[Call], bool], *words: str) -> Ended:
        """Run *words* and SIGKILL the process the moment a *wanted* write took effect, unanswered."""
        victims: list[subprocess.Popen[str]] = []
        calls: list[Call] = []

        def kill(call: Call) -> None:
            if not calls and wanted(call):
                calls.append(call)
                victims[0].send_signal(signal.SIGKILL)
                victims[0].wait(PATIENCE)

        with during(box, kill):
            victims.append(self.start(*words))
            done = ended(victims[0])
        assert calls, f"no such write was ever made: {done.out}\n{done.err}"
        return done

    # -- what is where ---------------------------------------------------------------------------

    def titles(self, tracker: str) -> Counter[str]:
        box = self.boxes[tracker]
        return Counter(box.show(key)["title"] for key in box.keys())  # noqa: SIM118 -- a sandbox is no mapping

    def key(self, tracker: str, title: str) -> str:
        """Return the key of the one record of that title."""
        box = self.boxes[tracker]
        found = [key for key in box.keys() if box.show(key)["title"] == title]  # noqa: SIM118 -- as above
        assert len(found) == 1, f"{tracker} has {title!r} {len(found)} times"
        return found[0]

    def show(self, tracker: str, title: str) -> dict[str, Any]:
        return self.boxes[tracker].show(self.key(tracker, title))

    def edit(self, tracker: str, known_as: str, *, by: str = "jane", **fields: Any) -> None:
        self.boxes[tracker].edit(self.key(tracker, known_as), by=by, **fields)

    def forget(self) -> None:
        for box in self.boxes.values():
            box.wire.forget()

    def writes(self) -> dict[str, list[str]]:
        """Return every write since `forget`, as text a failed assertion can show."""
        return {name: [text(c) for c in box.wire.writes()] for name, box in self.boxes.items()}

    def requests(self) -> dict[str, int]:
        return {n: len(b.wire.calls) for n, b in self.boxes.items()}


def text(call: Call) -> str:
    return f"{call.method} {call.path} {call.body[:300]!r}"


def everywhere(value: T) -> dict[str, T]:
    """Return the same value for every tracker."""
    return dict.fromkeys(TRACKERS, value)


@contextlib.contextmanager
def opened(folder: Path, boxes: Mapping[str, Sandbox] | None = None) -> Iterator[Office]:
    """Serve three sandboxes, *boxes* instead of the usual ones, and write a config for them."""
    all_boxes = {name: (boxes or {}).get(name) or plugins.sandbox(name)() for name in TRACKERS}
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SYNCER_")}
    options: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        for name, box in all_boxes.items():
            table = box.options(stack.enter_context(serve(box.wire)))
            environ[f"{name.upper()}_TOKEN"] = table["token"]
            options[name] = {**table, "token": f"env:{name.upper()}_TOKEN"}
        office = Office(folder, all_boxes, options, environ)
        office.configure()
        yield office


@contextlib.contextmanager
def during(box: Sandbox, effect: Callable[[Call], None]) -> Iterator[None]:
    """Call *effect* after each write that took effect on *box*, before it is answered."""
    box.wire.effects.append(effect)
    try:
        yield
    finally:
        box.wire.effects.remove(effect)


def ended(process: subprocess.Popen[str]) -> Ended:
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Ended(process.returncode, out, err)


def until(claim: Callable[[], bool], *, within: float = PATIENCE) -> None:
    """Ask *claim* again and again; fail when it is not true in time."""
    deadline = time.monotonic() + within
    while not claim():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
