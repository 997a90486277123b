"""A backup is whole or not there, for its owner alone, and never in the way of those who use the database."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from syncer.cli.app import run
from syncer.errors import ConfigError, StoreError
from syncer.store import Store, backups, copying, items, schema
from syncer.store.backups import Backup
from syncer.store.schema import links
from tests.unit.test_store_database import link, python, titles, url, version

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
NAME = "syncer-20261102T090000Z"
SECRET = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command line sets up the log of its process, which here is not its own."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one link in it, and its key beside it."""
    home = tmp_path / "home"
    home.mkdir()
    store = Store.open(url(home / "syncer.db"))
    with store.write() as tx:
        items.save_links(tx, "roadmap", [link("L1")], dirty=True)
    store.close()
    return home / "syncer.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def made(path: Path, folder: Path, now: datetime = NOW, **more: Path) -> Backup:
    return backups.make(path, folder, more, now)


def refused(path: Path, folder: Path, kind: type[Exception] = StoreError) -> str:
    """Return what a backup is refused with: one line, and nothing left of it."""
    before = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    with pytest.raises(kind) as caught:
        made(path, folder)
    assert len(str(caught.value).splitlines()) == 1
    assert ({p.name for p in folder.iterdir()} if folder.is_dir() else set()) == before
    return str(caught.value)


# -- what is in it -----------------------------------------------------------------------------


def test_a_backup_holds_the_database_its_key_and_what_else_is_wanted(path: Path, folder: Path) -> None:
    extra = path.with_name("our.toml")
    extra.write_text("# ours")

    found = backups.make(path, folder, {"config/m/our.toml": extra}, NOW)

    assert found.path == folder / NAME
    assert found.has_key
    shown = {str(p.relative_to(found.path)) for p in found.path.rglob("*") if p.is_file()}
    assert shown == {"manifest.json", "syncer.db", "syncer.db.key", "config/m/our.toml"}
    assert (found.path / "config/m/our.toml").read_text() == "# ours"
    assert (found.path / "syncer.db.key").read_bytes() == path.with_name("syncer.db.key").read_bytes()


def test_the_copy_opens_as_the_database_did(path: Path, folder: Path) -> None:
    found = made(path, folder)

    copied = Store.open(url(found.path / "syncer.db"))

    assert titles(copied) == ["Checkout"]
    copied.close()


def test_a_backup_is_for_its_owner_alone(path: Path, folder: Path) -> None:
    before = os.umask(0)
    try:
        found = backups.make(path, folder, {"config/config.toml": path}, NOW)
    finally:
        os.umask(before)

    modes = {oct(p.stat().st_mode & 0o777) for p in found.path.rglob("*") if p.is_file()}
    folders = {oct(p.stat().st_mode & 0o777) for p in (folder, found.path, found.path / "config")}
    assert (modes, folders) == ({"0o600"}, {"0o700"})


def test_a_folder_that_was_there_keeps_its_mode(path: Path, folder: Path) -> None:
    folder.mkdir(mode=0o750)

    made(path, folder)

    assert oct(folder.stat().st_mode & 0o777) == "0o750"


def test_a_database_without_a_key_file_is_backed_up_without_one(path: Path, folder: Path) -> None:
    path.with_name("syncer.db.key").unlink()

    assert not made(path, folder).has_key


def test_two_backups_of_one_second_do_not_meet(path: Path, folder: Path) -> None:
    first, second = made(path, folder), made(path, folder)

    assert (first.path.name, second.path.name) == (NAME, f"{NAME}-2")
    assert {p.name for p in folder.iterdir()} == {NAME, f"{NAME}-2"}


@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
def test_what_has_the_name_already_is_left_alone(path: Path, folder: Path, kind: str) -> None:
    folder.mkdir()
    there = folder / NAME
    {"file": there.touch, "folder": there.mkdir, "dangling": lambda: there.symlink_to("nowhere")}[kind]()
    before = there.lstat()

    found = made(path, folder)

    assert found.path.name == f"{NAME}-2"
    assert there.lstat() == before


# -- while others use it -----------------------------------------------------------------------


