"""The daemon as a process, on three sandboxes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.duty import Duty, on_duty, tables
from tests.e2e.office import TRACKERS, Office, opened, until

MOMENT = 1.5
"""Seconds within which an edit must arrive by webhook, nineteen times of twenty."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path) as made:
        yield made


def fill(office: Office, number: int) -> None:
    for at in range(number):
        office.boxes[TRACKERS[at % len(TRACKERS)]].add(f"Item {at}", body=f"Text of item {at}")


def hooked(office: Office) -> None:
    """Have the trackers send webhooks to the daemon."""
    done = office.run("hooks", "install", "--json")
    assert done.code == 0, f"{done.out}\n{done.err}"


def everywhere(office: Office, title: str) -> bool:
    return all(office.titles(name)[title] == 1 for name in TRACKERS)


def arrived(duty: Duty, office: Office, title: str, within: float = 30.0) -> float:
    """Wait until *title* is everywhere; return how many seconds that took."""
    started = time.monotonic()
    while not everywhere(office, title):
        assert time.monotonic() - started < within, f"{title!r} is not everywhere: {duty.tail()}"
        time.sleep(0.02)
    return time.monotonic() - started


def quiet(duty: Duty, office: Office) -> None:
    """Wait until the daemon has nothing more to do: no run for a second, no letter on its way."""
    until(lambda: all(box.post.idle() for box in office.boxes.values()))
    seen = -1
    while seen != len(duty.events):
        seen = len(duty.events)
        time.sleep(1.0)


def test_an_edit_arrives_everywhere_by_webhook_within_a_moment(office: Office) -> None:
    fill(office, 6)
    url = tables(office)
    office.settled()
    hooked(office)
    took: list[float] = []

    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        quiet(duty, office)
        for at in range(20):
            origin, title = TRACKERS[at % len(TRACKERS)], f"Item {at % 6} as of {at}"
            before = next(t for t in office.titles(origin) if t.startswith(f"Item {at % 6}"))
            office.edit(origin, before, title=title)
            took.append(arrived(duty, office, title))

    took.sort()
    assert took[18] <= MOMENT, took
    assert {e["trigger"] for e in duty.told("run.started")[1:]} == {"webhook"}


def test_a_targeted_run_reads_only_the_named_items(office: Office) -> None:
    fill(office, 30)
    url = tables(office)
    office.settled()
    hooked(office)

    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        quiet(duty, office)
        office.forget()
        office.edit("github", "Item 1", title="Item 1, edited")
        arrived(duty, office, "Item 1, edited")
        quiet(duty, office)

    # The named item, and the two copies before they are written; then the writes, and Jira's own look at what it wrote.
    assert office.requests()["github"] == 1, [c.path for c in office.boxes["github"].wire.calls]
    assert office.requests()["linear"] <= 2
    assert office.requests()["jira"] <= 3


def test_a_comment_edited_and_deleted_follows_at_once(office: Office) -> None:
    fill(office, 3)
    url = tables(office)
    office.settled()
    hooked(office)

    def said(name: str) -> str:
        return "\n".join(c["body"] for c in office.show(name, "Item 1")["comments"])

    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        comment = office.boxes["github"].say(office.key("github", "Item 1"), "First words")
        until(lambda: all("First words" in said(n) for n in TRACKERS), within=15.0)
        office.boxes["github"].reword(comment, "Better words")
        until(lambda: all("Better words" in said(n) for n in TRACKERS), within=15.0)
        office.boxes["github"].unsay(comment)
        until(lambda: all("Better words" not in said(n) for n in TRACKERS), within=15.0)


def test_without_webhooks_an_edit_arrives_within_one_interval(office: Office) -> None:
    fill(office, 3)
    office.configure(every='"2s"')
    url = tables(office, jitter='"0s"')
    office.settled()

    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        office.edit("linear", "Item 2", title="Item 2 by poll")
        took = arrived(duty, office, "Item 2 by poll")

    assert took < 2.0 + MOMENT


def test_told_to_stop_amid_a_long_run_it_ends_cleanly_and_the_next_start_finishes_it(office: Office) -> None:
    fill(office, 200)
    office.configure(limits="{ creates = 1000 }")
    url = tables(office, grace='"0s"')

    with on_duty(office, url) as duty:
        duty.wait("action.applied", times=20)
        duty.sign(signal.SIGTERM)
        code = duty.ended()
    made = sum(sum(office.titles(name).values()) for name in TRACKERS)
    with on_duty(office, url) as second:
        until(lambda: all(sum(office.titles(n).values()) >= 200 for n in TRACKERS))
        second.wait("run.finished")
        second.sign(signal.SIGTERM)
        assert second.ended() == 0

    assert code == 0
    assert not [line for line in duty.other if "Traceback" in line], duty.tail()
    assert made < 3 * 200, "it was stopped too late to prove anything"
    assert {n: max(office.titles(n).values()) for n in TRACKERS} == dict.fromkeys(TRACKERS, 1)
    assert {n: len(office.titles(n)) for n in TRACKERS} == dict.fromkeys(TRACKERS, 200)


def test_told_twice_it_stops_at_once_and_nothing_is_made_twice(office: Office) -> None:
    fill(office, 60)
    url = tables(office, grace='"10m"')

    with on_duty(office, url) as duty:
        duty.wait("action.applied", times=10)
        duty.sign(signal.SIGTERM)
        duty.wait("daemon.draining")
        duty.sign(signal.SIGTERM)
        code = duty.ended(within=10.0)
    until(lambda: office.run("sync").code == 0)

    assert code == 130
    assert {n: max(office.titles(n).values()) for n in TRACKERS} == dict.fromkeys(TRACKERS, 1)


def test_a_broken_file_is_refused_and_said_and_a_mended_one_is_taken_up(office: Office) -> None:
    fill(office, 3)
    url = tables(office)
    sound = office.config.read_text()

    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        office.config.write_text(sound.replace('connections = ["jira"', 'conections = ["jira"'))
        duty.sign(signal.SIGHUP)
        refused = duty.wait("config.refused")
        healthy = duty.get("/readyz").status_code
        office.config.write_text(sound.replace('every = "1h"', 'every = "1s"'))
        duty.sign(signal.SIGHUP)
        duty.wait("config.reloaded")
        duty.wait("run.finished", times=3)

    assert "syncs.roadmap.connections" in refused["reason"]
    assert str(office.config) in refused["reason"]
    assert healthy == 200


def test_two_daemons_on_one_database_are_one_too_many(office: Office) -> None:
    fill(office, 1)
    url = tables(office)

    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        second = office.run("daemon")

    assert second.code == 4
    assert str(duty.process.pid) in second.err


def test_health_metrics_and_status_say_how_it_stands(office: Office) -> None:
    fill(office, 3)
    url = tables(office)

    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        alive, ready, metrics = (duty.get(path) for path in ("/healthz", "/readyz", "/metrics"))
        status = office.run("status", "--json")

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert 'syncer_runs_total{outcome="changed",sync="roadmap"} 1.0' in metrics.text
    assert status.doc["daemon"]["pid"] == duty.process.pid
    assert status.code == 0


def test_a_lead_noted_while_no_daemon_runs_is_followed_by_the_next(office: Office) -> None:
    fill(office, 3)
    url = tables(office)
    office.settled()
    hooked(office)
    with on_duty(office, url) as duty:
        duty.wait("run.finished")
        quiet(duty, office)
    office.edit("github", "Item 1", title="Edited in the dark")

    with on_duty(office, url) as duty:
        arrived(duty, office, "Edited in the dark")
