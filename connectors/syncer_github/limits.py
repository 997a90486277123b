"""GitHub's refusals told apart, and the pace at which it wants content to be made."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from syncer.connector import Catalogue, Meter
from syncer.errors import (
    ConnectorError,
    CredentialsError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
)
from syncer.sdk.http import PATIENCE, retry_after

SECONDARY_WAIT = 60.0
"""Seconds to wait, at least, where GitHub speaks of its secondary limit and names no time."""
PACES = ((60.0, 80), (3600.0, 500))
"""Content-creating requests GitHub lets through: per window of seconds, how many."""
MADE = "made"
"""The catalogue's name for when the last of those were sent, as seconds since 1970."""

_TOO_FAST = re.compile(r"secondary rate limit|abuse detection|submitted too quickly|rate limit exceeded", re.IGNORECASE)


_ABOUT_US = re.compile(
    r"not accessible|archived|personal access token|\bSAML\b|suspended|allow list|organization has (?:enabled|forbid)",
    re.IGNORECASE,
)
_ABOUT_ONE_ISSUE = re.compile(r"\blocked\b", re.IGNORECASE)


def said(response: httpx.Response) -> str:
    """Return the answer's `message`, "" where it has none."""
    try:
        body = response.json()
    except ValueError:
        return ""
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else ""


def refusal(response: httpx.Response, now: datetime) -> ConnectorError | None:
    """Return what GitHub means by a 403, 410, 429 or 451; None where the status says it all."""
    status = response.status_code
    if status == httpx.codes.GONE:
        return _gone(said(response))
    if status == httpx.codes.UNAVAILABLE_FOR_LEGAL_REASONS:
        return CredentialsError(f"451: {said(response) or 'blocked'}. GitHub shows this to nobody.", status=status)
    if status not in {403, 429}:
        return None
    message = said(response)
    wait = _wait(response, message, now)
    if wait is None and status != httpx.codes.TOO_MANY_REQUESTS:
        if _ABOUT_ONE_ISSUE.search(message):
            return RejectedError(f"403: {message}", status=status)
        return CredentialsError(_may_not(response, message), status=status)
    return RateLimitedError(
        f"rate limited: {message}", status=status, retry_after=SECONDARY_WAIT if wait is None else wait
    )


def is_about_us(message: str) -> bool:
    """Say whether a 403 speaks of our token or of the whole repository, not of one issue or comment."""
    return _ABOUT_US.search(message) is not None


def _wait(response: httpx.Response, message: str, now: datetime) -> float | None:
    asked = retry_after(response, now)
    if asked is not None:
        return asked
    if response.headers.get("x-ratelimit-remaining") == "0":
        return _until_reset(response, now)
    return SECONDARY_WAIT if _TOO_FAST.search(message) else None


def _until_reset(response: httpx.Response, now: datetime) -> float:
    try:
        reset = datetime.fromtimestamp(float(response.headers["x-ratelimit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return SECONDARY_WAIT
    return max(0.0, (reset - now).total_seconds()) + 1.0


def _may_not(response: httpx.Response, message: str) -> str:
    needs = response.headers.get("x-accepted-github-permissions")
    return f"403: {message or 'forbidden'}" + (f" (the token needs {needs})" if needs else "")


def _gone(message: str) -> ConnectorError | None:
    # One status for three things; only "deleted" is about the issue.
    if "disabled" in message.casefold():
        return CredentialsError(f"410: {message}. Turn issues on in the repository's settings.", status=410)
    if "version" in message.casefold():
        return ProtocolError(f"410: {message}. GitHub retired this API version: update syncer.", status=410)
    return None


def is_githubs_own(url: str) -> bool:
    """Say whether *url* is GitHub's own service, where the limits on creating content hold."""
    host = (urlsplit(url).hostname or "").casefold()
    return host == "api.github.com" or host.endswith(".ghe.com")


@dataclass(slots=True)
class Pace:
    """Holds content-creating requests back so that GitHub need not refuse them; the catalogue remembers them from
    one run to the next."""

    connection: str
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    meter: Meter
    catalogue: Catalogue
    _made: deque[datetime] | None = field(default=None, init=False)

    async def turn(self) -> None:
        """Wait for the next turn, announced. Raises `RateLimitedError` where that is too far off."""
        made = self._recalled()
        wait = self._wait(made)
        if wait > PATIENCE:
            raise RateLimitedError(
                "GitHub takes 500 new issues and comments an hour",
                connection=self.connection,
                retry_after=wait,
            )
        if wait > 0:
            self.meter.throttled(wait, "GitHub takes 80 new issues and comments a minute, 500 an hour")
            await self.sleep(wait)
        made.append(self.clock())
        self.catalogue.put(MADE, [at.timestamp() for at in made])

    def _recalled(self) -> deque[datetime]:
        if self._made is None:
            told = self.catalogue.get(MADE, max_age=PACES[-1][0])
            stamps = told if isinstance(told, list) else []
            self._made = deque(datetime.fromtimestamp(s, UTC) for s in stamps if isinstance(s, int | float))
        return self._made

    def _wait(self, made: deque[datetime]) -> float:
        now = self.clock()
        longest = PACES[-1][0]
        while made and (now - made[0]).total_seconds() >= longest:
            made.popleft()
        waits = [0.0]
        for seconds, most in PACES:
            if len(made) >= most:
                waits.append(seconds - (now - made[-most]).total_seconds())
        return max(waits)
