"""What every unit test starts from."""

from __future__ import annotations

import pytest
import structlog


@pytest.fixture(autouse=True)
def _heard() -> None:
    """Log every event, whatever a command line that ran before asked for."""
    structlog.reset_defaults()
