"""A daemon on a watch that stands for hours: time is compressed, people work on all sides, and the weather is bad."""

from __future__ import annotations

from pathlib import Path

from tests.soak.long_watch import Length, watch

SHOWN = 30
SETTLING = 20.0
"""MB by which a process may still grow in its first minute; the long form in tests/soak is stricter."""


def test_a_daemon_on_watch_loses_nothing_and_uses_up_nothing(tmp_path: Path) -> None:
    with watch(tmp_path, Length(work=25.0, quiet=3.0, items=24), seed=3) as ours:
        ours.work()
        ours.settle()
        ours.calm()
        ours.leave()
    print(ours.figures(), flush=True)  # noqa: T201 -- what a failure is read by

    assert [*ours.wrong, *ours.used(memory=SETTLING, slack=3.0)][:SHOWN] == []
