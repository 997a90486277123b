"""The daemon's figures: what it uses up when idle, how soon a webhook's edit is everywhere, how many deliveries
it takes. Printed, never judged."""

from __future__ import annotations

import http.client
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from syncer.sdk.postman import Letter
from syncer.sdk.sandbox import Call
from tests.bench.test_figures import say
from tests.e2e.duty import Duty, on_duty, tables
from tests.e2e.office import TRACKERS, Office, opened, until
from tests.soak.gauges import process

LIMITS = "{ creates = 100000, updates = 100000, flaps = 100000 }"
ITEMS = 1_000
WATCHED = 120.0
"""Seconds: one interval, so that one poll is in it."""
EDITS = 60
LINES = 4
FORGED = 2_000
TOKEN = re.compile(rb"edit-\d+-\w+")


@dataclass
class Arrivals:
    """When each edited title was written where, by its token."""

    office: Office
    at: dict[tuple[str, str], float] = field(default_factory=dict)

    def listen(self) -> None:
        for name, box in self.office.boxes.items():
            box.wire.effects.append(self._noting(name))

    def _noting(self, name: str) -> Callable[[Call], None]:
        def note(call: Call) -> None:
            for token in TOKEN.findall(call.body):
                self.at.setdefault((token.decode(), name), time.monotonic())

        return note

    def everywhere(self, token: str, origin: str) -> float | None:
        """Return when the last of the other trackers had it."""
        times = [self.at.get((token, name)) for name in TRACKERS if name != origin]
        return None if None in times else max(t for t in times if t is not None)


@contextmanager
def hooked(folder: Path, items: int) -> Iterator[tuple[Office, Duty]]:
    """A daemon that hears webhooks of a backlog that is in step; polls come by the hour."""
    with opened(folder) as office:
        for at in range(items):
            office.boxes[TRACKERS[at % 3]].add(f"Item {at}", body=f"Text of item {at}")
        office.configure(limits=LIMITS)
        url = tables(office)
        office.settled()
        assert office.run("hooks", "install").code == 0
        with on_duty(office, url) as duty:
            duty.wait("run.finished")
            yield office, duty


