"""A database in trouble says so in one line with what to do, and nothing is half-written."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from syncer.errors import StoreError
from syncer.links import Link
from syncer.store import Store, items, schema
from syncer.store.items import Bookmark

NOW = datetime(2026, 11, 2, tzinfo=UTC)
SECRET = "the words of a private item"


def url(path: Path, query: str = "") -> str:
    return f"sqlite:///{path}{query}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one link in it."""
    found = tmp_path / "syncer.db"
    store = Store.open(url(found))
    with store.write() as tx:
        items.save_links(tx, "roadmap", [link("L1")], dirty=True)
    store.close()
    return found


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store.open(url(path, "?timeout=0.1"))
    yield opened
    opened.close()


def link(id_: str, title: str = "Checkout") -> Link:
    return Link(id=id_, born="jira", title=title, created=NOW)


def titles(store: Store) -> list[str]:
    with store.read() as tx:
        return sorted(k.title for k in items.all_links(tx, "roadmap"))


def refusal(work: Callable[[], object]) -> str:
    """Return what *work* is refused with: one line, and nothing of what was to be written."""
    with pytest.raises(StoreError) as caught:
        work()
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert SECRET not in said
    assert "INSERT" not in said
    return said


def add(store: Store, number: int = 1, size: int = 0) -> None:
    with store.write() as tx:
        for n in range(number):
            items.save_links(tx, "roadmap", [link(f"L{n + 2}", SECRET + " " * size)], dirty=True)


# -- locked, full, out of reach ----------------------------------------------------------------


def test_a_database_locked_by_another_process_is_waited_for_and_then_told(path: Path, store: Store) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    started = time.monotonic()
    said = refusal(lambda: add(store))
    waited = time.monotonic() - started
    other.rollback()
    other.close()

    assert "is locked" in said
    assert "run again" in said
    assert waited >= 0.1
    assert titles(store) == ["Checkout"]


def test_a_lock_that_is_let_go_in_time_is_not_noticed(path: Path) -> None:
    patient = Store.open(url(path, "?timeout=30"))
    holder = f"import sqlite3, time; c = sqlite3.connect({str(path)!r}, isolation_level=None)"
    holder += "; c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); time.sleep(0.5); c.rollback()"
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"

        add(patient)

    assert titles(patient) == ["Checkout", SECRET]
    patient.close()


def test_a_full_disk_is_told_and_nothing_is_half_written(store: Store) -> None:
    with store.read() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.exec_driver_sql(f"PRAGMA max_page_count = {pages + 3}")

    said = refusal(lambda: add(store, 50, size=4000))
    kept = titles(store)
    with store.read() as tx:
        tx.exec_driver_sql("PRAGMA max_page_count = 1000000")
    add(store)

    assert "disk is full" in said
    assert kept == ["Checkout"]
    assert titles(store) == ["Checkout", SECRET]


def test_a_file_that_may_only_grow_so_far_is_told_alike(path: Path) -> None:
    code = f"""
        import resource
        from tests.unit.test_store_database import *
        store = Store.open({url(path)!r})
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        print(refusal(lambda: add(store, 200, size=4000)))
        print(titles(store))
    """

    said, kept = python(code).splitlines()

    assert "disk" in said
    assert kept == "['Checkout']"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    said = refusal(lambda: Store.open(url(tmp_path / "nowhere" / "syncer.db")))

    assert "nowhere" in said
    assert "does not exist" in said


def test_a_folder_instead_of_a_file_is_told(tmp_path: Path) -> None:
    assert "cannot be opened" in refusal(lambda: Store.open(url(tmp_path)))


# -- damaged, foreign, newer -------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"Dear diary,\n" * 400, os.urandom(8192), b"SQLite format 3\0" + b"x" * 4000])
def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "syncer.db"
    path.write_bytes(content)

    said = refusal(lambda: Store.open(url(path)))

    assert "damaged, or no database" in said
    assert path.read_bytes() == content
    assert not path.with_name("syncer.db.key").exists()


