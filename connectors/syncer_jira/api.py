"""Jira's REST API as the connector uses it: credentials, refusals, paging."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import httpx

from syncer.connector import Budget, Setting
from syncer.errors import (
    ConnectorError,
    CredentialsError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from syncer.sdk.http import BODY_SHOWN, Http, hide, redact, retry_after
from syncer_jira import limits
from syncer_jira.settings import JiraSettings

Object: TypeAlias = Mapping[str, Any]

ROOT = "rest/api/3"
PAGE = 100
PAGES = 10_000
"""No listing is longer; a server that never ends is broken."""
BULK = 100
MARK = "roadmap-syncer"
"""The issue property that carries our marker."""

ABSENT = frozenset({400, 403, 404, 405, 410, 501})
"""Answers that mean "not here, or not for you" from an endpoint we can do without."""


@dataclass(slots=True)
class Api:
    """One site, one account."""

    setting: Setting
    options: JiraSettings
    http: Http = field(init=False)

    def __post_init__(self) -> None:
        hide(self.options.token.get_secret_value())
        self.http = Http(self.setting, self.options.url, self._headers, self._classify, self._budget)

    async def _headers(self) -> Mapping[str, str]:
        pair = f"{self.options.email}:{self.options.token.get_secret_value()}"
        secret = base64.b64encode(pair.encode()).decode()
        hide(secret)
        return {"Authorization": f"Basic {secret}", "Accept": "application/json"}

    def _classify(self, response: httpx.Response) -> ConnectorError | None:
        return refusal(response, self.setting.clock())

    def _budget(self, response: httpx.Response) -> Budget | None:
        return limits.budget(response, self.setting.clock())

    async def ask(self, path: str, **params: Any) -> Any:  # noqa: ANN401 -- the JSON border
        """GET what must be there."""
        return self.http.parse(await self.http.get(f"{ROOT}/{path}", params=params or None))

    async def ask_softly(self, path: str, **params: Any) -> Any:  # noqa: ANN401 -- the JSON border
        """GET what we can do without: None where this site does not offer it."""
        response = await self.http.get(f"{ROOT}/{path}", params=params or None, ok=ABSENT)
        return None if response.status_code in ABSENT else self.http.parse(response)

    async def write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 -- JSON
        """Send a write, once; None where it was answered without a body, which Jira says by a 204."""
        response = await self.http.request(method, f"{ROOT}/{path}", json=body)
        return None if response.status_code == httpx.codes.NO_CONTENT else self.http.parse(response)

    async def search(
        self, jql: str, fields: Sequence[str], properties: Sequence[str] = ()
    ) -> AsyncIterator[tuple[Sequence[Object], bool]]:
        """Yield pages of issues, each with whether it is the last. A short page is not the end."""
        token: str | None = None
        seen: set[str] = set()
        for _ in range(PAGES):
            body: dict[str, Any] = {"jql": jql, "fields": list(fields), "maxResults": PAGE}
            if properties:
                body["properties"] = list(properties)
            if token is not None:
                body["nextPageToken"] = token
            response = await self.http.request("POST", f"{ROOT}/search/jql", json=body, read=True)
            answer = self.object(self.http.parse(response))
            token = answer.get("nextPageToken") or None
            last = answer.get("isLast") is True or token is None
            yield [self.object(i) for i in answer.get("issues") or []], last
            if last or token is None:
                return
            if token in seen:
                raise self.broken("gave the same page token twice")
            seen.add(token)
        raise self.broken("never stopped paging")

    async def bulk(self, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Object]:
        """Read issues by id. Those that are missing or hidden are silently left out (OpenAPI,
        `BulkIssueResults.issueErrors`).
        """
        found: list[Object] = []
        for start in range(0, len(ids), BULK):
            body = {
                "issueIdsOrKeys": list(ids[start : start + BULK]),
                "fields": list(fields),
                "properties": [MARK],
            }
            response = await self.http.request("POST", f"{ROOT}/issue/bulkfetch", json=body, read=True, ok=ABSENT)
            if response.status_code not in ABSENT:
                answer = self.object(self.http.parse(response))
                found += [self.object(i) for i in answer.get("issues") or []]
        return found

    async def issue(self, id_or_key: str, fields: Sequence[str]) -> Object | None:
        """Read one issue, wherever it lives now; None where it is gone or hidden."""
        params = {"fields": ",".join(fields), "properties": MARK}
        response = await self.http.get(f"{ROOT}/issue/{id_or_key}", params=params, ok=frozenset({404}))
        return None if response.status_code == httpx.codes.NOT_FOUND else self.object(self.http.parse(response))

    async def listed(self, path: str, *names: str, **params: Any) -> AsyncIterator[Object]:  # noqa: ANN401 -- query
        """Yield the entries of an offset-paged list; *names* are what its array may be called."""
        start = 0
        for _ in range(PAGES):
            answer = self.object(await self.ask(path, startAt=start, maxResults=PAGE, **params))
            entries: list[Any] = next((answer[n] for n in names if isinstance(answer.get(n), list)), [])
            for entry in entries:
                yield self.object(entry)
            start += len(entries)
            if not entries or answer.get("isLast") is True or start >= int(answer.get("total") or 0):
                return
        raise self.broken("never stopped paging")

    def object(self, value: object) -> Object:
        """Return *value* if it is a JSON object. Raises `ProtocolError` otherwise."""
        if not isinstance(value, Mapping):
            raise self.broken(f"sent {type(value).__name__} where an object belongs")
        return value

    def broken(self, what: str) -> ProtocolError:
        return ProtocolError(f"the server {what}", connection=self.setting.connection)


def refusal(response: httpx.Response, now: datetime) -> ConnectorError | None:
    """Return what Jira means by an answer where its status alone does not say it."""
    status = response.status_code
    if status == httpx.codes.UNAUTHORIZED:
        return CredentialsError(
            "401: the e-mail or the API token is wrong, or the token has expired (they live a year at "
            "most). A scoped token needs url = https://api.atlassian.com/ex/jira/<cloudId>."
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return _limit(response, now)
    if status in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY}:
        return UnavailableError(f"{status}: the server gave up waiting", retry_after=retry_after(response, now))
    if status == httpx.codes.FORBIDDEN and _is_write(response.request) and _is_json(response):
        # Jira refuses single edits and transitions so; the credentials are as good as before.
        return RejectedError(f"403: this account may not do that here: {redact(response.text[:BODY_SHOWN])}")
    if status < httpx.codes.MULTIPLE_CHOICES and response.content and not _is_json(response):
        kind = response.headers.get("content-type", "nothing")
        return ProtocolError(
            f"answered {status} with {kind}, not JSON: a login page or a proxy?",
            body=redact(response.text[:BODY_SHOWN]),
        )
    return None


def _limit(response: httpx.Response, now: datetime) -> RateLimitedError:
    reason = response.headers.get("ratelimit-reason", "no reason given")
    return RateLimitedError(f"rate limited ({reason})", retry_after=limits.until(response, now))


def _is_write(request: httpx.Request) -> bool:
    path = request.url.path
    return request.method != "GET" and not path.endswith(("/search/jql", "/bulkfetch"))


def _is_json(response: httpx.Response) -> bool:
    return "json" in response.headers.get("content-type", "")
