"""What docs/operations.md tells people to type, typed: back up, lose the database, restore, go on; and back from an
upgrade."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.office import NOTHING, SYNCER, TRACKERS, Ended, Office, during, everywhere

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"


def documented(section: str) -> str:
    """Return the commands that a section of the docs has in its last block."""
    text = DOCS.read_text(encoding="utf-8")
    match = re.search(rf"^## {re.escape(section)}$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert match is not None
    return re.findall(r"^```sh\n(.*?)^```$", match[1], re.MULTILINE | re.DOTALL)[-1]


def typed(office: Office, commands: str) -> Ended:
    environ = office.environ | {"PATH": f"{SYNCER.parent}:{office.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/sh", "-c", commands], capture_output=True, text=True, check=False, cwd=office.folder, env=environ
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def backed_up(office: Office) -> str:
    """Return the name of a backup made in the folder that the docs speak of."""
    done = office.run("backup", "backup", "--json")
    assert done.code == 0, done.err
    return Path(done.doc["backup"]).name


def in_step(office: Office, title: str) -> None:
    office.forget()
    office.synced()
    assert office.writes() == NOTHING
    assert {t: office.titles(t) for t in TRACKERS} == everywhere(Counter([title]))


@pytest.mark.parametrize("key_lost", [False, True])
def test_a_backup_is_restored_as_documented_and_syncer_goes_on(office: Office, *, key_lost: bool) -> None:
    office.boxes["jira"].add("Checkout")
    office.settled()
    name = backed_up(office)
    office.edit("jira", "Checkout", title="Checkout for guests")
    office.database.write_bytes(b"lost")
    if key_lost:
        office.database.with_name("syncer.db.key").unlink()

    done = typed(office, documented("Restore").replace("syncer-20261102T090000Z", name))

    assert done.code == 3, done
    assert "Checkout for guests" in done.out
    assert {oct(p.stat().st_mode & 0o777) for p in office.folder.glob("syncer.db*") if p.suffix != ".lock"} == {"0o600"}
    office.synced()
    in_step(office, "Checkout for guests")


def test_a_backup_made_amid_a_run_makes_nothing_twice(office: Office) -> None:
    for number in range(6):
        office.boxes["jira"].add(f"Idea {number}")
    names: list[str] = []

    def back_up(_: object) -> None:
        if len(names) < 1:
            names.append("")
            names[0] = backed_up(office)

    with during(office.boxes["linear"], back_up):
        office.synced()

    typed(office, documented("Restore").replace("syncer-20261102T090000Z", names[0]))
    office.run("sync")
    office.run("rebuild")
    office.run("sync")

    ideas = Counter(f"Idea {n}" for n in range(6))
    assert {t: office.titles(t) for t in TRACKERS} == everywhere(ideas)


def test_an_upgrade_is_taken_back_as_documented_and_syncer_goes_on(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.settled()
    aged(office.database)
    office.synced()
    with sqlite3.connect(office.database) as newer:
        newer.execute("UPDATE meta SET value = '999' WHERE name = 'version'")
    newer.close()
    refused = office.run("sync")

    done = typed(office, documented("Upgrade and downgrade"))

    assert refused.code == 1
    assert "syncer.db.v2.bak" in refused.err
    assert done.code == 0, done
    in_step(office, "Checkout")


def aged(database: Path) -> None:
    """Make of it a database of version 2."""
    with sqlite3.connect(database) as older:
        older.execute("DROP TABLE uses")
        older.execute("UPDATE meta SET value = '2' WHERE name = 'version'")
    older.close()
