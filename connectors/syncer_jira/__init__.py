"""Jira Cloud, REST v3: the connector plugin `jira`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from syncer.connector import Connector, Delivery, Heard, Reach, Setting
from syncer.errors import ConfigError
from syncer_jira import hooks
from syncer_jira.connector import JiraConnector
from syncer_jira.reach import REACH
from syncer_jira.settings import JiraSettings


class Jira:
    """What the entry point `syncer.connectors: jira` names."""

    reach: ClassVar[Mapping[str, Reach]] = REACH
    name: ClassVar[str] = "jira"
    version: ClassVar[str] = "0.1.0"
    abilities: ClassVar[frozenset[str]] = frozenset(
        {"archive", "comments", "history", "hooks", "transitions", "parent", "private"}
    )
    settings: ClassVar[type[BaseModel]] = JiraSettings
    fields: ClassVar[frozenset[str]] = frozenset(
        {
            "title",
            "body",
            "kind",
            "status",
            "priority",
            "labels",
            "assignees",
            "due",
            "estimate",
            "parent",
        }
    )

    def connect(self, setting: Setting) -> Connector:
        """Make a connector. Raises `ConfigError` for an edition that is not supported yet."""
        options = setting.options
        if not isinstance(options, JiraSettings):
            options = JiraSettings.model_validate(options)
        if options.edition == "datacenter":
            raise ConfigError(
                "Jira Data Center is not supported yet.",
                connection=setting.connection,
                key=f"connections.{setting.connection}.edition",
            )
        return JiraConnector(setting, options)

    def listen(
        self,
        delivery: Delivery,
        *,
        connection: str,
        options: Any,  # noqa: ANN401 -- our settings
        secrets: Sequence[str],
        window: float,
    ) -> Heard:
        """Verify a delivery and say where to look (see `hooks`). Raises `DeliveryError`."""
        return hooks.listen(delivery, connection=connection, project=options.project, secrets=secrets, window=window)


__all__ = ["Jira"]
