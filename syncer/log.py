"""structlog set-up, one line an event, without secrets. Logs go to stderr; results go to stdout elsewhere."""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, TextIO

import structlog

_SHAPES = re.compile(
    r"""(?ix)
      (?P<auth>\b(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}
    | \b(?:gh[pousr]_|github_pat_|lin_api_|lin_oauth_|ATATT|ATCTT)[A-Za-z0-9_=.-]{6,}
    | (?P<pair>\b(?:access_token|refresh_token|client_secret|api[_-]?key|password|token)["']?\s*[=:]\s*["']?)
      [^\s"'&,}]{4,}
    | (?P<url>://)[^/\s:@]+:[^/\s@]+@
    """
)
_HINTS: Final = (
    *("bearer", "basic", "token", "secret", "key", "password", "://"),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "lin_", "atatt", "atctt"),
)
"""Each shape has one of these in it: what has none is spared the search, most of an event's cost."""
_NAMED: Final = frozenset(
    {"access_token", "refresh_token", "client_secret", "api_key", "apikey", "api-key", "password", "token", "secret"}
)
# Begins only where a word does, or a long one without "@" would be searched once per letter.
_EMAIL = re.compile(r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_NUMBERS: Final = logging.getLevelNamesMapping()
_COLOURS: Final = {"debug": "\033[32m", "info": "\033[32m", "warning": "\033[33m"}
_RED, _PLAIN = "\033[31m", "\033[0m"
_DEPTH: Final = 6
"""How deep a list or table in a fact is written as such; what lies deeper is written as text."""
_known: set[str] = set()
_passing: deque[str] = deque(maxlen=64)
"""Secrets that end by themselves within hours: a daemon meets a new one with every run."""

log = structlog.get_logger()

Mask = Callable[[str], str]


def hide(secret: str, *, passing: bool = False) -> None:
    """Remember *secret*, so that it never shows in a log, an error, or a result. Of the *passing* ones, which
    are renewed for ever, the latest 64 are remembered."""
    if len(secret) < 4:  # noqa: PLR2004 -- shorter ones would blank ordinary words
        return
    if not passing:
        _known.add(secret)
    elif secret not in _passing:
        _passing.append(secret)


def redact(text: str) -> str:
    """Return *text* with known secrets, and whatever looks like one, replaced by `[secret]`."""
    for secret in sorted((*_known, *_passing), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    folded = text.casefold()
    for hint in _HINTS:
        if hint in folded:
            return _SHAPES.sub(_mask, text)
    return text


def _mask(match: re.Match[str]) -> str:
    if match["url"]:
        return "://[secret]@"
    return f"{match['auth'] or match['pair'] or ''}[secret]"


def _redact_emails(text: str) -> str:
    text = redact(text)
    return _EMAIL.sub("[email]", text) if "@" in text or "%40" in text else text


def setup(
    *,
    form: Literal["console", "json"] = "console",
    level: str = "info",
    levels: Mapping[str, str] = {},
    emails: bool = True,
    stream: TextIO | None = None,
) -> None:
    """Send log events to *stream* (stderr), one a line; called again, it changes that from the next event on.

    *levels* are by part, the noun before the dot of an event, and come before the general *level*.
    Without *emails* an address shows as `[email]`. Raises `KeyError` for a level that is none.
    """
    out = stream or sys.stderr
    general = _NUMBERS[level.upper()]
    own = {part: _NUMBERS[said.upper()] for part, said in levels.items()}
    mask = redact if emails else _redact_emails
    steps: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _json_line(mask) if form == "json" else _console_line(mask, colours=out.isatty()),
    ]
    structlog.configure(
        processors=[_by_part(general, own), *steps] if own else steps,
        wrapper_class=structlog.make_filtering_bound_logger(min(general, *own.values()) if own else general),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    logging.getLogger().addHandler(_LIBRARIES)


class _Libraries(logging.Handler):
    """Takes what libraries warn of: else Python writes it to stderr as it is, secrets and all."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 -- a library's format and its arguments may not fit
            said = str(record.msg)
        if record.levelno >= logging.ERROR:
            log.error("library.failed", logger=record.name, said=said, exc_info=record.exc_info)
        else:
            log.warning("library.warned", logger=record.name, said=said)


_LIBRARIES: Final = _Libraries(logging.WARNING)


def _by_part(general: int, own: Mapping[str, int]) -> structlog.types.Processor:
    """Drop what its part's level hides, before anything is spent on it."""

    def sift(_: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        said = event.get("event")
        part, dot, _rest = said.partition(".") if isinstance(said, str) else ("", "", "")
        if _NUMBERS.get(name.upper(), logging.ERROR) < (own.get(part, general) if dot else general):
            raise structlog.DropEvent
        return event

    return sift


# -- lines -----------------------------------------------------------------------------------


def _json_line(mask: Mask) -> structlog.types.Processor:
    """Write timestamp, level and event first, then the facts. ASCII alone: nothing in it acts on a terminal."""

    def line(_: object, __: str, event: MutableMapping[str, Any]) -> str:
        head = {name: event.pop(name, None) for name in ("timestamp", "level", "event")}
        return json.dumps({name: _fit(name, fact, mask) for name, fact in (*head.items(), *event.items())})

    return line


def _console_line(mask: Mask, *, colours: bool) -> structlog.types.Processor:
    """Write what a person reads. Only an event begins at the left edge; its traceback is set in."""

    def line(_: object, __: str, event: MutableMapping[str, Any]) -> str:
        stamp, level = event.pop("timestamp", ""), str(event.pop("level", ""))
        said = _shown(_fit("event", event.pop("event", ""), mask))
        trace = event.pop("exception", None)
        facts = [f"{name}={_shown(_fit(name, fact, mask))}" for name, fact in event.items()]
        painted = f"{_COLOURS.get(level, _RED)}{level:<8}{_PLAIN}" if colours else f"{level:<8}"
        lines = [" ".join((f"{stamp} [{painted}]", f"{said:<24}", *facts)).rstrip()]
        if trace is not None:
            lines += [f"    {_escaped(one)}" for one in mask(str(trace)).splitlines()]
        return "\n".join(lines)

    return line


def _shown(value: object) -> str:
    """Return a value on one line; quoted where it would not be told from what stands around it."""
    if not isinstance(value, str):
        return repr(value)
    if value and value.isprintable() and not set(value) & {" ", "=", '"', "'", "\\"}:
        return value
    return repr(value)


def _escaped(line: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


# -- values ----------------------------------------------------------------------------------


def _fit(name: object, value: object, mask: Mask, depth: int = _DEPTH) -> object:
    """Return a fact as JSON holds it, masked. Whatever its own methods raise, a log call does not."""
    try:
        return "[secret]" if value and str(name).lower() in _NAMED else _plain(value, mask, depth)
    except Exception:  # noqa: BLE001 -- a line about an odd value is better than the end of a run
        return f"<{type(value).__name__} that cannot be shown>"


def _plain(value: object, mask: Mask, depth: int) -> object:
    if isinstance(value, str):
        return mask(str(value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return "[secret]" if str(value) in _known else int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if depth and isinstance(value, Mapping):
        return {mask(str(n)): _fit(n, v, mask, depth - 1) for n, v in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_plain(v, mask, depth - 1) for v in value]
    if depth and isinstance(value, AbstractSet):
        return sorted((_plain(v, mask, depth - 1) for v in value), key=repr)
    if isinstance(value, BaseException):
        return mask(f"{type(value).__name__}: {value}")
    return mask(str(value))
