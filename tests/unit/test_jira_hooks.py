"""Jira's deliveries: what is believed, where it leads, and what the headers tell of limits."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.connector import Budget, Delivery, Heard, Lead, Listens
from syncer.errors import DeliveryError
from syncer.model import Address, Ref
from syncer_jira import Jira
from syncer_jira.hooks import COMMENTS, ISSUES
from syncer_jira.limits import budget, until
from tests.contract.openapi import contracts

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
SECRET = "It's a Secret to Everybody"
OPTIONS = Jira.settings.model_validate(
    {"url": "https://acme.atlassian.net", "email": "a@acme.example", "token": "token-of-ours", "project": "Road"}
)
RECORDED = {
    "webhook-cloud-comment-created": ("10040", "TES-41", "10019"),
    "webhook-cloud-comment-deleted": ("10357", "KT-7", "10757"),
    "webhook-cloud-comment-updated": ("10040", "TES-41", "10019"),
    "webhook-cloud-issue-created-many-fields": ("10509", "KT-22", None),
    "webhook-cloud-issue-updated-custom-field": ("10368", "TES-14", None),
    "webhook-issue-assigned-empty-changelog": ("10001", "TEST-123", None),
    "webhook-issue-created": ("10040", "TES-41", None),
    "webhook-issue-deleted": ("10303", "IDT-19", None),
    "webhook-issue-updated-resolved": ("10040", "TES-41", None),
    "webhook-server-issue-updated-closed": ("10300", "TES-4", None),
}


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def delivery(body: bytes, at: datetime = NOW, id_: str | None = None) -> Delivery:
    named = {} if id_ is None else {"x-atlassian-webhook-identifier": id_, "x-atlassian-webhook-retry": "2"}
    return Delivery({"x-hub-signature": signed(body), **named}, body, at)


def heard(said: object, at: datetime = NOW, id_: str | None = None) -> Heard:
    return listen(delivery(json.dumps(said).encode(), at, id_))


def listen(sent: Delivery, project: str = "Road", *secrets: str, window: float = 300.0) -> Heard:
    options = OPTIONS.model_copy(update={"project": project})
    return Jira().listen(sent, connection="jira", options=options, secrets=secrets or (SECRET,), window=window)


def said(event: str, **more: Any) -> dict[str, Any]:
    body = {"timestamp": ms(NOW), "webhookEvent": event, "issue": issue(), **more}
    return {k: v for k, v in body.items() if v is not None}


def issue(key: str = "ROAD-7", updated: datetime | None = NOW, project: str | None = None) -> dict[str, Any]:
    fields: dict[str, Any] = {} if updated is None else {"updated": written(updated)}
    if project is not None:
        fields["project"] = {"key": project}
    return {"id": "10007", "key": key, "fields": fields}


def comment(updated: datetime = NOW, **more: Any) -> dict[str, Any]:
    return {"id": "501", "body": "words", "updated": written(updated), **more}


def written(at: datetime) -> str:
    """Return a time as Jira writes it: with an offset that has no colon."""
    local = at + timedelta(hours=-8)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}-0800"


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def to(key: str = "ROAD-7") -> Address:
    return Address(Ref("jira", "issue", "10007"), key)


# -- belief ----------------------------------------------------------------------------------------


def test_the_plugin_listens() -> None:
    assert isinstance(Jira(), Listens)


def test_the_signature_is_the_documented_one() -> None:
    vector = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    with pytest.raises(DeliveryError) as refused:
        listen(Delivery({"x-hub-signature": vector}, b"Hello World!", NOW))

    # Believed, and then no JSON.
    assert refused.value.reason == "malformed"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "unsigned"),
        ("", "unsigned"),
        ("sha256=", "unsigned"),
        ("sha1=" + "a" * 40, "unsigned"),
        ("sha256=" + "a" * 64, "forged"),
        ("sha256=ünïcode", "forged"),
    ],
)
def test_what_is_not_signed_by_sha256_with_our_secret_is_refused(header: str | None, reason: str) -> None:
    headers = {} if header is None else {"x-hub-signature": header}
    with pytest.raises(DeliveryError) as refused:
        listen(Delivery(headers, json.dumps(said("jira:issue_updated")).encode(), NOW))

    assert (refused.value.reason, refused.value.status) == (reason, 401)


def test_another_method_s_name_over_our_signature_is_refused() -> None:
    body = json.dumps(said("jira:issue_updated")).encode()
    with pytest.raises(DeliveryError, match="unsigned"):
        listen(Delivery({"x-hub-signature": signed(body).replace("sha256", "sha512")}, body, NOW))


def test_any_of_the_secrets_may_have_signed() -> None:
    body = json.dumps(said("jira:issue_updated")).encode()
    sent = Delivery({"x-hub-signature": signed(body, "the old one")}, body, NOW)

    assert listen(sent, "Road", "the new one", "the old one").leads


def test_nothing_is_parsed_before_it_is_believed() -> None:
    with pytest.raises(DeliveryError, match="forged"):
        listen(Delivery({"x-hub-signature": "sha256=" + "0" * 64}, b"{", NOW))


@pytest.mark.parametrize("late", [timedelta(minutes=30), timedelta(minutes=59), timedelta(minutes=-5)])
def test_a_delivery_as_late_as_jira_s_retries_can_make_it_is_heard(late: timedelta) -> None:
    assert heard(said("jira:issue_updated"), at=NOW + late).leads


@pytest.mark.parametrize("late", [timedelta(minutes=61), timedelta(minutes=-61)])
def test_an_older_one_is_stale(late: timedelta) -> None:
    with pytest.raises(DeliveryError, match="stale"):
        heard(said("jira:issue_updated"), at=NOW + late)


def test_a_wider_window_is_granted() -> None:
    body = json.dumps(said("jira:issue_updated")).encode()

    assert listen(delivery(body, NOW + timedelta(hours=3)), window=4 * 3600.0).leads


@pytest.mark.parametrize("stamp", ["1", True, [], 1e300, -1e300, float("nan"), float("inf"), 10**400])
def test_a_time_that_is_none_is_malformed(stamp: object) -> None:
    with pytest.raises(DeliveryError, match="malformed"):
        heard(said("jira:issue_updated", timestamp=stamp))


def test_the_id_is_jira_s_and_the_same_when_sent_again() -> None:
    assert heard(said("jira:issue_updated"), id_="9c4b-1").id == "9c4b-1"


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 101, "\ud800"])
def test_without_a_usable_id_the_body_names_the_delivery(given: str | None) -> None:
    one, again, two = (heard(said("jira:issue_updated", number=n), id_=given).id for n in (1, 1, 2))

    assert one == again
    assert one.startswith("sha256:")
    assert one != two


# -- where it leads --------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["jira:issue_created", "jira:issue_updated"])
def test_an_issue_s_event_leads_to_it_with_the_stamp_of_that_version(event: str) -> None:
    assert heard(said(event)) == Heard(heard(said(event)).id, event, (Lead(to(), at=NOW),))


def test_a_stamp_that_the_change_did_not_move_says_nothing() -> None:
    old = issue(updated=NOW - timedelta(minutes=1))

    assert heard(said("jira:issue_updated", issue=old)).leads == (Lead(to()),)


def test_a_deleted_issue_has_no_version_to_have_read() -> None:
    assert heard(said("jira:issue_deleted")).leads == (Lead(to()),)


@pytest.mark.parametrize("event", ["comment_created", "comment_updated"])
def test_a_comment_s_event_leads_to_the_comment_on_its_issue(event: str) -> None:
    assert heard(said(event, comment=comment())).leads == (Lead(to(), "501", NOW),)


def test_a_deleted_comment_has_no_version_to_have_read() -> None:
    assert heard(said("comment_deleted", comment=comment())).leads == (Lead(to(), "501"),)


@pytest.mark.parametrize("kept_from", [{"visibility": {"type": "role", "value": "Admins"}}, {"jsdPublic": False}])
def test_a_restricted_comment_is_a_lead_and_nothing_of_it_is_kept(kept_from: dict[str, Any]) -> None:
    found = heard(said("comment_updated", comment=comment(**kept_from)))

    assert found.leads == (Lead(to(), "501", NOW),)
    assert "words" not in repr(found)


@pytest.mark.parametrize("event", ["issuelink_created", "attachment_deleted", "worklog_updated", "issue_property_set"])
def test_other_events_lead_to_the_issue_they_name(event: str) -> None:
    assert heard(said(event)).leads == (Lead(to()),)


def test_a_link_that_names_its_issues_by_number_alone_is_of_no_interest() -> None:
    link = said("issuelink_created", issue=None, issueLink={"id": 1, "sourceIssueId": 10007, "destinationIssueId": 2})

    assert not heard(link).leads


@pytest.mark.parametrize("event", ["jira:version_released", "sprint_closed", "project_updated"])
def test_what_changes_around_issues_asks_for_a_look(event: str) -> None:
    found = heard(said(event, issue=None))

    assert (found.leads, found.look) == ((), True)


def test_another_project_s_change_asks_for_none() -> None:
    assert not heard(said("project_updated", issue=None, project={"key": "ATTIC"})).look


@pytest.mark.parametrize("event", ["user_created", "board_updated", "jira:issue_archived", "ping"])
def test_anything_else_is_of_no_interest(event: str) -> None:
    found = heard(said(event))

    assert (found.leads, found.look) == ((), False)


@pytest.mark.parametrize("event", [*ISSUES, *COMMENTS])
def test_an_issue_of_another_project_leads_nowhere(event: str) -> None:
    assert not heard(said(event, issue=issue("ATTIC-7"), comment=comment())).leads


def test_a_project_whose_key_begins_like_ours_is_another() -> None:
    assert not heard(said("jira:issue_updated", issue=issue("ROADS-7"))).leads


def test_the_project_an_issue_names_counts_more_than_its_key() -> None:
    ours, theirs = issue("ATTIC-7", project="ROAD"), issue("ROAD-7", project="ATTIC")

    assert heard(said("jira:issue_updated", issue=ours)).leads
    assert not heard(said("jira:issue_updated", issue=theirs)).leads


@pytest.mark.parametrize("field", [{"field": "Key"}, {"field": "Key", "fieldId": "issuekey"}])
def test_an_issue_that_just_left_still_leads_to_itself_under_its_new_key(field: dict[str, Any]) -> None:
    moved = {"items": [None, {**field, "fromString": "ROAD-7", "toString": "ATTIC-1"}]}
    gone = issue("ATTIC-1", project="ATTIC")

    assert heard(said("jira:issue_updated", issue=gone, changelog=moved)).leads == (Lead(to("ATTIC-1"), at=NOW),)


# -- recorded --------------------------------------------------------------------------------------


def recorded() -> Mapping[str, bytes]:
    folder = contracts()
    if folder is None:
        pytest.skip("the published contracts are not on this machine (SYNCER_CONTRACTS)")
    found = (folder / "jira" / "fixtures" / "mattermost-webhooks").glob("webhook-*.json")
    return {path.stem: path.read_bytes() for path in found}


def at_its_time(body: bytes) -> Delivery:
    return delivery(body, datetime.fromtimestamp(json.loads(body)["timestamp"] / 1000, UTC))


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_delivery_leads_to_what_it_is_about(name: str) -> None:
    id_, key, said_on = RECORDED[name]

    (lead,) = listen(at_its_time(recorded()[name]), key.partition("-")[0]).leads

    assert (lead.address, lead.comment) == (Address(Ref("jira", "issue", id_), key), said_on)


def test_every_recorded_delivery_is_understood() -> None:
    bodies = recorded()
    assert len(bodies) > len(RECORDED)

    for name, body in bodies.items():
        issue = json.loads(body).get("issue") or {"key": "TES-1"}
        found = listen(at_its_time(body), issue["key"].partition("-")[0])
        assert found.leads or found.look, name


def test_recorded_changes_bear_the_stamp_of_their_version() -> None:
    (lead,) = listen(at_its_time(recorded()["webhook-cloud-issue-updated-custom-field"]), "TES").leads

    assert lead.at == datetime(2019, 8, 12, 1, 49, 13, 412_000, UTC)


def test_data_center_s_comment_without_an_issue_asks_for_a_look() -> None:
    assert listen(at_its_time(recorded()["webhook-server-comment-created"]), "TES").look


# -- hostility -------------------------------------------------------------------------------------

MEMBERS = st.sampled_from(
    [
        *("timestamp", "webhookEvent", "issue", "comment", "changelog", "items", "fields", "project", "key", "id"),
        *("updated", "field", "fieldId", "fromString", "visibility"),
    ]
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**300, -(10**30), 2**63, 1e308]))
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=12),
    st.sampled_from([*ISSUES, *COMMENTS, "issuelink_created", "sprint_closed", "ROAD-7", "road", "10007", "Key", "²"]),
    st.sampled_from(["0001-01-01T00:00:00+1400", "9999-12-31T23:59:59-1400", "2026-11-02T15:00:00.000+0000"]),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(MEMBERS, inner, max_size=5)),
    max_leaves=12,
)
BODIES = st.one_of(
    ANYTHING,
    st.fixed_dictionaries(
        {"webhookEvent": st.sampled_from([*ISSUES, *COMMENTS, "issuelink_created", "project_updated"])},
        optional={
            "timestamp": st.one_of(st.just(ms(NOW)), ANYTHING),
            "issue": st.one_of(
                ANYTHING,
                st.fixed_dictionaries(
                    {"id": st.one_of(st.just("10007"), ANYTHING), "key": st.one_of(st.just("ROAD-7"), ANYTHING)},
                    optional={"fields": st.one_of(ANYTHING, st.dictionaries(MEMBERS, ANYTHING))},
                ),
            ),
            "comment": st.one_of(ANYTHING, st.dictionaries(MEMBERS, ANYTHING)),
            "changelog": st.one_of(ANYTHING, st.fixed_dictionaries({"items": st.lists(ANYTHING)})),
            "project": ANYTHING,
        },
    ),
)


@given(BODIES)
def test_whatever_is_signed_is_heard_or_refused(body: object) -> None:
    try:
        found = heard(body)
    except DeliveryError:
        return

    # What goes to the log and the database can be written there.
    repr(found).encode()
    "".join([found.id, found.event, *(lead.address.key for lead in found.leads)]).encode()
    assert all(lead.at is None or lead.at.tzinfo is UTC for lead in found.leads)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_json_are_refused(body: bytes) -> None:
    try:
        listen(delivery(body))
    except DeliveryError:
        return


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"webhookEvent":"jira:issue_updated","issue":{"key":"ROAD-1","id":' + b"9" * 5000 + b"}}",
        b'{"webhookEvent":"jira:issue_updated","issue":{"key":"ROAD-1","id":' + b"9" * 4000 + b"}}",
        b'{"webhookEvent":"jira:issue_updated"}',
        b'{"webhookEvent":null}',
        b'{"webhookEvent":"\\ud800"}',
        b"\xff\xfe",
        b"",
        b"null",
    ],
)
def test_deep_huge_and_missing_is_malformed(body: bytes) -> None:
    with pytest.raises(DeliveryError, match="malformed"):
        listen(delivery(body))


@pytest.mark.parametrize(
    "stamp", [None, 5, [], "yesterday", "0001-01-01T00:00:00+1400", "9999-12-31T23:59:59-1400", "\ud800"]
)
def test_a_stamp_that_is_none_leaves_the_lead_without(stamp: object) -> None:
    odd = {**issue(), "fields": {"updated": stamp}}

    assert heard(said("jira:issue_updated", issue=odd)).leads == (Lead(to()),)


@pytest.mark.parametrize("key", [None, 7, "", "ROAD", "ROAD-7\n", "ROAD-\u0667", "\ud800-7", "ROAD-7/../8", "-7"])
def test_a_key_that_is_none_is_malformed(key: object) -> None:
    with pytest.raises(DeliveryError, match="malformed"):
        heard(said("jira:issue_updated", issue={**issue(project="ROAD"), "key": key}))


@pytest.mark.parametrize("id_", [None, True, 1.5, -1, "", "²", "1 or 1=1", "10007\n", [], 10**30])
def test_an_id_that_is_none_is_malformed(id_: object) -> None:
    with pytest.raises(DeliveryError, match="malformed"):
        heard(said("comment_created", issue={**issue(), "id": id_}, comment=comment()))


# -- limits ----------------------------------------------------------------------------------------


def left(**headers: str) -> Budget | None:
    given = {k.replace("_", "-"): v for k, v in headers.items()}
    return budget(httpx.Response(200, headers=given), NOW)


def test_an_answer_without_such_headers_tells_of_no_limit() -> None:
    assert left() is None


def test_the_plain_headers_tell_what_is_left_until_when() -> None:
    told = left(x_ratelimit_limit="40000", x_ratelimit_remaining="1200", x_ratelimit_reset="2026-11-02T16:00:00Z")

    assert told == Budget(40_000, 1200, NOW + timedelta(hours=1))


def test_a_refusal_resets_when_it_may_be_tried_again() -> None:
    told = left(
        x_ratelimit_limit="100", x_ratelimit_remaining="0", retry_after="2", ratelimit_reason="jira-burst-based"
    )

    assert told == Budget(100, 0, NOW + timedelta(seconds=2))


def test_one_issue_s_limit_is_not_the_connection_s() -> None:
    assert left(x_ratelimit_limit="20", x_ratelimit_remaining="0", ratelimit_reason="jira-per-issue-on-write") is None


@pytest.mark.parametrize("prefix", ["", "beta_"])
def test_the_structured_headers_tell_of_points(prefix: str) -> None:
    told = left(
        **{
            f"{prefix}ratelimit_policy": '"global-app-quota";q=65000;w=3600',
            f"{prefix}ratelimit": '"global-app-quota";r=11000;t=600',
        }
    )

    assert told == Budget(65_000, 11_000, NOW + timedelta(minutes=10), "points")


def test_without_a_remainder_there_is_plenty() -> None:
    assert left(ratelimit_policy='"global-app-quota";q=65000;w=3600', ratelimit='"global-app-quota";t=3200') is None


def test_the_tightest_of_several_limits_is_told() -> None:
    told = left(
        x_ratelimit_limit="350",
        x_ratelimit_remaining="349",
        ratelimit_policy='"tenant-app-quota";q=100000;w=3600, "jira-burst-based";q=100;w=1',
        ratelimit='"tenant-app-quota";r=9000;t=50 , "jira-burst-based"; r=5; t=1',
    )

    assert told == Budget(100, 5, NOW + timedelta(seconds=1), "requests")


def test_the_global_quota_is_known_without_its_policy() -> None:
    assert left(beta_ratelimit='"global-app-quota";r=0;t=50') == Budget(
        65_000, 0, NOW + timedelta(seconds=50), "points"
    )


def test_a_refusal_that_names_no_wait_is_waited_out_until_the_reset() -> None:
    refused = httpx.Response(429, headers={"x-ratelimit-reset": "2026-11-02T15:00:09Z"})

    assert until(refused, NOW) == 9.0


NONSENSE = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    st.sampled_from(["-1", "1e9", "nan", "9" * 5000, '"a";r=999999999999999;t=999999999999999', '"a";q=0', '"a";r=']),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-02"]),
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"),
                *("ratelimit", "ratelimit-policy", "beta-ratelimit", "beta-ratelimit-policy", "ratelimit-reason"),
            ]
        ),
        NONSENSE,
    )
)
def test_headers_of_nonsense_do_no_harm(headers: dict[str, str]) -> None:
    answer = httpx.Response(429, headers=headers)
    told = budget(answer, NOW)

    assert (until(answer, NOW) or 0.0) >= 0.0
    assert told is None or (told.limit >= 0 and told.remaining >= 0)
