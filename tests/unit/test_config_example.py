"""The example a person copies is a config that loads, with our own plugins, without any secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncer.config import Comments, Disclose, load
from syncer.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"


def test_the_example_loads_without_any_secret() -> None:
    config = load(EXAMPLE, environ={}, secrets=False)

    assert set(config.connections) == {"jira", "github", "linear"}
    assert config.connections["jira"].references == {"token": "env:JIRA_TOKEN"}


def test_the_example_says_what_it_shows() -> None:
    sync = load(EXAMPLE, environ={}, secrets=False).syncs["roadmap"]

    assert (sync.every, sync.create.from_, sync.create.in_) == (120.0, ("jira",), ("github", "linear"))
    assert sync.policy("estimate").owner == "jira"
    assert sync.policy("priority").set_once == "linear"
    assert sync.policy("labels").ignore == ("infra/*",)
    assert sync.policy("stage").skip
    assert sync.comments == Comments(backfill=True, deletions="follow")
    assert sync.disclose == Disclose(to=("github",), comments=True, labels=True, redact=("(?i)secret",))


def test_the_example_claims_a_word_for_its_own_status() -> None:
    tables = load(EXAMPLE, environ={}, secrets=False).connections["linear"].tables

    assert tables.raw("status")["review"] == ["In Review", "QA"]
    assert tables.raw("priority")["urgent"] == [{"priority": 1}]


def test_the_example_with_secrets_asks_for_the_first_of_them() -> None:
    with pytest.raises(ConfigError, match="JIRA_TOKEN is not set"):
        load(EXAMPLE, environ={})
