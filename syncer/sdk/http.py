"""The one HTTP client: pins the origin, counts, waits as told, and turns answers into errors.

Retries live here and nowhere else: reads, and writes that were certainly refused (429, connection
refused before a byte was sent). Whatever is ambiguous is raised with `sent=True` for settle.
"""

from __future__ import annotations

import email.utils
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import tenacity

from syncer.connector import Budget, Setting
from syncer.errors import (
    ConnectorError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    StaleError,
    UnavailableError,
)
from syncer.log import hide, redact

__all__ = ["Http", "hide", "redact", "retry_after"]

Classify = Callable[[httpx.Response], ConnectorError | None]

ATTEMPTS = 5
PATIENCE = 90.0
"""Seconds one request may wait for its limits altogether; past that the connection is left out."""
BODY_SHOWN = 300


def _nothing(_: httpx.Response) -> ConnectorError | None:
    return None


def _no_budget(_: httpx.Response) -> Budget | None:
    return None


def _json_error(response: httpx.Response) -> str:
    """Return what the tracker said, short and without secrets."""
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return redact(response.text[:BODY_SHOWN])
    if isinstance(body, dict):
        parts: list[str] = []
        messages = body.get("errorMessages")
        if isinstance(messages, list):
            parts += [str(m) for m in messages]
        if isinstance(body.get("message"), str):
            parts.append(body["message"])
        errors = body.get("errors")
        if isinstance(errors, dict):
            parts += [f"{k}: {v}" for k, v in errors.items()]
        if isinstance(errors, list):
            parts += [_one(e) for e in errors]
        if parts:
            return redact("; ".join(p for p in parts if p)[:BODY_SHOWN])
    return redact(response.text[:BODY_SHOWN])


def _one(error: object) -> str:
    if not isinstance(error, dict):
        return str(error)
    said = error.get("message") or error.get("code") or ""
    return f"{error['field']}: {said}" if "field" in error else str(said)


def retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header (number or date) asks for, or None."""
    raw = response.headers.get("retry-after")
    if raw is None:
        return None
    try:
        return max(0.0, float(raw))
    except ValueError:
        pass
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(raw) - now).total_seconds())
    except (TypeError, ValueError):
        return None


@dataclass(slots=True)
class Http:
    """One connection's requests.

    `headers()` is awaited before every attempt, so a renewed token is used at once. `classify`
    lets a connector recognise its tracker's own refusals (GitHub's 403 limits, Linear's 400); it
    may return a `ConnectorError` for any answer, or None for the common reading by status. `budget`
    reads what the tracker's headers say is left of the tightest of its limits.
    """

    setting: Setting
    base: str
    headers: Callable[[], Awaitable[Mapping[str, str]]]
    classify: Classify = _nothing
    budget: Callable[[httpx.Response], Budget | None] = _no_budget
    timeout: float = 30.0
    _client: httpx.AsyncClient | None = field(default=None, init=False)
    _dates: tuple[datetime, datetime] | None = field(default=None, init=False)

    @property
    def connection(self) -> str:
        return self.setting.connection

    def server_time(self) -> datetime | None:
        """Return the tracker's clock as of now, from its last `Date` header (1 s resolution)."""
        if self._dates is None:
            return None
        theirs, ours = self._dates
        return theirs + (self.setting.clock() - ours)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def url(self, path: str) -> str:
        """Return *path* under the base; an absolute URL is let through only within its origin."""
        if "://" not in path:
            return self.base.rstrip("/") + "/" + path.lstrip("/") if path else self.base
        asked, ours = urlsplit(path), urlsplit(self.base)
        if (asked.scheme, asked.netloc) != (ours.scheme, ours.netloc):
            raise ProtocolError(
                f"refused to follow a link to another host ({asked.netloc})", connection=self.connection
            )
        return path

    async def get(
        self, path: str, *, params: Mapping[str, Any] | None = None, ok: frozenset[int] = frozenset()
    ) -> httpx.Response:
        return await self.request("GET", path, params=params, ok=ok)

    async def request(
        self,
        method: str,
        path: str,
        *,
        read: bool | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,  # noqa: ANN401 -- a request body is any JSON
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        ok: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        """Send one request and return its answer, or raise a `ConnectorError`.

        *read* says a POST has no effect (a search, a GraphQL query) and may be sent again. *form* is sent
        instead of *json*, as a web page sends one. *ok*
        lists statuses of 300 and above the caller wants to see itself (301, 304, 404, 410 ...).
        """
        safe = method in {"GET", "HEAD"} if read is None else read
        target = self.url(path)
        spent = 0.0

        def again(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if not isinstance(error, UnavailableError) or not (safe or not error.sent):
                return False
            return spent + _pause(error, state.attempt_number) <= PATIENCE

        def wait(state: tenacity.RetryCallState) -> float:
            nonlocal spent
            error = state.outcome.exception() if state.outcome else None
            pause = _pause(error, state.attempt_number)
            spent += pause
            if isinstance(error, RateLimitedError):
                self.setting.meter.throttled(pause, error.message)
            return pause

        retrying = tenacity.AsyncRetrying(
            retry=again,
            wait=wait,
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            sleep=self.setting.sleep,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._once(method, target, params, json, form, headers, ok)
        raise AssertionError  # pragma: no cover -- tenacity returns or raises

    async def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        body: Any,  # noqa: ANN401 -- a request body is any JSON
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        ok: frozenset[int],
    ) -> httpx.Response:
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=self.setting.transport, timeout=self.timeout, follow_redirects=False
            )
        sent_headers = {"User-Agent": "roadmap-syncer", **await self.headers(), **(headers or {})}
        self.setting.meter.request()
        try:
            response = await self._client.request(
                method, url, params=params, json=body, data=form, headers=sent_headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UnavailableError(
                f"cannot reach {urlsplit(self.base).netloc} ({redact(str(error)) or type(error).__name__})",
                connection=self.connection,
                sent=False,
            ) from None
        except httpx.TransportError as error:
            raise UnavailableError(
                f"no full answer from {urlsplit(self.base).netloc} ({type(error).__name__})",
                connection=self.connection,
            ) from None
        except httpx.InvalidURL:
            raise ProtocolError("not a URL that can be asked", connection=self.connection) from None
        except httpx.DecodingError:
            raise ProtocolError("an answer that cannot be decoded", connection=self.connection) from None
        self._note_date(response)
        if (left := self.budget(response)) is not None:
            self.setting.meter.budget(left)
        self._raise_for(response, ok)
        return response

    def _note_date(self, response: httpx.Response) -> None:
        raw = response.headers.get("date")
        if raw is None:
            return
        try:
            self._dates = (email.utils.parsedate_to_datetime(raw).astimezone(UTC), self.setting.clock())
        except (TypeError, ValueError):
            return

    def _raise_for(self, response: httpx.Response, ok: frozenset[int]) -> None:
        own = self.classify(response)
        if own is not None:
            own.connection = self.connection
            own.status = own.status or response.status_code
            raise own
        status = response.status_code
        if status < httpx.codes.MULTIPLE_CHOICES or status in ok:
            return
        said = _json_error(response)
        facts: dict[str, Any] = {"connection": self.connection, "status": status}
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise RateLimitedError(
                f"rate limited: {said}", retry_after=retry_after(response, self.setting.clock()), **facts
            )
        if status in {401, 403}:
            raise CredentialsError(f"{status}: {said or response.reason_phrase}", **facts)
        if status in {404, 410}:
            raise NotFoundError(f"{status}: {said or response.reason_phrase}", **facts)
        if status == httpx.codes.CONFLICT:
            raise StaleError(f"409: {said}", **facts)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise UnavailableError(
                f"{status}: {said or response.reason_phrase}",
                retry_after=retry_after(response, self.setting.clock()),
                **facts,
            )
        if status < httpx.codes.BAD_REQUEST:
            raise ProtocolError(f"an unexpected redirect ({status})", **facts)
        raise RejectedError(f"{status}: {said or response.reason_phrase}", **facts)

    def parse(self, response: httpx.Response) -> Any:  # noqa: ANN401 -- the JSON border
        """Return the answer's JSON. Raises `ProtocolError`, with the body's beginning, on anything else."""
        try:
            return response.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise ProtocolError(
                f"answered {response.status_code} with something that is not JSON",
                connection=self.connection,
                status=response.status_code,
                body=redact(response.text[:BODY_SHOWN]),
            ) from None


def _pause(error: BaseException | None, attempt: int) -> float:
    """Return the seconds to wait before the next attempt: what the tracker said, else 1, 2, 4 ... with jitter."""
    backoff = min(2.0 ** (attempt - 1), 30.0) * random.uniform(0.7, 1.3)  # noqa: S311 -- jitter, not a secret
    said = error.retry_after if isinstance(error, UnavailableError) else None
    return backoff if said is None else said + random.uniform(0.0, 0.5)  # noqa: S311 -- jitter, not a secret
