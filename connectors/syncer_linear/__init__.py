"""Linear: one team of a workspace, over its GraphQL API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from syncer.model import FIELDS
from syncer_linear.connector import LinearConnector
from syncer_linear.hooks import listen
from syncer_linear.reach import REACH
from syncer_linear.settings import LinearSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from syncer.connector import Connector, Delivery, Heard, Reach, Setting
    from syncer.sdk.tokens import Shelf

__all__ = ["Linear", "LinearConnector", "LinearSettings"]


class Linear:
    """The plugin the entry point names."""

    reach: ClassVar[Mapping[str, Reach]] = REACH
    name: ClassVar[str] = "linear"
    version: ClassVar[str] = "0.1.0"
    abilities: ClassVar[frozenset[str]] = frozenset({"archive", "comments", "history", "hooks", "parent", "private"})
    settings: ClassVar[type[BaseModel]] = LinearSettings
    fields: ClassVar[frozenset[str]] = frozenset(FIELDS)

    def __init__(self) -> None:
        self._shelf: Shelf = {}

    def connect(self, setting: Setting) -> Connector:
        return LinearConnector.of(setting, self._shelf)

    def listen(
        self,
        delivery: Delivery,
        *,
        connection: str,
        options: Any,  # noqa: ANN401 -- an instance of LinearSettings
        secrets: Sequence[str],
        window: float,
    ) -> Heard:
        return listen(delivery, connection=connection, team=options.team, secrets=secrets, window=window)
