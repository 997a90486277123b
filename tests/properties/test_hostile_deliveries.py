"""Whatever strangers post, and whatever hostile people write into genuine deliveries: every plugin we ship behind
the real receiver refuses or takes it, tells nobody what was in it, and takes the next one."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.connector import Listens
from syncer.plugins import plugin
from syncer.store import Store
from syncer.web.house import Post
from syncer.web.refusals import STATUSES
from tests.unit.porch import NOW, SECRET, Porch

MILLIS = int(NOW.timestamp() * 1000)
STAMP = "2030-01-01T11:59:59.000Z"
UUID = "11111111-1111-4111-8111-111111111111"
CANARY = "the salary of Jane"
WELCOME = frozenset({200, 202})
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Voice:
    """How one tracker speaks: its options, a genuine delivery, and the headers that go with a body."""

    options: Mapping[str, Any]
    genuine: Mapping[str, Any]
    headers: Callable[[bytes, str], Mapping[str, str]]
    names: tuple[str, ...]


def mark(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


VOICES = {
    "jira": Voice(
        {"url": "https://acme.atlassian.net", "email": "a@acme.example", "token": "t-1", "project": "ROAD"},
        {
            "webhookEvent": "jira:issue_updated",
            "timestamp": MILLIS,
            "issue": {"id": "10007", "key": "ROAD-7", "fields": {"updated": STAMP, "project": {"key": "ROAD"}}},
            "changelog": {"items": [{"field": "summary", "fromString": "a", "toString": "b"}]},
        },
        lambda body, secret: {
            "x-hub-signature": f"sha256={mark(body, secret)}",
            "x-atlassian-webhook-identifier": "d1",
        },
        ("x-hub-signature", "x-atlassian-webhook-identifier", "x-atlassian-webhook-retry", "content-type"),
    ),
    "github": Voice(
        {"repository": "acme/web", "token": "t-1"},
        {
            "action": "edited",
            "issue": {"id": 7001, "number": 7, "updated_at": "2030-01-01T11:59:59Z", "title": "Seven"},
            "repository": {"full_name": "acme/web", "id": 1},
        },
        lambda body, secret: {
            "x-hub-signature-256": f"sha256={mark(body, secret)}",
            "x-github-delivery": UUID,
            "x-github-event": "issues",
            "content-type": "application/json",
        },
        ("x-hub-signature-256", "x-github-delivery", "x-github-event", "content-type"),
    ),
    "linear": Voice(
        {"team": "ENG", "token": "lin_api_x"},
        {
            "action": "update",
            "type": "Issue",
            "webhookTimestamp": MILLIS,
            "data": {"id": UUID, "updatedAt": STAMP, "identifier": "ENG-7", "team": {"id": UUID, "key": "ENG"}},
            "updatedFrom": {"title": "a"},
        },
        lambda body, secret: {"linear-signature": mark(body, secret), "linear-delivery": UUID},
        ("linear-signature", "linear-delivery", "linear-event", "linear-timestamp"),
    ),
}


@pytest.fixture(params=sorted(VOICES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _everything_is_logged() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(0))
    yield
    structlog.configure(**before)


def porch_of(name: str) -> Porch:
    found = plugin(name)
    assert isinstance(found, Listens)
    options = found.settings.model_validate(VOICES[name].options)
    return Porch(Store.memory(), {name: Post(found, options, (SECRET,), ("roadmap",))})


def meet(name: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Post one delivery; check all that must hold whatever it is. Return the status, and all that was logged."""

    async def doing() -> tuple[int, str]:
        porch = porch_of(name)
        with structlog.testing.capture_logs() as told:
            answer = await porch.post(body, headers, to=name)
        assert answer.status_code in STATUSES | WELCOME
        if answer.status_code not in WELCOME:
            assert (porch.noted(), porch.asked) == ([], [])
            assert answer.json().keys() == {"error"}
        assert CANARY not in answer.text
        genuine = json.dumps({**VOICES[name].genuine, "more": 1}).encode()
        after = await porch.post(genuine, {**VOICES[name].headers(genuine, SECRET), **_another(name)}, to=name)
        assert (after.status_code, bool(porch.noted())) == (202, True)
        porch.store.close()
        return answer.status_code, str(told)

    return asyncio.run(doing())


def _another(name: str) -> dict[str, str]:
    ids = {"jira": "x-atlassian-webhook-identifier", "github": "x-github-delivery", "linear": "linear-delivery"}
    return {ids[name]: "22222222-2222-4222-8222-222222222222"}


def test_the_genuine_delivery_leads_somewhere(name: str) -> None:
    body = json.dumps(VOICES[name].genuine).encode()

    assert meet(name, body, VOICES[name].headers(body, SECRET))[0] == 202


VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80)


@FUZZ
@given(st.data())
def test_what_a_stranger_posts_is_refused(name: str, data: st.DataObject) -> None:
    names = st.sampled_from([*VOICES[name].names, "content-length", "transfer-encoding", "x-forwarded-for"])
    body = data.draw(st.binary(max_size=200) | st.just(json.dumps({**VOICES[name].genuine, "t": CANARY}).encode()))
    headers = data.draw(st.dictionaries(names, VALUES, max_size=4))
    if data.draw(st.booleans()):
        headers = {**VOICES[name].headers(body, "guessed"), **headers}

    status, told = meet(name, body, headers)

    assert status not in WELCOME
    assert CANARY not in told


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([CANARY, "\ud800", "\0", "9" * 400, -1, 10**400, "", "2030-01-01T00:00:00Z", UUID, "ENG"])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(document: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a document."""
    found: list[tuple[Any, Any]] = []
    keys = list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        found += [(document, key), *places(document[key])]
    return found


@st.composite
def spoiled(draw: st.DrawFn, document: Mapping[str, Any]) -> Any:
    """A genuine document with up to three of its values replaced by hostile ones; or a hostile document."""
    said = copy.deepcopy(dict(document))
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places(said)))
        container[key] = draw(JSON)
    said["title"] = CANARY
    return said


@FUZZ
@given(st.data())
def test_a_hostile_delivery_that_is_signed_does_no_harm(name: str, data: st.DataObject) -> None:
    body = json.dumps(data.draw(spoiled(VOICES[name].genuine))).encode()
    headers = {**VOICES[name].headers(body, SECRET)}
    event = data.draw(st.sampled_from([None, "issues", "issue_comment", "sub_issues", "label", "projects_v2_item", ""]))
    if "x-github-event" in headers and event is not None:
        headers["x-github-event"] = event

    _, told = meet(name, body, headers)

    assert CANARY not in told


@FUZZ
@given(st.data())
def test_a_signed_body_that_is_no_json_does_no_harm(name: str, data: st.DataObject) -> None:
    deep = st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b'{"a": 1e999}', b"\xff\xfe", b"9" * 10_000])
    body = data.draw(st.binary(max_size=200) | deep)

    status, _ = meet(name, body, VOICES[name].headers(body, SECRET))

    assert status in STATUSES | WELCOME
