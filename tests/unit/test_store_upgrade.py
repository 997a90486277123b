"""An older database is copied beside itself before it is brought up to date; going back is one file put back."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from structlog.testing import capture_logs

from syncer.store import Store, aside, items, records, schema
from syncer.store.pruning import prune_audit
from syncer.store.records import Entry
from syncer.store.schema import meta, texts, uses
from tests.unit.test_store_database import link, python, refusal, tables, titles, url, version

NOW = datetime(2026, 11, 2, tzinfo=UTC)
BODY = "A body longer than what fits beside the others. " * 6
NEWEST = len(schema.MIGRATIONS)


@pytest.fixture(autouse=True)
def _heard() -> None:
    """Log every event, whatever a command line that ran before asked for."""
    structlog.reset_defaults()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database as the version before the newest left it, with one link, one entry and one run in it."""
    found = tmp_path / "syncer.db"
    store = Store.open(url(found))
    with store.write() as tx:
        items.save_links(tx, "roadmap", [link("L1")], dirty=True)
        records.append(tx, "roadmap", "R1", NOW, [Entry("L1", "jira:issue:1", "update", "body", "", BODY, "x", "y")])
        doc = {"run": "R1", "actions": [BODY]}
        records.save_run(tx, id_="R1", sync="roadmap", number=1, started=NOW, finished=NOW, doc=doc)
    aged(store)
    store.close()
    return found


