"""A daemon lives through hours of polls in all weathers: it loses nothing, and it uses up no more than it needs."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.soak.long_watch import Length, watch

MINUTES = 7.0
SHOWN = 30


@pytest.mark.soak
def test_a_daemon_lives_through_two_hours_and_uses_up_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("SYNCER_SEED", random.randrange(10**6)))  # noqa: S311 -- any will do
    minutes = float(os.environ.get("SYNCER_SOAK_MINUTES", MINUTES))
    print(f"\nSYNCER_SEED={seed}", flush=True)  # noqa: T201 -- how to see something like it again

    with watch(tmp_path, Length(work=minutes * 60, quiet=20.0, items=90), seed) as ours:
        ours.work()
        ours.settle()
        ours.calm()
        ours.leave()
    print(ours.figures(), flush=True)  # noqa: T201 -- what it was run for

    assert [*ours.wrong, *ours.used(memory=10.0)][:SHOWN] == []
