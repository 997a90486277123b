"""A process that dies in the middle: what it began is asked of the tracker, never done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from syncer.sdk.sandbox import Call, Fault
from syncer_jira.sandbox import JiraSandbox
from tests.e2e.office import NOTHING, TRACKERS, Office, everywhere, opened, until

CREATES: dict[str, Callable[[Call], bool]] = {
    "jira": lambda call: call.method == "POST" and call.path.endswith("/issue"),
    "github": lambda call: call.method == "POST" and call.path.endswith("/issues"),
    "linear": lambda call: b"issueCreate" in call.body,
}
COMMENTS: dict[str, Callable[[Call], bool]] = {
    "jira": lambda call: call.method == "POST" and call.path.endswith("/comment"),
    "github": lambda call: call.method == "POST" and call.path.endswith("/comments"),
    "linear": lambda call: b"commentCreate" in call.body,
}
SIGKILLED = -9


def home_of(tracker: str) -> str:
    """Return another tracker, where the item is born."""
    return "github" if tracker == "jira" else "jira"


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_kill_right_after_a_create_does_not_create_again(office: Office, tracker: str) -> None:
    titles = Counter(["Pay with a wallet", "Guest checkout"])
    for title in titles:
        office.boxes[home_of(tracker)].add(title)

    killed = office.killed(office.boxes[tracker], CREATES[tracker], "sync")
    next_run = office.run("sync", "--json")
    until(lambda: office.run("sync").code == 0)
    office.forget()
    office.synced()

    assert killed.code == SIGKILLED
    assert next_run.code in {0, 1}, next_run.err
    assert {p["kind"] for p in next_run.doc["parked"]} <= {"settling"}
    assert {t: office.titles(t) for t in TRACKERS} == everywhere(titles)
    assert office.writes() == NOTHING


@pytest.mark.parametrize("tracker", ["github", "linear"])
def test_a_kill_right_after_a_comment_does_not_comment_again(office: Office, tracker: str) -> None:
    home = home_of(tracker)
    key = office.boxes[home].add("Pay with a wallet")
    office.boxes[home].say(key, "The test account arrives on Thursday.", by="omar")

    killed = office.killed(office.boxes[tracker], COMMENTS[tracker], "sync")
    until(lambda: office.run("sync").code == 0)
    office.forget()
    office.synced()

    assert killed.code == SIGKILLED
    comments = {t: len(office.show(t, "Pay with a wallet")["comments"]) for t in TRACKERS}
    assert comments == everywhere(1)
    assert office.writes() == NOTHING


def test_a_create_the_search_does_not_show_yet_is_waited_for(tmp_path: Path) -> None:
    lagging = JiraSandbox(search_lag=3600)
    with opened(tmp_path, {"jira": lagging}) as office:
        office.configure(settle_wait='"1h"')
        office.boxes["github"].add("Pay with a wallet")

        office.killed(lagging, CREATES["jira"], "sync")
        waiting = office.run("sync", "--json")
        lagging.site.lag = timedelta(0)
        office.settled()

        assert waiting.code == 1, waiting.out
        assert [p["kind"] for p in waiting.doc["parked"]] == ["settling"]
        assert waiting.doc["tally"]["read"] > 0
        assert {t: office.titles(t)["Pay with a wallet"] for t in TRACKERS} == everywhere(1)


@pytest.mark.parametrize("tracker", ["jira"])
def test_a_create_that_never_arrived_is_sent_again_when_surely_absent(office: Office, tracker: str) -> None:
    office.boxes[home_of(tracker)].add("Pay with a wallet")
    office.boxes[tracker].wire.faults.append(Fault("before", path=r".*/issues?", method="POST"))

    first = office.run("sync", "--json")
    until(lambda: office.run("sync").code == 0)

    assert first.code == 1, first.out
    assert {t: office.titles(t)["Pay with a wallet"] for t in TRACKERS} == everywhere(1)
    assert len([c for c in office.boxes[tracker].wire.writes() if CREATES[tracker](c)]) == 2
