"""Never two writers: who comes second waits or leaves, who is paused finishes, who is told to stop stops."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from syncer.sdk.sandbox import Call, Sandbox
from tests.e2e.office import NOTHING, PATIENCE, TRACKERS, Office, during, ended, everywhere, until

IDEAS = Counter(f"Idea {n}" for n in range(4))
INTERRUPTED = 130


@pytest.fixture
def busy(office: Office) -> Office:
    """An office with work to do."""
    for title in IDEAS:
        office.boxes["jira"].add(title)
    return office


@dataclass(slots=True)
class Door:
    """Stands before the answer to the first write on a tracker: `reached` when it took effect, and the
    answer waits until `go_on`."""

    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: Call) -> None:
        if not self.reached.is_set():
            self.reached.set()
            self.go_on.wait(PATIENCE)


@contextlib.contextmanager
def door(box: Sandbox) -> Iterator[Door]:
    found = Door()
    with during(box, found):
        try:
            yield found
        finally:
            found.go_on.set()


def assert_in_step(office: Office) -> None:
    """Every item is everywhere once, and a further run writes nothing."""
    assert {t: office.titles(t) for t in TRACKERS} == everywhere(IDEAS)
    office.forget()
    office.synced()
    assert office.writes() == NOTHING


def test_of_two_runs_at_once_one_works_and_the_other_waits_for_it(busy: Office) -> None:
    first, second = busy.start("sync", "--json"), busy.start("sync", "--json")

    ends = [ended(first), ended(second)]

    assert [e.code for e in ends] == [0, 0], ends
    assert sorted(e.doc["tally"]["created"] for e in ends) == [0, 2 * len(IDEAS)]
    assert_in_step(busy)


def test_many_runs_at_once_that_will_not_wait_leave_the_work_to_one(busy: Office) -> None:
    with door(busy.boxes["github"]) as held:
        first = busy.start("sync")
        assert held.reached.wait(PATIENCE)
        others = [busy.start("sync", "--wait", "0s") for _ in range(3)]
        ends = [ended(other) for other in others]
        held.go_on.set()
        done = ended(first)

    assert {e.code for e in ends} == {4}
    assert {f"pid {first.pid}" in e.err for e in ends} == {True}
    assert done.code == 0, done.err
    assert_in_step(busy)


def test_a_paused_process_keeps_its_lease_and_finishes_when_it_wakes_up(busy: Office) -> None:
    with door(busy.boxes["linear"]) as held:
        first = busy.start("sync")
        assert held.reached.wait(PATIENCE)
        first.send_signal(signal.SIGSTOP)
        held.go_on.set()
        paused = busy.run("sync", "--wait", "1s")
        written = busy.writes()
        time.sleep(0.2)
        after = busy.writes()
        first.send_signal(signal.SIGCONT)
        done = ended(first)
    # Trackers hang up on who is silent for long: what was sent into that is settled by the next runs.
    until(lambda: busy.run("sync").code == 0)

    assert paused.code == 4, paused.err
    assert written == after
    assert done.code in {0, 1}, done.err
    assert_in_step(busy)


def test_a_killed_process_leaves_no_lease_behind(busy: Office) -> None:
    busy.killed(busy.boxes["github"], lambda _: True, "sync")

    started = time.monotonic()
    next_run = busy.run("sync", "--wait", "0s")

    assert next_run.code != 4, next_run.err
    assert time.monotonic() - started < PATIENCE
    until(lambda: busy.run("sync").code == 0)
    assert_in_step(busy)


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("tracker", ["github", "linear"])
def test_a_run_told_to_stop_stops_and_the_next_finishes_without_a_duplicate(
    busy: Office, tracker: str, with_signal: signal.Signals
) -> None:
    with door(busy.boxes[tracker]) as held:
        first = busy.start("sync")
        assert held.reached.wait(PATIENCE)
        first.send_signal(with_signal)
        stopped = ended(first)  # The answer it waited for never came.
    next_run = busy.run("sync", "--json")
    until(lambda: busy.run("sync").code == 0)

    assert stopped.code == INTERRUPTED, stopped
    assert "Traceback" not in stopped.err
    assert next_run.code in {0, 1}, next_run.err
    assert_in_step(busy)


def test_a_run_that_a_script_put_in_the_background_can_be_told_to_stop(busy: Office) -> None:
    """There the shell has SIGINT ignored, and what we start inherits that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with door(busy.boxes["github"]) as held:
            first = busy.start("sync")
            assert held.reached.wait(PATIENCE)
            first.send_signal(signal.SIGTERM)
            stopped = ended(first)
    finally:
        signal.signal(signal.SIGINT, before)
    until(lambda: busy.run("sync").code == 0)

    assert (stopped.code, "Traceback" in stopped.err) == (INTERRUPTED, False), stopped
    assert_in_step(busy)
