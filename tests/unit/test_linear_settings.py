"""What [connections.<name>] may say for Linear."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from syncer_linear.api import authorization
from syncer_linear.settings import ENDPOINT, LinearSettings


def _settings(**said: Any) -> LinearSettings:
    return LinearSettings.model_validate({"connector": "linear", "team": "ENG", "token": "lin_api_x", **said})


def test_the_address_is_linears_own_unless_said() -> None:
    assert _settings().url == ENDPOINT


def test_a_token_does_not_show() -> None:
    assert "lin_api_x" not in repr(_settings())


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/graphql", "http://localhost/graphql", "http://[::1]/g"])
def test_plain_http_reaches_this_machine(url: str) -> None:
    assert _settings(url=url).url == url


@pytest.mark.parametrize("url", ["http://linear.example/graphql", "ftp://127.0.0.1/", "graphql"])
def test_plain_http_reaches_nothing_else(url: str) -> None:
    with pytest.raises(ValidationError):
        _settings(url=url)


@pytest.mark.parametrize("said", [{"teams": "ENG"}, {"team": ""}, {"token": " "}, {"connector": "jira"}])
def test_what_makes_no_sense_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        _settings(**said)


def test_only_oauth_tokens_go_behind_bearer() -> None:
    assert authorization(SecretStr("lin_api_x")) == "lin_api_x"
    assert authorization(SecretStr("lin_oauth_x")) == "Bearer lin_oauth_x"
