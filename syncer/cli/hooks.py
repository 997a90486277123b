"""`syncer hooks`: the webhooks that the trackers have registered for us."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncer.cli import opened
from syncer.cli.app import IN_STEP, TROUBLE, USAGE, error_document
from syncer.errors import ConfigError
from syncer.log import redact
from syncer.output import clean, say, say_json, table

if TYPE_CHECKING:
    from syncer.config import Config
    from syncer.registration import Found, Told

group = typer.Typer(help="Webhooks: list, install and remove them.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(metavar="[CONNECTION]", help="Else every connection that can.")]
Url = Annotated[str | None, typer.Option(metavar="URL", help="Where trackers reach the daemon, if not [daemon] url.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="hooks")


@group.command("list")
def list_(ctx: typer.Context, name: Name = None, url: Url = None, as_json: AsJson = False) -> int:
    """Show the webhooks of each place: ours in full, of foreign ones only the host."""
    from syncer.registration import chosen, listed

    config = opened.config_of(ctx)
    base = _url(config, url)
    found = asyncio.run(listed(config, chosen(config, name), base))
    if base is None:
        say("syncer: say [daemon] url or --url to see which are ours", out=sys.stderr)
    return _tell(found, base, as_json=as_json)


@group.command("install")
def install(ctx: typer.Context, name: Name = None, url: Url = None, as_json: AsJson = False) -> int:
    """Register our address, signed with the first webhook_secret; one that is there is renewed.

    Exit 0: all are registered; 2: a webhook_secret is missing; 1: a tracker refuses or does not answer.
    """
    from syncer.registration import install as install_hooks

    return _do(ctx, name, url, install_hooks, as_json=as_json)


@group.command("remove")
def remove(ctx: typer.Context, name: Name = None, url: Url = None, as_json: AsJson = False) -> int:
    """Remove the webhooks that lead to us, and no others."""
    from syncer.registration import remove as remove_hooks

    return _do(ctx, name, url, remove_hooks, as_json=as_json)


def _do(
    ctx: typer.Context,
    name: str | None,
    url: str | None,
    work: Callable[[Config, Sequence[str], str], Awaitable[list[Found]]],
    *,
    as_json: bool,
) -> int:
    from syncer.registration import chosen

    config = opened.config_of(ctx)
    base = _url(config, url)
    if base is None:
        fix = 'Like url = "https://syncer.acme.example", or --url.'
        raise ConfigError("where do trackers reach the daemon?", file=str(config.file), key="daemon.url", fix=fix)

    async def all_of_it() -> list[Found]:
        return await work(config, chosen(config, name), base)

    return _tell(asyncio.run(all_of_it()), base, as_json=as_json)


def _url(config: Config, said: str | None) -> str | None:
    if said is None:
        return config.daemon.url
    from pydantic import ValidationError

    from syncer.config import Daemon

    try:
        return Daemon(url=said).url
    except ValidationError as error:
        raise typer.BadParameter(str(error.errors()[0]["ctx"]["error"]), param_hint="--url") from None


# -- telling ---------------------------------------------------------------------------------


def _tell(found: Sequence[Found], base: str | None, *, as_json: bool) -> int:
    errors = [f.error for f in found if f.error is not None]
    if as_json:
        doc: dict[str, Any] = {
            "url": base,
            "hooks": [_document(f.connection, told) for f in found for told in f.hooks],
            "problems": [error_document(e) for e in errors],
        }
        say_json({**doc, "error": error_document(errors[0])} if errors else doc)
    else:
        rows = [_row(f.connection, told) for f in found for told in f.hooks]
        if rows:
            table(("connection", "whose", "webhook", "state", "events"), rows)
        elif not errors:
            say("no webhooks")
        for error in errors:
            say(f"syncer: {clean(redact(str(error)))}", out=sys.stderr)
    if any(isinstance(e, ConfigError) for e in errors):
        return USAGE
    return TROUBLE if errors else IN_STEP


def _row(connection: str, told: Told) -> tuple[str, ...]:
    state = told.did or ("active" if told.hook.active else "inactive")
    whose, where = ("ours", told.hook.url) if told.ours else ("foreign", told.host)
    return connection, whose, where, state, ", ".join(told.hook.events)


def _document(connection: str, told: Told) -> dict[str, Any]:
    return {
        "connection": connection,
        "id": told.hook.id,
        "ours": told.ours,
        "url": told.hook.url if told.ours else None,
        "host": told.host,
        "events": list(told.hook.events),
        "active": told.hook.active,
        "did": told.did,
    }
