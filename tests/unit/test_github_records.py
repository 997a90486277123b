"""An issue is read whatever its server leaves out or adds."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.errors import ProtocolError
from syncer_github.records import Me, comment_of, record_of

ME = Me("bot", 41)
BARE: dict[str, Any] = {
    "id": 9_007_199_254_740_993,
    "number": 7,
    "title": "T",
    "state": "open",
    "html_url": "https://github.com/acme/web/issues/7",
    "created_at": "2026-11-02T15:00:00Z",
    "updated_at": "2026-11-02T15:00:01Z",
}


def test_what_is_optional_may_be_absent() -> None:
    record = record_of(BARE, "github", ME)

    assert record.ref.id == "9007199254740993"
    assert (record.author, record.own, record.marker) == (None, False, None)
    assert record.fields == {
        "title": "T",
        "body": None,
        "state": "open",
        "state_reason": None,
        "labels": [],
        "assignees": [],
        "type": None,
        "parent": None,
    }


def test_labels_may_be_plain_names_and_members_unknown() -> None:
    record = record_of({**BARE, "labels": ["b", {"name": "a"}], "news": {"of": 2030}}, "github", ME)

    assert record.fields["labels"] == ["a", "b"]


def test_our_own_login_is_known_in_any_case() -> None:
    assert record_of({**BARE, "user": {"login": "Bot"}}, "github", ME).own


@pytest.mark.parametrize(
    ("user", "ours"),
    [
        ({"login": "bot", "id": 41}, True),
        ({"login": "renamed", "id": 41}, True),
        ({"login": "bot", "id": 42}, False),
        ({"login": "bot[bot]"}, False),
        ({"login": ""}, False),
        ({}, False),
        (None, False),
        ("bot", False),
    ],
)
def test_what_is_ours_is_told_by_our_account_and_by_nothing_else(user: object, ours: bool) -> None:  # noqa: FBT001 -- a case
    said = {**BARE, "user": user, "body": "Text <!-- syncer:L1.abc -->", "author_association": "OWNER"}

    record = record_of(said, "github", ME)

    assert (record.own, record.marker) == (ours, "L1.abc")


@pytest.mark.parametrize(
    ("user", "author"),
    [
        ({"login": "jane-doe", "type": "User"}, "jane-doe"),
        ({"login": "renovate[bot]", "type": "Bot"}, "renovate[bot]"),
        ({"login": "ghost", "id": 10_137}, "ghost"),
        (None, "ghost"),
    ],
)
def test_an_issue_is_by_whoever_github_names_and_by_the_ghost_where_nobody_is_left(user: object, author: str) -> None:
    record = record_of({**BARE, "user": user}, "github", ME)

    assert record.author is not None
    assert record.author.id == author


@pytest.mark.parametrize("missing", ["id", "number", "title", "updated_at"])
def test_an_issue_without_what_github_promises_breaks_the_contract(missing: str) -> None:
    with pytest.raises(ProtocolError):
        record_of({n: v for n, v in BARE.items() if n != missing}, "github", ME)


def test_a_comment_of_somebody_who_left_is_the_ghosts() -> None:
    raw = {**BARE, "issue_url": "https://api.github.com/repos/acme/web/issues/7", "user": None, "body": None}

    comment = comment_of(raw, "github", ME)

    assert (comment.item, comment.author.id, comment.body) == ("#7", "ghost", "")
