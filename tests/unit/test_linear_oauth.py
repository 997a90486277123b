"""An OAuth application's settings, and where it asks for tokens."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from syncer_linear.oauth import endpoint
from syncer_linear.settings import ENDPOINT, LinearSettings

CLIENT = {"client_id": "an-id", "client_secret": "a-secret"}


def settings(**said: Any) -> LinearSettings:
    return LinearSettings.model_validate({"team": "ENG", **said})


def test_an_application_needs_no_token() -> None:
    assert settings(**CLIENT).token is None


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({}, "token is missing; or client_id and client_secret"),
        ({"token": "lin_api_x", **CLIENT}, "not both"),
        ({"token": "lin_api_x", "client_id": "an-id"}, "not both"),
        ({"client_id": "an-id"}, "client_secret is missing"),
        ({"client_secret": "a-secret"}, "client_id is missing"),
        ({**CLIENT, "client_secret": " "}, "is empty"),
    ],
)
def test_it_is_a_token_or_a_whole_application(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        settings(**said)


def test_its_secrets_do_not_show() -> None:
    assert "a-secret" not in repr(settings(**CLIENT))


@pytest.mark.parametrize(
    ("url", "there"),
    [
        (ENDPOINT, "https://api.linear.app/oauth/token"),
        ("http://127.0.0.1:8080/graphql", "http://127.0.0.1:8080/oauth/token"),
        ("https://proxy.acme.example/linear/graphql/", "https://proxy.acme.example/linear/oauth/token"),
        ("https://proxy.acme.example", "https://proxy.acme.example/oauth/token"),
    ],
)
def test_tokens_come_from_beside_the_endpoint(url: str, there: str) -> None:
    assert endpoint(url) == there
