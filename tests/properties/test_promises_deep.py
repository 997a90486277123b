"""The same promises, tens of thousands of steps long. `make soak`."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.properties.test_promises import Promises


class Deep(Promises):
    """The machine of `test_promises`, given time."""


TestDeep = pytest.mark.soak(Deep.TestCase)
TestDeep.settings = settings(
    max_examples=500,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
