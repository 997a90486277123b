"""`syncer link` and `syncer unlink`: join or part copies by key or URL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from syncer.cli import opened
from syncer.errors import ConfigError
from syncer.output import clean, say, say_json, short

if TYPE_CHECKING:
    from syncer.adoption import Joined, Parted, Spot
    from syncer.config import Config, Sync
    from syncer.store import Store

ITEM = "<connection>:<key> (jira:ROAD-12, github:#7, linear:ENG-3), or the record's address."
SyncOption = Annotated[str | None, typer.Option("--sync", help="The sync that is meant, where several could be.")]
Wait = Annotated[str, typer.Option(help="How long to wait for a run of this sync to end.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.command("link")(link)
    app.command("unlink")(unlink)


def link(
    ctx: typer.Context,
    records: Annotated[list[str], typer.Argument(metavar="A B [C]...", help=ITEM)],
    name: SyncOption = None,
    wait: Wait = "60s",
    as_json: AsJson = False,
) -> int:
    """Make records one item. Writes nothing to a tracker: the next run merges them."""
    from syncer.adoption import Wish, join
    from syncer.opening import Request
    from syncer.report import link_document
    from syncer.wiring import wire

    config = opened.config_of(ctx)
    spots = list(dict.fromkeys(_spot(config, said) for said in records))
    if len(spots) < 2:  # noqa: PLR2004 -- one record is no pair
        raise ConfigError("an item takes two records or more.", fix="syncer link jira:ROAD-12 github:#7")
    with opened.store_of(config) as store:
        sync = _sync_for(config, store, spots, name)
        wish = Wish(tuple(spots), "a person linked it")
        request = Request(trigger="link", wait=opened.seconds_of(wait))
        (done,) = asyncio.run(join(store, wire(config, sync), request, [wish]))
    if done.error is not None:
        raise done.error
    if as_json and done.link is not None:
        say_json(link_document(done.link, done.copies))
    else:
        _tell_joined(done, sync.name)
    return 0


def unlink(
    ctx: typer.Context,
    item: Annotated[str, typer.Argument(metavar="ITEM", help=ITEM)],
    from_: Annotated[
        str | None, typer.Option("--from", help="Take out only the copy on this connection; without it, all.")
    ] = None,
    name: SyncOption = None,
    wait: Wait = "60s",
    as_json: AsJson = False,
) -> int:
    """Take an item apart. The records stay as they are; only a person joins them again."""
    from syncer.adoption import part

    config = opened.config_of(ctx)
    spot = _spot(config, item)
    if from_ is not None and from_ not in config.connections:
        raise ConfigError(f'no connection "{from_}".', fix=f"There are: {', '.join(config.connections)}.")
    with opened.store_of(config) as store:
        sync = _sync_of(config, store, spot, name)
        seconds, now = opened.seconds_of(wait), datetime.now(UTC)
        done = asyncio.run(part(store, sync.name, sync.connections, spot, from_=from_, wait=seconds, now=now))
    if as_json:
        say_json(_parted_document(done))
    else:
        _tell_parted(done)
    return 0


# -- which record, which sync ----------------------------------------------------------------


def _spot(config: Config, said: str) -> Spot:
    from syncer.adoption import Spot

    if "://" in said:
        return Spot(url=said)
    connection, _, key = said.partition(":")
    if not key.strip():
        raise ConfigError(f'"{clean(said)}" names no record.', fix=f"Say {ITEM}")
    if connection not in config.connections:
        known = ", ".join(config.connections)
        raise ConfigError(f'no connection "{clean(connection)}".', fix=f"There are: {known}.", file=str(config.file))
    return Spot(connection, key.strip())


def _sync_for(config: Config, store: Store, spots: Sequence[Spot], name: str | None) -> Sync:
    """Return the sync that joins all of *spots*. Raises `ConfigError` where there is none, or no only one."""
    wanted = {s.connection for s in spots if s.connection}
    fit = [s for s in _syncs(config, name) if wanted <= set(s.connections)]
    if not fit:
        joined = " and ".join(sorted(wanted))
        which = f'the sync "{name}" does not join' if name is not None else "no sync joins"
        raise ConfigError(f"{which} {joined}", file=str(config.file), key=f"syncs.{name}" if name else "syncs")
    for spot in spots:
        if len(fit) > 1:
            fit = [s for s in fit if _knows(store, s, spot)] or fit
    return _only(config, fit)


def _sync_of(config: Config, store: Store, spot: Spot, name: str | None) -> Sync:
    """Return the sync in which the record is linked; where it is in none, any that could know it."""
    fit = [s for s in _syncs(config, name) if not spot.connection or spot.connection in s.connections]
    if not fit:
        where = f'the sync "{name}"' if name is not None else "any sync"
        raise ConfigError(f"{spot.connection} is not in {where}", file=str(config.file), key="syncs")
    linked = [s for s in fit if _knows(store, s, spot, linked=True)]
    return _only(config, linked) if linked else fit[0]


def _syncs(config: Config, name: str | None) -> list[Sync]:
    return list(config.syncs.values()) if name is None else opened.syncs_of(config, name)


def _knows(store: Store, sync: Sync, spot: Spot, *, linked: bool = False) -> bool:
    from syncer.adoption import located

    with store.read() as tx:
        row = located(tx, sync.name, sync.connections, [spot]).get(spot)
        return row is not None and (not linked or row.link is not None)


def _only(config: Config, fit: Sequence[Sync]) -> Sync:
    if len(fit) == 1:
        return fit[0]
    known = ", ".join(sorted(s.name for s in fit))
    raise ConfigError("say which sync is meant.", file=str(config.file), key="syncs", fix=f"--sync, one of: {known}.")


# -- telling ---------------------------------------------------------------------------------


def _tell_joined(done: Joined, sync: str) -> None:
    from syncer.adoption import named

    names = _listed([named(c, copy) for c, copy in sorted(done.copies.items())])
    title = short(done.link.title) if done.link is not None else ""
    if not done.news:
        say(f"{names} are one item already: {title}")
        return
    say(f"{names} are one item now: {title}")
    say(f"See what the next run writes: syncer plan {sync}")


def _tell_parted(done: Parted) -> None:
    from syncer.adoption import named

    parted = [named(c, copy) for c, copy in sorted(done.parted.items())]
    if done.kept:
        kept = [named(c, copy) for c, copy in sorted(done.kept.items())]
        say(f"parted {_listed(parted)}; {_listed(kept)} stay one item: {short(done.link.title)}")
        say(f"Join again with: syncer link {kept[0]} {parted[0]}")
        return
    say(f"parted {_listed(parted)}: no item is left of {short(done.link.title)}")
    say("The records stay as they are; nothing follows or copies them until you say so.")
    if len(parted) > 1:
        say(f"Join again with: syncer link {' '.join(parted)}")


def _listed(names: Sequence[str]) -> str:
    shown = [clean(n) for n in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _parted_document(done: Parted) -> dict[str, object]:
    from syncer.report import link_document

    gone = link_document(done.link, done.parted)
    return {
        "link": done.link.id,
        "parted": gone["copies"],
        "kept": link_document(done.link, done.kept)["copies"],
    }
