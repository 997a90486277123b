"""Real processes, really killed: a first sync ends as an undisturbed one, wherever it died.

`tests/properties/test_interrupted.py` does the same in one process for every write and every mishap.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncer.sdk.sandbox import Call, Fault, FaultKind
from tests.e2e.office import NOTHING, TRACKERS, Office, opened
from tests.e2e.test_killed import CREATES
from tests.properties.company import LINEAR_KINDS, backlog, file, state
from tests.properties.test_interrupted import differences

FEW, TEN = 2, 10
SETTLED = 1.1
"""Seconds after which `settle_wait` has passed."""
SAMPLE = 7
"""Of the writes that create no record, every so many-eth is tried."""


def filled(folder: Path, number: int) -> Iterator[Office]:
    """Yield an office with *number* records on every tracker."""
    with opened(folder) as office:
        (folder / "our-linear.toml").write_text("\n".join(["[fields.kind]", *LINEAR_KINDS]), encoding="utf-8")
        office.options["linear"]["mapping"] = "our-linear.toml"
        office.configure()
        for tracker in TRACKERS:
            file(office.boxes[tracker], backlog(tracker, number))
        yield office


class Usual:
    """What an undisturbed sync leaves, and the writes it makes, per tracker."""

    def __init__(self, folder: Path, number: int) -> None:
        for office in filled(folder, number):
            office.synced()
            self.writes = {name: list(box.wire.writes()) for name, box in office.boxes.items()}
            self.state = state(office.boxes)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Usual:
    return Usual(tmp_path_factory.mktemp("few"), FEW)


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Usual:
    return Usual(tmp_path_factory.mktemp("ten"), TEN)


def nth(which: int) -> Callable[[Call], bool]:
    """Return what picks write number *which*."""
    count = 0

    def wanted(_: Call) -> bool:
        nonlocal count
        count += 1
        return count == which

    return wanted


def recovered(office: Office, usual: Usual) -> list[str]:
    """Let `settle_wait` pass twice, each time with a run; return what differs from the usual, or is open."""
    for _ in range(2):
        time.sleep(SETTLED)
        last = office.run("sync", "--json")
    found = state(office.boxes)
    office.forget()
    again = office.run("sync", "--json")
    wrong = [f"{t}: {line}" for t in TRACKERS for line in differences(found[t], usual.state[t])]
    if (last.code, again.code, office.writes()) != (0, 0, NOTHING):
        wrong.append(f"left open: {last.out} {again.out} {office.writes()}")
    return wrong


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_sync_killed_after_each_create_in_turn_still_gets_there(tmp_path: Path, few: Usual, tracker: str) -> None:
    creates = sum(map(CREATES[tracker], few.writes[tracker]))
    for office in filled(tmp_path, FEW):
        codes = [office.killed(office.boxes[tracker], CREATES[tracker], "sync").code for _ in range(creates)]

        wrong = recovered(office, few)

        assert codes == [-signal.SIGKILL] * creates
        assert wrong == []


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_sync_killed_after_its_last_write_somewhere_has_nothing_left_to_do(
    tmp_path: Path, few: Usual, tracker: str
) -> None:
    for office in filled(tmp_path, FEW):
        office.killed(office.boxes[tracker], nth(len(few.writes[tracker])), "sync")

        assert recovered(office, few) == []


@pytest.mark.parametrize(("tracker", "how"), [("jira", "cut"), ("github", "half"), ("linear", "after")])
def test_answers_lost_on_real_sockets_leave_no_trace(tmp_path: Path, few: Usual, tracker: str, how: FaultKind) -> None:
    for office in filled(tmp_path, FEW):
        office.boxes[tracker].wire.faults.append(Fault(how, writes_only=True, skip=1))

        office.run("sync")

        assert recovered(office, few) == []


@pytest.mark.soak
@pytest.mark.parametrize("tracker", TRACKERS)
def test_ten_records_each_a_sync_killed_after_any_create_leaves_no_trace(
    tmp_path: Path, ten: Usual, tracker: str
) -> None:
    picked = [n for n, call in enumerate(ten.writes[tracker], 1) if CREATES[tracker](call)]

    assert all_killed(tmp_path, ten, tracker, picked) == {}


@pytest.mark.soak
@pytest.mark.parametrize("tracker", TRACKERS)
def test_ten_records_each_a_sync_killed_after_some_other_write_leaves_no_trace(
    tmp_path: Path, ten: Usual, tracker: str
) -> None:
    others = [n for n, call in enumerate(ten.writes[tracker], 1) if not CREATES[tracker](call)]

    assert all_killed(tmp_path, ten, tracker, others[::SAMPLE]) == {}


@pytest.mark.soak
@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize("how", ["cut", "after", "half", "garbage", "slow"])
def test_ten_records_each_answers_lost_on_real_sockets_leave_no_trace(
    tmp_path: Path, ten: Usual, tracker: str, how: FaultKind
) -> None:
    # The client's own timeout is half a minute, so few of the slow ones must do.
    step = len(ten.writes[tracker]) // 2 if how == "slow" else SAMPLE
    found: dict[int, list[str]] = {}
    for which in range(1, len(ten.writes[tracker]) + 1, step):
        for office in filled(folder_in(tmp_path, which), TEN):
            fault = Fault(how, writes_only=True, skip=which - 1, seconds=33)
            office.boxes[tracker].wire.faults.append(fault)
            office.run("sync")
            found[which] = recovered(office, ten)
    assert {which: wrong for which, wrong in found.items() if wrong} == {}


def all_killed(folder: Path, usual: Usual, tracker: str, writes: list[int]) -> dict[int, list[str]]:
    """Return, by write, what killing the process after it spoiled."""
    found: dict[int, list[str]] = {}
    for which in writes:
        for office in filled(folder_in(folder, which), TEN):
            office.killed(office.boxes[tracker], nth(which), "sync")
            found[which] = recovered(office, usual)
    return {which: wrong for which, wrong in found.items() if wrong}


def folder_in(folder: Path, which: int) -> Path:
    made = folder / str(which)
    made.mkdir()
    return made
