"""The process dies between, inside and after every transaction of a run: the next runs end as if it had lived."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import pytest

from syncer.sdk.memory import Crash
from tests.properties.board import Board, board
from tests.properties.books import Books
from tests.properties.mortal import Doom, Moment


def first_meeting() -> Board:
    """Two items, one under the other, one with a comment; nothing of it is linked yet."""
    b = board(("a", "b", "c"), options={"b": {"bare": ("create", "update"), "late": ("status",)}})
    one = b.trackers["a"].add("One", stage="Doing", tags=["x"])
    b.trackers["a"].say(one, "Words")
    b.trackers["c"].add("Two", text="line 1\nline 2", who=["u-ann"], rank="P2")
    return b


def busy_day() -> Board:
    """Two items in step, edited on several sides since, spoken of, and one reworded comment."""
    b = first_meeting()
    b.settle()
    a, c = b.trackers["a"], b.trackers["c"]
    one = next(r for r, n in a.records().items() if n["headline"] == "One")
    there = b.counterpart("a", one, "c")
    b.clock.pass_(seconds=5)
    a.edit(one, headline="Won", tags=["y"])
    b.clock.pass_(seconds=5)
    c.edit(there, headline="Lost", stage="Shipped")
    b.clock.pass_(seconds=5)
    a.edit(one, headline="Won at last")
    a.edit_comment(a.comments(one)[0].id, "Other words")
    b.trackers["b"].say(b.counterpart("a", one, "b"), "Answer")
    a.add("Three", above=one)
    return b


SCENES = {"first_meeting": first_meeting, "busy_day": busy_day}


def ends(b: Board) -> dict[str, Any]:
    """Return how all stands: the fields of every record by title, what is said of it, and what is open."""
    books = Books.read(b)
    found: dict[str, Any] = {
        "open": [len(books.intents), len(books.parked), len(books.holds)],
        "owed": [k.title for k in books.links.values() if k.owes()],
        "linked": sorted((k.title, *sorted(books.rows[k.id])) for k in books.links.values()),
    }
    for name, tracker in b.trackers.items():
        titles = {r: str(n["headline"]) for r, n in tracker.records().items()}
        records = [{**n, "above": titles.get(str(n["above"]))} for n in tracker.records().values()]
        found[name] = sorted(map(repr, records))
        found[f"{name} says"] = sorted((titles[s.item], s.body.rpartition("\n\n")[2]) for s in tracker.comments())
    return found


def transactions(scene: str) -> int:
    """Return how many transactions the next run of a scene takes."""
    b = SCENES[scene]()
    b.store.doom = Doom(100_000, "after")
    b.sync()
    return 100_000 - b.store.doom.left


def outlived(scene: str, moment: Moment, deaths: Iterable[int]) -> None:
    undisturbed = SCENES[scene]()
    undisturbed.settle(runs=2)
    expected = ends(undisturbed)
    for left in deaths:
        b = SCENES[scene]()
        b.store.doom = Doom(left, moment)
        with pytest.raises(Crash):
            b.sync()
        b.store.revive()
        b.settle(runs=2)
        assert ends(b) == expected, f"died {moment} transaction {left}"


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("moment", "first"), [("before", 0), ("after", 1)])
def test_whichever_transaction_is_the_last_the_end_is_the_same(scene: str, moment: Moment, first: int) -> None:
    outlived(scene, moment, range(first, transactions(scene), 4))


@pytest.mark.soak
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("moment", get_args(Moment))
def test_every_transaction_may_be_the_last(scene: str, moment: Moment) -> None:
    outlived(scene, moment, range(transactions(scene)))
