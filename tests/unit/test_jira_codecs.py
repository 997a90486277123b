"""How Jira's fields are read and written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from syncer.errors import UnwritableError
from syncer.model import JSON, Account, Delta, Draft, Native, Patch, patched
from syncer_jira.codecs import codecs, spell, words
from syncer_jira.facts import Facts, at_create, needed, points_field
from syncer_jira.writes import creation, edit, steps

TODO: Mapping[str, JSON] = {"id": "1", "name": "To Do", "statusCategory": {"key": "new"}}
DONE: Mapping[str, JSON] = {"id": "2", "name": "Done", "statusCategory": {"key": "done"}}
TASK = {"id": "10", "name": "Task", "subtask": False, "hierarchyLevel": 0}
POINTS = "customfield_1"


def facts(**over: Any) -> Facts:
    usual: dict[str, Any] = {
        "site": "https://acme.example",
        "me": Account("me"),
        "zone": "UTC",
        "project": {"id": "1", "key": "ROAD", "name": "Road"},
        "statuses": [TODO, DONE],
        "types": [TASK],
        "priorities": [{"id": "3", "name": "Medium"}],
        "estimate": POINTS,
        "at_create": frozenset(),
        "people": [],
        "needed": {},
    }
    return Facts(**{**usual, **over})


def codec(name: str, **over: Any) -> Any:
    return codecs(facts(**over))[name]


def test_a_title_loses_its_line_breaks_and_what_jira_has_no_room_for() -> None:
    write = codec("title").write

    assert write("one\ntwo\r\nthree", {}) == {"summary": "one two three"}
    assert len(write("x" * 400, {})["summary"]) == 254


def test_a_description_too_long_for_jira_is_not_sent() -> None:
    with pytest.raises(UnwritableError, match="32767"):
        codec("body").write("x" * 32_768, {})


def test_an_empty_description_reads_as_none() -> None:
    empty = {"version": 1, "type": "doc", "content": []}

    assert codec("body").read({"description": empty}) is None
    assert codec("body").read({"description": None}) is None


def test_a_status_is_written_as_the_place_spells_it() -> None:
    assert codec("status").write({"status": "done"}, {"status": TODO}, []) == {"status": DONE}


def test_a_status_the_place_did_not_tell_is_written_as_said() -> None:
    assert codec("status").write({"status": "Shipped"}, {}, []) == {"status": {"name": "Shipped"}}


def test_a_status_of_the_wanted_category_stays_as_it_is() -> None:
    assert codec("status").write({"category": "new"}, {"status": TODO}, []) == {"status": TODO}
    assert codec("status").write({"category": "done"}, {"status": TODO}, []) == {
        "status": {"statusCategory": {"key": "done"}}
    }


def test_a_written_status_reads_as_what_was_meant() -> None:
    status = codec("status")
    now: Native = {"status": TODO, "resolution": None}

    after = patched(now, status.write({"status": "Done", "resolution": "Won't Do"}, now, []))

    assert status.word(after) == {"status": "Done", "category": "done", "resolution": "Won't Do"}


def test_an_issue_without_a_priority_says_so_in_a_word() -> None:
    priority = codec("priority")

    assert priority.word({"priority": None}) == {"priority": "None"}
    assert priority.write({"priority": "None"}, {"priority": None}, []) == {}
    assert priority.write({"priority": "medium"}, {}, []) == {"priority": {"id": "3", "name": "Medium"}}


def test_labels_are_spelled_without_spaces_and_compared_without_them() -> None:
    labels = codec("labels")
    now = {"labels": ["good_first_issue", "Web"]}

    assert spell("good first  issue") == "good_first_issue"
    assert labels.write(frozenset({"Good First Issue", "new one"}), frozenset({"web"}), now) == {
        "labels": Delta(frozenset({"new_one"}), frozenset({"Web"}))
    }
    assert labels.write(frozenset({"WEB"}), frozenset({"absent"}), now) == {}


def test_a_label_is_never_longer_than_jira_takes() -> None:
    assert len(spell("x" * 300)) == 255


def test_only_our_own_removal_unassigns() -> None:
    assignees = codec("assignees")
    now = {"assignee": {"accountId": "a", "displayName": "A"}}

    assert assignees.write(frozenset(), frozenset({"b"}), now) == {}
    assert assignees.write(frozenset(), frozenset({"a"}), now) == {"assignee": None}
    assert assignees.write(frozenset({"b"}), frozenset({"a"}), now) == {"assignee": {"accountId": "b"}}


def test_no_estimate_field_means_no_estimate() -> None:
    assert "estimate" not in codecs(facts(estimate=None))
    assert codec("estimate").read({POINTS: 3}) == 3.0
    assert codec("estimate").read({POINTS: None}) is None


def test_words_are_those_of_the_place_and_none_where_it_did_not_tell() -> None:
    assert words(facts(statuses=[], types=[], priorities=[])) == {}
    assert [w["status"] for w in words(facts())["status"]] == ["To Do", "Done"]


# -- bodies ----------------------------------------------------------------------------------------


def test_an_edit_names_objects_by_one_member_and_sets_by_their_elements() -> None:
    patch: Patch = {
        "issuetype": {"id": "10", "name": "Task"},
        "labels": Delta(frozenset({"b", "a"}), frozenset({"c"})),
        "parent": None,
        "duedate": None,
    }

    assert edit(patch) == {
        "fields": {"issuetype": {"id": "10"}, "duedate": None},
        "update": {
            "labels": [{"add": "a"}, {"add": "b"}, {"remove": "c"}],
            "parent": [{"set": {"none": True}}],
        },
    }


def test_a_create_leaves_out_what_is_empty_and_the_status() -> None:
    draft = Draft("issue", {"summary": "x", "duedate": None, "status": DONE}, "L1.a", "id")

    assert creation(draft, "ROAD") == {
        "fields": {"project": {"key": "ROAD"}, "summary": "x"},
        "properties": [{"key": "roadmap-syncer", "value": {"marker": "L1.a"}}],
    }


def test_a_resolution_without_a_status_is_an_edit() -> None:
    assert list(steps({"resolution": {"name": "Duplicate"}})) == [{"resolution": {"name": "Duplicate"}}]
    assert list(steps({})) == []


# -- facts -----------------------------------------------------------------------------------------


def field(id_: str, name: str, custom: str | None = None, project: str | None = None) -> Mapping[str, Any]:
    return {"id": id_, "name": name, "custom": custom, "project": project}


SIMPLE = {"id": "1", "modern": False}
MODERN = "com.pyxis.greenhopper.jira:jsw-story-points"


@pytest.mark.parametrize(
    ("fields", "configured", "found"),
    [
        ([], None, None),
        ([field("cf_1", "Weight")], None, None),
        ([field("cf_1", "Weight")], "weight", "cf_1"),
        ([field("cf_1", "Weight"), field("cf_2", "Story Points")], "cf_1", "cf_1"),
        ([field("cf_1", "Punkte", MODERN)], "Story Points", "cf_1"),
        ([field("cf_1", "Story point estimate", MODERN), field("cf_2", "Story Points")], "Story Points", "cf_2"),
        ([field("cf_1", "Story Points", project="2")], "Story Points", None),
        ([field("cf_1", "Story Points")], "Effort", None),
    ],
)
def test_the_estimate_s_field_is_found(fields: Any, configured: str | None, found: str | None) -> None:
    assert points_field(fields, [], configured, SIMPLE) == found


def test_a_team_managed_project_has_its_own_estimate() -> None:
    both = [field("cf_1", "Story Points"), field("cf_2", "Story point estimate", MODERN)]

    assert points_field(both, [], "Story Points", {"id": "1", "modern": True}) == "cf_2"


def test_a_field_on_a_create_screen_wins() -> None:
    both = [field("cf_1", "Story Points"), field("cf_2", "Story point estimate", MODERN)]
    screens = [{"id": "1", "name": "Task", "fields": [{"id": "cf_2"}]}]

    assert points_field(both, screens, "Story Points", SIMPLE) == "cf_2"


def test_an_unreadable_screen_limits_nothing() -> None:
    screens = [{"id": "1", "name": "Task", "fields": []}]

    assert "due" in at_create(screens, None)


def test_what_we_fill_in_is_not_missed() -> None:
    fields = [
        {"id": "summary", "name": "Summary", "needed": True},
        {"id": "cf_9", "name": "Team", "needed": True},
        {"id": "cf_8", "name": "Optional", "needed": False},
    ]

    assert needed([{"id": "1", "name": "Task", "fields": fields}], None) == {"Task": ["Team"]}
