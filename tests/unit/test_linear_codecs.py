"""How Linear's own words are read and written, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.connector import Codec
from syncer.model import Delta, Native, patched, shows
from syncer_linear.catalog import Label, WorkflowState
from syncer_linear.codecs import codecs, words

STATES = (
    WorkflowState("s1", "Todo", "unstarted", 0),
    WorkflowState("s2", "In Progress", "started", 1),
    WorkflowState("s3", "In Review", "started", 2),
)
LABELS = (
    Label("l1", "Good first issue", team="t1"),
    Label("l2", "Bug"),
    Label("l3", "Area", group=True),
)
NOW: Native = {
    "title": "One",
    "description": "Text",
    "state": {"id": "s1", "name": "Todo", "type": "unstarted"},
    "priority": 2,
    "estimate": 3.0,
    "dueDate": "2026-12-24",
    "labels": ["Bug", "Good first issue"],
    "assignee": {"id": "u1", "email": "jane@acme.example", "displayName": "jane"},
    "parent": {"id": "i1"},
}


def _codec(name: str, *, estimates: bool = True) -> Any:
    found: dict[str, Codec] = dict(codecs(STATES, LABELS, estimates=estimates))
    return found[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Two"),
        ("body", "Other text"),
        ("body", None),
        ("due", "2027-01-01"),
        ("due", None),
        ("estimate", 5.0),
        ("estimate", None),
        ("parent", "i2"),
        ("parent", None),
    ],
)
def test_what_is_written_is_what_is_read_back(name: str, value: object) -> None:
    codec = _codec(name)

    assert codec.read(patched(NOW, codec.write(value, NOW))) == value


def test_a_title_is_one_line_without_space_around() -> None:
    codec = _codec("title")

    assert codec.write(" One\ntwo ", NOW) == {"title": "One two"}
    assert codec.read({"title": "One two "}) == "One two"


def test_a_half_point_is_written_as_the_next_whole_one() -> None:
    assert [_codec("estimate").write(value, NOW)["estimate"] for value in (2.4, 2.5, 3.5)] == [2, 3, 4]


def test_a_team_that_does_not_estimate_has_no_codec_for_it() -> None:
    assert "estimate" not in codecs(STATES, LABELS, estimates=False)


def test_a_status_is_read_as_name_and_type() -> None:
    assert _codec("status").word(NOW) == {"state": "Todo", "type": "unstarted"}


def test_a_status_is_written_as_the_team_spells_it() -> None:
    patch = _codec("status").write({"state": "in review"}, NOW, [])

    assert patch == {"state": {"name": "In Review"}}


def test_a_status_type_is_left_for_the_team_to_choose_within() -> None:
    patch = _codec("status").write({"type": "started"}, NOW, [])

    assert patch == {"state": {"type": "started"}}
    assert not shows(NOW["state"], patch["state"])
    assert shows({"id": "s3", "name": "In Review", "type": "started"}, patch["state"])


def test_a_team_without_triage_says_backlog_or_what_comes_nearest() -> None:
    patch = _codec("status").write({"type": "triage"}, NOW, [])

    assert patch == {"state": {"type": "unstarted"}}


def test_a_fractional_priority_reads_as_the_whole_number_it_is() -> None:
    assert _codec("priority").word({"priority": 2.0}) == {"priority": 2}
    assert type(_codec("priority").word({"priority": 2.0})["priority"]) is int


def test_no_priority_is_zero() -> None:
    assert _codec("priority").word({"priority": None}) == {"priority": 0}


def test_labels_are_spelled_as_the_workspace_spells_them() -> None:
    codec = _codec("labels")

    assert codec.spell("good_first_ISSUE") == "Good first issue"
    assert codec.spell("unknown") == "unknown"
    assert codec.write(frozenset({"BUG", "new"}), frozenset({"good first issue"}), NOW) == {
        "labels": Delta(frozenset({"new"}), frozenset({"Good first issue"}))
    }


def test_labels_already_as_wanted_need_no_write() -> None:
    assert _codec("labels").write(frozenset({"bug"}), frozenset({"gone"}), NOW) == {}


def test_a_kind_takes_its_label_and_drops_those_of_other_kinds() -> None:
    patch = _codec("kind").write({"label": "Feature"}, NOW, [{"label": "bug"}, {"label": ["Story", "Epic"]}])

    assert patch == {"labels": Delta(frozenset({"Feature"}), frozenset({"Bug"}))}


def test_an_assignee_is_replaced_cleared_or_left() -> None:
    codec = _codec("assignees")

    assert codec.write(frozenset({"u2"}), frozenset({"u1"}), NOW) == {"assignee": {"id": "u2"}}
    assert codec.write(frozenset(), frozenset({"u1"}), NOW) == {"assignee": None}
    assert codec.write(frozenset(), frozenset({"u9"}), NOW) == {}
    assert codec.write(frozenset({"u1"}), frozenset(), NOW) == {}


def test_absent_optional_fields_read_as_empty() -> None:
    read = {name: _codec(name).read({}) for name in ("title", "body", "due", "estimate", "parent")}

    assert read == dict.fromkeys(read)
    assert _codec("labels").read({}) == []
    assert _codec("assignees").read({"assignee": None}) == []


def test_the_words_of_a_place_are_its_states_and_linears_priorities() -> None:
    found = words(STATES)

    assert found["status"][0] == {"state": "Todo", "type": "unstarted"}
    assert [word["priority"] for word in found["priority"]] == [0, 1, 2, 3, 4]
