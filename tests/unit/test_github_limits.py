"""GitHub's refusals told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from syncer.errors import (
    ConnectorError,
    CredentialsError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
)
from syncer_github.limits import is_about_us, is_githubs_own, refusal

NOW = datetime(2026, 11, 2, 15, 0, 0, tzinfo=UTC)
RESET = str(int(NOW.timestamp()) + 120)


def said(status: int, message: str = "", **headers: str) -> ConnectorError | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(httpx.Response(status, json={"message": message}, headers=named), NOW)


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("message", "headers", "wait"),
    [
        (
            "API rate limit exceeded",
            {"retry_after": "7", "x_ratelimit_remaining": "0", "x_ratelimit_reset": RESET},
            7.0,
        ),
        ("API rate limit exceeded", {"x_ratelimit_remaining": "0", "x_ratelimit_reset": RESET}, 121.0),
        ("You have exceeded a secondary rate limit", {"x_ratelimit_remaining": "4000"}, 60.0),
        ("was submitted too quickly", {}, 60.0),
        ("API rate limit exceeded", {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "soon"}, 60.0),
    ],
)
def test_a_limit_is_told_with_the_wait_it_asks_for(
    status: int, message: str, headers: dict[str, str], wait: float
) -> None:
    error = said(status, message, **headers)

    assert isinstance(error, RateLimitedError)
    assert error.retry_after == wait


def test_any_other_403_is_a_matter_of_credentials() -> None:
    error = said(403, "Resource not accessible by personal access token", x_accepted_github_permissions="issues=write")

    assert isinstance(error, CredentialsError)
    assert "issues=write" in error.message


def test_a_locked_conversation_is_a_matter_of_one_issue() -> None:
    error = said(403, "Unable to create comment because issue is locked.")

    assert type(error) is RejectedError


def test_a_blocked_user_is_not_a_locked_conversation() -> None:
    assert isinstance(said(403, "User is blocked"), CredentialsError)


def test_a_repository_blocked_by_law_stops_its_connection() -> None:
    assert isinstance(said(451, "Repository access blocked"), CredentialsError)


@pytest.mark.parametrize(
    ("message", "about_us"),
    [
        ("Resource not accessible by integration", True),
        ("Resource not accessible by personal access token", True),
        ("Resource protected by organization SAML enforcement.", True),
        ("Repository was archived so is read-only.", True),
        ("Sorry. Your account was suspended.", True),
        ("Must have admin rights to Repository.", False),
        ("User is blocked", False),
        ("", False),
    ],
)
def test_what_is_said_of_us_is_told_from_what_is_said_of_a_comment(message: str, about_us: bool) -> None:  # noqa: FBT001 -- a case
    assert is_about_us(message) is about_us


def test_a_429_without_a_word_is_a_limit_all_the_same() -> None:
    assert isinstance(said(429), RateLimitedError)


def test_a_403_without_a_body_is_no_limit() -> None:
    assert isinstance(refusal(httpx.Response(403), NOW), CredentialsError)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("This issue was deleted", type(None)),
        ("", type(None)),
        ("Issues are disabled for this repo", CredentialsError),
        ("API version 2022-11-28 is no longer supported", ProtocolError),
    ],
)
def test_a_410_means_three_things(message: str, kind: type) -> None:
    assert isinstance(said(410, message), kind)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://api.github.com", True),
        ("https://api.acme.ghe.com", True),
        ("https://ghe.acme.example/api/v3", False),
        ("https://api.github.com.evil.example", False),
        ("http://127.0.0.1:9", False),
    ],
)
def test_only_githubs_own_service_is_paced(url: str, own: bool) -> None:  # noqa: FBT001 -- a case
    assert is_githubs_own(url) is own
