"""The vigil: signs of life, clocks that jump, and what has lasted too long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

BEAT = 5.0
"""Seconds between two signs of life."""

DEAD = 60.0
"""Seconds without a sign of life after which we say that we are not well."""

JUMP = 30.0
"""Seconds by which the wall clock may part from the steady one between two beats before that is a jump."""


@dataclass(slots=True)
class Vigil:
    """`wall` and `steady` are clocks in seconds; the steady one stands still while the machine sleeps."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _wall: float = field(init=False)
    _steady: float = field(init=False)

    def __post_init__(self) -> None:
        self._wall, self._steady = self.wall(), self.steady()

    def beat(self) -> float | None:
        """Note a sign of life; return the seconds the wall clock jumped by since the last, None if it did not."""
        wall, steady = self.wall(), self.steady()
        jumped = (wall - self._wall) - (steady - self._steady)
        self._wall, self._steady = wall, steady
        return jumped if abs(jumped) >= JUMP else None

    def alive(self) -> bool:
        """Say whether there was a sign of life lately; may be asked from another thread."""
        return self.steady() - self._steady < DEAD
