"""What GitHub's deliveries come to, genuine and hostile."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.connector import Delivery, Heard, Lead, Listens, Plugin
from syncer.errors import DeliveryError
from syncer.model import Address, Ref
from syncer_github import GitHub
from tests.contract.openapi import contracts

SECRET = "of the sandbox"
GUID = "0b989ba4-242f-11e5-81e1-c7b6966d2516"
NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
AT = datetime(2026, 11, 2, 14, 59, 7, tzinfo=UTC)
ISSUE = {"id": 7_001, "number": 7, "updated_at": "2026-11-02T14:59:07Z", "repository_url": "https://x/repos/acme/web"}
OTHER = {**ISSUE, "id": 7_002, "number": 8}
COMMENT = {"id": 90, "updated_at": "2026-11-02T14:59:07Z"}
OURS = {"full_name": "Acme/Web"}
THEIRS = {"full_name": "acme/elsewhere"}
SEVEN = Address(Ref("gh", "issue", "7001"), "#7")
EIGHT = Address(Ref("gh", "issue", "7002"), "#8")
EVENTS = (
    "issues",
    "issue_comment",
    "sub_issues",
    "issue_dependencies",
    "label",
    "milestone",
    "repository",
    "projects_v2_item",
    "ping",
    "star",
)


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def raw(
    body: bytes,
    event: str = "issues",
    headers: Mapping[str, str] | None = None,
    *,
    repository: str = "acme/web",
    secrets: tuple[str, ...] = (SECRET,),
) -> Heard:
    named = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": GUID,
        "x-hub-signature-256": signature(body),
        **{name.replace("_", "-"): value for name, value in (headers or {}).items()},
    }
    options = GitHub.settings.model_validate({"repository": repository, "token": "t0ken"})
    return GitHub().listen(Delivery(named, body, NOW), connection="gh", options=options, secrets=secrets, window=300.0)


def heard(event: str, said: Mapping[str, Any], **headers: str) -> Heard:
    return raw(json.dumps({"repository": OURS, **said}).encode(), event, headers)


def a_listener() -> tuple[Listens, Plugin]:
    """The type checker's proof that it meets the protocols."""
    return GitHub(), GitHub()


# -- whom to believe ---------------------------------------------------------------------------------


def test_githubs_documented_signature_is_believed() -> None:
    body, secret = b"Hello, World!", "It's a Secret to Everybody"
    claimed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    with pytest.raises(DeliveryError) as refused:
        raw(body, headers={"x_hub_signature_256": claimed}, secrets=(secret,))

    # Believed, and only then found to be no JSON.
    assert refused.value.reason == "malformed"


@pytest.mark.parametrize(
    ("claimed", "reason"),
    [
        ("", "unsigned"),
        ("sha1=" + "0" * 40, "unsigned"),
        (signature(b"{}").removeprefix("sha256="), "unsigned"),
        ("sha256=", "unsigned"),
        ("sha256=" + "0" * 64, "forged"),
        (signature(b"{}", "another"), "forged"),
        (signature(b"{} "), "forged"),
        ("sha256=\udcff\u1234", "forged"),
    ],
)
def test_a_delivery_not_signed_with_our_secret_is_refused(claimed: str, reason: str) -> None:
    with pytest.raises(DeliveryError) as refused:
        raw(b"{}", headers={"x_hub_signature_256": claimed})

    assert (refused.value.reason, refused.value.status) == (reason, 401)


def test_a_forgery_is_refused_before_anything_of_it_is_read() -> None:
    with pytest.raises(DeliveryError) as refused:
        raw(b"not JSON", "?", {"x_hub_signature_256": "sha256=" + "0" * 64, "x_github_delivery": ""})

    assert refused.value.reason == "forged"


def test_while_a_secret_is_changed_both_are_believed() -> None:
    body = b'{"repository": {"full_name": "acme/web"}}'

    for secret in ("new", "old"):
        assert raw(body, "label", {"x_hub_signature_256": signature(body, secret)}, secrets=("new", "old")).look


@pytest.mark.parametrize("id_", ["", "a b", "a\n", "x" * 101, "é"])
def test_a_delivery_without_a_usable_id_is_malformed(id_: str) -> None:
    with pytest.raises(DeliveryError, match="malformed"):
        heard("issues", {"issue": ISSUE}, x_github_delivery=id_)


