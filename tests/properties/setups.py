"""Companies of trackers, each with habits of its own, as Hypothesis draws them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from syncer.model import FIELDS
from syncer.sdk.memory import STATUSES, Paging
from tests.properties.board import Board, board
from tests.properties.world import START, UNLIMITED

NAMES = ("a", "b", "c", "d")
PEOPLE_OF_ALL = ("u-ann", "u-bob", "u-cyd")
WAYS = {
    "Inbox": ["Next"],
    "Someday": ["Next"],
    "Next": ["Doing", "Dropped", "Inbox", "Someday"],
    "Doing": ["Checking", "Next"],
    "Checking": ["Shipped", "Doing"],
    "Shipped": ["Next"],
    "Dropped": ["Next"],
}

HABITS: Mapping[str, Mapping[str, Any]] = {
    "answers creates without a body": {"bare": ("create",)},
    "answers updates without a body": {"bare": ("update",)},
    "takes some fields only later": {"late": ("status", "labels", "parent")},
    "few statuses": {"statuses": {"Next": "new", "Shipped": "over"}},
    "few kinds and priorities": {"kinds": ("Chore", "Defect"), "priorities": ("-", "P3", "P1")},
    "coarse stamps": {"resolution": timedelta(seconds=1)},
    "ids of our choosing": {"client_ids": True},
    "one assignee": {"single_assignee": True},
    "no estimates, no parents": {"fields": tuple(f for f in FIELDS if f not in {"estimate", "parent"})},
    "no assignees, no dates": {"fields": tuple(f for f in FIELDS if f not in {"assignees", "due"})},
    "labels without spaces": {"spaced_labels": False},
    "labels without case": {"folds_labels": True},
    "no history": {"keeps_history": False},
    "statuses step by step": {"moves": WAYS},
    "spaces at line ends": {"rewrites": lambda text: re.sub(r" *\n", "  \n", text)},
    "clock ahead": {"skew": timedelta(minutes=7)},
    "clock behind": {"skew": timedelta(minutes=-7)},
    "listings lag": {"lag": timedelta(seconds=20)},
    "deleted looks like hidden": {"purges": True},
}
TALKATIVE: Mapping[str, Mapping[str, Any]] = {
    "answers creates without a body": {"bare": ("create",)},
    "ids of our choosing": {"client_ids": True},
    "coarse stamps": {"resolution": timedelta(seconds=1)},
    "records move with comments": {"comments_touch": True},
    "comments come with records": {"comments_with_records": True, "comments_touch": True},
    "deletions are told": {"tombstones": True},
    "clock ahead": {"skew": timedelta(minutes=7)},
    "clock behind": {"skew": timedelta(minutes=-7)},
}

pagings = st.one_of(
    st.just(Paging()),
    st.builds(
        Paging,
        size=st.sampled_from([1, 2, 3]),
        newest_first=st.booleans(),
        repeats=st.booleans(),
        shuffle=st.one_of(st.none(), st.integers(0, 9)),
        stale=st.one_of(st.none(), st.integers(0, 9)),
    ),
)

WORDY: Mapping[str, Mapping[str, Any]] = {
    **{k: v for k, v in HABITS.items() if "status" in k or "kinds" in k or "skew" in v or "bare" in v},
    "an odd status": {"statuses": {**STATUSES, "Odd": "odd"}},
}
EVERY = {**HABITS, **TALKATIVE, **WORDY}


def companies(known: Mapping[str, Mapping[str, Any]] = HABITS) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw two to four trackers with some of the *known* habits each."""
    habits = st.lists(st.sampled_from(sorted(known)), max_size=4, unique=True)
    side = st.fixed_dictionaries({"habits": habits, "paging": pagings, "split": st.booleans()})
    return st.lists(side, min_size=2, max_size=4)


def company(drawn: list[dict[str, Any]], **rules: Any) -> Board:
    """Return a board of the trackers drawn."""
    names = NAMES[: len(drawn)]
    options: dict[str, dict[str, Any]] = {}
    for name, side in zip(names, drawn, strict=True):
        options[name] = {}
        for habit in side["habits"]:
            options[name].update(EVERY[habit])
        kept = options[name].get("statuses")
        if kept is not None and "moves" in options[name]:
            del options[name]["moves"]
    b = board(names, options=options, **{"limits": UNLIMITED, **rules})
    b.clock.now = START
    b.paging = {n: side["paging"] for n, side in zip(names, drawn, strict=True)}
    b.lagging = frozenset(n for n in names if b.trackers[n].lag)
    b.split = frozenset(n for n, side in zip(names, drawn, strict=True) if side["split"])
    return b
