"""What the app is given by whoever opens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncer.config import Daemon
from syncer.connector import Listens
from syncer.status import Status
from syncer.store import Store
from syncer.web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Post:
    """What the webhooks of one connection need. `options` is an instance of the plugin's own settings, `syncs`
    are those that keep the connection in step. Without `secrets` nothing is believed."""

    plugin: Listens
    options: Any = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    syncs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """`alive`: better left running than restarted. `ready`: it does its work. `why` not, in words."""

    alive: bool
    ready: bool
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class House:
    """All that the app is given. It runs on a thread of its own, so everything here is called from there.

    `posts`, by connection, and `settings` are asked at every request: a reload takes effect at once.
    `ask(sync, trigger)` asks for a run, "webhook" to follow leads and "poll" to look for itself. None of these
    may block, nor may `health`; `statuses` may: it is asked on yet another thread, one at a time, and may
    raise `StoreError`. `clock` is aware UTC.
    """

    store: Store
    posts: Callable[[], Mapping[str, Post]]
    settings: Callable[[], Daemon]
    ask: Callable[[str, str], None]
    health: Callable[[], Health]
    statuses: Callable[[], Status]
    metrics: Metrics
    clock: Callable[[], datetime]
