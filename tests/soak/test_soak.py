"""Hundreds of items, people at work, all weathers: no duplicate, no lost edit, and in the end all is in step."""

from __future__ import annotations

import os
import random
import uuid
from pathlib import Path

import pytest

from syncer import log
from tests.soak.calm import calm
from tests.soak.figures import figures
from tests.soak.soak import Sizes, soak

SMALL = Sizes(items=30, edits=20, runs=6)
FULL = Sizes(items=500, edits=200, runs=50)
USUAL_SEED = 8
SHOWN = 30


def lived_through(folder: Path, sizes: Sizes, seed: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what went wrong. The same seed, and the same PYTHONHASHSEED, make it all happen once more."""
    ids = random.Random(seed)  # noqa: S311 -- ids for sandboxes
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=ids.getrandbits(128), version=4))
    random.seed(seed)
    log.setup(level="critical")
    print(f"\nSYNCER_SEED={seed} ({sizes})", flush=True)  # noqa: T201 -- how to see it again
    ours = soak(folder, sizes, seed)
    ours.perform()
    calm(ours)
    print(figures(ours), flush=True)  # noqa: T201 -- what it was run for
    return ours.wrong[:SHOWN]


def test_a_few_items_live_through_all_weathers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = int(os.environ.get("SYNCER_SEED", USUAL_SEED))

    assert lived_through(tmp_path, SMALL, seed, monkeypatch) == []


@pytest.mark.soak
def test_five_hundred_items_live_through_fifty_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = int(os.environ.get("SYNCER_SEED", random.randrange(10**6)))  # noqa: S311 -- any will do

    assert lived_through(tmp_path, Sizes.asked(FULL), seed, monkeypatch) == []
