"""What a Linear node says of its issue's whereabouts, and of a comment's deletion."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.model import State
from syncer_linear.records import Reader, deleted

NOON, LATER = "2026-11-02T12:00:00.000Z", "2026-11-02T13:00:00.000Z"
OURS, THEIRS = {"id": "t1", "key": "ENG"}, {"id": "t2", "key": "OPS"}


def _state(**said: Any) -> State:
    node = {"id": "1", "updatedAt": NOON, "team": OURS, **said}
    return Reader("linear", "me", "t1").record(node, {}).state


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({}, State.HERE),
        ({"archivedAt": None, "trashed": None}, State.HERE),
        ({"archivedAt": NOON}, State.ARCHIVED),
        ({"archivedAt": NOON, "trashed": False}, State.ARCHIVED),
        ({"archivedAt": NOON, "trashed": True}, State.GONE),
        ({"trashed": True}, State.GONE),
        ({"team": THEIRS}, State.MOVED),
        ({"team": THEIRS, "archivedAt": NOON}, State.MOVED),
        ({"team": THEIRS, "archivedAt": NOON, "trashed": True}, State.MOVED),
        ({"team": None}, State.HERE),
    ],
)
def test_a_node_says_where_its_issue_stands(said: dict[str, Any], state: State) -> None:
    assert _state(**said) is state


@pytest.mark.parametrize(
    ("comment", "issue", "gone"),
    [
        (None, None, False),
        (None, NOON, False),
        (NOON, None, True),
        (NOON, LATER, True),
        (NOON, NOON, False),
        (LATER, NOON, False),
    ],
)
def test_an_archived_comment_is_deleted_unless_it_went_with_its_issue(
    comment: str | None, issue: str | None, *, gone: bool
) -> None:
    assert deleted({"archivedAt": comment, "issue": {"archivedAt": issue}}) is gone


def test_an_archived_comment_of_no_issue_is_deleted() -> None:
    assert deleted({"archivedAt": NOON, "issue": None})
