"""Webhooks as the trackers have them registered: listing, installing and removing ours."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from syncer import plugins
from syncer.config import Config, Connection
from syncer.connector import Hook, Hooks
from syncer.errors import ConfigError, ConnectorError, SyncerError
from syncer.inspection import setting_of
from syncer.mapping.source import choice

Did: TypeAlias = Literal["installed", "renewed", "removed"]
ABILITY = "hooks"


@dataclass(frozen=True, slots=True)
class Told:
    """A webhook of a connection. `ours`: it leads to this syncer; `did`: what was done with it just now."""

    hook: Hook
    ours: bool
    did: Did | None = None

    @property
    def host(self) -> str:
        """All that may be shown of somebody else's address: its path may be a secret."""
        return urlsplit(self.hook.url).hostname or "?"


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one connection: its webhooks, or why it could not be."""

    connection: str
    hooks: tuple[Told, ...] = ()
    error: SyncerError | None = None


Work: TypeAlias = Callable[[Hooks, Connection], Awaitable[list[Told]]]


def address(url: str, connection: str) -> str:
    """Return where the webhooks of a connection lead, of a daemon that is reached at *url*."""
    return f"{url.rstrip('/')}/hooks/{connection}"


async def listed(config: Config, names: Sequence[str], url: str | None) -> list[Found]:
    """Return the webhooks of every connection; without *url* none is known to be ours."""

    async def work(hooks: Hooks, connection: Connection) -> list[Told]:
        return [Told(h, _is_ours(h, url, connection.name)) for h in await hooks.hooks()]

    return await _each(_without_secrets(config), names, work)


async def install(config: Config, names: Sequence[str], url: str) -> list[Found]:
    """Register our address with every connection, or renew it with the secret that is configured first."""

    async def work(hooks: Hooks, connection: Connection) -> list[Told]:
        if not connection.hook_secrets:
            raise ConfigError(
                "without a secret nobody can tell a webhook from a forgery.",
                file=str(config.file),
                key=f"connections.{connection.name}.webhook_secret",
                connection=connection.name,
                fix=f'Add webhook_secret = "env:{connection.name.upper().replace("-", "_")}_WEBHOOK_SECRET".',
            )
        known = any(_is_ours(h, url, connection.name) for h in await hooks.hooks())
        secret = connection.hook_secrets[0].get_secret_value()
        hook = await hooks.add_hook(address(url, connection.name), secret)
        return [Told(hook, ours=True, did="renewed" if known else "installed")]

    return await _each(config, names, work)


async def remove(config: Config, names: Sequence[str], url: str) -> list[Found]:
    """Remove the webhooks that lead to us, and no others."""

    async def work(hooks: Hooks, connection: Connection) -> list[Told]:
        ours = [h for h in await hooks.hooks() if _is_ours(h, url, connection.name)]
        for hook in ours:
            await hooks.remove_hook(hook)
        return [Told(h, ours=True, did="removed") for h in ours]

    return await _each(_without_secrets(config), names, work)


def chosen(config: Config, name: str | None) -> list[str]:
    """Return the connections meant: the one named, or all that can register webhooks. Raises `ConfigError`."""
    able = [c.name for c in config.connections.values() if ABILITY in plugins.plugin(c.connector).abilities]
    if name is None or name in able:
        return able if name is None else [name]
    if name not in config.connections:
        raise ConfigError(f'no connection "{name}".', file=str(config.file), fix=choice(name, config.connections))
    connector = config.connections[name].connector
    raise ConfigError(f'the connector "{connector}" of {name} cannot register webhooks.', fix="Do it by hand there.")


# -- one connection --------------------------------------------------------------------------


async def _each(config: Config, names: Sequence[str], work: Work) -> list[Found]:
    return list(await asyncio.gather(*(_one(config, name, work) for name in names)))


async def _one(config: Config, name: str, work: Work) -> Found:
    try:
        connection = config.unlocked([name], hooks=True).connections[name]
        connector = plugins.plugin(connection.connector).connect(setting_of(connection))
        try:
            await connector.open()
            if not isinstance(connector, Hooks):
                raise ConfigError(f'the connector "{connection.connector}" of {name} cannot register webhooks.')
            return Found(name, tuple(await work(connector, connection)))
        finally:
            await connector.close()
    except ConnectorError as error:
        error.connection = error.connection or name
        return Found(name, error=error)
    except ConfigError as error:
        error.connection = error.connection or name
        return Found(name, error=error)


def _without_secrets(config: Config) -> Config:
    """Return the config for work that signs nothing: the secrets of webhooks need not be at hand."""
    plain = {n: dataclasses.replace(c, hook_references=()) for n, c in config.connections.items()}
    return dataclasses.replace(config, connections=plain)


def _is_ours(hook: Hook, url: str | None, connection: str) -> bool:
    return url is not None and _spot(hook.url) == _spot(address(url, connection))


def _spot(url: str) -> tuple[str, str, int | None, str]:
    """Return what an address comes to; trackers spell it in their own way."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")
    except ValueError:
        return "", "", None, url
