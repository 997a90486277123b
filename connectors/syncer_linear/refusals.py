"""What Linear's refusals mean: most arrive as HTTP 200 with `errors`, rate limits as 400."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from syncer.errors import (
    ConnectorError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from syncer.sdk.http import retry_after
from syncer_linear.budgets import number

BUDGETS = ("requests", "complexity", "endpoint-requests")
HOUR = 3600.0
SHOWN = 300

_PASSING = frozenset({"internal error", "lock timeout", "network error", "bootstrap error"})


class ConflictError(RejectedError):
    """A create was refused because its id exists: the same create arrived before."""


class ForbiddenError(CredentialsError):
    """Our account is known and may not do this: a matter of the token, or of this one thing."""


@dataclass(frozen=True, slots=True)
class _Said:
    message: str
    shown: str
    kind: str
    code: str


def refusal(response: httpx.Response, now: datetime) -> ConnectorError | None:
    """Return the error *response* stands for, or None where it carries no `errors`.

    Judged by `extensions.type`, then `code`: the HTTP status of one refusal varies.
    """
    body = _body(response)
    errors = body.get("errors")
    if not isinstance(errors, Sequence) or isinstance(errors, str) or not errors:
        return None
    said = [_said(error) for error in errors]
    if any(_limited(one) for one in said):
        return RateLimitedError("rate limited", retry_after=_wait(response, now))
    return _meaning(said[0], response, partly=_answered(body.get("data")))


def _meaning(said: _Said, response: httpx.Response, *, partly: bool) -> ConnectorError:
    if said.kind == "authentication error" or said.code == "AUTHENTICATION_ERROR":
        return CredentialsError(said.shown)
    if response.status_code == httpx.codes.UNAUTHORIZED or "Bearer token" in said.message:
        return CredentialsError(said.shown)
    if said.kind == "forbidden" or said.code == "FORBIDDEN":
        return ForbiddenError(said.shown)
    if said.kind in _PASSING or said.code == "INTERNAL_SERVER_ERROR" or response.is_server_error:
        return UnavailableError(said.shown)
    if partly:
        return ProtocolError(f"answered only in part: {said.shown}", body=response.text[:SHOWN])
    if said.message.startswith("Entity not found"):
        return NotFoundError(said.message)
    if said.message.startswith("conflict on insert") or "already exists" in said.shown:
        return ConflictError(said.shown)
    return RejectedError(said.shown)


def _body(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, Mapping) else {}


def _said(error: object) -> _Said:
    facts = error if isinstance(error, Mapping) else {"message": str(error)}
    extensions = facts.get("extensions")
    more = extensions if isinstance(extensions, Mapping) else {}
    message = str(facts.get("message") or "")
    shown = str(more.get("userPresentableMessage") or message or "refused without a reason")
    return _Said(message, shown[:SHOWN], str(more.get("type") or "").lower(), str(more.get("code") or ""))


def _limited(said: _Said) -> bool:
    return said.kind == "ratelimited" or said.code.upper() == "RATELIMITED"


def _answered(data: object) -> bool:
    return isinstance(data, Mapping) and any(value is not None for value in data.values())


def _wait(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds until the last exhausted budget is renewed; resets are epoch milliseconds."""
    told = retry_after(response, now)
    if told is not None:
        return told
    spent = [
        number(response.headers, f"x-ratelimit-{name}-reset")
        for name in BUDGETS
        if number(response.headers, f"x-ratelimit-{name}-remaining") == 0
    ]
    waits = [reset / 1000 - now.timestamp() for reset in spent if reset is not None]
    ahead = [wait for wait in waits if wait > 0]
    return min(max(ahead), HOUR) if ahead else None
