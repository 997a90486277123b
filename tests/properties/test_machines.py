"""DESIGN §4's promises under edits, lost answers, outages and crashes, found by Hypothesis."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import initialize, rule
from hypothesis import strategies as st

from tests.properties.mishaps import Mishaps
from tests.properties.people import People
from tests.properties.promises import Promises
from tests.properties.setups import companies, company


class Fields(People, Mishaps, Promises):
    """Every field, every side, every mishap; one policy: the newest edit wins."""

    @initialize(drawn=companies)
    def begin(self, drawn: list[dict[str, Any]]) -> None:
        self.b = company(drawn)

    @rule(full=st.booleans())
    def run(self, *, full: bool) -> None:
        self.run_once(full=full)


TestFields = Fields.TestCase
TestFields.settings = settings(
    max_examples=int(os.environ.get("N", "60")),
    stateful_step_count=30,
    derandomize="SEED" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate] if os.environ.get("SYNCER_QUICK") else list(Phase),
    database=None,
)
