"""The vigil: jumps of the machine's clock, signs of life; and what systemd hears of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.daemon.notify import notify, watchdog
from syncer.daemon.vigil import BEAT, DEAD, JUMP, Vigil

HOUR = 3600.0


@dataclass
class Machine:
    """Its two clocks: what people see, and what only ever goes on while it is awake."""

    wall: float = 1_800_000_000.0
    steady: float = 5000.0
    vigil: Vigil = field(init=False)

    def __post_init__(self) -> None:
        self.vigil = Vigil(wall=lambda: self.wall, steady=lambda: self.steady)

    def live(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def sleep(self, seconds: float) -> None:
        self.wall += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.mark.parametrize("hours", [3, -3], ids=["forward", "back"])
def test_a_clock_that_was_set_is_noticed_once(machine: Machine, hours: int) -> None:
    machine.live(BEAT)
    machine.wall += hours * HOUR
    first = machine.vigil.beat()
    machine.live(BEAT)

    assert first == pytest.approx(hours * HOUR)
    assert machine.vigil.beat() is None


def test_a_sleep_is_noticed_as_a_jump(machine: Machine) -> None:
    machine.sleep(8 * HOUR)
    machine.live(BEAT)

    assert machine.vigil.beat() == pytest.approx(8 * HOUR)


@given(late=st.floats(0.0, 1e6), drift=st.floats(-JUMP * 0.99, JUMP * 0.99))
def test_a_late_beat_and_a_clock_that_drifts_are_no_jump(late: float, drift: float) -> None:
    machine = Machine()
    machine.live(late)
    machine.wall += drift

    assert machine.vigil.beat() is None


def test_without_a_beat_for_a_minute_we_are_not_well(machine: Machine) -> None:
    machine.live(DEAD - 0.1)
    before = machine.vigil.alive()
    machine.live(0.2)

    assert (before, machine.vigil.alive()) == (True, False)


def test_the_next_beat_makes_us_well_again(machine: Machine) -> None:
    machine.live(DEAD * 2)
    machine.vigil.beat()

    assert machine.vigil.alive()


def test_after_a_sleep_we_are_well(machine: Machine) -> None:
    machine.sleep(8 * HOUR)

    assert machine.vigil.alive()


# -- systemd ---------------------------------------------------------------------------------


@pytest.fixture
def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(2.0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield made


def test_systemd_hears_what_is_said(ear: socket.socket) -> None:
    notify("READY=1")

    assert ear.recv(100) == b"READY=1"


def test_a_socket_without_a_file_is_spoken_to_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(f"\0syncer-test-{os.getpid()}")
        made.settimeout(2.0)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@syncer-test-{os.getpid()}")

        notify("WATCHDOG=1")

        assert made.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all"])
def test_without_systemd_nothing_is_said_and_nothing_fails(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "wants"),
    [
        ("30000000", None, 15.0),
        ("30000000", "ours", 15.0),
        ("30000000", "1", None),
        ("", None, None),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_signs_of_life_are_twice_as_frequent_as_systemd_wants_them(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, wants: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "ours" else pid)

    assert watchdog() == wants
