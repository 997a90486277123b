"""A connector over a tracker held in memory: for tests of the engine, and of whoever embeds it.

It meets the same contract as the real ones, and passes the same conformance suite.
"""

from syncer.sdk.memory_connector import MemoryConnector
from syncer.sdk.memory_dialect import BOT, KINDS, NATIVES, PEOPLE, PRIORITIES, STATUSES, table
from syncer.sdk.memory_feed import Paging
from syncer.sdk.memory_plugin import MemoryPlugin, MemorySettings
from syncer.sdk.memory_tracker import Tracker
from syncer.sdk.memory_values import Crash, Fault, FaultKind

__all__ = [
    "BOT",
    "KINDS",
    "NATIVES",
    "PEOPLE",
    "PRIORITIES",
    "STATUSES",
    "Crash",
    "Fault",
    "FaultKind",
    "MemoryConnector",
    "MemoryPlugin",
    "MemorySettings",
    "Paging",
    "Tracker",
    "table",
]
