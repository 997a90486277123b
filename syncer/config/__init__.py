"""config.toml + environment -> typed settings."""

from syncer.config.connections import Connection, is_loopback, shipped_mapping
from syncer.config.load import Config, find, load
from syncer.config.references import resolve
from syncer.config.settings import (
    Alerts,
    Comments,
    Create,
    Daemon,
    Disclose,
    Keep,
    Limits,
    Log,
    Policy,
    Store,
    Sync,
    Where,
    seconds,
)

__all__ = [
    "Alerts",
    "Comments",
    "Config",
    "Connection",
    "Create",
    "Daemon",
    "Disclose",
    "Keep",
    "Limits",
    "Log",
    "Policy",
    "Store",
    "Sync",
    "Where",
    "find",
    "is_loopback",
    "load",
    "resolve",
    "seconds",
    "shipped_mapping",
]
