"""Plans, and the documents that `--json` prints."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.office import NOTHING, TRACKERS, Ended, Office, opened

RUN = {"run", "sync", "trigger", "outcome", "started", "finished", "tally", "held", "parked"}
TALLY = {"read", "created", "updated", "commented", "closed", "held", "parked", "requests"}
ACTION = {"do", "link", "ref", "url", "fields", "because", "state"}
HELD = {"id", "link", "ref", "field", "base", "values", "since"}
PARKED = {"id", "link", "ref", "field", "error", "attempts", "next_try"}


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office after two runs: one item everywhere, its title held."""
    with opened(tmp_path_factory.mktemp("lived_in")) as office:
        office.configure(conflicts='"ask"')
        office.boxes["jira"].add("Checkout", labels=["roadmap"])
        office.run("sync")
        office.edit("jira", "Checkout", title="Checkout for guests")
        office.edit("linear", "Checkout", title="Checkout for all")
        office.run("sync")
        yield office


def rows(office: Office) -> list[str]:
    """Return all that the database holds, as SQL."""
    connection = sqlite3.connect(f"file:{office.database}?mode=ro", uri=True)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_a_plan_writes_nothing_and_its_code_says_whether_something_is_to_do(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.synced()
    office.boxes["github"].add("Wallet")
    office.edit("jira", "Checkout", title="Checkout for guests")
    before = rows(office)
    office.forget()

    planned = office.run("plan", "--json")
    written, kept = office.writes(), rows(office)
    done = office.synced()
    again = office.run("plan", "--json")

    assert planned.code == 3, planned.err
    assert written == NOTHING
    assert kept == before
    assert set(planned.doc) == {"sync", "actions", "held", "parked", "guards"}
    assert {a["state"] for a in planned.doc["actions"]} == {"planned"}
    assert sorted(map(signature, planned.doc["actions"])) == sorted(map(signature, done["actions"]))
    assert (again.code, again.doc["actions"]) == (0, [])


def test_a_plan_before_the_first_run_is_what_the_first_run_does(office: Office) -> None:
    office.boxes["jira"].add("Checkout")

    planned = office.run("plan", "--json")
    written = office.writes()
    done = office.synced()

    assert planned.code == 3, planned.err
    assert written == NOTHING
    assert sorted(map(signature, planned.doc["actions"])) == sorted(map(signature, done["actions"]))


def signature(action: dict[str, Any]) -> tuple[str, str, str]:
    return action["do"], action["title"], repr(sorted(action["fields"].items()))


def test_sync_prints_the_documented_object(office: Office) -> None:
    office.boxes["jira"].add("Checkout")

    doc = office.synced()

    assert RUN | {"actions"} <= set(doc)
    assert (doc["sync"], doc["outcome"]) == ("roadmap", "changed")
    assert set(doc["tally"]) == TALLY
    assert set(doc["tally"]["requests"]) == set(TRACKERS)
    assert len(doc["actions"]) == 2
    for action in doc["actions"]:
        assert set(action) >= ACTION
        assert (action["do"], action["state"]) == ("create", "applied")
        assert action["ref"]
        assert action["url"]
        assert action["because"]
        assert action["fields"]["title"] == {"from": None, "to": "Checkout"}


def test_links_show_every_copy_and_what_is_owed(lived_in: Office) -> None:
    (link,) = shown(lived_in.run("links", "--json"))["links"]

    assert {"id", "kind", "title", "copies", "owed"} <= set(link)
    assert set(link["copies"]) == set(TRACKERS)
    for tracker, copy in link["copies"].items():
        assert {"ref", "key", "url", "state"} <= set(copy)
        assert copy["ref"].startswith(f"{tracker}:issue:")
        assert copy["state"] == "here"
    assert link["copies"]["jira"]["key"] == lived_in.key("jira", "Checkout for guests")
    assert link["owed"] == {}


def test_runs_are_listed_without_actions_and_shown_one_by_one_with_them(lived_in: Office) -> None:
    runs = shown(lived_in.run("runs", "--json"))["runs"]
    first = shown(lived_in.run("runs", runs[-1]["run"], "--json"))

    assert [run["outcome"] for run in runs] == ["in_step", "changed"]
    for run in runs:
        assert set(run) >= RUN
        assert "actions" not in run
        assert set(run["tally"]) == TALLY
    assert first["run"] == runs[-1]["run"]
    assert {a["do"] for a in first["actions"]} == {"create"}
    assert all(set(a) >= ACTION for a in first["actions"])


def test_held_fields_are_listed_with_every_value(lived_in: Office) -> None:
    (hold,) = shown(lived_in.run("held", "--json"))["held"]

    assert set(hold) >= HELD
    assert hold["field"] == "title"
    assert hold["values"]["linear"] == "Checkout for all"


def test_connectors_are_listed_with_version_and_abilities(lived_in: Office) -> None:
    found = shown(lived_in.run("connectors", "--json"))["connectors"]

    assert {c["name"] for c in found} >= set(TRACKERS)
    for connector in found:
        assert {"name", "version", "abilities"} <= set(connector)
        assert connector["abilities"] == sorted(connector["abilities"])


def test_what_could_not_be_read_is_parked_with_a_reason_and_a_next_try(office: Office) -> None:
    office.options["jira"]["mapping"] = "our-jira.toml"
    (office.folder / "our-jira.toml").write_text('[fields.kind]\nstory = "Need"\n', encoding="utf-8")
    office.configure()
    office.boxes["jira"].add("Checkout", kind="Story")
    office.boxes["linear"].add("Wallet")

    ran = office.run("sync", "--json")
    (entry,) = shown(office.run("parked", "--json"))["parked"]

    assert ran.code == 1, ran.out
    assert set(entry) >= PARKED
    assert [word for word in ("Story", "fields.kind") if word not in entry["error"]] == []
    assert (entry["connection"], entry["attempts"]) == ("jira", 1)
    assert entry["next_try"].endswith("Z")
    assert office.titles("github")["Wallet"] == 1


def shown(done: Ended) -> dict[str, Any]:
    assert done.code == 0, done.err
    doc: dict[str, Any] = done.doc
    return doc


def test_a_plan_while_a_tracker_was_never_read_promises_no_create_that_a_run_would_not_do(
    office: Office,
) -> None:
    office.environ["GITHUB_TOKEN"] = "not-the-token"
    office.boxes["jira"].add("Checkout")

    planned = office.run("plan", "--json")
    done = office.run("sync", "--json")

    assert sorted(map(signature, planned.doc["actions"])) == sorted(map(signature, done.doc["actions"]))
