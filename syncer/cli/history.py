"""`syncer history`: one item's story, and the audit trail it comes from."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from syncer.cli import opened
from syncer.errors import ConfigError
from syncer.output import clean, say, say_json

if TYPE_CHECKING:
    from syncer.store import Store

log = structlog.get_logger()


def register(app: typer.Typer) -> None:
    app.command("history")(history)


def history(
    ctx: typer.Context,
    item: Annotated[
        str | None, typer.Argument(metavar="[ITEM]", help="<connection>:<key>, an address, or a link's id.")
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Write the whole audit trail, one JSON object a line.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Say whether the audit trail is intact.")] = False,
    erase: Annotated[str, typer.Option(metavar="HASH", help="Erase a long text, by the hash an export shows.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Tell one item's story across all trackers, or export, verify and erase from the audit trail."""
    chosen = [item is not None, export is not None, verify, bool(erase)]
    if sum(chosen) != 1:
        raise ConfigError("say what to show", fix="One of: an ITEM, --export FILE, --verify, --erase HASH.")
    config = opened.config_of(ctx)
    with opened.store_of(config) as store:
        if export is not None:
            return _export(store, export, as_json=as_json)
        if verify:
            return _verify(store, as_json=as_json)
        if erase:
            return _erase(store, erase, as_json=as_json)
        return _tell(store, item or "", as_json=as_json)


def _tell(store: Store, item: str, *, as_json: bool) -> int:
    from syncer.story import story_of, told

    story = story_of(store, item)
    if as_json:
        say_json(story.document())
        return 0
    for line in told(story):
        say(line)
    return 0


def _export(store: Store, path: Path, *, as_json: bool) -> int:
    from syncer.store import records

    number = 0
    try:
        handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", file=str(path)) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file, store.read() as tx:
        os.fchmod(file.fileno(), 0o600)  # a file that was there keeps its mode otherwise
        for line in records.export(tx):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            number += 1
    if as_json:
        say_json({"exported": number, "file": str(path)})
    else:
        say(f"{number} entries of the audit trail are in {clean(path)}")
    return 0


def _verify(store: Store, *, as_json: bool) -> int:
    from syncer.store import records

    with store.read() as tx:
        found = records.examined(tx)
    if as_json:
        doc = {"intact": found.broken is None, "entries": found.entries, "last": found.last or None}
        doc["since"] = found.cut.before if found.cut is not None else None
        say_json({**doc, "broken": found.broken})
    elif found.broken is None:
        since = f", kept from {found.cut.before} on" if found.cut is not None else ""
        say(f"the audit trail is intact: {found.entries} entries{since}, the last hash is {found.last or 'none'}")
    else:
        say(f"the audit trail is NOT intact: entry {found.broken} does not follow from the {found.entries} before it")
    return 0 if found.broken is None else 1


def _erase(store: Store, hash_: str, *, as_json: bool) -> int:
    from syncer.store import records

    with store.write() as tx:
        if not records.erase(tx, hash_):
            raise ConfigError(f"no text has the hash {hash_}", fix="`syncer history --export FILE` shows them.")
        entry = records.Entry("", "", "erase", "", {"sha256": hash_, "length": None}, None, "a person", "on request")
        records.append(tx, "", "", datetime.now(UTC), [entry])
    log.info("text.erased", sha256=hash_)
    if as_json:
        say_json({"erased": hash_})
    else:
        say("erased from the audit trail and the runs; the chain keeps the hash. The trackers still have their text.")
    return 0
