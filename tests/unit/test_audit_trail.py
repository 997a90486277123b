"""The audit trail: append-only, chained, long texts beside it; and what a killed run leaves of itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from syncer.store import Store, records
from syncer.store.records import Entry
from syncer.store.schema import audit, meta, texts

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
ENTRY = Entry("L1", "jira:issue:1", "update", "title", "Old", "New", "syncer", "title was changed on github")
LONG = "A plan nobody should read. " * 20


def store_with(*entries: Entry) -> Store:
    store = Store.memory()
    with store.write() as tx:
        for number, entry in enumerate(entries):
            records.append(tx, "s", "R1", NOW + timedelta(seconds=number), [entry])
    return store


def told(store: Store, link: str = "L1") -> list[dict[str, Any]]:
    with store.read() as tx:
        return list(records.trail(tx, link))


def chain(store: Store) -> records.Chain:
    with store.read() as tx:
        return records.examined(tx)


# -- append-only -----------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["UPDATE audit SET doc = '{}'", "DELETE FROM audit"])
def test_the_database_itself_refuses_to_change_the_trail(statement: str) -> None:
    store = store_with(ENTRY)

    with pytest.raises(sa.exc.IntegrityError, match="append-only"), store.write() as tx:
        tx.exec_driver_sql(statement)

    assert [e["to"] for e in told(store)] == ["New"]


def test_a_database_of_the_first_version_gets_an_append_only_trail_when_it_is_opened(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    old = Store.open(url)
    with old.write() as tx:
        records.append(tx, "s", "R1", NOW, [ENTRY])
        for change in ("update", "delete"):
            tx.exec_driver_sql(f"DROP TRIGGER audit_no_{change}")
        tx.execute(sa.update(meta).where(meta.c.name == "version").values(value="1"))
    old.close()

    opened = Store.open(url)

    with pytest.raises(sa.exc.IntegrityError, match="append-only"), opened.write() as tx:
        tx.execute(sa.delete(audit))
    assert chain(opened).broken is None
    opened.close()


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE audit SET doc = replace(doc, 'New', 'Fake') WHERE seq = 2",
        "UPDATE audit SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 2",
        "UPDATE audit SET link = 'L2' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 2",
    ],
)
def test_who_gets_round_the_refusal_is_found_out(forgery: str) -> None:
    store = store_with(ENTRY, ENTRY, ENTRY)
    with store.write() as tx:
        for change in ("update", "delete"):
            tx.exec_driver_sql(f"DROP TRIGGER audit_no_{change}")
        tx.exec_driver_sql(forgery)

    assert chain(store).broken in {2, 3}


def test_an_entry_put_in_place_of_another_is_found_out() -> None:
    store = store_with(ENTRY, ENTRY)
    with store.write() as tx:
        row = tx.execute(sa.select(audit).where(audit.c.seq == 1)).one()._asdict()
    other = {**row, "doc": row["doc"].replace("New", "Fake")}

    refused = False
    try:
        with store.write() as tx:
            tx.execute(sa.insert(audit).prefix_with("OR REPLACE"), [other])
    except sa.exc.IntegrityError:
        refused = True

    assert refused or chain(store).broken == 1


def test_an_entry_says_who_when_from_to_why_and_in_which_run() -> None:
    (entry,) = told(store_with(ENTRY))

    assert entry == {
        "run": "R1",
        "at": "2026-11-02T09:00:00.000000Z",
        "ref": "jira:issue:1",
        "act": "update",
        "field": "title",
        "from": "Old",
        "to": "New",
        "who": "syncer",
        "why": "title was changed on github",
    }


# -- long texts ------------------------------------------------------------------------------


def test_a_long_text_is_in_the_chain_as_its_hash_and_length_and_is_given_back() -> None:
    store = store_with(replace(ENTRY, field="body", before="Short", after=LONG))

    with store.read() as tx:
        raw = json.loads(tx.execute(sa.select(audit.c.doc)).scalar_one())

    assert raw["from"] == "Short"
    assert raw["to"].keys() == {"sha256", "length"}
    assert raw["to"]["length"] == len(LONG)
    assert told(store)[0]["to"] == LONG
    assert chain(store).broken is None


def test_an_erased_text_is_nowhere_in_the_database_and_the_chain_still_holds(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'syncer.db'}")
    run = {"run": "R1", "outcome": "changed", "actions": [{"fields": {"body": {"from": None, "to": LONG}}}]}
    with store.write() as tx:
        records.append(tx, "s", "R1", NOW, [replace(ENTRY, field="body", after=LONG)])
        records.save_run(tx, id_="R1", sync="s", number=1, started=NOW, finished=NOW, doc=run)
        name = str(tx.execute(sa.select(texts.c.hash)).scalar_one())

    with store.write() as tx:
        first, again = records.erase(tx, name), records.erase(tx, name)
    told_after = told(store)[0]["to"]
    with store.read() as tx:
        run_after = records.load_run(tx, "R1")
    found = chain(store)
    store.close()

    assert (first, again, found.broken) == (True, False, None)
    assert told_after == {"sha256": name, "length": len(LONG)}
    assert run_after is not None
    assert run_after["actions"][0]["fields"]["body"]["to"] == told_after
    assert [p.name for p in tmp_path.iterdir() if b"nobody should read" in p.read_bytes()] == []


def test_a_text_changed_beside_the_chain_is_found_out() -> None:
    store = store_with(replace(ENTRY, after=LONG))
    with store.write() as tx:
        tx.execute(sa.update(texts).values(body="Something else"))

    assert chain(store).broken == 1


def test_an_export_can_be_checked_without_us() -> None:
    store = store_with(ENTRY, replace(ENTRY, after=LONG))

    with store.read() as tx:
        lines = list(records.export(tx))

    last = ""
    for line in lines:
        assert line["previous"] == last
        said = "\0".join([last, line["sync"], line["run"], line["link"], line["at"], line["doc"]])
        last = hashlib.sha256(said.encode()).hexdigest()
        assert line["hash"] == last
    assert [list(line.get("texts", {}).values()) for line in lines] == [[], [LONG]]
    assert chain(store).last == last


# -- runs ------------------------------------------------------------------------------------


def test_a_run_comes_back_with_its_long_texts() -> None:
    store = Store.memory()
    doc = {"run": "R1", "outcome": "changed", "actions": [{"fields": {"body": {"from": "x", "to": LONG}}}]}
    with store.write() as tx:
        records.save_run(tx, id_="R1", sync="s", number=1, started=NOW, finished=NOW, doc=doc)

    with store.read() as tx:
        assert records.load_run(tx, "R1") == doc
        assert records.load_runs(tx) == [doc]


def test_a_run_whose_process_died_is_marked_failed_with_what_it_had_done() -> None:
    store = store_with(ENTRY, replace(ENTRY, field="status"), replace(ENTRY, act="create", ref="jira:issue:2"))
    with store.write() as tx:
        for id_, outcome, finished in (("R1", "running", None), ("R0", "changed", NOW)):
            records.save_run(
                tx, id_=id_, sync="s", number=1, started=NOW, finished=finished, doc={"run": id_, "outcome": outcome}
            )
        records.save_run(
            tx, id_="R2", sync="other", number=1, started=NOW, finished=None, doc={"run": "R2", "outcome": "running"}
        )

    with store.write() as tx:
        buried = records.bury_unfinished(tx, "s")

    with store.read() as tx:
        found = {d["run"]: d for d in records.load_runs(tx)}
    assert buried == ["R1"]
    assert (found["R1"]["outcome"], found["R1"]["error"]) == ("failed", "interrupted")
    assert found["R1"]["tally"] == {"created": 1, "updated": 1, "commented": 0, "closed": 0}
    assert (found["R0"]["outcome"], found["R2"]["outcome"]) == ("changed", "running")
