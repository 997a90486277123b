"""What a delivery of Linear's leads to, and which deliveries are refused; what its headers say is left."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.connector import Budget, Delivery, Heard, Lead, Listens
from syncer.errors import DeliveryError
from syncer.model import Address, Ref
from syncer_linear import Linear
from syncer_linear.budgets import budget

NOW = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
STAMP = "2026-11-23T10:04:59.500Z"
AT = datetime(2026, 11, 23, 10, 4, 59, 500_000, tzinfo=UTC)
ISSUE = "11111111-1111-4111-8111-111111111111"
NOTE = "22222222-2222-4222-8222-222222222222"
TEAM = "aaaaaaaa-0000-4000-8000-00000000000a"
OTHER = "aaaaaaaa-0000-4000-8000-0000000000bb"
SECRET = "a signing secret"
HERE = {"teamId": TEAM, "team": {"id": TEAM, "key": "ENG", "name": "Engineering"}, "identifier": "ENG-7"}
THERE = {"teamId": OTHER, "team": {"id": OTHER, "key": "OPS", "name": "Operations"}, "identifier": "OPS-3"}


def body(**said: Any) -> dict[str, Any]:
    millis = int(NOW.timestamp() * 1000)
    return {"action": "update", "type": "Issue", "data": {}, "webhookTimestamp": millis, **said}


def issue(**data: Any) -> dict[str, Any]:
    return {"id": ISSUE, "updatedAt": STAMP, **HERE, **data}


def note(**data: Any) -> dict[str, Any]:
    return {"id": NOTE, "updatedAt": STAMP, "issueId": ISSUE, "issue": {"id": ISSUE, **HERE}, **data}


def signed(raw: bytes, **headers: str | None) -> Delivery:
    mark = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    every = {"linear-signature": mark, "linear-delivery": "d-1", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return Delivery({name: value for name, value in every.items() if value is not None}, raw, NOW)


def listen(delivery: Delivery, team: str = "ENG", *secrets: str, window: float = 60.0) -> Heard:
    plugin: Listens = Linear()
    options = Linear.settings.model_validate({"team": team, "token": "lin_api_x"})
    return plugin.listen(delivery, connection="linear", options=options, secrets=secrets or (SECRET,), window=window)


def heard(said: dict[str, Any], team: str = "ENG") -> Heard:
    return listen(signed(json.dumps(said).encode()), team)


def refused(delivery: Delivery, *secrets: str, window: float = 60.0) -> str:
    with pytest.raises(DeliveryError) as caught:
        listen(delivery, "ENG", *secrets, window=window)
    return caught.value.reason


def lead(comment: str | None = None, at: datetime | None = AT, key: str = "ENG-7") -> Lead:
    return Lead(Address(Ref("linear", "issue", ISSUE), key), comment, at)


# -- belief ----------------------------------------------------------------------------------


def test_a_delivery_keeps_its_own_id_and_event() -> None:
    found = heard(body(data=issue()))

    assert (found.id, found.event) == ("d-1", "Issue.update")


def test_any_of_the_secrets_may_have_signed() -> None:
    assert listen(signed(json.dumps(body(data=issue())).encode()), "ENG", "the next one", SECRET).leads


def test_a_body_that_another_secret_signed_is_forged() -> None:
    assert refused(signed(b"{}"), "another") == "forged"


def test_a_body_changed_after_it_was_signed_is_forged() -> None:
    delivery = signed(json.dumps(body(data=issue())).encode())

    assert refused(Delivery(delivery.headers, delivery.body + b" ", NOW)) == "forged"


def test_a_body_without_a_signature_is_not_even_read() -> None:
    assert refused(signed(b"no JSON", linear_signature=None)) == "unsigned"


def test_the_age_is_what_the_signed_body_says() -> None:
    old = int((NOW - timedelta(seconds=61)).timestamp() * 1000)
    raw = json.dumps(body(data=issue(), webhookTimestamp=old)).encode()

    assert refused(signed(raw, linear_timestamp=str(int(NOW.timestamp() * 1000)))) == "stale"


def test_a_delivery_within_the_window_is_believed_whatever_the_header_says() -> None:
    old = int((NOW - timedelta(seconds=59)).timestamp() * 1000)
    raw = json.dumps(body(data=issue(), webhookTimestamp=old)).encode()

    assert listen(signed(raw, linear_timestamp="0")).leads


@pytest.mark.parametrize("at", [None, "1795514700000", True, [], -1e300, 10**400, float("nan"), float("inf")])
def test_a_delivery_that_does_not_say_its_age_is_malformed(at: object) -> None:
    assert refused(signed(json.dumps(body(data=issue(), webhookTimestamp=at)).encode())) == "malformed"


@pytest.mark.parametrize("id_", [None, "", "x" * 101, "two words", "é"])
def test_a_delivery_without_a_short_plain_id_is_malformed(id_: str | None) -> None:
    assert refused(signed(json.dumps(body(data=issue())).encode(), linear_delivery=id_)) == "malformed"


@pytest.mark.parametrize(
    "said",
    [
        {"type": None},
        {"type": "x" * 101},
        {"action": 3},
        {"data": None},
        {"data": issue(id=None)},
        {"data": issue(id=["x"])},
        {"data": issue(id="x" * 101)},
        {"data": issue(id="\ud800")},
        {"type": "Comment", "data": note(issueId=7)},
        {"type": "Comment", "data": note(id=None)},
    ],
)
def test_a_body_that_names_nothing_is_malformed(said: dict[str, Any]) -> None:
    assert refused(signed(json.dumps(body(**said)).encode())) == "malformed"


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"webhookTimestamp": ' + b"1" * 5000 + b"}"]
)
def test_a_body_that_is_no_object_is_malformed(raw: bytes) -> None:
    assert refused(signed(raw)) == "malformed"


# -- where to look ---------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["create", "update"])
@pytest.mark.parametrize("team", ["ENG", "eng", TEAM, TEAM.upper()])
def test_a_change_of_an_issue_leads_to_it_with_its_stamp(action: str, team: str) -> None:
    found = heard(body(action=action, data=issue()), team)

    assert (list(found.leads), found.look) == ([lead()], False)


@pytest.mark.parametrize(
    "said",
    [
        {"action": "remove", "data": issue()},
        {"action": "restore", "data": issue()},
        {"data": issue(trashed=True)},
        {"data": issue(archivedAt=STAMP)},
        {"data": issue(), "updatedFrom": {"archivedAt": STAMP}},
        {"data": issue(), "updatedFrom": {"trashed": True}},
        {"data": issue(updatedAt="soon")},
        {"data": issue(updatedAt="0001-01-01T00:00:00+14:00")},
        {"data": issue(updatedAt=None)},
    ],
)
def test_an_issue_that_may_be_gone_or_back_is_looked_at_whatever_was_read(said: dict[str, Any]) -> None:
    assert list(heard(body(**said)).leads) == [lead(at=None)]


@pytest.mark.parametrize("team", ["ENG", TEAM])
@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("Issue", issue(**THERE)),
        ("Comment", note(issue={"id": ISSUE, **THERE})),
        ("IssueLabel", {"id": "l", **THERE}),
        ("Cycle", {"id": "c", **THERE}),
    ],
)
def test_what_belongs_to_another_team_is_of_no_interest(kind: str, data: dict[str, Any], team: str) -> None:
    found = heard(body(type=kind, data=data), team)

    assert (list(found.leads), found.look) == ([], False)


@pytest.mark.parametrize(
    ("told", "team"),
    [
        ({}, "ENG"),
        ({}, TEAM),
        ({"teamId": OTHER}, "ENG"),
        ({"team": {"key": "OPS"}, "identifier": "OPS-3"}, TEAM),
        ({"teamId": 3, "team": "ENG"}, TEAM),
    ],
)
def test_an_issue_whose_team_cannot_be_told_is_looked_at(told: dict[str, Any], team: str) -> None:
    found = heard(body(data={"id": ISSUE, "updatedAt": STAMP, **told}), team)

    assert [one.address.ref.id for one in found.leads] == [ISSUE]


@pytest.mark.parametrize("team", ["ENG", TEAM])
def test_an_issue_that_left_our_team_is_looked_at(team: str) -> None:
    found = heard(body(data=issue(**THERE), updatedFrom={"teamId": TEAM}), team)

    assert list(found.leads) == [lead(key="OPS-3")]


def test_an_issue_that_left_a_third_team_is_of_no_interest() -> None:
    assert not heard(body(data=issue(**THERE), updatedFrom={"teamId": "third"}), TEAM).leads


@pytest.mark.parametrize("key", [None, 7, "", "x" * 101, "\ud800", "E\n-7"])
def test_an_issue_without_a_plain_key_is_called_by_its_id(key: object) -> None:
    found = heard(body(data={"id": ISSUE, "teamId": TEAM, "updatedAt": STAMP, "identifier": key}), TEAM)

    assert list(found.leads) == [lead(key=ISSUE)]


@pytest.mark.parametrize("action", ["create", "update"])
def test_a_comment_leads_to_its_issue_and_itself(action: str) -> None:
    assert list(heard(body(type="Comment", action=action, data=note())).leads) == [lead(NOTE)]


def test_a_deleted_comment_is_looked_at_whatever_was_read() -> None:
    assert list(heard(body(type="Comment", action="remove", data=note())).leads) == [lead(NOTE, at=None)]


@pytest.mark.parametrize("told", [{"issueId": ISSUE, "issue": None}, {"issueId": None, "issue": {"id": ISSUE, **HERE}}])
def test_a_comment_may_name_its_issue_in_either_way(told: dict[str, Any]) -> None:
    found = heard(body(type="Comment", data={**note(), **told}))

    assert [one.address.ref.id for one in found.leads] == [ISSUE]


def test_a_comment_on_something_else_is_of_no_interest() -> None:
    found = heard(body(type="Comment", data={"id": NOTE, "projectUpdateId": "p", "updatedAt": STAMP}))

    assert (list(found.leads), found.look) == ([], False)


@pytest.mark.parametrize("kind", ["IssueLabel", "Project", "Cycle"])
@pytest.mark.parametrize("data", [{"id": "x"}, {"id": "x", "teamId": TEAM}, None])
def test_what_shows_on_many_issues_asks_for_a_poll(kind: str, data: object) -> None:
    found = heard(body(type=kind, data=data), TEAM)

    assert (list(found.leads), found.look) == ([], True)


@pytest.mark.parametrize("kind", ["Reaction", "Attachment", "IssueSLA", "OAuthApp", "Document", "Newfangled"])
def test_other_kinds_are_of_no_interest(kind: str) -> None:
    found = heard(body(type=kind, data=issue()))

    assert (list(found.leads), found.look) == ([], False)


# -- hostile bodies --------------------------------------------------------------------------

JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([ISSUE, TEAM, STAMP, "ENG-7"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SPOKEN = ("id", "updatedAt", "teamId", "team", "identifier", "issueId", "issue", "trashed", "archivedAt")
DATA = st.fixed_dictionaries({}, optional=dict.fromkeys(SPOKEN, JSONS))


@given(
    said=st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Issue", "Comment", "IssueLabel"]) | JSONS,
            "action": st.sampled_from(["create", "update", "remove"]) | JSONS,
            "data": DATA | JSONS,
            "webhookTimestamp": st.just(NOW.timestamp() * 1000) | JSONS,
        },
        optional={"updatedFrom": DATA | JSONS},
    ),
    team=st.sampled_from(["ENG", TEAM]),
)
@settings(max_examples=400, deadline=None)
def test_a_signed_body_of_any_shape_is_understood_or_refused(said: dict[str, Any], team: str) -> None:
    try:
        found = heard(said, team)
    except DeliveryError:
        return

    text = " ".join([found.id, found.event, *(f"{one.address} {one.comment}" for one in found.leads)])
    assert len(text.encode()) < 1000


@given(raw=st.binary(max_size=200), id_=st.text(max_size=120), mark=st.none() | st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_bytes_of_any_kind_are_refused(raw: bytes, id_: str, mark: str | None) -> None:
    with pytest.raises(DeliveryError):
        listen(signed(raw, linear_delivery=id_, linear_signature=mark))


# -- budgets ---------------------------------------------------------------------------------


def left(**headers: str) -> Budget | None:
    told = [(f"X-RateLimit-{name.replace('_', '-')}".encode(), value.encode()) for name, value in headers.items()]
    return budget(httpx.Response(200, headers=told))


RESET = str(int(NOW.timestamp() * 1000))
REQUESTS = {"Requests_Limit": "2500", "Requests_Remaining": "1000", "Requests_Reset": RESET}
POINTS = {"Complexity_Limit": "3000000", "Complexity_Remaining": "300000", "Complexity_Reset": RESET}


def test_the_tighter_of_two_limits_is_told() -> None:
    assert left(**REQUESTS, **POINTS) == Budget(3_000_000, 300_000, NOW, "complexity")


def test_requests_are_told_where_they_are_tighter() -> None:
    assert left(**{**REQUESTS, "Requests_Remaining": "10"}, **POINTS) == Budget(2_500, 10, NOW, "requests")


@pytest.mark.parametrize("limit", ["0", "", "-5", "many", "2.5", "9" * 400, "\u00b2"])
def test_a_limit_that_is_no_count_is_no_budget(limit: str) -> None:
    assert left(**{**REQUESTS, "Requests_Limit": limit}) is None


def test_headers_that_say_nothing_are_no_budget() -> None:
    assert left() is None


@pytest.mark.parametrize("reset", ["", "soon", "9" * 18, "9" * 400])
def test_a_reset_that_is_no_moment_is_not_told(reset: str) -> None:
    assert left(**{**REQUESTS, "Requests_Reset": reset}) == Budget(2_500, 1_000, None, "requests")


def test_no_more_is_left_than_the_limit() -> None:
    assert left(**{**REQUESTS, "Requests_Remaining": "9999"}) == Budget(2_500, 2_500, NOW, "requests")
