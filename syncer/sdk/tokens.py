"""Tokens that end: kept in memory alone, renewed before they do, and at once where the tracker refuses one.

A connector gives `Http` the two halves: `text` in its headers, `again` in its `classify`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import httpx
from pydantic import SecretStr

from syncer.errors import ConnectorError, CredentialsError, UnavailableError
from syncer.log import hide
from syncer.sdk.http import PATIENCE

EARLY = timedelta(minutes=5)
"""How long before its end a token is no longer used; of one that lives shorter, half its life."""
Shelf: TypeAlias = "MutableMapping[Hashable, Token]"
"""Where a plugin keeps tokens, by whose they are, from one connector to the next: in memory, as everything here."""
SETTLING = timedelta(seconds=5)
"""How long a new token may not be known yet to every server that is asked with it."""


@dataclass(frozen=True, slots=True)
class Token:
    """What the tracker gave us; `made` and `ends` are by our own clock, aware UTC."""

    text: SecretStr
    made: datetime
    ends: datetime

    def fresh(self, now: datetime) -> bool:
        return now < self.ends - min(EARLY, (self.ends - self.made) / 2)


@dataclass(slots=True)
class Tokens:
    """One connection's tokens, each asked for by *fetch*. Neither logged nor stored.

    However many requests find the token ended, one asks for the next. A token that was good lies on the
    *shelf* for the next connector of *whose* credentials: a daemon opens one for every run.
    """

    fetch: Callable[[], Awaitable[Token]]
    clock: Callable[[], datetime]
    whose: Hashable = None
    shelf: Shelf = field(default_factory=dict)
    current: Token | None = field(default=None, init=False)
    _proven: bool = field(default=False, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        self.current = self.shelf.get(self.whose)
        self._proven = self.current is not None

    async def text(self) -> str:
        """Return a token that is good. Whatever this raises, the request it was for was not sent."""
        return (await self.token()).text.get_secret_value()

    async def token(self) -> Token:
        async with self._lock:
            if self.current is None or not self.current.fresh(self.clock()):
                self.current = await self._fetched()
                self._proven = False
            return self.current

    async def _fetched(self) -> Token:
        try:
            token = await self.fetch()
        except CredentialsError:
            raise
        except ConnectorError as error:
            raise _unsent(error) from None
        hide(token.text.get_secret_value(), passing=True)
        return token

    def accepted(self, response: httpx.Response) -> None:
        """Note that the tracker let *response*'s request in."""
        if self.current is not None and not self._proven and self._is_current(response):
            self._proven = True
            self.shelf[self.whose] = self.current

    def again(self, response: httpx.Response) -> UnavailableError | None:
        """Return the error by which a request refused for its token is sent once more; None where that is final.

        A token that was good is renewed, once: what refuses its successor means us.
        """
        if self.current is None or not self._is_current(response):
            # Another request was refused before, and the next token may be here already.
            return UnavailableError("a token ended meanwhile", retry_after=0.0, sent=False)
        if self.clock() - self.current.made < SETTLING:
            return UnavailableError("a new token is not known everywhere yet", sent=False)
        if not self._proven:
            return None
        if self.shelf.get(self.whose) is self.current:
            del self.shelf[self.whose]
        self.current = None
        return UnavailableError("the token was refused before its end", retry_after=0.0, sent=False)

    def _is_current(self, response: httpx.Response) -> bool:
        if self.current is None:
            return False
        used = str(response.request.headers.get("authorization", "")).rpartition(" ")[2]
        return used == self.current.text.get_secret_value()


def _unsent(error: ConnectorError) -> UnavailableError:
    """Return what a failed renewal means for the request that needed it: no effect, and later may be better.

    It was tried as often as is sensible; what waits for the token does not try that often again.
    """
    later = max(PATIENCE + 1.0, (error.retry_after or 0.0) if isinstance(error, UnavailableError) else 0.0)
    if isinstance(error, UnavailableError):
        error.sent, error.retry_after = False, later
        return error
    said = f"no token: {error.message}"
    return UnavailableError(said, connection=error.connection, status=error.status, retry_after=later, sent=False)
