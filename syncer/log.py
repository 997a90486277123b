"""structlog set-up and secret redaction. Logs go to stderr; results go to stdout elsewhere."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

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
_known: set[str] = set()


def hide(secret: str) -> None:
    """Remember *secret*, so that it never shows in a log, an error, or a result."""
    if len(secret) >= 4:  # noqa: PLR2004 -- shorter ones would blank ordinary words
        _known.add(secret)


def redact(text: str) -> str:
    """Return *text* with known secrets, and whatever looks like one, replaced by `[secret]`."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return _SHAPES.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    if match["url"]:
        return "://[secret]@"
    return f"{match['auth'] or match['pair'] or ''}[secret]"


def _redact_event(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event


def _redacted(render: structlog.types.Processor) -> structlog.types.Processor:
    """Return *render* with its line redacted: secrets lie in lists and errors, too."""

    def line(log: Any, name: str, event: MutableMapping[str, Any]) -> str:  # noqa: ANN401 -- structlog's own type
        return redact(str(render(log, name, event)))

    return line


def setup(*, form: Literal["console", "json"] = "console", level: str = "info", stream: TextIO | None = None) -> None:
    """Send log events to *stream* (stderr), one a line."""
    out = stream or sys.stderr
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    last: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=24)
    )
    structlog.configure(
        processors=[*shared, _redacted(last)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