@pytest.mark.parametrize("seed", range(60))
def test_damage_is_either_harmless_or_told(path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 -- chooses what to break
    whole = bytearray(path.read_bytes())
    if seed % 3 == 0:
        del whole[rng.randrange(1, len(whole)) :]
    for _ in range(0 if seed % 3 == 0 else rng.choice([1, 50, 5000])):
        whole[rng.randrange(len(whole))] = rng.randrange(256)
    path.write_bytes(whole)

    try:
        store = Store.open(url(path))
        try:
            titles(store)
            add(store)
        finally:
            store.close()
    except StoreError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 -- damage may also be harmless


def test_a_row_that_cannot_be_read_is_told(store: Store) -> None:
    with store.write() as tx:
        tx.execute(sa.update(schema.links).values(doc="{half"))

    said = refusal(lambda: titles(store))

    assert "a row cannot be read" in said


def test_a_mistake_of_the_caller_is_not_taken_for_damage(store: Store) -> None:
    def mistake() -> None:
        with store.write() as tx:
            items.save_bookmark(tx, "roadmap", "jira", Bookmark("x", "y", NOW))
            raise KeyError("mine")

    with pytest.raises(KeyError):
        mistake()

    with store.read() as tx:
        assert items.bookmark(tx, "roadmap", "jira") is None


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photos (name TEXT)")
    other.close()

    said = refusal(lambda: Store.open(url(path)))

    assert "another program" in said
    assert tables(path) == {"photos"}


def test_a_database_of_a_newer_version_is_refused_untouched(path: Path) -> None:
    with sqlite3.connect(path) as newer:
        newer.execute("UPDATE meta SET value = '999' WHERE name = 'version'")
    newer.close()

    said = refusal(lambda: Store.open(url(path)))

    assert "newer syncer" in said
    assert version(path) == "999"


# -- migrations --------------------------------------------------------------------------------

MIGRATE = """
    import os, signal
    from tests.unit.test_store_database import *

    def grow(tx):
        tx.exec_driver_sql("CREATE TABLE fresh (name TEXT)")
        tx.exec_driver_sql("ALTER TABLE links ADD COLUMN shade TEXT NOT NULL DEFAULT 'grey'")
        tx.exec_driver_sql("UPDATE links SET title = 'Migrated'")
        if {die}:
            os.kill(os.getpid(), signal.SIGKILL)

    schema.MIGRATIONS = (*schema.MIGRATIONS, grow)
    Store.open({url!r}).close()
"""


def test_a_process_killed_amid_a_migration_leaves_the_old_database_whole(path: Path) -> None:
    before = version(path)

    python(MIGRATE.format(url=url(path), die=True), code=-signal.SIGKILL)

    store = Store.open(url(path))
    assert titles(store) == ["Checkout"]
    store.close()
    assert version(path) == before
    assert "fresh" not in tables(path)

    python(MIGRATE.format(url=url(path), die=False))

    assert version(path) == str(int(before) + 1)
    assert "fresh" in tables(path)


def test_a_process_killed_while_it_makes_the_database_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "syncer.db"

    python(MIGRATE.format(url=url(path), die=True), code=-signal.SIGKILL)

    store = Store.open(url(path))
    add(store)
    assert titles(store) == [SECRET]
    store.close()


def test_processes_that_make_the_database_at_once_agree_on_one_key(tmp_path: Path) -> None:
    code = f"from syncer.store import Store\nprint(Store.open({url(tmp_path / 'syncer.db')!r}).key.hex())"
    starts = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]

    ends = [(p.communicate(timeout=60), p.returncode) for p in starts]

    assert [(err, code) for (_, err), code in ends] == [("", 0)] * 6
    assert len({out for (out, _), _ in ends}) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"syncer.db", "syncer.db.key"}


# -- the key -----------------------------------------------------------------------------------


def key_of(path: Path) -> Path:
    return path.with_name(path.name + ".key")


def test_database_and_key_are_for_their_owner_alone(path: Path) -> None:
    assert {oct(p.stat().st_mode & 0o777) for p in (path, key_of(path))} == {"0o600"}


def test_a_lost_key_is_not_made_anew_where_links_were_made_with_it(path: Path) -> None:
    key_of(path).unlink()

    said = refusal(lambda: Store.open(url(path)))

    assert "syncer.db.key is missing" in said
    assert "Restore it" in said
    assert not key_of(path).exists()


def test_a_lost_key_that_made_nothing_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "syncer.db"
    Store.open(url(path)).close()
    key_of(path).unlink()

    Store.open(url(path)).close()

    Store.open(url(path)).close()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not hex at all", b"abcd", b"0" * 63])
def test_a_damaged_key_is_told_and_left_alone(path: Path, content: bytes) -> None:
    key_of(path).write_bytes(content)

    said = refusal(lambda: Store.open(url(path)))

    assert "syncer.db.key is damaged" in said
    assert key_of(path).read_bytes() == content


def test_the_key_of_another_database_is_refused_and_not_shown(path: Path) -> None:
    stranger = "ab" * 32
    key_of(path).write_text(stranger)

    said = refusal(lambda: Store.open(url(path)))
    configured = refusal(lambda: Store.open(url(path), key=b"another"))

    assert "syncer.db.key is not the key" in said
    assert "[store] key is not the key" in configured
    assert stranger not in said


# -- deleted while open ------------------------------------------------------------------------


@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_deleted_while_open_is_written_no_more(path: Path, store: Store, *, replaced: bool) -> None:
    path.unlink()
    if replaced:
        path.write_bytes(b"")

    said = refusal(lambda: add(store))

    assert "deleted or replaced" in said
    assert path.exists() == replaced


# -- helpers -----------------------------------------------------------------------------------


def python(source: str, *, code: int = 0) -> str:
    """Run *source* in a process of its own, which must end with *code*; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def version(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()[0])
    finally:
        connection.close()


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    try:
        return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()