@pytest.mark.timeout(900)
def test_idle(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        for at in range(ITEMS):
            office.boxes[TRACKERS[at % 3]].add(f"Item {at}", body=f"Text of item {at}\n\n- one\n- two")
        office.configure(every='"2m"', limits=LIMITS)
        url = tables(office)
        with on_duty(office, url) as duty:
            duty.wait("run.finished", within=600.0)
            until(lambda: len(duty.told("run.finished")) > 1, within=150.0)
            say(f"daemon after the first sync of {ITEMS} items", _footprint(duty, 5.0))
        with on_duty(office, url) as duty:
            duty.wait("run.finished")
            say(f"daemon idle, {ITEMS} items on 3 trackers (goal 120 MB, 1 %)", _footprint(duty, WATCHED))


def _footprint(duty: Duty, seconds: float) -> str:
    _, before, _, _ = process(duty.process.pid)
    time.sleep(seconds)
    rss, cpu, handles, threads = process(duty.process.pid)
    return f"{rss:.0f} MB, {(cpu - before) / seconds:.2%} of a core, {threads} threads, {handles} handles"


@pytest.mark.timeout(600)
def test_webhook_to_write(tmp_path: Path) -> None:
    with hooked(tmp_path, EDITS) as (office, duty):
        arrivals = Arrivals(office)
        arrivals.listen()
        keys = {name: {t: office.key(name, t) for t in office.titles(name)} for name in TRACKERS}
        time.sleep(1.0)
        office.forget()
        took = [_one(office, arrivals, keys, at) for at in range(EDITS)]
        requests = sum(office.requests().values())
        say("webhook to write on both others, one at a time (goal 1.5 s)", _spread(took))
        say("requests for each of these edits, on all trackers", f"{requests / EDITS:.1f}")
        time.sleep(1.0)
        office.forget()
        runs = len(duty.told("run.started"))
        began = {at: (time.monotonic(), _edit(office, keys, at, "burst")) for at in range(EDITS)}
        until(lambda: all(arrivals.everywhere(t, TRACKERS[at % 3]) for at, (_, t) in began.items()), within=120.0)
        took = [(arrivals.everywhere(t, TRACKERS[at % 3]) or 0.0) - s for at, (s, t) in began.items()]
        say(f"the same, a burst of {EDITS} at once", _spread(took))
        requests, runs = sum(office.requests().values()), len(duty.told("run.started")) - runs
        say("requests for each of these edits, and runs for all", f"{requests / EDITS:.1f}, {runs}")


def _one(office: Office, arrivals: Arrivals, keys: Mapping[str, Mapping[str, str]], at: int) -> float:
    started, token = time.monotonic(), _edit(office, keys, at, "single")
    while arrivals.everywhere(token, TRACKERS[at % 3]) is None:
        assert time.monotonic() < started + 60.0
        time.sleep(0.005)
    done = arrivals.everywhere(token, TRACKERS[at % 3]) or 0.0
    time.sleep(0.4)  # the echoes of our own writes are not the next edit's burden
    return done - started


def _edit(office: Office, keys: Mapping[str, Mapping[str, str]], at: int, how: str) -> str:
    origin, token = TRACKERS[at % 3], f"edit-{at}-{how}"
    office.boxes[origin].edit(keys[origin][f"Item {at}"], title=f"Item {at} {token}")
    return token


def _spread(took: Sequence[float]) -> str:
    inorder = sorted(took)
    p50, p95 = inorder[len(inorder) // 2], inorder[int(len(inorder) * 0.95)]
    return f"p50 {p50:.2f} s, p95 {p95:.2f} s, max {inorder[-1]:.2f} s"


@pytest.mark.timeout(600)
def test_deliveries(tmp_path: Path) -> None:
    with hooked(tmp_path, 6) as (office, duty):
        forged = [
            Letter(f"{duty.url}/hooks/github", FALSE, b'{"action": "edited", "n": %d}' % n) for n in range(FORGED)
        ]
        say(f"{FORGED} forged deliveries from a stranger", _poured(duty, forged))
        time.sleep(3.0)  # a stranger's address is shut for a second after each that is one too many
        genuine = _genuine(office, 900)
        say(f"{len(genuine)} signed deliveries, all different, {LINES} connections", _poured(duty, genuine))
        say(f"{FORGED} forged deliveries from an address that is known", _poured(duty, forged))
        # The largest that is read at all: what costs most is the signature over it.
        large = [Letter(one.url, one.headers, one.body + b" " * 1_000_000) for one in forged[:200]]
        say("200 forged deliveries of 1 MB from there", _poured(duty, large))


FALSE = {
    "Content-Type": "application/json",
    "X-GitHub-Event": "issues",
    "X-GitHub-Delivery": "00000000-0000-0000-0000-000000000000",
    "X-Hub-Signature-256": "sha256=" + "0" * 64,
}


def _genuine(office: Office, number: int) -> list[Letter]:
    """Return what GitHub posts of so many edits of few issues, kept back."""
    github = office.boxes["github"]
    github.post.holding = True
    key = office.key("github", "Item 1")
    for at in range(number):
        github.edit(key, title=f"Item 1 as of {at}")
    letters, github.post._held = github.post._held, []
    github.post.holding = False
    return letters


def _poured(duty: Duty, letters: Sequence[Letter]) -> str:
    """Post all letters over a few connections side by side; return how it went."""
    _, before, _, _ = process(duty.process.pid)
    started = time.monotonic()
    with ThreadPoolExecutor(LINES) as lines:
        answers = sum(lines.map(_pour, [letters[n::LINES] for n in range(LINES)]), Counter[int]())
    seconds = time.monotonic() - started
    _, after, _, _ = process(duty.process.pid)
    rate, each = len(letters) / seconds, (after - before) / len(letters) * 1000
    return f"{rate:,.0f} a second, {each:.2f} ms of CPU each, answers {dict(answers)}"


def _pour(letters: Sequence[Letter]) -> Counter[int]:
    answers: Counter[int] = Counter()
    where = urlsplit(letters[0].url)
    line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30.0)
    for letter in letters:
        try:
            line.request("POST", where.path, letter.body, dict(letter.headers))
            with line.getresponse() as answer:
                answer.read()
                answers[answer.status] += 1
        except (OSError, http.client.HTTPException):
            answers[0] += 1
            line.close()
    line.close()
    return answers
