"""Connectors and sandboxes, found by entry point."""

from __future__ import annotations

import subprocess
import sys

import pytest

from syncer import plugins
from syncer.errors import ConfigError


def test_our_three_connectors_are_installed() -> None:
    assert {"github", "jira", "linear"} <= set(plugins.installed())


def test_our_three_sandboxes_are_installed() -> None:
    assert {"github", "jira", "linear"} <= set(plugins.sandboxes())


@pytest.mark.parametrize("name", ["jira", "github", "linear"])
def test_a_plugin_is_found_by_its_name(name: str) -> None:
    found = plugins.plugin(name)

    assert found.name == name
    assert callable(found.connect)


@pytest.mark.parametrize("name", ["jira", "github", "linear"])
def test_a_sandbox_is_found_by_its_name(name: str) -> None:
    assert callable(plugins.sandbox(name))


def test_a_misspelt_connector_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(ConfigError, match=r'no connector "githup" is installed\. Did you mean "github"\?'):
        plugins.plugin("githup")


def test_an_unheard_of_connector_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="Known: github, jira, linear"):
        plugins.plugin("xyzzy")


def test_listing_connectors_imports_none_of_them() -> None:
    code = (
        "import sys; from syncer import plugins; plugins.installed(); "
        "print([m for m in sys.modules if m.startswith('syncer_') or m == 'httpx'])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
