"""Comments after they were written: edits and deletions follow, and what people touched is theirs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from syncer.connector import Setting
from syncer.model import Page
from syncer.opening import Spoke
from syncer.sdk.memory import Crash, MemoryConnector
from syncer.sdk.memory_tracker import Fault, FaultKind
from tests.properties.board import Board, board


def spoken(**options: object) -> tuple[Board, str, str]:
    """Return a board where one comment on "a" has its mirrors, its item there, and the comment."""
    b = board(options=options.pop("options", None), **options)  # type: ignore[arg-type]  # passed through
    one = b.trackers["a"].add("One")
    b.sync()
    said = b.trackers["a"].say(one, "First words")
    b.sync()
    b.clock.pass_(minutes=5)
    return b, one, said


def bodies(b: Board) -> dict[str, list[str]]:
    return {name: [s.body for s in t.comments()] for name, t in b.trackers.items()}


def mirror(b: Board, name: str) -> str:
    (found,) = b.trackers[name].comments()
    return found.id


def test_an_edited_comment_is_edited_on_every_other_side() -> None:
    b, _, said = spoken()
    b.trackers["a"].edit_comment(said, "Other words")

    b.sync()
    before = b.writes()
    b.sync()

    assert b.writes() == before
    assert all(len(found) == 1 and "Other words" in found[0] for found in bodies(b).values())
    assert all("First words" not in found[0] for found in bodies(b).values())


@pytest.mark.parametrize("kind", ["sent", "after", "crash_before", "crash_after"])
@pytest.mark.parametrize("call", ["edit_comment", "delete_comment"])
def test_a_change_of_a_mirror_whose_answer_was_lost_is_settled(kind: FaultKind, call: str) -> None:
    b, _, said = spoken()
    tracker = b.trackers["a"]
    if call == "edit_comment":
        tracker.edit_comment(said, "Other words")
    else:
        tracker.delete_comment(said)
    b.trackers["b"].faults.append(Fault(kind, call))
    with contextlib.suppress(Crash):
        b.sync(full=True)

    b.settle()

    left = [["Other words" in body for body in found] for found in bodies(b).values()]
    assert left == ([[True]] * 3 if call == "edit_comment" else [[]] * 3)


def test_a_deleted_comment_takes_its_mirrors_with_it_after_a_complete_listing() -> None:
    b, _, said = spoken()
    b.trackers["a"].delete_comment(said)

    b.sync()
    still = bodies(b)
    b.sync(full=True)

    assert [len(found) for found in still.values()] == [0, 1, 1]
    assert [len(found) for found in bodies(b).values()] == [0, 0, 0]


@pytest.mark.parametrize("options", [{"tombstones": True}, {"comments_with_records": True, "comments_touch": True}])
def test_a_deletion_the_feed_hints_at_follows_at_once(options: dict[str, bool]) -> None:
    b, _, said = spoken(options={"a": options})
    b.trackers["a"].delete_comment(said)

    b.sync()

    assert [len(found) for found in bodies(b).values()] == [0, 0, 0]


def test_a_day_without_a_complete_listing_is_a_day_too_long() -> None:
    b, _, said = spoken()
    b.trackers["a"].delete_comment(said)
    b.clock.pass_(hours=25)

    b.sync()

    assert [len(found) for found in bodies(b).values()] == [0, 0, 0]


def test_mirrors_of_a_deleted_comment_stay_where_deletions_are_kept() -> None:
    b, _, said = spoken(deletions="keep")
    b.trackers["a"].delete_comment(said)

    b.sync(full=True)

    assert [len(found) for found in bodies(b).values()] == [0, 1, 1]


def test_a_mirror_a_person_edited_is_left_alone() -> None:
    b, _, said = spoken()
    b.trackers["b"].edit_comment(mirror(b, "b"), "My own words now")
    b.sync()
    b.trackers["a"].edit_comment(said, "Other words")

    b.sync()
    b.trackers["a"].delete_comment(said)
    b.sync(full=True)

    assert bodies(b)["b"] == ["My own words now"]
    assert bodies(b)["c"] == []


def test_a_mirror_edited_unseen_is_left_alone_too() -> None:
    b, _, said = spoken(options={"b": {"comments_with_records": True}})
    b.trackers["b"].edit_comment(mirror(b, "b"), "My own words now")
    b.trackers["a"].edit_comment(said, "Other words")

    b.sync()

    assert bodies(b)["b"] == ["My own words now"]
    assert "Other words" in bodies(b)["c"][0]


def test_a_mirror_a_person_deleted_does_not_come_back() -> None:
    b, _, said = spoken()
    b.trackers["b"].delete_comment(mirror(b, "b"))
    b.sync(full=True)
    b.trackers["a"].edit_comment(said, "Other words")

    b.sync()
    b.sync(full=True)

    assert bodies(b)["b"] == []
    assert "Other words" in bodies(b)["c"][0]


def test_a_comment_restricted_later_is_taken_back_everywhere() -> None:
    b, _, said = spoken()
    b.trackers["a"].restrict(said)

    b.sync(full=True)

    assert [len(bodies(b)[name]) for name in ("b", "c")] == [0, 0]


def test_comments_of_a_deleted_item_stay_on_the_others() -> None:
    b, one, _ = spoken()
    b.trackers["a"].remove(one)

    b.sync(full=True)
    b.sync(full=True)

    assert [len(bodies(b)[name]) for name in ("b", "c")] == [1, 1]


def test_a_connection_that_is_down_gets_the_edit_later() -> None:
    b, _, said = spoken()
    b.trackers["c"].down = True
    b.trackers["a"].edit_comment(said, "Other words")
    b.sync()
    b.trackers["c"].down = False

    b.sync()

    assert "Other words" in bodies(b)["c"][0]


def test_twenty_runs_mirror_nothing_twice() -> None:
    b, one, _ = spoken()
    for name in ("b", "c"):
        b.trackers[name].say(b.counterpart("a", one, name), f"Said on {name}")
    b.sync()
    before = b.writes()

    for turn in range(20):
        b.clock.pass_(hours=2)
        b.sync(full=turn % 3 == 0)

    assert b.writes() == before
    assert [len(found) for found in bodies(b).values()] == [3, 3, 3]


def test_a_policy_without_comments_touches_none() -> None:
    b, _, said = spoken()
    b.rules = replace(b.rules, comments=False)
    b.trackers["a"].edit_comment(said, "Other words")
    before = b.writes()

    b.sync(full=True)

    assert b.writes() == before


class Hushed(MemoryConnector):
    """Its listings show no comments any more; the items themselves still do."""

    async def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        async for page in MemoryConnector.changes(self, cursor):
            yield replace(page, comments=())


class Hushing(Board):
    def _spoke(self, name: str) -> Spoke:
        if name != "a":
            return super()._spoke(name)

        def connect(setting: Setting) -> MemoryConnector:
            return Hushed(self.trackers[name], setting.connection, meter=setting.meter)

        return replace(super()._spoke(name), connect=connect)


def test_a_comment_that_no_listing_shows_is_not_gone_while_its_item_shows_it() -> None:
    plain, _, _ = spoken()
    b = Hushing(plain.trackers, plain.clock, plain.rules, store=plain.store)
    before = b.writes()

    b.sync(full=True)
    b.sync(full=True)

    assert (b.writes(), [len(found) for found in bodies(b).values()]) == (before, [1, 1, 1])
