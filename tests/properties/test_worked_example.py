"""DESIGN §4's worked example, row by row: one status on three trackers of different wealth."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from syncer.model import Value
from syncer.report import plain
from syncer.resolve import resolve_hold
from syncer.sdk.memory import Crash
from syncer.sdk.memory_tracker import Fault
from tests.properties.board import Board, board

LINEAR = {"Todo": "new", "In Progress": "busy", "In Review": "busy", "Done": "over"}
JIRA = {"To Do": "new", "In Progress": "busy", "In Review": "busy", "Done": "over"}
GITHUB = {"open": "new", "closed": "over"}


def words(**said: list[str]) -> dict[str, Any]:
    return {"fields": {"status": said}}


OURS = {
    "linear": words(planned=["Todo"], started=["In Progress"], review=["In Review"], done=["Done"]),
    "jira": words(planned=["To Do"], started=["In Progress", "In Review"], done=["Done"]),
    "github": words(planned=["open"], done=["closed"]),
}


@pytest.fixture
def example() -> Board:
    """Linked: planned, To Do, open."""
    b = board(
        ("linear", "jira", "github"),
        options={"linear": {"statuses": LINEAR}, "jira": {"statuses": JIRA}, "github": {"statuses": GITHUB}},
    )
    b.mappings = dict(OURS)
    b.trackers["linear"].add("Item", stage="Todo")
    b.sync()
    assert stages(b) == ("Todo", "To Do", "open")
    return b


def stages(b: Board) -> tuple[object, ...]:
    return tuple(next(iter(t.records().values()))["stage"] for t in b.trackers.values())


def edit(b: Board, where: str, stage: str) -> None:
    b.clock.pass_(seconds=10)
    tracker = b.trackers[where]
    tracker.edit(next(iter(tracker.records())), stage=stage)


def agreed(b: Board) -> Value:
    return next(iter(b.agreed().values()))["status"]


def reviewed(b: Board) -> None:
    edit(b, "linear", "In Review")
    b.sync()


def test_a_linked_item_is_not_written(example: Board) -> None:
    before = example.writes()

    assert (example.sync().outcome, example.writes()) == ("in_step", before)


def test_the_nearest_word_is_written_and_one_that_says_it_is_left(example: Board) -> None:
    before = len(example.trackers["github"].effects)

    reviewed(example)

    assert stages(example) == ("In Review", "In Progress", "open")
    assert (agreed(example), len(example.trackers["github"].effects)) == ("review", before)


def test_our_own_write_is_no_edit(example: Board) -> None:
    reviewed(example)
    before = example.writes()

    example.sync()

    assert (agreed(example), example.writes()) == ("review", before)


def test_the_same_meaning_in_other_words_is_not_put_back(example: Board) -> None:
    reviewed(example)
    before = example.writes()
    edit(example, "jira", "In Review")

    example.sync()

    assert (agreed(example), example.writes()) == ("review", before)
    assert stages(example) == ("In Review", "In Review", "open")


def test_a_mapping_edit_is_no_mass_write(example: Board) -> None:
    reviewed(example)
    edit(example, "jira", "In Review")
    example.sync()
    before = example.writes()
    example.mappings["jira"] = words(planned=["To Do"], started=["In Progress"], review=["In Review"], done=["Done"])

    example.sync()

    assert (agreed(example), example.writes()) == ("review", before)


def conflict(b: Board) -> None:
    reviewed(b)
    edit(b, "github", "closed")
    edit(b, "jira", "To Do")


def test_the_later_of_two_edits_in_one_poll_wins_and_the_other_is_audited(example: Board) -> None:
    conflict(example)

    report = example.sync()

    assert (agreed(example), stages(example)) == ("planned", ("Todo", "To Do", "open"))
    assert {a.connection for a in report.actions} == {"linear", "github"}
    assert any("newest" in a.because for a in report.actions)


def test_ask_holds_the_field_and_lets_the_rest_move(example: Board) -> None:
    example.rules = replace(example.rules, conflicts="ask")
    conflict(example)
    tracker = example.trackers["linear"]
    tracker.edit(next(iter(tracker.records())), headline="Renamed")
    before = stages(example)

    report = example.sync()

    assert [h.field for h in report.held] == ["status"]
    assert {c: plain(v) for c, v in report.held[0].values.items()} == {
        "linear": "review",
        "jira": "planned",
        "github": "done",
    }
    assert stages(example) == before
    assert {next(iter(t.records().values()))["headline"] for t in example.trackers.values()} == {"Renamed"}


def test_resolving_a_held_field_writes_the_choice_everywhere(example: Board) -> None:
    example.rules = replace(example.rules, conflicts="ask")
    conflict(example)
    held = example.sync().held[0]

    asyncio.run(resolve_hold(example.store, held.id, take="github", value=None))
    report = example.sync()

    assert (report.held, stages(example)) == ((), ("Done", "Done", "closed"))


def test_a_crash_after_one_write_is_settled_and_the_other_is_still_owed(example: Board) -> None:
    conflict(example)
    example.trackers["github"].faults.append(Fault("crash_before", "update"))
    example.trackers["linear"].faults.append(Fault("crash_after", "update"))
    with pytest.raises(Crash):
        example.sync()
    before = len(example.trackers["linear"].effects)

    example.settle()

    assert stages(example) == ("Todo", "To Do", "open")
    assert len(example.trackers["linear"].effects) <= before + 1
