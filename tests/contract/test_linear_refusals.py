"""What each captured refusal of Linear means to us."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncer.errors import (
    ConnectorError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from syncer_linear.refusals import ConflictError, ForbiddenError, refusal

NOW = datetime(2026, 11, 2, 15, 0, 30, tzinfo=UTC)
RESET = int(NOW.timestamp() * 1000)


def _captured(name: str) -> httpx.Response:
    root = Path(__file__).resolve().parents[2]
    file = root / os.environ.get("SYNCER_CONTRACTS", "../shared/contracts") / "linear" / "errors" / f"{name}.json"
    if not file.exists():
        pytest.skip("no contracts/linear/errors (say where with SYNCER_CONTRACTS)")
    held = json.loads(file.read_text())
    return httpx.Response(held["status"], headers=held["headers"], json=held["body"])


def _answer(
    status: int = 200, data: Any = None, headers: dict[str, str] | None = None, **extensions: Any
) -> httpx.Response:
    error = {"message": extensions.pop("message", "no"), "extensions": extensions}
    return httpx.Response(status, headers=headers, json={"data": data, "errors": [error]})


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("auth_bearer_with_api_key", CredentialsError),
        ("auth_invalid", CredentialsError),
        ("duplicate_client_id", ConflictError),
        ("first_too_large", RejectedError),
        ("not_found", NotFoundError),
        ("partial_success", ForbiddenError),
        ("ratelimited", RateLimitedError),
        ("ratelimited_endpoint", RateLimitedError),
        ("validation_failed", RejectedError),
    ],
)
def test_a_captured_refusal_has_one_meaning(name: str, meaning: type[ConnectorError]) -> None:
    assert type(refusal(_captured(name), NOW)) is meaning


@pytest.mark.parametrize("status", [200, 400])
def test_a_conflict_is_one_whatever_its_status(status: int) -> None:
    answer = _answer(status, message="conflict on insert of Issue", type="invalid input")

    assert type(refusal(answer, NOW)) is ConflictError


@pytest.mark.parametrize("kind", ["internal error", "lock timeout", "network error", "bootstrap error"])
def test_what_passes_by_itself_may_have_had_effect(kind: str) -> None:
    error = refusal(_answer(type=kind), NOW)

    assert type(error) is UnavailableError
    assert error.sent


def test_an_error_beside_an_answer_is_not_taken_for_a_refusal() -> None:
    answer = _answer(data={"issueUpdate": {"success": True}}, type="invalid input", message="no such field")

    assert type(refusal(answer, NOW)) is ProtocolError


def test_the_words_for_a_person_are_shown() -> None:
    error = refusal(_answer(type="invalid input", userPresentableMessage="Too long."), NOW)

    assert error is not None
    assert error.message == "Too long."


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"data": {}}),
        httpx.Response(200, json={"data": {}, "errors": []}),
        httpx.Response(500, text="<html>"),
        httpx.Response(200, json=["errors"]),
        httpx.Response(204),
    ],
)
def test_an_answer_without_errors_is_none_of_ours(answer: httpx.Response) -> None:
    assert refusal(answer, NOW) is None


def test_the_wait_is_until_the_last_exhausted_budget_is_renewed() -> None:
    headers = {
        "X-RateLimit-Requests-Remaining": "0",
        "X-RateLimit-Requests-Reset": str(RESET + 20_000),
        "X-RateLimit-Complexity-Remaining": "0",
        "X-RateLimit-Complexity-Reset": str(RESET + 40_000),
        "X-RateLimit-Endpoint-Requests-Remaining": "5",
        "X-RateLimit-Endpoint-Requests-Reset": str(RESET + 90_000),
    }
    error = refusal(_answer(400, headers=headers, code="RATELIMITED"), NOW)

    assert isinstance(error, RateLimitedError)
    assert error.retry_after == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": str(RESET - 5_000)}, None),
        ({"X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": "soon"}, None),
        ({"X-RateLimit-Requests-Remaining": "0", "X-RateLimit-Requests-Reset": str(RESET * 1000)}, 3600.0),
    ],
)
def test_a_limit_that_does_not_say_until_when_is_left_to_the_back_off(
    headers: dict[str, str], wait: float | None
) -> None:
    error = refusal(_answer(400, headers=headers, type="ratelimited"), NOW)

    assert isinstance(error, RateLimitedError)
    assert error.retry_after == wait
