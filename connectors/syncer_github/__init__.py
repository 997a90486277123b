"""GitHub Issues over REST: the connector plugin `github`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from syncer.connector import Connector, Delivery, Heard, Reach, Setting
from syncer.sdk.tokens import Shelf
from syncer_github.connector import GitHubConnector
from syncer_github.hooks import listen
from syncer_github.reach import REACH
from syncer_github.settings import GitHubSettings


class GitHub:
    """What the entry point `syncer.connectors: github` names."""

    reach: ClassVar[Mapping[str, Reach]] = REACH
    name: ClassVar[str] = "github"
    version: ClassVar[str] = "0.1.0"
    abilities: ClassVar[frozenset[str]] = frozenset({"comments", "history", "hooks", "parent", "private"})
    settings: ClassVar[type[BaseModel]] = GitHubSettings
    fields: ClassVar[frozenset[str]] = frozenset(
        {"title", "body", "kind", "status", "priority", "labels", "assignees", "parent"}
    )

    def __init__(self) -> None:
        self._shelf: Shelf = {}

    def connect(self, setting: Setting) -> Connector:
        """Make a connector; nothing is asked of GitHub before `open`."""
        return GitHubConnector(setting, _settings(setting.options), self._shelf)

    def listen(
        self,
        delivery: Delivery,
        *,
        connection: str,
        options: Any,  # noqa: ANN401 -- as the protocol has it
        secrets: Sequence[str],
        window: float,
    ) -> Heard:
        """Verify a delivery and say where to look: `syncer.connector.Listens`."""
        del window  # GitHub signs no time
        return listen(delivery, connection, _settings(options), secrets)


def _settings(options: Any) -> GitHubSettings:  # noqa: ANN401 -- a table of the config, or what was made of it
    return options if isinstance(options, GitHubSettings) else GitHubSettings.model_validate(options)


__all__ = ["GitHub"]
