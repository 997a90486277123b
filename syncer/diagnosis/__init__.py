"""What goes with a bug report: everything that may matter, nothing that is anybody's secret."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from syncer.config import Config, resolve
from syncer.diagnosis import machine, outlines
from syncer.diagnosis.masks import Mask
from syncer.errors import ConfigError, StoreError
from syncer.log import hide
from syncer.model import Problem
from syncer.status import look
from syncer.store import Store, private, records
from syncer.store.facts import facts
from syncer.store.lease import held

RUNS: Final = 50
"""How many of the newest runs go along."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle; `what` says to a person what is in it."""

    name: str
    what: str
    doc: Any


def examine(
    config: Config | None, store: Store | None, problems: Sequence[Problem], now: datetime, environ: Mapping[str, str]
) -> list[Part]:
    """Return what can be found out. A part that cannot be had says why; it never takes the others along.

    *config* and *store* are None where they do not open; *problems* then say so.
    """
    _hide_secrets(config, environ)
    mask = _mask(config, store)
    folder = config.base if config is not None else Path()
    zone = config.daemon.timezone if config is not None else None
    wanted: list[tuple[str, str, Callable[[], Any]]] = [
        ("versions", "versions of syncer, Python, dependencies, platform", machine.versions),
        ("problems", "what `syncer check` finds", lambda: [_problem(p, mask) for p in problems]),
        ("machine", "clock, time zone, disk, file handles", lambda: machine.machine(folder, now, zone)),
        ("environment", "names of variables, set or not", lambda: outlines.variables(config, environ)),
    ]
    if config is not None:
        wanted += [
            (
                "config",
                "the config: secrets as references, people counted",
                lambda: outlines.settings(config, mask),
            ),
            ("files", "sizes and modes of the database's files", lambda: _files(config)),
        ]
    if config is not None and store is not None:
        wanted += [
            ("database", "version, rows a table, integrity", lambda: facts(store, check=True)),
            (
                "status",
                "`syncer status` without titles",
                lambda: outlines.standing(look(store, config, now), mask),
            ),
            ("runs", f"the last {RUNS} runs by ids, counts, outcomes", lambda: _runs(store, mask)),
            ("leases", "who holds which lease", lambda: _leases(store)),
        ]
    return [Part(f"{name}.json", what, mask.everywhere(_had(work))) for name, what, work in wanted]


def pack(parts: Sequence[Part], path: Path, now: datetime) -> None:
    """Write the bundle, for its owner alone. Raises `ConfigError` where it cannot be written."""
    root = path.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz")
    stamp = int(now.timestamp())
    try:
        handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # a file that was there keeps its mode otherwise
            with (
                gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=stamp) as zipped,
                tarfile.open(fileobj=zipped, mode="w") as tar,
            ):
                for part in parts:
                    body = content(part)
                    member = tarfile.TarInfo(f"{root}/{part.name}")
                    member.size, member.mtime, member.mode = len(body), stamp, 0o600
                    tar.addfile(member, io.BytesIO(body))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", file=str(path)) from None


def content(part: Part) -> bytes:
    return (json.dumps(part.doc, indent=1, ensure_ascii=False, default=str) + "\n").encode(errors="replace")


# -- parts -----------------------------------------------------------------------------------


def _had(work: Callable[[], Any]) -> Any:  # noqa: ANN401 -- any JSON
    try:
        return work()
    except Exception as error:  # noqa: BLE001 -- one part that is ill must not silence the others
        return {"not to be had": type(error).__name__}


def _mask(config: Config | None, store: Store | None) -> Mask:
    names = {n for person, said in (config.people if config else {}).items() for n in (person, *said.values())}
    if store is None:
        return Mask(names)
    try:
        with store.read() as tx:
            return Mask(names | private.names(tx), private.titles(tx))
    except StoreError:
        return Mask(blind=True)


def _hide_secrets(config: Config | None, environ: Mapping[str, str]) -> None:
    """Keep every secret out that can be had without asking anybody."""
    for secret in outlines.values_of_secrets(config, environ):
        hide(secret)
    for reference in outlines.references(config) if config is not None else ():
        if reference.startswith("file:") and config is not None:
            with contextlib.suppress(ConfigError):
                resolve(reference, base=config.base)


def _problem(problem: Problem, mask: Mask) -> dict[str, Any]:
    key = problem.key or ""
    # What is said of people ends with a list of them.
    message = problem.message.partition(":")[0] if key.startswith("people") else problem.message
    return {
        "level": problem.level,
        "connection": problem.connection,
        "file": mask.told(Path(problem.file).name) if problem.file else None,
        "key": "people.[name]" if key.startswith("people.") else problem.key,
        "message": mask.told(message),
        "fix": mask.told(problem.fix),
    }


def _files(config: Config) -> dict[str, Any]:
    path = database_of(config)
    return machine.files(path) if path is not None else {}


def database_of(config: Config) -> Path | None:
    """Return the file of the database, None where it is none of SQLite."""
    scheme, _, rest = config.store.url.partition(":///")
    return Path(rest.partition("?")[0]) if scheme == "sqlite" and rest else None


def _runs(store: Store, mask: Mask) -> list[dict[str, Any]]:
    with store.read() as tx:
        return [outlines.run(doc, mask) for doc in records.load_runs(tx, limit=RUNS)]


def _leases(store: Store) -> list[dict[str, Any]]:
    found = []
    for name in machine.lease_names(store.path) if store.path is not None else ():
        pid = held(store, name)
        found.append({"lease": name, "held": pid is not None, "process": machine.process(pid) if pid else None})
    return found
