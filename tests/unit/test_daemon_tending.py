"""How often the daemon looks for what is too old."""

from __future__ import annotations

import pytest

from syncer.config import Keep
from syncer.daemon.service import tended_every

DAY = 86_400.0


@pytest.mark.parametrize(
    ("keep", "seconds"),
    [
        (Keep(), DAY * 0.7),
        (Keep(deliveries="30d"), DAY),
        (Keep(deliveries="30d", audit="10h"), 3600.0),
        (Keep(runs="20s", deliveries="10s"), 1.0),
        (Keep(runs="0s"), 1.0),
    ],
)
def test_nothing_outlives_its_time_by_more_than_a_tenth_or_a_day(keep: Keep, seconds: float) -> None:
    assert tended_every(keep) == pytest.approx(seconds)
