"""DESIGN §4's promises, walked through by state machines: the same walks every time.

New walks every time, and longer ones, are in `test_promises_deep` (`make soak`).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machines import Comments, Fields, Gone, Remapped, Rules, Watched

QUICK: dict[str, Any] = {
    "stateful_step_count": 20,
    "derandomize": True,
    "deadline": None,
    "database": None,
    "phases": [Phase.generate, Phase.shrink],
    "report_multiple_bugs": False,
    "suppress_health_check": list(HealthCheck),
}


@pytest.mark.parametrize(
    ("machine", "examples"), [(Fields, 14), (Rules, 11), (Comments, 12), (Gone, 10), (Remapped, 7), (Watched, 12)]
)
def test_the_promises_hold_whatever_people_and_trackers_do(machine: Any, examples: int) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, **QUICK))
