"""Conflicts that ask, and comments: what people said reaches everybody once, as they said it."""

from __future__ import annotations

import pytest

from syncer.sdk.sandbox import Fault
from tests.e2e.office import NOTHING, TRACKERS, Office, everywhere, until


def bodies(office: Office, tracker: str, title: str) -> list[str]:
    return [comment["body"] for comment in office.show(tracker, title)["comments"]]


def test_a_conflict_that_asks_is_held_and_converges_once_a_person_chose(office: Office) -> None:
    office.configure(conflicts='"ask"')
    office.boxes["jira"].add("Checkout")
    office.synced()
    office.edit("jira", "Checkout", title="Checkout for guests")
    office.edit("linear", "Checkout", title="Checkout for all")
    office.forget()

    asked = office.run("sync", "--json")
    written_while_held = office.writes()
    (hold,) = office.run("held", "--json").doc["held"]
    resolved = office.run("held", "resolve", hold["id"], "--take", "jira")
    office.settled()

    assert asked.code == 3, asked.out
    assert written_while_held == NOTHING
    assert hold["values"] == {
        "jira": "Checkout for guests",
        "linear": "Checkout for all",
        "github": "Checkout",
    }
    assert (hold["field"], hold["base"]) == ("title", "Checkout")
    assert resolved.code == 0, resolved.err
    assert {t: list(office.titles(t)) for t in TRACKERS} == everywhere(["Checkout for guests"])
    assert office.run("held", "--json").doc == {"held": []}


def test_a_comment_is_mirrored_once_with_its_author_and_a_restricted_one_stays(office: Office) -> None:
    jira, linear = office.boxes["jira"], office.boxes["linear"]
    key = jira.add("Checkout")
    jira.say(key, "Agreed with the *board*.", by="ravi")
    jira.say(key, "The salary of the new hire.", by="ravi", restricted=True)
    office.synced()
    linear.say(office.key("linear", "Checkout"), "The design is ready.", by="mia")

    office.synced()
    after = {t: bodies(office, t, "Checkout") for t in TRACKERS}
    office.forget()
    for _ in range(3):
        office.synced()

    everything = "\n".join(after["github"] + after["linear"])
    assert {t: len(after[t]) for t in TRACKERS} == {"jira": 3, "github": 2, "linear": 2}
    assert "salary" not in everything
    assert "salary" not in office.database.read_bytes().decode(errors="replace")
    (mirror,) = [b for b in after["github"] if "board" in b]
    assert "ravi" in mirror.lower()
    (other,) = [b for b in after["jira"] if "design is ready" in b]
    assert "mia" in other.lower()
    assert office.writes() == NOTHING


@pytest.mark.parametrize("tracker", ["github"])
def test_a_comment_that_never_arrived_is_sent_again_when_surely_absent(office: Office, tracker: str) -> None:
    key = office.boxes["linear"].add("Checkout")
    office.boxes["linear"].say(key, "The design is ready.", by="mia")
    office.boxes[tracker].wire.faults.append(Fault("before", path=r".*/comments?", method="POST"))

    first = office.run("sync")
    until(lambda: office.run("sync").code == 0)
    office.synced()

    assert first.code == 1, first.out
    assert {t: len(bodies(office, t, "Checkout")) for t in TRACKERS} == everywhere(1)


def test_a_comment_written_while_a_tracker_is_away_reaches_it_later(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.synced()
    office.boxes["jira"].say(office.key("jira", "Checkout"), "The design is ready.", by="mia")
    token = office.environ["GITHUB_TOKEN"]

    office.environ["GITHUB_TOKEN"] = "not-the-token"
    away = office.run("sync")
    office.environ["GITHUB_TOKEN"] = token
    office.settled()

    assert away.code == 1
    assert {t: len(bodies(office, t, "Checkout")) for t in TRACKERS} == everywhere(1)
