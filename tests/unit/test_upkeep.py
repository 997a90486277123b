"""What is older than is to be kept goes, what somebody still refers to stays, and nobody waits long for it."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from structlog.testing import capture_logs

from syncer import upkeep
from syncer.config import Keep
from syncer.connector import Lead
from syncer.model import Address, Ref
from syncer.store import Store, aside, leads, pruning, records
from syncer.store import encoding as code
from syncer.store.pruning import prune_audit, prune_runs
from syncer.store.records import Entry
from syncer.store.schema import audit, deliveries, runs, texts, uses
from syncer.upkeep import Tended, tend

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
KEEP = Keep.model_validate({"runs": "30d", "deliveries": "7d", "audit": "30d"})
FOR_GOOD = Keep.model_validate({"runs": "30d", "deliveries": "7d"})


@pytest.fixture(autouse=True)
def _heard() -> None:
    """Log every event, whatever a command line that ran before asked for."""
    structlog.reset_defaults()


def long(word: str) -> str:
    return f"{word} " * 60


def ran(
    store: Store,
    id_: str,
    days_ago: float,
    *,
    sync: str = "s",
    number: int = 1,
    outcome: str = "changed",
    text: str = "",
    finished: bool = True,
) -> None:
    started = NOW - DAY * days_ago
    doc = {"run": id_, "sync": sync, "outcome": outcome, "actions": [{"fields": {"body": {"to": text}}}]}
    with store.write() as tx:
        end = started if finished else None
        records.save_run(tx, id_=id_, sync=sync, number=number, started=started, finished=end, doc=doc)


def wrote(store: Store, days_ago: float, text: str = "", run: str = "R1") -> None:
    entry = Entry("L1", "jira:issue:1", "update", "body", "", text, "syncer", "because")
    with store.write() as tx:
        records.append(tx, "s", run, NOW - DAY * days_ago, [entry])


def delivered(store: Store, id_: str, days_ago: float) -> None:
    with store.write() as tx:
        lead = Lead(Address(Ref("jira", "issue", id_), id_))
        leads.note(tx, ["s"], "jira", [id_], [lead], NOW - DAY * days_ago)


def ids(store: Store) -> set[str]:
    with store.read() as tx:
        return set(tx.execute(sa.select(runs.c.id)).scalars())


def kept(store: Store) -> set[str]:
    """Return the first words of the long texts that are kept."""
    with store.read() as tx:
        return {body.split()[0] for body in tx.execute(sa.select(texts.c.body)).scalars()}


def prune(store: Store, days: float = 30, most: int = pruning.MOST) -> int:
    with store.write() as tx:
        return prune_runs(tx, NOW - DAY * days, most=most).rows


def cut(store: Store, days: float = 30) -> int:
    with store.write() as tx:
        return prune_audit(tx, NOW - DAY * days, NOW).rows


@pytest.fixture
def store() -> Store:
    return Store.memory()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Store]:
    found = Store.open(f"sqlite:///{tmp_path / 'syncer.db'}")
    yield found
    found.close()


# -- runs --------------------------------------------------------------------------------------


def test_old_runs_go_and_younger_ones_stay(store: Store) -> None:
    for number, days_ago in enumerate((90, 31, 29, 1), start=1):
        ran(store, f"R{number}", days_ago, number=number)

    assert prune(store) == 2
    assert ids(store) == {"R3", "R4"}


def test_the_newest_run_of_each_sync_stays_and_numbers_go_on(store: Store) -> None:
    ran(store, "R1", 90, number=1)
    ran(store, "R2", 80, number=2)
    ran(store, "Q7", 90, number=7, sync="other")

    prune(store)

    with store.read() as tx:
        assert (records.next_number(tx, "s"), records.next_number(tx, "other")) == (3, 8)
    assert ids(store) == {"R2", "Q7"}


def test_a_run_that_is_running_stays_and_one_that_was_killed_goes(store: Store) -> None:
    ran(store, "running", 90, number=1, outcome="running", finished=False)
    ran(store, "killed", 90, number=2, outcome="failed", finished=False)
    ran(store, "newest", 1, number=3)

    prune(store)

    assert ids(store) == {"running", "newest"}


def test_one_call_deletes_only_so_many_runs_the_oldest_first(store: Store) -> None:
    for number in range(1, 8):
        ran(store, f"R{number}", 100 - number, number=number)

    assert [prune(store, most=4), ids(store)] == [4, {"R5", "R6", "R7"}]
    assert [prune(store, most=4), prune(store, most=4)] == [2, 0]


# -- long texts --------------------------------------------------------------------------------


def test_a_text_goes_with_the_last_run_that_refers_to_it(store: Store) -> None:
    ran(store, "R1", 90, number=1, text=long("first"))
    ran(store, "R2", 60, number=2, text=long("both"))
    ran(store, "R3", 40, number=3, text=long("both"))
    ran(store, "R4", 1, number=4)

    after = []
    while prune(store, most=1):
        after.append(kept(store))

    assert after == [{"both"}, {"both"}, set()]


def test_a_text_of_a_run_that_the_trail_refers_to_stays_until_that_is_cut(store: Store) -> None:
    ran(store, "R1", 90, text=long("shared"))
    ran(store, "R2", 1, number=2)
    wrote(store, 90, long("shared"))

    prune(store)
    after_runs = kept(store)
    cut(store)

    assert after_runs == {"shared"}
    assert kept(store) == set()


def test_a_text_of_the_trail_that_a_run_refers_to_stays_until_that_is_pruned(store: Store) -> None:
    ran(store, "R1", 90, text=long("shared"))
    ran(store, "R2", 1, number=2)
    wrote(store, 90, long("shared"))

    cut(store)
    after_cut = kept(store)
    prune(store)

    assert after_cut == {"shared"}
    assert kept(store) == set()


def test_a_text_that_a_younger_entry_refers_to_survives_the_cut(store: Store) -> None:
    wrote(store, 90, long("twice"))
    wrote(store, 1, long("twice"))

    cut(store)

    assert kept(store) == {"twice"}


def test_a_run_saved_anew_lets_go_of_what_it_no_longer_says(store: Store) -> None:
    ran(store, "R1", 1, text=long("draft"))

    ran(store, "R1", 1, text=long("final"))

    assert kept(store) == {"final"}


def test_an_erased_text_that_comes_again_is_kept_and_forgotten_like_any_other(store: Store) -> None:
    wrote(store, 90, long("secret"))
    with store.write() as tx:
        records.erase(tx, aside.hash_of(long("secret")))
    wrote(store, 1, long("secret"))

    cut(store)

    assert kept(store) == {"secret"}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_just_the_texts_that_are_referred_to_are_kept(store: Store, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 -- chooses what happens
    for step in range(60):
        days_ago, text = 100 - step, long(f"text{rng.randrange(6)}")
        happening = rng.randrange(4)
        if happening == 0:
            ran(store, f"R{rng.randrange(step + 1)}", days_ago, number=step, text=text)
        elif happening == 1:
            wrote(store, days_ago, text)
        elif happening == 2:
            prune(store, days_ago + rng.randrange(40), most=2)
        else:
            cut(store, days_ago + rng.randrange(40))

    assert kept(store) == referred_to(store)
    with store.read() as tx:
        assert records.intact(tx)


def referred_to(store: Store) -> set[str]:
    """Return the first words of the texts that any run or entry refers to, by looking at all of them."""
    with store.read() as tx:
        docs = [code.loads(d) for t in (runs, audit) for d in tx.execute(sa.select(t.c.doc)).scalars()]
    wanted = aside.hashes(docs)
    return {f"text{n}" for n in range(6) if aside.hash_of(long(f"text{n}")) in wanted}


# -- all of it ---------------------------------------------------------------------------------


def test_tending_forgets_what_is_too_old_and_counts_it(store: Store) -> None:
    ran(store, "R1", 90, text=long("gone"))
    ran(store, "R2", 1, number=2)
    wrote(store, 31)
    wrote(store, 29)
    delivered(store, "old", 8)
    delivered(store, "young", 6)

    with capture_logs() as logs:
        tended = tend(store, KEEP, ["s"], NOW)

    assert tended == Tended(runs=1, deliveries=1, audit=1, texts=1)
    assert logs == [
        {"event": "database.tended", "log_level": "info", "runs": 1, "deliveries": 1, "audit": 1, "texts": 1}
    ]


def test_tending_what_has_nothing_old_says_nothing(store: Store) -> None:
    ran(store, "R1", 1)
    wrote(store, 1)

    with capture_logs() as logs:
        tended = tend(store, KEEP, ["s"], NOW)

    assert (tended, logs) == (Tended(), [])


def test_the_trail_is_kept_for_good_unless_somebody_says_how_long(store: Store) -> None:
    wrote(store, 10_000)

    tend(store, FOR_GOOD, ["s"], NOW)

    with store.read() as tx:
        assert records.examined(tx).entries == 1


def test_an_age_of_more_years_than_there_are_keeps_everything(store: Store) -> None:
    ran(store, "R1", 90)
    ran(store, "R2", 1, number=2)

    tended = tend(store, Keep.model_validate({"runs": "9999999d", "audit": "9999999d"}), ["s"], NOW)

    assert tended == Tended()


def test_leads_of_a_sync_that_is_no_more_are_forgotten(store: Store) -> None:
    delivered(store, "D1", 0)

    tend(store, KEEP, ["another"], NOW)

    with store.read() as tx:
        assert leads.pending(tx, "s") == []


def test_one_tending_has_an_end_and_the_next_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "ROUNDS", 2)
    for number in range(5 * pruning.MOST):
        wrote(store, 90 - number / 10_000)

    tended = [tend(store, KEEP, ["s"], NOW).audit for _ in range(4)]

    assert tended == [400, 400, 200, 0]
    with store.read() as tx:
        assert records.intact(tx)


def test_a_database_that_is_tended_daily_stops_growing(disk: Store) -> None:
    sizes = []
    for day in range(60):
        at = NOW + DAY * day
        for number in range(10):
            wrote(disk, -day, long(f"day{day}-{number}"))
            ran(disk, f"R{day}-{number}", -day, number=day * 10 + number, text=long(f"run{day}-{number}"))
            delivered(disk, f"D{day}-{number}", -day)
        tend(disk, Keep.model_validate({"runs": "10d", "deliveries": "10d", "audit": "10d"}), ["s"], at)
        with disk.read() as tx:
            sizes.append(tx.exec_driver_sql("PRAGMA page_count").scalar_one())

    assert max(sizes[20:]) <= 1.2 * sizes[19]
    with disk.read() as tx:
        rows = {t.name: tx.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in (runs, audit, uses)}
    assert rows == {"runs": 110, "audit": 121, "uses": 220}


def test_a_large_trail_is_cut_while_others_write_and_none_of_them_waits_long(disk: Store) -> None:
    many(disk, 30_000)
    waits: list[float] = []
    done = threading.Event()

    def write() -> None:
        other = Store.open(f"sqlite:///{disk.path}")
        while not done.is_set():
            begun = time.monotonic()
            with other.write() as tx:
                tx.execute(sa.insert(deliveries).values(connection="c", id=str(begun), at="9"))
            waits.append(time.monotonic() - begun)
            time.sleep(0.005)
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    tended = tend(disk, KEEP, ["s"], NOW)
    done.set()
    writer.join()

    assert tended.audit == 30_000
    assert len(waits) > 20
    assert max(waits) < 2.0
    with disk.read() as tx:
        assert records.intact(tx)


def many(store: Store, number: int) -> None:
    """Give the trail *number* old entries, every third with a long text of its own."""
    for start in range(0, number, 10_000):
        entries = [
            Entry("L1", "jira:issue:1", "update", "body", "", long(f"t{n}") if n % 3 == 0 else "x", "syncer", "why")
            for n in range(start, start + 10_000)
        ]
        with store.write() as tx:
            records.append(tx, "s", "R1", NOW - DAY * 60, entries)


def test_tending_moves_the_log_into_the_database(disk: Store) -> None:
    ran(disk, "R1", 1)
    with sqlite3.connect(f"file:{disk.path}?mode=ro&immutable=1", uri=True) as alone:
        before = alone.execute("SELECT name FROM sqlite_master WHERE name = 'runs'").fetchall()
    alone.close()

    tend(disk, FOR_GOOD, ["s"], NOW)

    with sqlite3.connect(f"file:{disk.path}?mode=ro&immutable=1", uri=True) as alone:
        after = alone.execute("SELECT id FROM runs").fetchall()
    alone.close()
    assert (before, after) == ([], [("R1",)])


def test_told_to_stop_it_ends_with_the_transaction_it_is_at(store: Store) -> None:
    for at in range(3):
        ran(store, f"R{at}", 100 + at, number=at + 1)

    tended = tend(store, KEEP, ["s"], NOW, halted=lambda: True)

    assert not tended
