"""What a Jira connection may say in the config."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from syncer.errors import ConfigError
from syncer_jira import Jira
from syncer_jira.sandbox import JiraSandbox
from syncer_jira.settings import JiraSettings
from tests.contract.jira_bench import Bench, Clock

GOOD = {
    "connector": "jira",
    "url": "https://acme.atlassian.net/",
    "email": "bot@acme.example",
    "token": "a-token",
    "project": "ROAD",
}


def test_the_usual_settings_are_taken_and_the_token_is_hidden() -> None:
    settings = JiraSettings.model_validate(GOOD)

    assert settings.url == "https://acme.atlassian.net"
    assert "a-token" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "http://jira.acme.example"}, "https"),
        ({"url": "acme.atlassian.net"}, "URL"),
        ({"url": "https://bot:secret@acme.example"}, "credentials"),
        ({"email": None}, "email"),
        ({"project": "ROAD OR 1=1"}, "project key"),
        ({"filter": "labels = a ORDER BY rank"}, "ORDER BY"),
        ({"filter": "labels = a) OR (project = B"}, "closed"),
        ({"filter": "(labels = a"}, "closed"),
        ({"filter": 'summary ~ "a'}, "closed"),
        ({"colour": "red"}, "colour"),
        ({"edition": "server"}, "edition"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        JiraSettings.model_validate({**GOOD, **change})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:5"])
def test_plain_http_may_stay_on_the_machine(url: str) -> None:
    assert JiraSettings.model_validate({**GOOD, "url": url}).url == url


@pytest.mark.parametrize("filter_", ["labels = 'order by'", 'summary ~ "a (b"', "labels in (a, b)", "  "])
def test_a_filter_may_be_any_condition(filter_: str) -> None:
    assert JiraSettings.model_validate({**GOOD, "filter": filter_}).filter == (filter_.strip() or None)


def test_data_center_is_not_supported_yet() -> None:
    clock = Clock()
    bench = Bench(JiraSandbox(clock=clock), clock)

    with pytest.raises(ConfigError, match="not supported yet"):
        bench.connector(edition="datacenter")


def test_the_plugin_names_itself() -> None:
    assert Jira.name == "jira"
    assert {"history", "comments", "transitions"} <= Jira.abilities
