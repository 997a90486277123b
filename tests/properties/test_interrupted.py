"""A first sync that dies, or hears nothing, right after a write: the end is that of an undisturbed one.

The few records of the quick tests ask for every kind of write between them; `make soak` has ten on
every tracker, and each mishap at each write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest

from syncer import log
from tests.properties.company import TRACKERS, Company, Mishap, company

FEW, TEN = 2, 10
ONCE_EACH = 2
"""Times a title is counted that is expected and found."""
NOTHING: dict[str, list[str]] = {name: [] for name in TRACKERS}
MISHAPS: tuple[Mishap, ...] = get_args(Mishap)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    log.setup(level="critical")


@cache
def undisturbed(number: int) -> tuple[dict[str, list[Any]], dict[str, int]]:
    """Return what a sync without mishaps leaves, and how many writes that took, by tracker."""
    with TemporaryDirectory() as folder:
        usual = company(Path(folder), number)
        usual.forget()
        assert usual.run().outcome == "changed"
        writes = {name: usual.effects(name) for name in TRACKERS}
        usual.forget()
        assert usual.run().outcome == "in_step"
        assert usual.writes() == NOTHING
        return usual.state(), writes


def troubles(folder: Path, number: int, spoil: Callable[[Company], None]) -> Iterator[str]:
    """Yield what is wrong once a company whose first sync was spoiled has recovered."""
    ours = company(folder, number)
    expected, _ = undisturbed(number)

    spoil(ours)
    last = ours.recover()
    found = ours.state()
    ours.forget()
    again = ours.run()

    if (last.parked, last.held, last.down) != ((), (), {}):
        yield f"left open: {last.parked} {last.held} {last.down}"
    for tracker in TRACKERS:
        yield from (f"{tracker}: {line}" for line in differences(found[tracker], expected[tracker]))
    if (again.outcome, ours.writes()) != ("in_step", NOTHING):
        yield f"a run with nothing new: {again.outcome} {ours.writes()}"


def differences(records: Sequence[Any], expected: Sequence[Any]) -> Iterator[str]:
    """Yield what tells the records of one tracker from those expected, which have different titles."""
    wanted = {r["title"]: r for r in expected}
    for title, times in Counter([*wanted, *(r["title"] for r in records)]).items():
        if title not in wanted or times != ONCE_EACH:
            yield f"{title} is there {times - (title in wanted)} times"
    for record in records:
        usual = wanted.get(record["title"], record)
        for name in sorted(n for n in usual if record[n] != usual[n]):
            yield f"{record['title']}: {name} is {record[name]!r}, not {usual[name]!r}"


def kill(tracker: str, which: int) -> Callable[[Company], None]:
    def spoil(ours: Company) -> None:
        assert ours.killed(tracker, which), f"{tracker} never got write {which}"

    return spoil


def mishear(tracker: str, which: int, how: Mishap) -> Callable[[Company], None]:
    def spoil(ours: Company) -> None:
        ours.misheard(tracker, which, how)

    return spoil


def every_kill(folder: Path, tracker: str, number: int) -> dict[str, list[str]]:
    """Return, by write, what killing the process after it spoiled."""
    writes = undisturbed(number)[1][tracker]
    found = {
        f"killed after write {n}": list(troubles(folder / str(n), number, kill(tracker, n)))
        for n in range(1, writes + 1)
    }
    return {when: wrong for when, wrong in found.items() if wrong}


def some_mishaps(folder: Path, tracker: str, number: int, how: Mishap, picked: Iterable[int]) -> dict[str, list[str]]:
    """Return, by write, what losing its answer spoiled."""
    found = {f"{how} at write {n}": list(troubles(folder / str(n), number, mishear(tracker, n, how))) for n in picked}
    return {when: wrong for when, wrong in found.items() if wrong}


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_process_killed_after_any_write_leaves_no_trace(tmp_path: Path, tracker: str) -> None:
    assert every_kill(tmp_path, tracker, FEW) == {}


@pytest.mark.parametrize("how", MISHAPS)
@pytest.mark.parametrize("tracker", TRACKERS)
def test_an_answer_lost_on_the_way_leaves_no_trace(tmp_path: Path, tracker: str, how: Mishap) -> None:
    # Each mishap meets other writes, so that all of them together pass over none.
    picked = range(1 + MISHAPS.index(how), undisturbed(FEW)[1][tracker] + 1, len(MISHAPS))

    assert some_mishaps(tmp_path, tracker, FEW, how, picked) == {}


@pytest.mark.soak
@pytest.mark.parametrize("tracker", TRACKERS)
def test_ten_records_each_a_process_killed_after_any_write_leaves_no_trace(tmp_path: Path, tracker: str) -> None:
    assert every_kill(tmp_path, tracker, TEN) == {}


@pytest.mark.soak
@pytest.mark.parametrize("how", MISHAPS)
@pytest.mark.parametrize("tracker", TRACKERS)
def test_ten_records_each_any_answer_lost_leaves_no_trace(tmp_path: Path, tracker: str, how: Mishap) -> None:
    every = range(1, undisturbed(TEN)[1][tracker] + 1)

    assert some_mishaps(tmp_path, tracker, TEN, how, every) == {}