def test_what_is_only_in_the_log_yet_is_in_the_backup(path: Path, folder: Path) -> None:
    store = Store.open(url(path))
    with store.write() as tx:
        items.save_links(tx, "roadmap", [link("L2", "Wallet")], dirty=True)
    assert path.with_name("syncer.db-wal").stat().st_size > 0

    found = made(path, folder)

    store.close()
    copied = Store.open(url(found.path / "syncer.db"))
    assert titles(copied) == ["Checkout", "Wallet"]
    copied.close()


def test_a_backup_waits_for_nobody_who_writes_and_sees_nothing_half_done(path: Path, folder: Path) -> None:
    store = Store.open(url(path))
    with store.write() as tx:
        tx.execute(sa.update(links).values(title="Half done"))
        found = made(path, folder)
    store.close()

    copied = Store.open(url(found.path / "syncer.db"))
    assert titles(copied) == ["Checkout"]
    copied.close()


def test_every_backup_of_a_busy_database_is_of_one_moment(path: Path, folder: Path) -> None:
    store = Store.open(url(path))
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            with store.write() as tx:
                items.save_links(tx, "roadmap", [link(f"L{n}", f"Title {number}") for n in range(50)], dirty=True)

    writer = threading.Thread(target=write)
    writer.start()
    found = [made(path, folder, NOW + timedelta(seconds=n)) for n in range(8)]
    done.set()
    writer.join()
    store.close()

    for one in found:
        copied = Store.open(url(one.path / "syncer.db"))
        assert len(set(titles(copied)) - {"Checkout"}) <= 1
        copied.close()


def test_an_older_database_is_backed_up_as_it_is(path: Path, folder: Path) -> None:
    with sqlite3.connect(path) as older:
        older.execute("UPDATE meta SET value = '2' WHERE name = 'version'")
    older.close()

    found = made(path, folder)

    assert found.version == 2
    assert (version(path), version(found.path / "syncer.db")) == ("2", "2")


# -- refused -----------------------------------------------------------------------------------


def test_a_database_that_is_not_there_is_told_and_not_made(path: Path, folder: Path) -> None:
    path.unlink()

    assert "there is no database" in refused(path, folder)
    assert not path.exists()
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"Dear diary,\n" * 400, b"SQLite format 3\0" + b"x" * 4000])
def test_what_is_no_database_is_told(path: Path, folder: Path, content: bytes) -> None:
    path.write_bytes(content)

    said = refused(path, folder)

    assert str(path) in said
    assert "damaged" in said


def test_the_database_of_another_program_is_no_backup(path: Path, folder: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE photos (name TEXT)")
    other.close()

    assert "no database of syncer" in refused(path, folder)


def test_damage_is_found_when_the_backup_is_made(path: Path, folder: Path) -> None:
    store = Store.open(url(path))
    with store.write() as tx:
        items.save_links(tx, "roadmap", [link(f"L{n}") for n in range(5000)], dirty=True)
    store.close()
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 40_000] = b"x" * 40_000
    path.write_bytes(whole)

    assert "damaged" in refused(path, folder)


def test_a_copy_that_came_out_wrong_is_no_backup(path: Path, folder: Path) -> None:
    copied = made(path, folder).path / "syncer.db"
    with sqlite3.connect(copied) as broken:
        broken.execute("PRAGMA writable_schema = ON")
        broken.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'runs_by_sync') "
            "WHERE name = 'links_by_sync'"
        )
    broken.close()

    with pytest.raises(StoreError, match="is damaged"):
        copying.version_of(copied)


