"""The application: global options, the commands, and one place that turns errors into advice."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from syncer import log
from syncer.errors import (
    ConfigError,
    ConnectorError,
    CredentialsError,
    LeaseBusyError,
    ProtocolError,
    StoreError,
    SyncerError,
    UnavailableError,
    UnsafePlanError,
)

# Newer Typer brings a click of its own; both name the base of usage errors only by inheritance.
UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])

IN_STEP, TROUBLE, USAGE, PERSON, BUSY, INTERRUPTED = 0, 1, 2, 3, 4, 130


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


@dataclass(slots=True)
class Globals:
    """What was said before the command."""

    config: Path | None = None
    log_format: Literal["console", "json"] | None = None
    log_level: str = ""


app = typer.Typer(
    name="syncer",
    help="Keeps product and roadmap items in step across Jira, GitHub Issues and Linear.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 -- Typer hands over the flag
    if asked:
        sys.stdout.write(f"syncer {importlib.metadata.version('roadmap-syncer')}\n")
        raise typer.Exit(IN_STEP)


@app.callback()
def _globals(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="The config file (default ./config.toml, else $SYNCER_CONFIG).")
    ] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="How log events look on stderr: console (the default) or json.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "",
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    said = log_level or os.environ.get("SYNCER_LOG_LEVEL", "")
    level = said or "warning"
    if level.lower() not in {"debug", "info", "warning", "error"}:
        raise typer.BadParameter("say debug, info, warning or error", param_hint="--log-level")
    form: Literal["console", "json"] | None = None if log_format is None else log_format.value
    log.setup(form=form or "console", level=level)
    ctx.obj = Globals(config, form, said.lower())


def run(words: Sequence[str]) -> int:
    """Run one command line; return its exit code."""
    from syncer.cli import commands

    commands.register(app)
    as_json = "--json" in words
    _hear_stops()
    try:
        code = app(args=list(words), standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        if as_json:
            _say_json({"kind": "interrupted", "message": "stopped before it was done; the next run goes on from there"})
        return INTERRUPTED
    except UsageError as error:
        if as_json:
            _say_json({"kind": "usage", "message": error.format_message()})
        else:
            error.show()
        return USAGE
    except SyncerError as error:
        return _advise(error, as_json=as_json)
    except BrokenPipeError:
        sys.stderr.close()
        return TROUBLE
    return code if isinstance(code, int) else IN_STEP


def _hear_stops() -> None:
    """Let SIGTERM end a command as Ctrl-C does."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script has started us in the background. With it ignored asyncio would not hear of SIGTERM either.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def _advise(error: SyncerError, *, as_json: bool) -> int:
    if as_json:
        _say_json(error_document(error))
    else:
        sys.stderr.write(f"syncer: {log.redact(str(error))}\n")
    return exit_code(error)


def error_document(error: SyncerError) -> dict[str, object]:
    """Return the `error` object of `--json`."""
    return {
        "kind": _kind(error),
        "message": log.redact(str(error)),
        "connection": getattr(error, "connection", None) or None,
        "file": getattr(error, "file", None),
        "key": getattr(error, "key", None),
    }


def _say_json(error: dict[str, object]) -> None:
    full = {"kind": None, "message": None, "connection": None, "file": None, "key": None, **error}
    sys.stdout.write(json.dumps({"error": full}, ensure_ascii=False) + "\n")


def _kind(error: SyncerError) -> str:
    kinds: tuple[tuple[type[SyncerError], str], ...] = (
        (ConfigError, "config"),
        (CredentialsError, "credentials"),
        (UnavailableError, "unavailable"),
        (ProtocolError, "protocol"),
        (ConnectorError, "rejected"),
        (UnsafePlanError, "guard"),
        (LeaseBusyError, "busy"),
        (StoreError, "store"),
    )
    return next((kind for type_, kind in kinds if isinstance(error, type_)), "error")


def exit_code(error: SyncerError) -> int:
    """Return the exit code an error that stopped a command stands for."""
    if isinstance(error, ConfigError):
        return USAGE
    if isinstance(error, LeaseBusyError):
        return BUSY
    return PERSON if isinstance(error, UnsafePlanError) else TROUBLE
