"""The demo's play: link, sync, let people edit on all sides, sync again, and tell what happened."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncer import plugins
from syncer.config import load
from syncer.demo.backlog import GITHUB, JIRA, LINEAR, Entry
from syncer.opening import Request
from syncer.output import say, short
from syncer.run import Report, plan, sync
from syncer.sdk.sandbox import Sandbox, serve
from syncer.store import Store, items
from syncer.telling import summary, tell_action, tell_hold, tell_parked
from syncer.wiring import open_store, wire

PORTS = {"jira": 0, "github": 0, "linear": 0}
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Stage:
    """Three sandboxes served on loopback, and the config that joins them."""

    boxes: Mapping[str, Sandbox]
    urls: Mapping[str, str]
    config: Path


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Serve the sandboxes, fill them, write a config beside them."""
    with contextlib.ExitStack() as stack:
        boxes = {name: plugins.sandbox(name)() for name in PORTS}
        urls = {name: stack.enter_context(serve(box.wire, port=PORTS[name])) for name, box in boxes.items()}
        for name, entries in (("jira", JIRA), ("github", GITHUB), ("linear", LINEAR)):
            fill(boxes[name], entries)
        config = folder / "config.toml"
        write_config(config, boxes, urls)
        yield Stage(boxes, urls, config)


def fill(box: Sandbox, entries: Sequence[Entry]) -> None:
    """File the entries as their authors did."""
    keys: dict[str, str] = {}
    for entry in entries:
        fields = dict(entry.fields)
        if entry.parent is not None:
            fields["parent"] = keys[entry.parent]
        keys[entry.title] = box.add(entry.title, by=entry.by, body=entry.body, **fields)
        for by, text in entry.comments:
            box.say(keys[entry.title], text, by=by)


def write_config(path: Path, boxes: Mapping[str, Sandbox], urls: Mapping[str, str]) -> None:
    lines = [
        "# Written by `syncer demo`: three sandboxes on this machine.",
        "[store]",
        'url = "sqlite:///syncer.db"',
        "",
    ]
    for name, box in boxes.items():
        lines.append(f"[connections.{name}]")
        lines += [f'{key} = "{value}"' for key, value in box.options(urls[name]).items()]
        lines.append("")
    for person in ("jane", "ravi", "omar", "mia"):
        known = {name: box.people[person] for name, box in boxes.items() if person in box.people}
        lines.append(f'[people."{person}@acme.example"]')
        lines += [f'{name} = "{account}"' for name, account in known.items()]
        lines.append("")
    lines += [
        "[syncs.roadmap]",
        f"connections = [{', '.join(repr(n) for n in boxes)}]".replace("'", '"'),
        'every = "30s"',
    ]
    handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("\n".join(lines) + "\n")


def perform(*, keep: bool) -> int:
    """Play the demo; return its exit code."""
    if not keep:
        with tempfile.TemporaryDirectory() as scratch, stage(Path(scratch)) as set_:
            return _acts(set_)
    folder = Path("demo")
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.glob("syncer.db*"):
        old.unlink()
    with stage(folder) as set_:
        code = _acts(set_)
        say()
        say(f"The sandboxes stay up until Ctrl-C. In another terminal: syncer --config {set_.config} plan")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
        return code


def _acts(set_: Stage) -> int:
    config = load(set_.config)
    one = next(iter(config.syncs.values()))
    store = open_store(config)
    started = time.monotonic()
    try:
        wiring = wire(config, one)
        counts = ", ".join(f"{n} {len(b.keys())}" for n, b in set_.boxes.items())
        say(f"1. Three trackers, each with its own backlog ({counts} items). What would a sync do?")
        planned = asyncio.run(plan(store, wiring, Request()))
        _tell(planned, planned=True)
        say("2. Do it.")
        first = asyncio.run(sync(store, wiring, Request(trigger="demo")))
        _tell(first, planned=False)
        say("3. Again, with nothing new: no writes, and few requests.")
        _tell(asyncio.run(sync(store, wiring, Request(trigger="demo"))), planned=False)
        say("4. People go on working, on all three sides:")
        _edits(set_, store)
        say("5. The next run:")
        second = asyncio.run(sync(store, wiring, Request(trigger="demo")))
        _tell(second, planned=False, everything=True)
        say("6. And once more: all in step.")
        last = asyncio.run(sync(store, wiring, Request(trigger="demo")))
        _tell(last, planned=False)
        say(f"Done in {time.monotonic() - started:.1f} s.")
    finally:
        store.close()
    return 0 if last.outcome == "in_step" else 1


def _tell(report: Report, *, planned: bool, everything: bool = False) -> None:
    actions = report.actions if everything else report.actions[:SHOWN]
    for action in actions:
        tell_action(action)
    rest = len(report.actions) - len(actions)
    if rest > 0:
        say(f"  ... and {rest} more")
    for hold in report.held:
        tell_hold(hold)
    for entry in report.parked:
        tell_parked(entry)
    say(f"   => {summary(report, planned=planned)}")
    say()


def _edits(set_: Stage, store: Store) -> None:
    """People's edits, one a conflict: two of them change one status before the next poll."""
    jira, github, linear = (set_.boxes[n] for n in ("jira", "github", "linear"))
    where = _keys_by_title(store)
    wallet = where["Pay with a wallet in two taps"]
    crash = where["Cart crashes on an empty promotion"]
    keys = where["Idempotency keys for payments"]

    linear.edit(wallet["linear"], by="omar", title="Pay with a wallet in one tap")
    github.edit(wallet["github"], by="mia", labels=[*github.show(wallet["github"])["labels"], "wallet"])
    jira.edit(wallet["jira"], by="jane", due="2027-01-29")
    say(f"   three people change title, labels and due date of one item: {_spots(wallet)}")

    github.edit(crash["github"], by="omar", status="closed")
    jira.edit(crash["jira"], by="ravi", status="In Progress")
    say(f"   a conflict: Omar closes {_spot('github', crash)}, then Ravi starts {_spot('jira', crash)}")

    linear.edit(keys["linear"], by="omar", status="In Review")
    say(f"   Omar moves {_spot('linear', keys)} to In Review; GitHub has no such word")

    jira.say(keys["jira"], "Please add the *expiry* to the design.", by="ravi")
    say(f"   Ravi comments on {_spot('jira', keys)}")

    github.add("Wallet button is cut off on small screens", by="mia", body="See @jane's screenshot.", labels=["design"])
    say("   Mia files a new issue on GitHub, mentioning @jane")
    say()


def _keys_by_title(store: Store) -> dict[str, dict[str, str]]:
    with store.read() as tx:
        links = list(items.all_links(tx, "roadmap"))
        rows = items.rows_of_links(tx, [k.id for k in links])
    return {k.title: {c: r.copy.key for c, r in rows[k.id].items()} for k in links}


def _spots(keys: Mapping[str, str]) -> str:
    return ", ".join(_spot(c, keys) for c in keys)


def _spot(connection: str, keys: Mapping[str, str]) -> str:
    return short(f"{connection}:{keys[connection]}")
