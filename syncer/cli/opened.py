"""What most commands start with: the config, the store, one sync."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from syncer.cli.app import Globals
    from syncer.config import Config, Sync
    from syncer.store import Store


def config_of(ctx: typer.Context, *, secrets: bool = False) -> Config:
    """Load the config the person meant. Raises `ConfigError`."""
    from syncer.config import find, load

    said: Globals = ctx.obj
    return load(find(said.config), secrets=secrets)


@contextlib.contextmanager
def store_of(config: Config) -> Iterator[Store]:
    from syncer.wiring import open_store

    store = open_store(config)
    try:
        yield store
    finally:
        store.close()


def syncs_of(config: Config, name: str | None, *, everything: bool = False) -> list[Sync]:
    """Return the syncs a command speaks of."""
    from syncer.wiring import sync_named

    return list(config.syncs.values()) if everything and name is None else [sync_named(config, name)]


def seconds_of(said: str) -> float:
    """Return the seconds that `--wait` says: a bare number, or a duration."""
    from syncer.config import seconds

    if re.fullmatch(r"\d+(\.\d+)?", said):
        return float(said)
    try:
        return seconds(said)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--wait") from None
