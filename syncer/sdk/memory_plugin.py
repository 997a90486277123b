"""The plugin of the in-memory connector, for tests that go through the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from syncer.connector import Setting
from syncer.errors import ConfigError
from syncer.model import FIELDS
from syncer.sdk.memory_connector import MemoryConnector
from syncer.sdk.memory_feed import Paging
from syncer.sdk.memory_tracker import Tracker


class MemorySettings(BaseModel):
    """[connections.<name>] with `connector = "memory"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracker: str
    token: SecretStr = SecretStr("memory-token")
    page: int = 50


@dataclass(frozen=True, slots=True)
class MemoryPlugin:
    """The plugin, over the trackers a test has made."""

    trackers: Mapping[str, Tracker]

    name: ClassVar[str] = "memory"
    version: ClassVar[str] = "1"
    abilities: ClassVar[frozenset[str]] = frozenset({"archive", "comments", "history", "parent", "private"})
    settings: ClassVar[type[BaseModel]] = MemorySettings
    fields: ClassVar[frozenset[str]] = frozenset(FIELDS)

    def connect(self, setting: Setting) -> MemoryConnector:
        options = MemorySettings.model_validate(setting.options)
        if options.tracker not in self.trackers:
            raise ConfigError(f'no tracker "{options.tracker}"', connection=setting.connection)
        return MemoryConnector(
            self.trackers[options.tracker],
            setting.connection,
            paging=Paging(size=options.page),
            token=options.token.get_secret_value(),
            meter=setting.meter,
        )
