"""The same promises, tens of thousands of steps long, on other walks each time. `make soak`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machines import Comments, Fields, Gone, Remapped, Rules, Watched
from tests.properties.test_promises import QUICK


@pytest.mark.soak
@pytest.mark.parametrize(
    ("machine", "examples"),
    [(Fields, 500), (Rules, 400), (Comments, 300), (Gone, 400), (Remapped, 200), (Watched, 400)],
)
def test_the_promises_hold_for_as_long_as_we_care_to_look(machine: Any, examples: int) -> None:
    long = {"stateful_step_count": 40, "derandomize": False}
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, **{**QUICK, **long}))
