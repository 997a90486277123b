"""Where syncer runs: versions, clock, disk, file handles, who holds which lease."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import resource
import shutil
import sqlite3
import stat
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from syncer import plugins
from syncer.errors import ConfigError

OURS: Final = "roadmap-syncer"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def versions() -> dict[str, Any]:
    """Return the versions of syncer, of what it stands on, and of the platform; no host's name."""
    needed = [m[0] for r in importlib.metadata.requires(OURS) or () if "extra ==" not in r and (m := _NAME.match(r))]
    return {
        "syncer": importlib.metadata.version(OURS),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "platform": f"{platform.system()} {platform.release()} {platform.machine()} {'-'.join(platform.libc_ver())}",
        "dependencies": {name: _version(name) for name in sorted(needed, key=str.lower)},
        "connectors": {name: _connector(name) for name in plugins.installed()},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _connector(name: str) -> str:
    try:
        return plugins.plugin(name).version
    except ConfigError:
        return "does not load"


def machine(folder: Path, now: datetime, zone: str | None) -> dict[str, Any]:
    """Return clock, disk and limits as this process sees them. *zone* is the time zone the config says."""
    local = now.astimezone()
    disk = shutil.disk_usage(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = _handles("self")
    return {
        "clock": {"utc": now.astimezone(UTC).isoformat(), "zone": local.tzname(), "offset": local.strftime("%z")},
        "configured_zone": zone,
        "disk": {"total": disk.total, "free": disk.free},
        "processors": os.cpu_count(),
        "load": [round(n, 2) for n in os.getloadavg()],
        "handles": {"limit": soft, "most": hard, "open": opened, "free": None if opened is None else soft - opened},
        "encoding": sys.getfilesystemencoding(),
    }


def process(pid: int) -> dict[str, Any]:
    """Return how much a process of ours uses, as far as we may see that."""
    said = _status(pid)
    return {"pid": pid, "handles": _handles(str(pid)), "memory": said.get("VmRSS"), "threads": said.get("Threads")}


def files(database: Path) -> dict[str, Any]:
    """Return size (bytes) and mode of the database and the files beside it."""
    found = sorted(p for p in database.parent.glob(f"{database.name}*") if p.is_file())
    return {p.name.removeprefix(database.name) or "database": _file(p) for p in found}


def lease_names(database: Path) -> list[str]:
    """Return the leases that ever were, by the files they left."""
    head, tail = f"{database.name}.", ".lock"
    found = sorted(p.name for p in database.parent.glob(f"{head}*{tail}"))
    return [name[len(head) : -len(tail)] for name in found]


def _file(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {"bytes": found.st_size, "mode": oct(stat.S_IMODE(found.st_mode)), "ours": found.st_uid == os.geteuid()}


def _handles(pid: str) -> int | None:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None


def _status(pid: int) -> Mapping[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