@pytest.mark.parametrize("where", ["file", "nowhere/deep"])
def test_a_folder_that_cannot_be_used_is_a_mistake_to_mend(path: Path, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()

    said = refused(path, tmp_path / where, ConfigError)

    assert where in said
    assert "Name a folder" in said


def test_a_full_disk_is_told_and_leaves_nothing(path: Path, folder: Path) -> None:
    made(path, folder)
    code = f"""
        import resource
        from tests.unit.test_store_backup import *
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        print(refused(Path({str(path)!r}), Path({str(folder)!r})))
    """

    said = python(code)

    assert "no backup was made" in said
    assert "disk" in said
    assert [p.name for p in folder.iterdir()] == [NAME]


# -- only so many ------------------------------------------------------------------------------


def test_of_many_backups_the_newest_are_kept(path: Path, folder: Path) -> None:
    for day in range(4):
        made(path, folder, NOW + timedelta(days=day))
    last = made(path, folder, NOW + timedelta(days=4))

    gone = backups.prune(last, 2)

    assert [p.name[7:15] for p in gone] == ["20261104", "20261103", "20261102"]
    assert sorted(p.name[7:15] for p in folder.iterdir()) == ["20261105", "20261106"]


def test_the_backup_just_made_is_kept_whatever_the_clock_says(path: Path, folder: Path) -> None:
    later = made(path, folder, NOW + timedelta(days=9))
    now = made(path, folder, NOW)

    backups.prune(now, 1)

    assert now.path.exists()
    assert not later.path.exists()


def test_nothing_but_backups_of_this_database_is_removed(path: Path, folder: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.db"
    Store.open(url(stranger)).close()
    others = made(stranger, folder)
    outside = made(path, tmp_path / "outside")
    (folder / "linked").symlink_to(outside.path)
    for name, manifest in (("no-manifest", None), ("theirs", {"made_by": "tar"}), ("odd", [1]), ("words", "text")):
        (folder / name).mkdir()
        (folder / name / "precious").touch()
        if manifest is not None:
            (folder / name / "manifest.json").write_text(json.dumps(manifest))
    (folder / "notes.txt").touch()
    before = {p.name for p in folder.iterdir()}

    for day in (1, 2, 3):
        last = made(path, folder, NOW + timedelta(days=day))
        backups.prune(last, 1)

    assert {p.name for p in folder.iterdir()} == before | {last.path.name}
    assert others.path.exists()
    assert (outside.path / "syncer.db").exists()


# -- the command -------------------------------------------------------------------------------


@pytest.fixture
def home(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a config with mapping files beside and outside it; tokens are in the environment."""
    home = path.parent
    (home / "mappings").mkdir()
    (home / "mappings" / "our.toml").write_text("# beside")
    (home.parent / "shared.toml").write_text("# outside")
    connections = {"one": "mappings/our.toml", "two": "../shared.toml", "three": "mappings/our.toml"}
    lines = ["[syncs.roadmap]", f"connections = {json.dumps(list(connections))}"]
    for name, mapping in connections.items():
        lines += [f"[connections.{name}]", 'connector = "github"', f'repository = "acme/{name}"']
        lines += ['token = "env:TOKEN"', f'mapping = "{mapping}"']
    (home / "config.toml").write_text("\n".join(lines))
    monkeypatch.chdir(home)
    monkeypatch.setenv("TOKEN", SECRET)
    return home


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = run(["backup", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def contents(folder: Path) -> Mapping[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_command_backs_up_the_config_and_the_mapping_files_too(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, doc = asked(capsys, "backup")

    found = contents(Path(doc["backup"]))
    assert code == 0
    assert found.keys() == {*doc["files"], "manifest.json"}
    assert (found["config/config.toml"], found["config/mappings/our.toml"], found["elsewhere/1/shared.toml"]) == (
        (home / "config.toml").read_bytes(),
        b"# beside",
        b"# outside",
    )
    assert (doc["version"], doc["has_key"], doc["removed"]) == (len(schema.MIGRATIONS), True, [])
    assert [name for name, content in found.items() if SECRET.encode() in content] == []


def test_the_command_keeps_only_so_many(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, first = asked(capsys, "backup")

    _, second = asked(capsys, "backup", "--keep", "1")

    assert second["removed"] == [first["backup"]]
    assert [str(p) for p in (home / "backup").iterdir()] == [second["backup"]]


def test_the_command_tells_where_the_backup_is_and_what_is_not_in_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "syncer.db.key").unlink()

    code = run(["backup", "backup"])

    (found,) = (home / "backup").iterdir()
    told = capsys.readouterr().out.splitlines()
    assert code == 0
    assert told[0].startswith(f"{found}: whole, version ")
    assert told[-1] == "! the markers' key is not in it: no key file beside the database"


@pytest.mark.parametrize(
    ("words", "spoilt", "code", "kind"),
    [
        (("backup",), "syncer.db", 1, "store"),
        (("config.toml",), "", 2, "config"),
        (("backup", "--keep", "0"), "", 2, "usage"),
        ((), "", 2, "usage"),
    ],
)
def test_the_command_refuses_as_the_others_do(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], spoilt: str, code: int, kind: str
) -> None:
    if spoilt:
        (home / spoilt).unlink()

    found, doc = asked(capsys, *words)

    assert (found, doc["error"]["kind"]) == (code, kind)
