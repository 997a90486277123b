"""Finds connectors and sandboxes by entry point, ours and a stranger's by the same door.

Nothing is imported before it is asked for by name, so that `syncer --help` stays fast.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from syncer.errors import ConfigError
from syncer.mapping.source import choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.connector import Plugin
    from syncer.sdk.sandbox import Sandbox

CONNECTORS = "syncer.connectors"
SANDBOXES = "syncer.sandboxes"


def installed() -> tuple[str, ...]:
    """Return the names of the installed connectors, sorted; none is imported."""
    return tuple(sorted(entry_points(group=CONNECTORS).names))


@functools.cache
def plugin(name: str) -> Plugin:
    """Return the connector plugin called *name*, the same each time: what it keeps in memory stays.

    Raises `ConfigError` if there is none, or it is broken.
    """
    found = _loaded(CONNECTORS, name, "connector")
    return cast("Plugin", found() if isinstance(found, type) else found)


def sandboxes() -> tuple[str, ...]:
    """Return the names of the installed sandboxes, sorted; none is imported."""
    return tuple(sorted(entry_points(group=SANDBOXES).names))


def sandbox(name: str) -> Callable[..., Sandbox]:
    """Return the maker of the sandbox called *name*, for the demo and for tests."""
    return cast("Callable[..., Sandbox]", _loaded(SANDBOXES, name, "sandbox"))


def _loaded(group: str, name: str, what: str) -> object:
    point = _point(group, name, what)
    try:
        return cast("object", point.load())
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'the {what} "{name}" is installed but does not load ({error}).',
            fix=f"Reinstall the package that brings {point.value}.",
        ) from error


def _point(group: str, name: str, what: str) -> EntryPoint:
    points = entry_points(group=group)
    if name not in points.names:
        raise ConfigError(f'no {what} "{name}" is installed.', fix=choice(name, sorted(points.names)))
    return points[name]
