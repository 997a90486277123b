"""What the command line tells of the past: one item's story, the whole trail, and whether it is intact."""

from __future__ import annotations

import json
import sqlite3
import stat
from typing import Any

from tests.e2e.office import NOTHING, TRACKERS, Office, everywhere


def test_history_tells_an_item_s_story_across_the_trackers(office: Office) -> None:
    office.boxes["jira"].add("Checkout", body="Long words. " * 40)
    office.synced()
    office.edit("linear", "Checkout", title="Checkout for guests")
    run = office.synced()["run"]
    key = office.key("github", "Checkout for guests")

    told = office.run("history", f"github:{key}")
    doc = office.run("history", f"github:{key}", "--json").doc

    assert told.code == 0, told.err
    assert doc.keys() == {"link", "title", "copies", "entries"}
    assert doc["title"] == "Checkout for guests"
    assert set(doc["copies"]) == set(TRACKERS)
    assert doc["entries"][0].keys() == {"at", "run", "act", "connection", "ref", "field", "from", "to", "who", "why"}
    moves = {(e["act"], e["connection"]) for e in doc["entries"] if e["run"] == run and e["field"] == "title"}
    assert moves == {("edit", "linear"), ("update", "jira"), ("update", "github")}
    assert "title: Checkout -> Checkout for guests" in told.out
    assert max(len(line) for line in told.out.splitlines()) < 200
    assert office.run("history", doc["link"], "--json").doc == doc
    assert office.run("history", doc["copies"]["jira"]["url"], "--json").doc == doc


def test_an_unknown_item_is_exit_2_and_says_how_items_are_named(office: Office) -> None:
    done = office.run("history", "jira:ROAD-999", "--json")

    assert done.code == 2
    assert done.doc["error"]["kind"] == "config"


def test_the_trail_is_exported_for_its_owner_alone_and_verified(office: Office) -> None:
    office.boxes["jira"].add("Checkout", body="Long words. " * 40)
    office.synced()
    out = office.folder / "trail.jsonl"

    exported = office.run("history", "--export", str(out), "--json")
    intact = office.run("history", "--verify", "--json")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    (long_,) = {name for line in lines for name in line.get("texts", {})}
    erased = office.run("history", "--erase", long_)
    office.run("history", "--export", str(out))
    after = out.read_text()

    assert exported.doc == {"exported": len(lines), "file": str(out)}
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert (intact.code, intact.doc["intact"], intact.doc["last"]) == (0, True, lines[-1]["hash"])
    assert erased.code == 0, erased.err
    assert "Long words" not in after
    assert office.run("history", "--verify").code == 0


