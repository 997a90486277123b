"""A database in trouble: exit 1, one line that says what to do, and the trackers are left as they were."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncer.sdk.sandbox import Call
from tests.e2e.office import NOTHING, TRACKERS, Office, during, everywhere, until

IDEAS = Counter(f"Idea {n}" for n in range(8))
CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24


@pytest.fixture
def lived_in(office: Office) -> Office:
    """An office whose database has links, and whose trackers have an edit that is not synced yet."""
    office.boxes["jira"].add("Checkout")
    office.synced()
    office.edit("jira", "Checkout", title="Checkout for guests")
    office.forget()
    return office


def assert_told(office: Office, *words: str) -> None:
    """Commands must be refused with one line that has all *words*, as text and as JSON."""
    told, as_json = office.run("sync"), office.run("sync", "--json")
    assert (told.code, told.out) == (1, ""), told
    assert len(told.err.strip().splitlines()) == 1, told.err
    assert [word for word in words if word not in told.err] == []
    assert (as_json.code, as_json.doc["error"]["kind"]) == (1, "store"), as_json
    assert [word for word in words if word not in as_json.doc["error"]["message"]] == []
    assert office.writes() == NOTHING


def assert_goes_on(office: Office) -> None:
    """Nothing was lost by the trouble: the waiting edit arrives, and after it there is nothing to do."""
    office.synced()
    assert {t: office.titles(t) for t in TRACKERS} == everywhere(Counter(["Checkout for guests"]))
    office.forget()
    office.synced()
    assert office.writes() == NOTHING


# -- before a run ------------------------------------------------------------------------------


def garbage(whole: bytes) -> bytes:
    return bytes(255 - b for b in whole)


def text(_: bytes) -> bytes:
    return b"[store]\nurl = 'somewhere else'\n"


def truncated(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


@pytest.mark.parametrize("damage", [garbage, text, truncated])
def test_a_damaged_database_is_told_and_a_backup_put_back_goes_on(
    lived_in: Office, damage: Callable[[bytes], bytes]
) -> None:
    whole = lived_in.database.read_bytes()
    lived_in.database.write_bytes(damage(whole))

    assert_told(lived_in, "damaged", "restore a backup")

    lived_in.database.write_bytes(whole)
    assert_goes_on(lived_in)


def test_a_database_of_a_newer_version_is_left_alone(lived_in: Office) -> None:
    usual = version_of(lived_in)
    set_version(lived_in, "999")

    assert_told(lived_in, "newer syncer", "install that version")
    assert {lived_in.run(command).code for command in ("plan", "links")} == {1}

    set_version(lived_in, usual)
    assert_goes_on(lived_in)


def version_of(office: Office) -> str:
    with contextlib.closing(sqlite3.connect(office.database)) as connection:
        return str(connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()[0])


def set_version(office: Office, version: str) -> None:
    with contextlib.closing(sqlite3.connect(office.database)) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'version'", [version])


def test_a_database_locked_by_another_program_is_told(lived_in: Office) -> None:
    lived_in.store = "sqlite:///syncer.db?timeout=0.2"
    lived_in.configure()
    with locked(lived_in.database):
        assert_told(lived_in, "is locked", "run again")

    assert_goes_on(lived_in)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_database_that_may_not_be_written_is_told(lived_in: Office, what: str) -> None:
    lived_in.limited = bound_by_modes
    place, mode = (lived_in.database, 0o400) if what == "file" else (lived_in.folder, 0o500)
    usual = place.stat().st_mode
    place.chmod(mode)

    assert_told(lived_in, "cannot be", "must belong to")

    place.chmod(usual)
    assert_goes_on(lived_in)


def bound_by_modes() -> None:
    """Let file modes bind also root: once this is dropped, a program started later does not have it."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.parametrize(
    ("content", "word"), [(None, "missing"), (b"half a ke", "damaged"), (b"ab" * 32, "not the key")]
)
def test_a_key_that_is_lost_damaged_or_another_is_told_and_put_back_goes_on(
    lived_in: Office, content: bytes | None, word: str
) -> None:
    file = lived_in.database.with_name("syncer.db.key")
    whole = file.read_bytes()
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    assert_told(lived_in, "syncer.db.key", word, "backup")

    file.write_bytes(whole)
    assert_goes_on(lived_in)


# -- amid a run --------------------------------------------------------------------------------


