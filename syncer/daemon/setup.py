"""From a config file to what the daemon runs on: checked, its secrets at hand, its syncs wired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from syncer import plugins
from syncer.config import Config, load
from syncer.connector import Listens
from syncer.daemon.alerts import Alerts, is_address
from syncer.daemon.timetable import Cron, zone_of
from syncer.errors import ConfigError
from syncer.opening import Wiring
from syncer.store import Store
from syncer.web.house import Post
from syncer.wiring import wire


@dataclass(frozen=True, slots=True)
class Setup:
    """A config that was checked and made ready: every secret is there, every sync is wired."""

    config: Config
    wirings: Mapping[str, Wiring]
    posts: Mapping[str, Post]
    alerts: Alerts


def prepare(file: Path, store: Store) -> Setup:
    """Read and check a config, its secrets and its syncs. Raises `ConfigError`; nothing is asked of a network."""
    config = load(file, secrets=True)
    if not config.syncs:
        raise ConfigError("there is no sync to run.", file=str(file), key="syncs", fix="Add a [syncs.<name>] table.")
    _check_times(config)
    return Setup(
        config=config,
        wirings={name: wire(config, sync) for name, sync in config.syncs.items()},
        posts=_posts(config),
        alerts=Alerts(
            store,
            lambda: datetime.now(UTC),
            url=_address(config, config.daemon.alerts.url) if config.daemon.alerts.url is not None else None,
            repeat=config.daemon.alerts.repeat,
        ),
    )


def _check_times(config: Config) -> None:
    """Raise `ConfigError` for a cron line that never comes true, such as one for the 30th of February."""
    zone = zone_of(config.daemon.timezone)
    lines: dict[tuple[str, ...], str] = {
        ("syncs", name, "cron"): sync.cron for name, sync in config.syncs.items() if sync.cron is not None
    }
    lines |= {("daemon", "sweep"): config.daemon.sweep, ("daemon", "audit"): config.daemon.audit}
    for at, line in lines.items():
        if Cron(line, zone, 0.0).get_next_fire_time(None, datetime.now(UTC)) is None:
            raise config.source.error(at, f'"{line}" never comes true.', "Is there such a day in such a month?")


def _address(config: Config, reference: str) -> SecretStr:
    """Return where alerts go. Raises `ConfigError`, without the address: it is a secret."""
    url = config.secret(reference, "daemon", "alerts", "url")
    if not is_address(url.get_secret_value()):
        raise ConfigError(
            "what this refers to is no address to send messages to.",
            file=str(config.file),
            key="daemon.alerts.url",
            fix="Have it refer to one that begins with https://.",
        )
    return url


def _posts(config: Config) -> dict[str, Post]:
    """Return what the webhooks of each connection need; those without a secret have none."""
    posts: dict[str, Post] = {}
    for name, connection in config.connections.items():
        plugin = plugins.plugin(connection.connector)
        if not isinstance(plugin, Listens) or not connection.hook_secrets:
            continue
        syncs = tuple(s.name for s in config.syncs.values() if name in s.connections)
        secrets = tuple(s.get_secret_value() for s in connection.hook_secrets)
        posts[name] = Post(plugin, connection.options, secrets, syncs)
    return posts
