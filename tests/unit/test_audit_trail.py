"""The audit trail: append-only, chained, long texts beside it; and what a killed run leaves of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from syncer.cli.app import run
from syncer.store import Store, records
from syncer.store.pruning import prune_audit
from syncer.store.records import Cut, Entry
from syncer.store.schema import audit, meta, texts

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
ENTRY = Entry("L1", "jira:issue:1", "update", "title", "Old", "New", "syncer", "title was changed on github")
LONG = "A plan nobody should read. " * 20


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command line sets up the log of its process, which here is not its own."""
    yield
    structlog.reset_defaults()


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
    doc = {"run": "R1", "outcome": "changed", "actions": [{"fields": {"body": {"from": None, "to": LONG}}}]}
    with store.write() as tx:
        records.append(tx, "s", "R1", NOW, [replace(ENTRY, field="body", after=LONG)])
        records.save_run(tx, id_="R1", sync="s", number=1, started=NOW, finished=NOW, doc=doc)
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


# -- cut at its old end ----------------------------------------------------------------------

LATER = NOW + timedelta(days=30)


def cut_store(*entries: Entry, keep: int = 2, most: int = 1000) -> Store:
    """Return a store whose trail holds the last *keep* of *entries*, and the entry that tells of the cut."""
    store = store_with(*entries)
    cut(store, NOW + timedelta(seconds=len(entries) - keep), most)
    return store


def cut(store: Store, before: datetime, most: int = 1000, at: datetime = LATER) -> int:
    with store.write() as tx:
        return prune_audit(tx, before, at, most=most).rows


def lines(store: Store) -> list[dict[str, Any]]:
    with store.read() as tx:
        return list(records.export(tx))


def numbers(store: Store) -> list[int]:
    with store.read() as tx:
        return list(tx.execute(sa.select(audit.c.seq).order_by(audit.c.seq)).scalars())


def test_a_trail_cut_at_its_old_end_keeps_the_rest_and_tells_of_the_cut() -> None:
    store = cut_store(*[ENTRY] * 5)

    found = chain(store)
    acts = [json.loads(line["doc"])["act"] for line in lines(store)]

    assert (found.broken, found.entries) == (None, 3)
    assert found.cut is not None
    assert found.cut.before == "2026-11-02T09:00:03.000000Z"
    assert acts == ["update", "update", "cut"]
    assert numbers(store) == [4, 5, 6]


def test_a_trail_none_of_which_is_old_is_not_cut() -> None:
    store = store_with(ENTRY, ENTRY)

    gone = cut(store, NOW)

    assert (gone, numbers(store), chain(store).cut) == (0, [1, 2], None)


def test_the_numbers_of_a_trail_go_on_where_all_of_it_was_cut() -> None:
    store = store_with(ENTRY, ENTRY)
    gone = cut(store, LATER)

    with store.write() as tx:
        records.append(tx, "s", "R2", LATER, [ENTRY])

    assert gone == 2
    assert numbers(store) == [3, 4]
    assert chain(store).broken is None


def test_a_trail_is_cut_again_and_again() -> None:
    store = store_with(*[ENTRY] * 6)

    gone = [cut(store, NOW + timedelta(seconds=n), at=NOW + timedelta(seconds=10 + n)) for n in (2, 2, 4, 13)]

    assert gone == [2, 0, 2, 3]
    assert numbers(store) == [8, 9]
    assert chain(store).broken is None


def test_a_long_cut_goes_in_steps_and_the_trail_is_whole_between_them() -> None:
    store = store_with(*[ENTRY] * 7)

    steps = []
    while gone := cut(store, NOW + timedelta(seconds=5), most=2):
        steps.append((gone, chain(store).broken, [line["seq"] for line in lines(store)]))

    assert steps == [(2, None, [6, 7, 8]), (2, None, [6, 7, 8]), (1, None, [6, 7, 8])]


def test_only_the_longest_beginning_that_is_old_is_cut() -> None:
    store = store_with(ENTRY, ENTRY)
    with store.write() as tx:
        records.append(tx, "s", "R0", NOW - timedelta(days=1), [ENTRY])

    gone = cut(store, NOW + timedelta(seconds=1))

    assert gone == 1
    assert numbers(store) == [2, 3, 4]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM audit", "DELETE FROM audit WHERE seq = 4", "UPDATE audit SET at=''"]
)
def test_the_database_refuses_to_delete_more_than_was_cut(statement: str) -> None:
    store = cut_store(*[ENTRY] * 5)

    with pytest.raises(sa.exc.IntegrityError, match="append-only"), store.write() as tx:
        tx.exec_driver_sql(statement)

    assert numbers(store) == [4, 5, 6]


def test_the_database_refuses_a_cut_that_was_not_recorded() -> None:
    store = store_with(*[ENTRY] * 3)

    with pytest.raises(sa.exc.IntegrityError, match="append-only"), store.write() as tx:
        tx.exec_driver_sql("DELETE FROM audit WHERE seq = 1")