def test_a_disk_that_fills_up_amid_a_run_is_told_and_the_next_run_finishes(office: Office) -> None:
    for title in IDEAS:
        office.boxes["jira"].add(title, body="Words. " * 300)

    ends = []
    for kilobytes in range(300, 3000, 100):
        office.limited = lambda most=kilobytes * 1000: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        ends.append(office.run("sync", "--json"))
        if sum(office.titles("linear").values()):
            break
    amid = len(office.titles("linear"))
    office.limited = None
    until(lambda: office.run("sync").code == 0)
    office.forget()
    office.synced()

    assert {e.code for e in ends} == {1}
    assert {e.doc["error"]["kind"] for e in ends} == {"store"}
    assert "the disk" in ends[-1].doc["error"]["message"]
    assert "Traceback" not in "".join(e.err for e in ends)
    assert 0 < amid < len(IDEAS)
    assert {t: office.titles(t) for t in TRACKERS} == everywhere(IDEAS)
    assert office.writes() == NOTHING


def test_a_database_damaged_amid_a_run_is_told(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.synced()
    office.edit("jira", "Checkout", title="Checkout for guests")
    whole: list[bytes] = []

    def damage(_: Call) -> None:
        if not whole:
            with contextlib.closing(sqlite3.connect(office.database)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            whole.append(office.database.read_bytes())
            office.database.write_bytes(garbage(whole[0]))

    with during(office.boxes["github"], damage), during(office.boxes["linear"], damage):
        done = office.run("sync", "--json")

    assert (done.code, done.doc["error"]["kind"]) == (1, "store"), done
    assert "Traceback" not in done.err
    for rest in ("-wal", "-shm"):
        office.database.with_name(f"syncer.db{rest}").unlink(missing_ok=True)
    office.database.write_bytes(whole[0])
    assert_goes_on(office)


def test_a_database_deleted_amid_a_run_is_written_no_more_and_nothing_is_created_twice(office: Office) -> None:
    for title in IDEAS:
        office.boxes["jira"].add(title)
    copied: list[Call] = []

    def delete(call: Call) -> None:
        copied.append(call)
        for rest in ("", "-wal", "-shm"):
            office.database.with_name(f"syncer.db{rest}").unlink(missing_ok=True)

    with during(office.boxes["linear"], delete):
        told = office.run("sync")
    left = {t: office.titles(t) for t in TRACKERS}
    # The database is lost for good here, so a person must say what belongs together.
    again = office.run("sync")
    office.forget()
    after = office.run("sync")

    assert (told.code, told.out) == (1, "")
    assert "deleted or replaced" in told.err
    assert len(copied) == 1
    assert sum(left["linear"].values()) == 1
    assert (again.code, after.code) == (3, 3)
    assert {t: max(office.titles(t).values()) for t in TRACKERS} == everywhere(1)
    assert office.writes() == NOTHING


# -- backups -----------------------------------------------------------------------------------


def backed_up(office: Office) -> bytes:
    """Return a backup made as docs/operations.md says."""
    file = office.folder / "backup.db"
    with contextlib.closing(sqlite3.connect(office.database)) as connection:
        connection.execute("VACUUM INTO ?", [str(file)])
    return file.read_bytes()


def restored(office: Office, backup: bytes) -> None:
    for rest in ("-wal", "-shm"):
        office.database.with_name(f"syncer.db{rest}").unlink(missing_ok=True)
    office.database.write_bytes(backup)


def test_an_old_backup_makes_nothing_twice_and_rebuild_links_what_came_after_it(office: Office) -> None:
    checkout = office.boxes["jira"].add("Checkout")
    office.settled()
    backup = backed_up(office)
    office.boxes["github"].add("Wallet")
    office.boxes["jira"].say(checkout, "Who owns it?", by="omar")
    office.edit("linear", "Checkout", title="Checkout for guests")
    office.settled()

    restored(office, backup)
    office.forget()
    doubtful = office.run("sync", "--json")
    before_rebuild = office.writes()
    office.run("rebuild")
    office.run("sync")
    office.edit("linear", "Wallet", title="Wallets")
    office.settled()
    office.forget()
    office.synced()

    assert doubtful.code == 3, doubtful.err
    assert {h["field"] for h in doubtful.doc["held"]} == {"maybe"}
    assert before_rebuild == NOTHING
    titles = Counter(["Checkout for guests", "Wallets"])
    assert {t: office.titles(t) for t in TRACKERS} == everywhere(titles)
    assert {t: len(office.show(t, "Checkout for guests")["comments"]) for t in TRACKERS} == everywhere(1)
    assert office.writes() == NOTHING


def test_database_and_key_moved_elsewhere_go_on_as_if_nothing_had_happened(lived_in: Office) -> None:
    backup = backed_up(lived_in)
    key = lived_in.database.with_name("syncer.db.key").read_bytes()
    lived_in.folder = lived_in.folder / "elsewhere"
    lived_in.folder.mkdir()
    lived_in.configure()
    restored(lived_in, backup)
    lived_in.database.with_name("syncer.db.key").write_bytes(key)

    assert_goes_on(lived_in)