def aged(store: Store) -> None:
    """Take from a database what the third version brought."""
    with store.write() as tx:
        for table in ("uses", "leads", "deliveries", "pulse"):
            tx.exec_driver_sql(f"DROP TABLE {table}")
        tx.exec_driver_sql("DROP INDEX runs_by_age")
        tx.exec_driver_sql("DROP TRIGGER audit_no_delete")
        tx.exec_driver_sql(
            "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
        tx.execute(sa.update(meta).where(meta.c.name == "version").values(value="2"))


def bak(path: Path, number: int = 2) -> Path:
    return path.with_name(f"syncer.db.v{number}.bak")


def names(path: Path) -> set[str]:
    return {p.name for p in path.parent.iterdir()}


def upgraded(path: Path) -> None:
    Store.open(url(path)).close()


# -- the copy ----------------------------------------------------------------------------------


def test_an_upgrade_leaves_a_copy_of_the_database_as_it_was(path: Path) -> None:
    upgraded(path)

    assert (version(path), version(bak(path))) == (str(NEWEST), "2")
    assert "uses" not in tables(bak(path))
    assert names(path) == {"syncer.db", "syncer.db.key", "syncer.db.v2.bak"}


def test_the_copy_is_for_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        upgraded(path)
    finally:
        os.umask(before)

    assert oct(bak(path).stat().st_mode & 0o777) == "0o600"


def test_an_upgrade_is_logged_with_its_copy(path: Path) -> None:
    with capture_logs() as logs:
        upgraded(path)
        upgraded(path)

    assert logs == [{"event": "database.upgraded", "log_level": "info", "was": 2, "to": NEWEST, "copy": str(bak(path))}]


def test_a_new_database_and_one_in_memory_leave_no_copy(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Store.open(url(tmp_path / "new.db")).close()
        Store.memory().close()

    assert {p.name for p in tmp_path.iterdir()} == {"new.db", "new.db.key"}
    assert logs == []


def test_the_copy_put_back_is_upgraded_again_and_nothing_is_missing(path: Path) -> None:
    upgraded(path)
    bak(path).rename(path)

    store = Store.open(url(path))

    assert titles(store) == ["Checkout"]
    store.close()
    assert version(bak(path)) == "2"


def test_a_copy_of_an_earlier_upgrade_gives_way_to_what_is_upgraded_now(path: Path) -> None:
    bak(path).write_bytes(b"the state of an earlier upgrade")

    upgraded(path)

    assert version(bak(path)) == "2"


def test_what_a_killed_copy_left_is_not_in_the_way(path: Path) -> None:
    for rest in (".part", ".part-journal"):
        bak(path).with_name(bak(path).name + rest).write_bytes(b"half")

    upgraded(path)

    assert names(path) == {"syncer.db", "syncer.db.key", "syncer.db.v2.bak"}


# -- no copy, no upgrade -----------------------------------------------------------------------


def test_without_room_for_the_copy_the_database_stays_as_it_was(path: Path) -> None:
    earlier = b"the state of an earlier upgrade"
    bak(path).write_bytes(earlier)
    whole = path.stat().st_size
    code = f"""
        import resource
        from tests.unit.test_store_upgrade import *
        resource.setrlimit(resource.RLIMIT_FSIZE, ({whole // 2}, {whole // 2}))
        print(refusal(lambda: Store.open({url(path)!r})))
    """

    said = python(code)

    assert "was not upgraded from version 2" in said
    assert "disk" in said
    assert version(path) == "2"
    assert "uses" not in tables(path)
    assert bak(path).read_bytes() == earlier
    assert names(path) == {"syncer.db", "syncer.db.key", "syncer.db.v2.bak"}


def test_a_copy_that_may_not_stand_there_is_told(path: Path) -> None:
    bak(path).mkdir()
    (bak(path) / "something").touch()

    said = refusal(lambda: Store.open(url(path)))

    assert "was not upgraded" in said
    assert version(path) == "2"


# -- amid it -----------------------------------------------------------------------------------


def test_processes_that_upgrade_at_once_make_one_copy_of_the_old_version(path: Path) -> None:
    code = f"from syncer.store import Store\nStore.open({url(path)!r}).close()"
    starts = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]

    ends = [(p.communicate(timeout=60)[0], p.returncode) for p in starts]

    assert [code for _, code in ends] == [0] * 6
    assert sum("database.upgraded" in out for out, _ in ends) == 1
    assert (version(path), version(bak(path))) == (str(NEWEST), "2")
    assert names(path) == {"syncer.db", "syncer.db.key", "syncer.db.v2.bak"}


KILLED = """
    import os, signal
    from tests.unit.test_store_upgrade import *

    def die(tx):
        os.kill(os.getpid(), signal.SIGKILL)

    schema.MIGRATIONS = (*schema.MIGRATIONS, die)
    Store.open({url!r})
"""


def test_a_process_killed_amid_an_upgrade_leaves_a_copy_that_the_next_one_makes_anew(path: Path) -> None:
    python(KILLED.format(url=url(path)), code=-signal.SIGKILL)
    left = version(path), version(bak(path))
    # The old version goes on with the database before somebody tries again.
    with sqlite3.connect(path) as older:
        older.execute("UPDATE links SET title = 'Later'")
    older.close()

    upgraded(path)

    assert left == ("2", "2")
    bak(path).rename(path)
    store = Store.open(url(path))
    assert titles(store) == ["Later"]
    store.close()


# -- back to an older version ------------------------------------------------------------------


def newer(path: Path) -> None:
    """Make of it the database of a version that we do not know."""
    with sqlite3.connect(path) as later:
        later.execute("UPDATE meta SET value = ? WHERE name = 'version'", [str(NEWEST + 1)])
    later.close()


def test_a_database_of_a_newer_version_names_the_copy_to_put_back(path: Path) -> None:
    upgraded(path)
    upgrade_copy = bak(path, NEWEST)
    path.with_name(upgrade_copy.name).write_bytes(path.read_bytes())
    newer(path)

    said = refusal(lambda: Store.open(url(path)))

    assert "newer syncer" in said
    assert str(upgrade_copy) in said
    assert str(bak(path)) not in said


def test_a_database_of_a_newer_version_without_a_copy_asks_for_the_backup(path: Path) -> None:
    bak(path, NEWEST + 1).touch()
    newer(path)

    said = refusal(lambda: Store.open(url(path)))

    assert ".bak" not in said
    assert "restore the backup" in said


# -- what the third version brings -------------------------------------------------------------


def test_the_texts_of_an_older_database_are_known_by_who_refers_to_them(path: Path) -> None:
    store = Store.open(url(path))

    with store.read() as tx:
        known = {tuple(row) for row in tx.execute(sa.select(uses.c.hash, uses.c.owner))}

    name = aside.hash_of(BODY)
    assert known == {(name, "audit:1"), (name, "run:R1")}
    store.close()


def test_the_trail_of_an_older_database_may_be_cut(path: Path) -> None:
    store = Store.open(url(path))

    with store.write() as tx:
        gone = prune_audit(tx, NOW.replace(year=2027), NOW.replace(year=2027))

    with store.read() as tx:
        assert tx.execute(sa.select(texts.c.hash)).scalars().all() == [aside.hash_of(BODY)]
        assert records.intact(tx)
    assert gone.rows == 1
    store.close()


def test_a_new_database_and_an_upgraded_one_are_alike(path: Path, tmp_path: Path) -> None:
    upgraded(path)
    Store.open(url(tmp_path / "new.db")).close()

    assert shape(path) == shape(tmp_path / "new.db")


def shape(path: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path)
    try:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"))
    finally:
        connection.close()
