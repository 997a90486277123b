"""The figures: printed, never judged. `make bench`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from syncer import log
from syncer.config import load
from syncer.demo.play import stage
from syncer.engine.ledger import Circumstances
from syncer.engine.merge import merge
from syncer.engine.plan import plan
from syncer.engine.state import Rules
from syncer.engine.views import Reader
from syncer.links import Copy, Link, Origin
from syncer.mapping.load import Layer
from syncer.mapping.load import load as load_mapping
from syncer.mapping.mapper import Mapper
from syncer.model import Account, Ref
from syncer.opening import Request
from syncer.run import Report, sync
from syncer.sdk.memory import PEOPLE, STATUSES, table
from syncer.sdk.memory_dialect import codecs
from syncer.text import canonical
from syncer.wiring import open_store, wire

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def say(name: str, figure: str) -> None:
    sys.stdout.write(f"{name:<58} {figure}\n")


def test_help_is_fast() -> None:
    command = [str(Path(sys.executable).parent / "syncer"), "--help"]
    best = min(timed(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(5))
    say("syncer --help, best of 5 (goal 0.4 s)", f"{best:.2f} s")


def test_first_sync_and_idle_poll_over_loopback() -> None:
    log.setup(level="error")
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as set_:
        for name, box in set_.boxes.items():
            for n in range(180):
                box.add(f"{name} filler {n}", body="Words.\n\n- one\n- two")
        config = load(set_.config)
        store = open_store(config)
        wiring = wire(config, next(iter(config.syncs.values())))
        allow = frozenset({"creates"})
        reports: list[Report] = []

        def run() -> None:
            reports.append(asyncio.run(sync(store, wiring, Request(allow=allow))))

        first, idle = timed(run), timed(run)
        for box in set_.boxes.values():
            box.edit(box.keys()[0], title="Edited")
        changed = timed(run)
        store.close()
    writes = sum(reports[0].count(d) for d in ("create", "update", "comment"))
    asked = sum(reports[0].requests.values())
    say("first sync of 602 items on three trackers", f"{first:.1f} s, {writes} actions, {asked} requests")
    say("idle poll of the same (goal 2 requests a tracker)", f"{idle:.2f} s, {dict(reports[1].requests)}")
    edits = reports[2].count("update")
    say("three edits", f"{changed:.2f} s, {edits} writes, {sum(reports[2].requests.values())} requests")


class Nobody:
    """A directory without links."""

    def person(self, _: str, account: Account) -> str | None:
        return account.email

    def account(self, _: str, person: str) -> str | None:
        return person

    def link_of(self, _: Ref) -> str | None:
        return None

    def copy_of(self, _: str, __: str) -> str | None:
        return None


def test_engine_with_nothing_changed() -> None:
    names = ("a", "b", "c")
    tables = load_mapping([Layer("dialect", table())])
    kinds = codecs(
        ("title", "body", "status", "priority", "labels"),
        statuses=STATUSES,
        people=PEOPLE,
        spaced_labels=True,
        single_assignee=False,
    )
    readers = {n: Reader(n, Mapper(n, kinds, tables, Nobody(), {})) for n in names}
    rules = Rules(sync="s", connections=names)
    native = {"headline": "One", "text": "Words " * 300, "stage": "Doing", "rank": "P1", "tags": ["x", "y"]}
    base = {f: {n: native[n] for n in k.natives if n in native} for f, k in kinds.items()}
    copies = {n: Copy(Ref(n, "issue", "1"), "1", "", NOW, NOW, native, NOW, base=base) for n in names}
    agreed = {"title": "One", "body": canonical("Words " * 300), "status": "started", "priority": "urgent"}
    link = Link("L1", "a", "One", NOW, {**agreed, "labels": frozenset({"x", "y"})}, {"title": Origin("a")}, digest="d")
    at = Circumstances(rules, readers, {}, NOW, 1, "d")
    times = 5_000

    def work() -> None:
        for _ in range(times):
            merged = merge(link, copies, at)
            plan(merged.link, merged.copies, readers, rules, {})

    spent = timed(work)
    say("edits + merge + plan, 3 copies, nothing changed (goal 50,000/s)", f"{times / spent:,.0f} items/s")


def test_canonical_text() -> None:
    texts = [f"# Title {n}\n\n" + "Some *words* and `code`.\n\n- one\n- two\n\n" * 35 for n in range(200)]
    spent = timed(lambda: [canonical(t) for t in texts])
    say("canonical Markdown of a 2 kB text", f"{spent / len(texts) * 1000:.2f} ms")
