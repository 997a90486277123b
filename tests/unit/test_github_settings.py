"""What a GitHub connection may say in the config."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from syncer_github.settings import GitHubSettings


def settings(**said: Any) -> GitHubSettings:
    return GitHubSettings.model_validate({"repository": "acme/web", "token": "t0ken", **said})


def test_the_url_is_githubs_unless_said() -> None:
    assert settings().url == "https://api.github.com"


@pytest.mark.parametrize(
    "url",
    ["https://ghe.acme.example/api/v3", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:2"],
)
def test_https_and_loopback_are_good(url: str) -> None:
    assert settings(url=url + "/").url == url


@pytest.mark.parametrize(
    "said",
    [
        {"url": "http://github.example"},
        {"url": "http://127.0.0.1.evil.example"},
        {"url": "https://user:pass@github.example"},
        {"url": "api.github.com"},
        {"repository": "web"},
        {"repository": "acme/web/issues"},
        {"repository": "../.."},
        {"repository": "acme/.."},
        {"filter": "labels = roadmap"},
    ],
)
def test_what_would_be_unsafe_or_unknown_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**said)


def test_the_token_does_not_show() -> None:
    assert "t0ken" not in repr(settings())
