"""GitHub Issues over REST: the connector plugin `github`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from syncer.connector import Connector, Setting
from syncer_github.connector import GitHubConnector
from syncer_github.settings import GitHubSettings


class GitHub:
    """What the entry point `syncer.connectors: github` names."""

    name: ClassVar[str] = "github"
    version: ClassVar[str] = "0.1.0"
    abilities: ClassVar[frozenset[str]] = frozenset({"comments", "history", "private"})
    settings: ClassVar[type[BaseModel]] = GitHubSettings
    fields: ClassVar[frozenset[str]] = frozenset({"title", "body", "kind", "status", "priority", "labels", "assignees"})

    def connect(self, setting: Setting) -> Connector:
        """Make a connector; nothing is asked of GitHub before `open`."""
        options = setting.options
        if not isinstance(options, GitHubSettings):
            options = GitHubSettings.model_validate(options)
        return GitHubConnector(setting, options)


__all__ = ["GitHub"]
