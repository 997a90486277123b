"""Choosing a transition, and what is said when none will do."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.errors import RejectedError
from syncer_jira.transitions import choose, edges, request, unreachable

DONE = {"id": "5", "name": "Done", "statusCategory": {"key": "done"}}
RESOLUTION = {"required": False, "name": "Resolution", "allowedValues": [{"name": "Done"}, {"name": "Won't Do"}]}


def offered(*transitions: dict[str, Any]) -> Any:
    return edges({"transitions": list(transitions)})


def test_it_is_the_target_that_counts_and_not_the_transition_s_name() -> None:
    found = choose(
        offered(
            {"id": "1", "name": "Done", "to": {"id": "9", "name": "Canceled"}},
            {"id": "2", "name": "X", "to": DONE},
        ),
        {"name": "done"},
        None,
    )

    assert found is not None
    assert found.id == "2"


def test_a_status_known_by_id_is_found_under_another_name() -> None:
    found = choose(offered({"id": "1", "to": {**DONE, "name": "Fertig"}}), DONE, None)

    assert found is not None


def test_the_transition_that_asks_for_nothing_is_preferred() -> None:
    demanding = {"id": "1", "to": DONE, "fields": {"customfield_1": {"required": True, "name": "Why"}}}

    found = choose(offered(demanding, {"id": "2", "to": DONE}), DONE, None)

    assert found is not None
    assert found.id == "2"


def test_a_transition_jira_calls_unavailable_is_no_way() -> None:
    assert choose(offered({"id": "1", "to": DONE, "isAvailable": False}), DONE, None) is None


def test_a_transition_that_demands_a_field_is_left_to_a_person() -> None:
    (edge,) = offered({"id": "1", "name": "Close", "to": DONE, "fields": {"x": {"required": True, "name": "Why"}}})

    with pytest.raises(RejectedError, match='"Close" asks for Why'):
        request(edge, None)


def test_a_resolution_is_only_sent_where_one_is_wanted_or_demanded() -> None:
    (optional,) = offered({"id": "1", "to": DONE, "fields": {"resolution": RESOLUTION}})
    (demanded,) = offered({"id": "1", "to": DONE, "fields": {"resolution": {**RESOLUTION, "required": True}}})

    assert request(optional, None) == {"transition": {"id": "1"}}
    assert request(optional, {"name": "Won't Do"})["fields"] == {"resolution": {"name": "Won't Do"}}
    assert request(demanded, None)["fields"] == {"resolution": {"name": "Done"}}


def test_a_demanded_resolution_is_never_guessed() -> None:
    odd = {"required": True, "allowedValues": [{"name": "Accepted"}, {"name": "Declined"}]}
    (edge,) = offered({"id": "1", "name": "Close", "to": DONE, "fields": {"resolution": odd}})

    with pytest.raises(RejectedError, match="asks for a resolution"):
        request(edge, None)


def test_no_transition_at_all_is_said_as_such() -> None:
    assert "may make no transition" in unreachable([], DONE).message
