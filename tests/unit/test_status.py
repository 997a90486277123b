"""How things stand is told from the database alone: what ran, what waits, how old it is, what lasts too long."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from syncer.config import Config, load
from syncer.connector import Lead
from syncer.links import Copy, Hold, Link, Origin, Parked
from syncer.model import Address, Record, Ref
from syncer.report import when
from syncer.status import Status, SyncStatus, document, look
from syncer.store import Store, items, journal, leads, pulse, records
from syncer.store.items import Row
from syncer.store.lease import held, lease

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SYNC = "roadmap"
CONFIG = """
[connections.jira]
connector = "jira"
url = "https://acme.atlassian.net"
email = "bot@acme.example"
token = "env:JIRA_TOKEN"
project = "ROAD"

[connections.github]
connector = "github"
repository = "acme/web"
token = "env:GITHUB_TOKEN"

[syncs.roadmap]
connections = ["jira", "github"]
{when}
"""


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@dataclass
class Desk:
    """A database, a config, and what a daemon and its runs leave in the database."""

    store: Store
    folder: Path
    timing: str = 'every = "2m"'

    @property
    def config(self) -> Config:
        file = self.folder / "config.toml"
        file.write_text(CONFIG.replace("{when}", self.timing))
        return load(file, environ={}, secrets=False)

    def look(self, now: datetime = NOW) -> Status:
        return look(self.store, self.config, now)

    def sync(self, now: datetime = NOW) -> SyncStatus:
        (one,) = self.look(now).syncs
        return one

    def ran(self, number: int, outcome: str, ended: float | None, **more: Any) -> None:
        """Note a run of ten seconds that ended so many seconds ago, None for one that has not."""
        started = ago((ended or 0) + 10)
        finished = None if ended is None else ago(ended)
        doc = {"run": f"R{number}", "sync": SYNC, "outcome": outcome, "actions": [], "tally": {}, **more}
        doc |= {"started": when(started), "finished": when(finished)}
        with self.store.write() as tx:
            records.save_run(
                tx, id_=f"R{number}", sync=SYNC, number=number, started=started, finished=finished, doc=doc
            )
            if outcome in {"in_step", "changed"} and finished is not None:
                pulse.say(tx, SYNC, "good", {"run": f"R{number}"}, finished)

    def say(self, sync: str, name: str, doc: Mapping[str, Any]) -> None:
        with self.store.write() as tx:
            pulse.say(tx, sync, name, doc, NOW)

    def link(self, id_: str = "L1", *, agreed: float, made: float | None = None, **more: Any) -> None:
        """Keep a link whose title was agreed so many seconds ago."""
        created = ago(agreed if made is None else made)
        origin = {"title": Origin("jira", ago(agreed))}
        with self.store.write() as tx:
            items.save_links(tx, SYNC, [Link(id_, "jira", "Checkout", created, origin=origin, **more)])

    def copy(self, id_: str, *, updated: float, dirty: bool = True, link: str = "L1") -> None:
        ref, at = Ref("jira", "issue", id_), ago(updated)
        copy = Copy(ref, f"ROAD-{id_}", "", at, at, {"summary": "Checkout"}, ago(0))
        record = Record(ref, copy.key, "", at, at, {"summary": "Checkout"})
        with self.store.write() as tx:
            items.save_rows(tx, SYNC, [Row(copy, record, link, dirty, scoped=True)])

    def noted(self, seconds: float) -> None:
        lead = Lead(Address(Ref("jira", "issue", "7"), "ROAD-7"))
        with self.store.write() as tx:
            leads.note(tx, [SYNC], "jira", ["D1"], [lead], ago(seconds))


T = TypeVar("T")


def holding(desk: Desk, name: str, claim: Callable[[], T]) -> T:
    """Return what is claimed while somebody holds a lease."""

    async def hold() -> T:
        async with lease(desk.store, name, wait=0):
            return claim()

    return asyncio.run(hold())


OWED: dict[str, Any] = {"owed": {"github": {"title": None}}}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = Store.open(f"sqlite:///{tmp_path / 'syncer.db'}")
    yield Desk(store, tmp_path)
    store.close()


# -- runs ------------------------------------------------------------------------------------


def test_of_a_sync_that_never_ran_nothing_is_told_and_nothing_is_stale(desk: Desk) -> None:
    one = desk.sync()

    assert (one.last, one.running, one.good_at, one.lag, one.stale) == (None, None, None, 0.0, ())
    assert [c.name for c in one.connections] == ["jira", "github"]


def test_the_newest_run_that_ended_is_told_without_its_actions(desk: Desk) -> None:
    desk.ran(1, "changed", 300)
    desk.ran(2, "in_step", 60, actions=[{"do": "update", "title": "Checkout"}])

    one = desk.sync()

    assert one.last is not None
    assert (one.last["run"], one.last["outcome"], one.running) == ("R2", "in_step", None)
    assert "actions" not in one.last
    assert one.good_at == ago(60)


def test_a_run_is_at_work_as_long_as_a_process_holds_its_lease(desk: Desk) -> None:
    desk.ran(1, "in_step", 60)
    desk.ran(2, "running", None)

    during = holding(desk, SYNC, desk.sync)
    after = desk.sync()

    assert during.last is not None
    assert (during.running, during.last["run"]) == ("R2", "R1")
    assert after.last is not None
    assert (after.running, after.last["run"], after.last["outcome"]) == (None, "R2", "failed")
    assert after.last["error"] == "interrupted"


def test_a_database_from_before_there_was_a_pulse_knows_its_good_run(desk: Desk) -> None:
    desk.ran(1, "in_step", 60)
    with desk.store.write() as tx:
        pulse.unsay(tx, SYNC, "good")

    assert desk.sync().good_at == ago(60)


# -- the daemon ------------------------------------------------------------------------------


def test_a_daemon_runs_only_while_its_lease_is_held(desk: Desk) -> None:
    desk.say("", "daemon", {"pid": 1, "started": when(ago(3600)), "version": "0.1.0", "state": "running"})
    desk.say(SYNC, "next", {"at": when(ago(-60)), "why": "every"})

    dead = desk.look()
    alive = holding(desk, "@daemon", desk.look)

    assert dead.daemon is None
    assert alive.daemon == {"pid": os.getpid(), "started": when(ago(3600)), "version": "0.1.0", "state": "running"}
    assert dead.syncs[0].next_at is None
    assert (alive.syncs[0].next_at, alive.syncs[0].next_why) == (ago(-60), "every")


def test_looking_at_a_lease_takes_it_from_nobody(desk: Desk) -> None:
    stop = threading.Event()

    def gaze() -> None:
        while not stop.is_set():
            held(desk.store, SYNC)
            time.sleep(0.001)

    watcher = threading.Thread(target=gaze)
    watcher.start()
    try:
        for _ in range(200):
            holding(desk, SYNC, lambda: None)
    finally:
        stop.set()
        watcher.join()


# -- connections and counts ------------------------------------------------------------------


def test_connections_are_told_as_the_newest_run_found_them(desk: Desk) -> None:
    budget = {"limit": 5000, "remaining": 4321, "resets": when(ago(-600)), "unit": "requests"}
    desk.say(SYNC, "connection/github", {"read_at": when(ago(30)), "down": None, "budget": budget, "requests": 3})
    desk.say(SYNC, "connection/jira", {"read_at": None, "down": "jira: says no", "since": when(ago(90))})

    jira, github = desk.sync().connections

    assert (jira.down, jira.since, jira.read_at) == ("jira: says no", ago(90), None)
    assert (github.down, github.read_at, github.budget, github.requests) == (None, ago(30), budget, 3)


def test_what_waits_is_counted(desk: Desk) -> None:
    hold = Hold("H1", "L1", "title", None, None, {}, NOW)
    entry = Parked("P1", "L1", "github", "", "title", "write", "no", 1, NOW)
    desk.noted(5)
    desk.link("L1", agreed=5, owed={"github": {"title": None, "body": None}, "jira": {"title": None}})
    desk.link("L2", agreed=5, wants=frozenset({"github"}))
    desk.say(SYNC, "audit", {"divergences": 2, "away": 0, "strays": 0, "checked": 9})
    with desk.store.write() as tx:
        journal.hold(tx, SYNC, hold)
        journal.park(tx, SYNC, entry)

    one = desk.sync()

    assert (one.held, one.parked, one.waiting, one.owed) == (1, 1, 1, 3)
    assert one.audit == {"divergences": 2, "away": 0, "strays": 0, "checked": 9}


# -- lag -------------------------------------------------------------------------------------


def test_lag_is_the_age_of_the_oldest_change_that_is_not_everywhere(desk: Desk) -> None:
    desk.ran(1, "in_step", 200)
    desk.noted(40)
    noted = desk.sync().lag
    desk.copy("1", updated=70)
    read = desk.sync().lag
    desk.link(agreed=100, made=9000, **OWED)
    owed = desk.sync().lag

    assert (noted, read, owed) == (40, 70, 100)


def test_what_was_decided_and_is_owed_to_nobody_has_no_age(desk: Desk) -> None:
    desk.ran(1, "in_step", 200)
    desk.copy("1", updated=70, dirty=False)
    desk.link(agreed=100)

    assert desk.sync().lag == 0


def test_what_a_good_run_left_owed_waits_for_something_else_and_has_no_age(desk: Desk) -> None:
    desk.link(agreed=5000, **OWED)
    desk.ran(1, "in_step", 30)

    assert (desk.sync().lag, desk.sync().owed) == (0, 1)


def test_a_daily_sweep_that_stirs_old_records_is_no_lag(desk: Desk) -> None:
    desk.ran(1, "in_step", 30)
    desk.copy("1", updated=9_000_000)

    assert desk.sync().lag == 0


def test_old_changes_count_from_the_last_good_run_once_a_run_has_failed(desk: Desk) -> None:
    desk.ran(1, "in_step", 500)
    desk.link(agreed=5000, **OWED)
    desk.ran(2, "partial", 100)

    assert desk.sync().lag == 500


def test_before_the_first_good_run_nothing_is_older_than_the_first_run(desk: Desk) -> None:
    desk.link(agreed=9_000_000, made=9_000_000, **OWED)
    desk.ran(1, "partial", 100)

    assert desk.sync().lag == 110


def test_a_value_of_an_item_linked_just_now_is_no_older_than_the_link(desk: Desk) -> None:
    desk.ran(1, "in_step", 500)
    desk.link(agreed=400, made=20, **OWED)

    assert desk.sync().lag == 20


def test_a_tracker_whose_clock_is_ahead_makes_no_negative_lag(desk: Desk) -> None:
    desk.ran(1, "in_step", 500)
    desk.copy("1", updated=-50)

    assert desk.sync().lag == 0


# -- stale -----------------------------------------------------------------------------------


def test_a_sync_is_stale_when_no_run_ended_well_for_too_long(desk: Desk) -> None:
    desk.ran(1, "in_step", 899)
    fresh = desk.sync().stale
    later = desk.sync(NOW + timedelta(seconds=2)).stale

    assert (fresh, later) == ((), ("no good run for 15min",))


def test_a_sync_that_seldom_runs_may_miss_twice(desk: Desk) -> None:
    desk.timing = 'every = "1h"'
    desk.ran(1, "in_step", 3 * 3600 - 1)

    assert desk.sync().stale == ()
    assert desk.sync(NOW + timedelta(seconds=2)).stale == ("no good run for 3h",)


def test_a_sync_that_rests_at_night_is_not_stale_in_the_morning(desk: Desk) -> None:
    desk.timing = 'cron = "*/5 8-18 * * *"\n[daemon]\ntimezone = "UTC"'
    evening, morning = datetime(2026, 11, 1, 18, 55, tzinfo=UTC), datetime(2026, 11, 2, 8, 9, tzinfo=UTC)
    with desk.store.write() as tx:
        pulse.say(tx, SYNC, "good", {"run": "R1"}, evening)

    assert desk.sync(morning).stale == ()
    assert desk.sync(morning + timedelta(minutes=2)).stale == ("no good run for 13h",)


def test_a_sync_that_never_ran_is_stale_only_long_after_the_daemon_started(desk: Desk) -> None:
    desk.say("", "daemon", {"pid": 1, "started": when(ago(901)), "version": "0.1.0", "state": "running"})

    alone = desk.sync().stale
    kept = holding(desk, "@daemon", desk.sync).stale

    assert (alone, kept) == ((), ("no good run for 15min",))


def test_a_connection_that_is_long_down_makes_its_sync_stale(desk: Desk) -> None:
    desk.ran(1, "in_step", 10)
    desk.say(SYNC, "connection/jira", {"down": "jira: says no", "since": when(ago(1000))})

    assert desk.sync().stale == ("jira has been down for 16min",)


def test_changes_and_webhooks_that_wait_too_long_are_told_apart(desk: Desk) -> None:
    desk.ran(1, "in_step", 2000)
    desk.ran(2, "partial", 10)
    desk.noted(1000)
    desk.link(agreed=1900, **OWED)

    assert desk.sync().stale == (
        "no good run for 33min",
        "a change has waited for 31min",
        "what a webhook told has waited for 16min",
    )


# -- the document, and its price -------------------------------------------------------------


def test_the_document_is_plain_json_with_times_in_utc(desk: Desk) -> None:
    desk.ran(1, "in_step", 60)

    doc = document(desk.look())

    assert doc["at"] == "2026-11-02T09:00:00Z"
    assert doc["daemon"] is None
    (sync,) = doc["syncs"]
    assert (sync["sync"], sync["good_at"], sync["stale"]) == (SYNC, "2026-11-02T08:59:00Z", [])


def test_ten_thousand_items_are_looked_at_in_milliseconds(desk: Desk) -> None:
    values = {"title": "Checkout", "body": "Long words. " * 100}
    many = [
        Link(
            f"L{n}",
            "jira",
            "Checkout",
            ago(9),
            values,
            {"title": Origin("jira", ago(9))},
            OWED["owed"] if n % 500 == 0 else {},
        )
        for n in range(10_000)
    ]
    with desk.store.write() as tx:
        items.save_links(tx, SYNC, many)
    for number in range(200):
        desk.ran(number, "in_step", 60)
    config = desk.config
    look(desk.store, config, NOW)

    spent = []
    for _ in range(5):
        started = time.perf_counter()
        found = look(desk.store, config, NOW)
        spent.append(time.perf_counter() - started)

    assert found.syncs[0].owed == 20
    assert min(spent) < 0.05
