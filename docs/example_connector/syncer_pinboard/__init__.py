"""Pinboard: the cards of one board, as items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from syncer.connector import Connector, Delivery, Heard, Reach, Setting
from syncer_pinboard import hooks
from syncer_pinboard.connector import PinboardConnector

__all__ = ["Pinboard", "PinboardSettings"]


class PinboardSettings(BaseModel):
    """[connections.<name>] with `connector = "pinboard"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: Literal["pinboard"] = "pinboard"
    url: str
    board: str = Field(min_length=1)
    token: SecretStr


class Pinboard:
    """What the entry point names."""

    name: ClassVar[str] = "pinboard"
    version: ClassVar[str] = "0.1.0"
    abilities: ClassVar[frozenset[str]] = frozenset({"comments", "hooks", "private"})
    settings: ClassVar[type[BaseModel]] = PinboardSettings
    fields: ClassVar[frozenset[str]] = frozenset({"title", "body", "status", "labels", "assignees", "due"})
    reach: ClassVar[Mapping[str, Reach]] = {
        "title": Reach("title", "title, cut at 200 characters"),
        "body": Reach("text", "text; longer than 20,000 characters is refused"),
        "status": Reach("column", "column"),
        "labels": Reach("labels", "one by one"),
        "assignees": Reach("people", "one by one"),
        "due": Reach("due", "due"),
        "comments": Reach("with their card", "yes"),
    }

    def connect(self, setting: Setting) -> Connector:
        return PinboardConnector(setting)

    def listen(
        self,
        delivery: Delivery,
        *,
        connection: str,
        options: Any,  # noqa: ANN401 -- an instance of PinboardSettings
        secrets: Sequence[str],
        window: float,
    ) -> Heard:
        return hooks.listen(delivery, connection=connection, board=options.board, secrets=secrets, window=window)