@pytest.mark.parametrize("event", ["", "Issues", "x" * 65, "a\nb"])
def test_a_delivery_without_a_usable_event_is_malformed(event: str) -> None:
    with pytest.raises(DeliveryError, match="malformed"):
        heard(event, {"issue": ISSUE})


def test_a_form_is_refused_with_the_status_that_tells_why() -> None:
    with pytest.raises(DeliveryError) as refused:
        heard("issues", {"issue": ISSUE}, content_type="application/x-www-form-urlencoded; charset=utf-8")

    assert (refused.value.reason, refused.value.status) == ("malformed", 415)


# -- where they lead ---------------------------------------------------------------------------------


def test_an_issue_event_leads_to_its_issue_in_the_version_it_speaks_of() -> None:
    assert heard("issues", {"action": "edited", "issue": ISSUE}) == Heard(GUID, "issues", (Lead(SEVEN, at=AT),))


@pytest.mark.parametrize("action", ["deleted", "transferred"])
def test_an_issue_that_left_is_looked_for_whatever_was_read_of_it(action: str) -> None:
    assert heard("issues", {"action": action, "issue": ISSUE}).leads == (Lead(SEVEN),)


@pytest.mark.parametrize("stamp", [None, "yesterday", 5, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_issue_without_a_readable_stamp_is_looked_at(stamp: object) -> None:
    assert heard("issues", {"issue": {**ISSUE, "updated_at": stamp}}).leads == (Lead(SEVEN),)


def test_a_comment_event_leads_to_the_comment_on_its_issue() -> None:
    said = {"action": "created", "issue": ISSUE, "comment": COMMENT}

    assert heard("issue_comment", said).leads == (Lead(SEVEN, "90", AT),)


def test_a_deleted_comment_is_looked_for_whatever_was_read_of_it() -> None:
    said = {"action": "deleted", "issue": ISSUE, "comment": COMMENT}

    assert heard("issue_comment", said).leads == (Lead(SEVEN, "90"),)


@pytest.mark.parametrize("event", ["issues", "issue_comment"])
def test_pull_requests_are_of_no_interest(event: str) -> None:
    said = {"issue": {**ISSUE, "pull_request": {"url": "https://x"}}, "comment": COMMENT}

    assert heard(event, said) == Heard(GUID, event)


@pytest.mark.parametrize("event", sorted({*EVENTS} - {"ping", "star", "projects_v2_item"}))
def test_another_repository_is_of_no_interest(event: str) -> None:
    assert heard(event, {"issue": ISSUE, "comment": COMMENT, "repository": THEIRS}) == Heard(GUID, event)


@pytest.mark.parametrize("event", ["label", "milestone", "repository"])
def test_what_no_single_issue_tells_makes_a_poll_due(event: str) -> None:
    assert heard(event, {}) == Heard(GUID, event, look=True)


@pytest.mark.parametrize("event", ["ping", "star", "installation"])
def test_other_events_are_of_no_interest(event: str) -> None:
    assert heard(event, {"repository": None}) == Heard(GUID, event)


def test_a_new_link_leads_to_both_issues() -> None:
    said = {"sub_issue": ISSUE, "sub_issue_repo": OURS, "parent_issue": OTHER}

    assert heard("sub_issues", said).leads == [Lead(SEVEN), Lead(EIGHT)]


def test_a_link_to_another_repository_leads_to_our_end_only() -> None:
    said = {"blocked_issue": ISSUE, "blocking_issue": OTHER, "blocking_issue_repo": THEIRS}

    assert heard("issue_dependencies", said).leads == [Lead(SEVEN)]


def test_a_link_that_names_no_issue_leads_nowhere() -> None:
    assert heard("issue_dependencies", {"action": "blocked_by_removed"}) == Heard(GUID, "issue_dependencies", [])


@pytest.mark.parametrize(
    ("owner", "kind", "look"),
    [("Acme", "Issue", True), ("Acme", "DraftIssue", False), ("else", "Issue", False), (None, None, True)],
)
def test_a_project_item_that_may_be_ours_makes_a_poll_due(owner: str | None, kind: str | None, look: bool) -> None:  # noqa: FBT001 -- a case
    said = {"organization": {"login": owner}, "projects_v2_item": {"content_type": kind}, "repository": None}

    assert heard("projects_v2_item", said) == Heard(GUID, "projects_v2_item", look=look)


# -- GitHub's own samples ----------------------------------------------------------------------------


def samples() -> list[Path]:
    folder = contracts()
    return [] if folder is None else sorted((folder / "github" / "webhooks").glob("*/*.json"))


def understood(sample: Path) -> tuple[dict[str, Any], Heard]:
    body = sample.read_bytes()
    said = json.loads(body)
    name = (said.get("repository") or {}).get("full_name") or "Octocoders/any"
    return said, raw(body, sample.name.partition(".")[0], repository=str(name).swapcase())


@pytest.mark.parametrize("sample", samples(), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_sample_of_githubs_is_understood(sample: Path) -> None:
    said, found = understood(sample)

    issue = said.get("issue")
    if issue is None or "pull_request" in issue:
        assert not any(lead.comment for lead in found.leads)
        return
    assert [(lead.address.ref.id, lead.address.key) for lead in found.leads] == [
        (str(issue["id"]), f"#{issue['number']}")
    ]


@pytest.mark.parametrize("sample", [s for s in samples() if s.name.startswith("issue_comment")], ids=lambda p: p.stem)
def test_a_comments_sample_leads_to_the_comment(sample: Path) -> None:
    said, found = understood(sample)

    assert [lead.comment for lead in found.leads] == [str(said["comment"]["id"])]


@pytest.mark.parametrize(
    "sample", [s for s in samples() if s.name.startswith(("sub_issues", "issue_dep"))], ids=lambda p: p.stem
)
def test_a_links_sample_leads_to_both_ends(sample: Path) -> None:
    said, found = understood(sample)

    ids = {str(v["id"]) for k, v in said.items() if k.endswith("_issue") and isinstance(v, dict)}
    assert {lead.address.ref.id for lead in found.leads} == ids
    assert len(ids) == 2


# -- hostile bodies ----------------------------------------------------------------------------------

anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**18, max_value=10**40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["acme/web", "deleted", "\ud800", "Acme/Web", "2026-11-02T14:59:07Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


GOOD: dict[str, Any] = {
    "action": "edited",
    "repository": OURS,
    "organization": {"login": "acme"},
    "issue": {**ISSUE, "pull_request": None},
    "comment": COMMENT,
    "sub_issue": ISSUE,
    "sub_issue_repo": OURS,
    "parent_issue": OTHER,
    "blocked_issue": ISSUE,
    "blocking_issue": OTHER,
    "blocking_issue_repo": OURS,
    "projects_v2_item": {"content_type": "Issue"},
}
PLACES = [(name,) for name in GOOD] + [
    (name, inner) for name, value in GOOD.items() if isinstance(value, dict) for inner in value
]


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A body true to form but for one to three members that are missing or replaced."""
    said: dict[str, Any] = copy.deepcopy(GOOD)
    for place in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        within: Any = said if len(place) == 1 else said.get(place[0])
        if not isinstance(within, dict):
            continue
        if draw(st.booleans()):
            within[place[-1]] = draw(anything)
        else:
            within.pop(place[-1], None)
    return said


@settings(max_examples=500)
@given(event=st.sampled_from(EVENTS), said=damaged() | anything)
def test_a_body_of_any_shape_is_understood_or_refused(event: str, said: Any) -> None:
    body = json.dumps(said).encode()
    try:
        found = raw(body, event)
    except DeliveryError:
        return

    for lead in found.leads:
        assert lead.address.ref.id.isdecimal()
        assert lead.address.key.removeprefix("#").isdecimal()
        assert lead.at is None or lead.at.tzinfo is UTC


@given(body=st.binary(max_size=200), event=st.sampled_from(EVENTS))
def test_bytes_that_are_no_json_are_refused(body: bytes, event: str) -> None:
    try:
        raw(body, event)
    except DeliveryError:
        return
    assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize(
    "body",
    [
        b'{"repository":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"repository": {"full_name": "acme/web"}, "issue": {"id": 1' + b"0" * 5_000 + b', "number": 1}}',
        b'{"repository": {"full_name": "acme/web"}, "issue": {"id": 1e400, "number": NaN}}',
        b'{"repository": {"full_name": "acme/web"}, "issue": {"id": 18446744073709551616, "number": 1}}',
        b'{"repository": {"full_name": "acme/web"}, "issue": {"id": true, "number": -1}}',
    ],
    ids=["deep list", "deep object", "digits", "infinite", "larger than any id", "no numbers"],
)
def test_numbers_and_depths_beyond_reason_are_refused(body: bytes) -> None:
    with pytest.raises(DeliveryError, match="malformed"):
        raw(body)
