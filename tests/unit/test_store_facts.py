"""What `status` and `doctor` may say of a database: sizes and numbers, nothing that is in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncer.store import Store, items, schema
from syncer.store.facts import facts
from tests.unit.test_store_database import link, url

NOW = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(url(tmp_path / "syncer.db"))
    with opened.write() as tx:
        items.save_links(tx, "roadmap", [link(f"L{n}") for n in range(200)], dirty=True)
    yield opened
    opened.close()


def test_the_facts_of_a_database_are_its_version_sizes_and_rows(store: Store) -> None:
    assert store.path is not None

    found = facts(store)

    assert found["version"] == len(schema.MIGRATIONS)
    assert found["journal"] == "wal"
    assert found["file"] == store.path.stat().st_size
    assert found["wal"] == store.path.with_name("syncer.db-wal").stat().st_size > 0
    assert found["rows"].keys() == schema.metadata.tables.keys()
    assert (found["rows"]["links"], found["rows"]["runs"]) == (200, 0)


def test_its_integrity_is_looked_at_only_when_asked(store: Store) -> None:
    assert facts(store)["integrity"] is None
    assert facts(store, check=True)["integrity"] == "ok"


def test_damage_is_among_the_facts(store: Store) -> None:
    assert store.path is not None
    with store.write() as tx:
        tx.exec_driver_sql("PRAGMA writable_schema = ON")
        tx.exec_driver_sql(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'runs_by_sync') "
            "WHERE name = 'links_by_sync'"
        )
    url_ = url(store.path)
    store.close()

    damaged = Store.open(url_)

    assert facts(damaged, check=True)["integrity"] != "ok"
    damaged.close()


def test_a_database_in_memory_has_no_file() -> None:
    found = facts(Store.memory(), check=True)

    assert (found["file"], found["wal"], found["integrity"]) == (None, None, "ok")
