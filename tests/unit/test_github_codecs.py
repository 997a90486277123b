"""How an issue says each field, and what is sent to make it say another value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.model import Delta, Native, Patch, patched
from syncer_github.codecs import BODY_MOST, codecs, fitted
from syncer_github.steps import request_for, steps

CODECS: Any = codecs(["good first issue", "in_progress"])

OPEN: Native = {
    "title": "T",
    "body": None,
    "state": "open",
    "state_reason": None,
    "labels": [],
    "assignees": [],
    "type": None,
}
CLOSED: Native = {**OPEN, "state": "closed", "state_reason": "completed"}


def test_no_words_are_an_empty_body() -> None:
    assert CODECS["body"].read(OPEN) is None
    assert CODECS["body"].read({**OPEN, "body": "<!-- syncer:L1.abc -->"}) is None


def test_clearing_a_body_keeps_its_marker() -> None:
    now = {**OPEN, "body": "Text\n\n<!-- syncer:L1.abc -->"}

    assert CODECS["body"].write(None, now) == {"body": "<!-- syncer:L1.abc -->"}


@given(st.text(max_size=400))
def test_a_body_written_reads_as_it_did_before(text: str) -> None:
    once = patched(OPEN, CODECS["body"].write(text, OPEN))
    again = patched(once, CODECS["body"].write(CODECS["body"].read(once), once))

    assert CODECS["body"].read(again) == CODECS["body"].read(once)


def test_a_text_that_fits_is_left_alone() -> None:
    assert fitted("x" * BODY_MOST) == "x" * BODY_MOST


@pytest.mark.parametrize(
    "text", ["x" * 70_000, "\N{GRINNING FACE}" * 40_000, "line\n" * 20_000, "```py\n" + "x\n" * 40_000]
)
def test_a_cut_text_fits_and_says_so(text: str) -> None:
    cut = fitted(text)

    assert len(cut.encode("utf-16-le")) // 2 <= BODY_MOST
    assert cut.endswith("no longer text)*")
    assert cut.count("```") % 2 == 0
    assert fitted(cut) == cut


# -- words -----------------------------------------------------------------------------------------


def test_a_status_is_told_with_state_reason_and_labels() -> None:
    native = {**CLOSED, "labels": ["a"]}

    assert CODECS["status"].word(native) == {"state": "closed", "reason": "completed", "label": ["a"]}


@pytest.mark.parametrize(
    ("word", "now", "patch"),
    [
        ({"state": "closed", "reason": "completed"}, OPEN, {"state": "closed", "state_reason": "completed"}),
        ({"state": "closed"}, OPEN, {"state": "closed"}),
        ({"state": "open"}, CLOSED, {"state": "open"}),
        ({"state": "open"}, OPEN, {}),
        ({"state": "closed", "reason": "completed"}, CLOSED, {}),
        ({"state": "closed", "reason": "not_planned"}, CLOSED, {"state_reason": "not_planned"}),
        ({"state": "open"}, {}, {"state": "open"}),
    ],
)
def test_only_what_changes_a_status_is_sent(word: Any, now: Native, patch: Any) -> None:
    assert CODECS["status"].write(word, now, []) == patch


def test_the_labels_of_other_words_go_and_the_words_own_comes() -> None:
    now = {**OPEN, "labels": ["Review", "urgent"]}
    others = [{"state": "open", "label": "review"}, {"state": "open"}]

    assert CODECS["status"].write({"state": "open", "label": "doing"}, now, others) == {
        "labels": Delta(frozenset({"doing"}), frozenset({"Review"}))
    }


def test_a_kind_may_be_an_issue_type_or_a_label() -> None:
    now = {**OPEN, "type": "Bug", "labels": ["chore"]}

    assert CODECS["kind"].word(now) == {"label": ["chore"], "type": "Bug"}
    assert CODECS["kind"].write({"type": "Feature"}, now, [{"type": "Bug"}]) == {"type": "Feature"}
    assert CODECS["kind"].write({"label": "story"}, now, [{"type": "Bug"}, {"label": "chore"}]) == {
        "type": None,
        "labels": Delta(frozenset({"story"}), frozenset({"chore"})),
    }


# -- sets ------------------------------------------------------------------------------------------


def test_labels_are_the_same_whatever_their_case_and_spaces() -> None:
    now = {**OPEN, "labels": ["Good first issue", "Old one"]}

    write = CODECS["labels"].write

    assert write(frozenset({"good_first_issue"}), frozenset({"old_one", "absent"}), now) == {
        "labels": Delta(remove=frozenset({"Old one"}))
    }
    assert write(frozenset({"good_first_issue"}), frozenset(), now) == {}


def test_an_element_both_added_and_removed_stays() -> None:
    now = {**OPEN, "labels": ["a"], "assignees": ["jane"]}

    assert CODECS["labels"].write(frozenset({"A"}), frozenset({"a"}), now) == {}
    assert CODECS["assignees"].write(frozenset({"Jane"}), frozenset({"jane"}), now) == {}


def test_a_label_is_spelled_as_the_repository_knows_it() -> None:
    spell = CODECS["labels"].spell

    assert (spell("Good_First_Issue"), spell("IN PROGRESS"), spell(" brand  new ")) == (
        "good first issue",
        "in_progress",
        "brand new",
    )


# -- steps -----------------------------------------------------------------------------------------


def test_a_patch_is_sent_in_as_few_requests_as_there_are_paths() -> None:
    patch: Patch = {
        "title": "T",
        "state": "closed",
        "labels": Delta(frozenset({"a", "b"}), frozenset({"c/d", "e"})),
        "assignees": Delta(frozenset({"x"}), frozenset({"y", "z"})),
    }

    sent = [(r.method, r.path, r.body) for r in map(request_for, steps(patch))]

    assert sent == [
        ("PATCH", "", {"title": "T", "state": "closed"}),
        ("POST", "/labels", {"labels": ["a", "b"]}),
        ("DELETE", "/labels/c%2Fd", None),
        ("DELETE", "/labels/e", None),
        ("POST", "/assignees", {"assignees": ["x"]}),
        ("DELETE", "/assignees", {"assignees": ["y", "z"]}),
    ]


def test_another_reason_for_a_closed_issue_takes_two_steps() -> None:
    assert steps({"title": "T", "state_reason": "not_planned"}) == [
        {"title": "T", "state": "open"},
        {"state": "closed", "state_reason": "not_planned"},
    ]


def test_an_empty_patch_has_no_steps() -> None:
    assert steps({}) == []