def test_a_cut_that_the_trail_does_not_tell_of_is_found_out() -> None:
    store = store_with(*[ENTRY] * 3)
    with store.read() as tx:
        hash_ = str(tx.execute(sa.select(audit.c.hash).where(audit.c.seq == 1)).scalar_one())
    with store.write() as tx:
        for name, value in Cut(1, hash_, "2026-11-02T09:00:01.000000Z").document().items():
            tx.execute(sa.insert(meta).values(name=f"cut.{name}", value=str(value)))
        tx.exec_driver_sql("DELETE FROM audit WHERE seq = 1")

    assert chain(store).broken == 2


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE audit SET doc = replace(doc, 'New', 'Fake') WHERE seq = 4",
        "UPDATE audit SET doc = replace(doc, 'New', 'Fake') WHERE seq = 5",
        "DELETE FROM audit WHERE seq = 4",
        "DELETE FROM audit WHERE seq = 5",
        "UPDATE meta SET value = '4' WHERE name = 'cut.seq'",
        "UPDATE meta SET value = '2026-12-01T00:00:00.000000Z' WHERE name = 'cut.before'",
        "DELETE FROM meta WHERE name LIKE 'cut.%'",
        "UPDATE audit SET doc = replace(doc, '\"seq\":3', '\"seq\":2') WHERE seq = 6",
    ],
)
def test_after_a_cut_who_gets_round_the_refusal_is_still_found_out(forgery: str) -> None:
    store = cut_store(*[ENTRY] * 5)
    intact = chain(store).broken
    with store.write() as tx:
        for change in ("update", "delete"):
            tx.exec_driver_sql(f"DROP TRIGGER audit_no_{change}")
        tx.exec_driver_sql(forgery)

    assert intact is None
    assert chain(store).broken in {4, 5, 6}


def test_an_export_of_a_cut_trail_can_be_checked_without_us_and_fits_the_one_before() -> None:
    store = store_with(*[ENTRY] * 5)
    before = {line["seq"]: line["hash"] for line in lines(store)}
    cut(store, NOW + timedelta(seconds=3))

    first, *_ = after = lines(store)

    assert first["previous"] == before[3]
    last = first["previous"]
    for line in after:
        said = "\0".join([last, line["sync"], line["run"], line["link"], line["at"], line["doc"]])
        last = hashlib.sha256(said.encode()).hexdigest()
        assert line["hash"] == last


def test_a_run_that_wrote_what_was_cut_is_known_to_be_too_old_for_an_undo() -> None:
    store = store_with(*[ENTRY] * 5)
    with store.write() as tx:
        for id_, second in (("R1", 0), ("R2", 3)):
            at = NOW + timedelta(seconds=second)
            records.save_run(tx, id_=id_, sync="s", number=1, started=at, finished=at, doc={"run": id_})
    with store.read() as tx:
        whole = records.wrote_before_cut(tx, "R1")

    cut(store, NOW + timedelta(seconds=3))

    with store.read() as tx:
        found = [records.wrote_before_cut(tx, id_) for id_ in ("R1", "R2", "R3")]
    assert whole == ""
    assert found == ["2026-11-02T09:00:03.000000Z", "", ""]


CONFIG = """
[connections.one]
connector = "github"
repository = "acme/one"
token = "env:TOKEN"
[connections.two]
connector = "github"
repository = "acme/two"
token = "env:TOKEN"
[syncs.roadmap]
connections = ["one", "two"]
"""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a config, and a trail cut amid what the run R1 wrote."""
    (tmp_path / "config.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", "ghp_abcdefghijklmnopqrstuvwxyz0123456789")
    store = Store.open("sqlite:///syncer.db")
    with store.write() as tx:
        doc = {"run": "R1", "sync": "roadmap", "outcome": "changed"}
        records.save_run(tx, id_="R1", sync="roadmap", number=1, started=NOW, finished=NOW, doc=doc)
        for second in (0, 1):
            records.append(tx, "roadmap", "R1", NOW + timedelta(seconds=second), [ENTRY])
    cut(store, NOW + timedelta(seconds=1))
    store.close()


@pytest.mark.usefixtures("configured")
def test_who_verifies_a_cut_trail_is_told_from_when_on_it_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    codes = run(["history", "--verify", "--json"]), run(["history", "--verify"])

    as_json, told = capsys.readouterr().out.splitlines()
    assert codes == (0, 0)
    assert json.loads(as_json)["since"] == "2026-11-02T09:00:01.000000Z"
    assert "2 entries, kept from 2026-11-02T09:00:01.000000Z on" in told


@pytest.mark.usefixtures("configured")
def test_a_run_that_began_before_the_trail_is_not_undone_by_halves(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["undo", "R1", "--json"])

    error = json.loads(capsys.readouterr().out)["error"]
    assert (code, error["kind"]) == (2, "config")
    assert "R1 began before 2026-11-02T09:00:01" in error["message"]


def test_a_clock_put_back_does_not_bring_forgotten_times_back() -> None:
    store = store_with(ENTRY)
    cut(store, LATER, at=NOW)

    gone = cut(store, NOW + timedelta(seconds=1), at=NOW + timedelta(seconds=2))

    found = chain(store)
    assert (gone, found.broken) == (1, None)
    assert found.cut is not None
    assert found.cut.before == "2026-12-02T09:00:00.000000Z"


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