def test_a_trail_that_was_tampered_with_is_exit_1(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.synced()
    with sqlite3.connect(office.database) as raw:
        raw.execute("DROP TRIGGER audit_no_update")
        raw.execute("UPDATE audit SET doc = replace(doc, 'Checkout', 'Cheating') WHERE seq = 2")
    raw.close()

    done = office.run("history", "--verify", "--json")

    assert (done.code, done.doc["intact"]) == (1, False)


def test_two_questions_at_once_are_a_usage_mistake(office: Office) -> None:
    assert office.run("history").code == 2
    assert office.run("history", "--verify", "--export", "x").code == 2


def test_an_audit_of_a_board_in_step_is_exit_0_and_writes_nothing(office: Office) -> None:
    office.boxes["jira"].add("Checkout", body="Words with a *slant*.", labels=["roadmap"], status="In Progress")
    office.boxes["github"].add("Wallet", body="More words.")
    office.settled()
    office.forget()

    done = office.run("audit", "--json")

    assert (done.code, done.doc["checked"], done.doc["divergences"]) == (0, 2, []), done.out
    assert office.writes() == NOTHING


def test_an_audit_reports_what_differs_and_that_a_person_must_look(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.settled()
    office.edit("linear", "Checkout", title="Checkout for guests")

    done = office.run("audit", "--json")
    told = office.run("audit")

    (one,) = done.doc["divergences"]
    assert (done.code, told.code) == (3, 3)
    assert (one["field"], one["agreed"], one["state"]) == ("title", "Checkout", "edited")
    assert one["values"] == {"jira": "Checkout", "github": "Checkout", "linear": "Checkout for guests"}
    assert one.keys() >= {"link", "title", "since", "age_seconds"}
    assert "linear: Checkout for guests  <-" in told.out


def test_undo_puts_a_run_back_and_the_next_run_leaves_it_so(office: Office) -> None:
    office.boxes["jira"].add("Checkout", labels=["roadmap"])
    office.settled()
    office.edit("jira", "Checkout", title="Chekout", status="In Progress")
    run = office.synced()["run"]

    planned = office.run("undo", run, "--dry-run")
    before = {t: list(office.titles(t)) for t in TRACKERS}
    done = office.run("undo", run, "--json")
    office.forget()
    quiet = office.synced()

    assert (planned.code, done.code) == (0, 0), done.out + done.err
    assert before == everywhere(["Chekout"])
    assert (done.doc["undoes"], done.doc["left"]) == (run, [])
    assert {t: list(office.titles(t)) for t in TRACKERS} == {
        "jira": ["Chekout"],
        "github": ["Checkout"],
        "linear": ["Checkout"],
    }
    assert (quiet["outcome"], office.writes()) == ("in_step", NOTHING)
    assert done.doc["run"] in {r["run"] for r in office.run("runs", "--json").doc["runs"]}
    assert office.run("history", "--verify").code == 0


def test_undo_leaves_what_was_edited_since_and_says_so(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.settled()
    office.edit("jira", "Checkout", title="Chekout")
    run = office.synced()["run"]
    office.edit("linear", "Chekout", title="Checkout for guests")

    done = office.run("undo", run)

    assert done.code == 3, done.out
    assert "edited there since" in done.out
    assert list(office.titles("linear")) == ["Checkout for guests"]
    assert list(office.titles("github")) == ["Checkout"]


def test_undo_of_a_run_that_never_was_is_exit_2(office: Office) -> None:
    assert office.run("undo", "R0", "--json").code == 2


def lose_the_database(office: Office) -> None:
    for file in office.folder.glob("syncer.db*"):
        if file.suffix != ".key":
            file.unlink()


def test_a_lost_database_is_rebuilt_from_the_marks_and_nothing_is_made_twice(office: Office) -> None:
    for tracker in TRACKERS:
        key = office.boxes[tracker].add(f"From {tracker}", body=f"Words of **{tracker}**.", labels=["roadmap"])
        office.boxes[tracker].say(key, f"Said on {tracker}.", by="omar")
    office.settled()
    before = shown(office)
    lose_the_database(office)
    office.forget()

    warned = office.run("sync", "--json")
    rebuilt = office.run("rebuild", "--json")
    written_so_far = office.writes()
    office.settled()
    after = shown(office)

    assert warned.code == 3, warned.out
    assert "syncer rebuild" in warned.doc["held"][0]["reason"]
    assert (rebuilt.doc["links"], rebuilt.doc["copies"], written_so_far) == (3, 9, NOTHING), rebuilt.out
    # Jira gives what we make a priority of its own; without a past it is somebody's word: shown first.
    assert {name for a in rebuilt.doc["differing"] for name in a["fields"]} == {"priority"}
    assert (rebuilt.code, rebuilt.doc["actions"]) == (3, [])
    assert after == before
    assert office.run("audit", "--json").code == 0


def shown(office: Office) -> dict[str, dict[str, dict[str, Any]]]:
    """Return all that is on the trackers, but for priorities."""
    return {
        t: {title: {k: v for k, v in office.show(t, title).items() if k != "priority"} for title in office.titles(t)}
        for t in TRACKERS
    }


def test_rebuild_shows_what_the_next_run_would_write_before_anything_is_written(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.settled()
    office.edit("linear", "Checkout", title="Edited while it was lost")
    lose_the_database(office)
    office.forget()

    done = office.run("rebuild", "--json")
    told = office.run("rebuild")

    (one,) = done.doc["differing"]
    assert (done.code, one["connection"]) == (3, "linear")
    assert one["fields"]["title"] == {"from": "Edited while it was lost", "to": "Checkout"}
    assert office.writes() == NOTHING
    assert "Edited while it was lost -> Checkout" in told.out


def test_rebuild_takes_the_reviewed_file_of_what_people_had_joined(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.boxes["github"].add("Checkout")
    out = office.folder / "adopt.toml"
    office.run("sync")
    office.run("adopt", "--out", str(out))
    adopted = office.run("adopt", "--apply", str(out))
    office.settled()
    lose_the_database(office)
    office.forget()

    done = office.run("rebuild", "--adopt", str(out), "--json")
    office.settled()

    assert adopted.code == 0, adopted.out + adopted.err
    assert (done.doc["adopted"], done.doc["refused"]) == (1, []), done.out
    assert {t: sum(office.titles(t).values()) for t in TRACKERS} == everywhere(1)
    assert office.writes() == NOTHING
