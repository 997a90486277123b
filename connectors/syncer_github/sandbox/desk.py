"""The front desk of the sandbox: tokens, limits, pages, and the headers on every answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from syncer_github.sandbox.apps import Apps
from syncer_github.sandbox.refusals import Refusal, invalid
from syncer_github.sandbox.state import BOT, World

HOURLY = 5_000
VERSIONS = frozenset({"2022-11-28", "2026-03-10"})
PER_PAGE = 30
PER_PAGE_MOST = 100


@dataclass(slots=True)
class Purse:
    """One hourly limit: its name, how much it is, what is left of it, and when it is filled again."""

    resource: str
    limit: int
    remaining: int = field(init=False)
    reset: datetime | None = None

    def __post_init__(self) -> None:
        self.remaining = self.limit

    def fill(self, now: datetime) -> None:
        """Begin a new hour where the last one is over."""
        if self.reset is None or now >= self.reset:
            first = self.reset is None
            self.reset = now.astimezone(UTC).replace(microsecond=0) + timedelta(hours=1)
            self.remaining = self.remaining if first else self.limit


class Desk:
    """Lets callers in, counts them, and sends them off with GitHub's headers.

    REST counts requests, GraphQL points, each out of a purse of its own. *apps*: they alone are let in then.
    """

    def __init__(self, world: World, token: str, hourly: int = HOURLY, apps: Apps | None = None) -> None:
        self.apps = apps
        self.world = world
        self.token = token
        self.points = Purse("graphql", hourly)
        self._core = Purse("core", hourly)
        self._asked = self._core
        self._served = 0

    @property
    def remaining(self) -> int:
        """Requests left over REST."""
        return self._core.remaining

    @remaining.setter
    def remaining(self, requests: int) -> None:
        self._core.remaining = requests

    def admit(self, request: Request) -> str:
        """Return the caller's login. Raises `Refusal` for bad tokens, versions, and spent budgets."""
        graph = request.url.path == "/graphql"
        self._asked = self.points if graph else self._core
        self._asked.fill(self.world.clock())
        if not request.headers.get("user-agent"):
            raise Refusal(403, "Request forbidden by administrative rules.")
        version = request.headers.get("x-github-api-version")
        if version is not None and version not in VERSIONS:
            raise Refusal(400, f"{version} is not a supported API version.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            raise Refusal(401, "Requires authentication")
        known = self.apps is not None or token == self.token
        if scheme.casefold() not in {"bearer", "token"} or not known:
            raise Refusal(401, "Bad credentials")
        if self.apps is not None:
            self.apps.admit(request, token)
        if self._asked.remaining <= 0:
            raise self._spent()
        self._asked.remaining -= 0 if graph else 1
        return BOT

    def _spent(self) -> Refusal:
        message = f"API rate limit exceeded for user ID {self.world.user_id(BOT)}."
        if self._asked is self.points:
            # GraphQL says so with status 200, as it says everything.
            return Refusal(200, message, errors=[{"type": "RATE_LIMITED", "message": message}])
        return Refusal(403, message)

    def charge(self, points: int) -> None:
        """Take what a query costs; the last one may cost more than was left."""
        self.points.remaining = max(0, self.points.remaining - points)

    def headers(self) -> dict[str, str]:
        self._served += 1
        now, purse = self.world.clock().astimezone(UTC), self._asked
        reset = purse.reset or now + timedelta(hours=1)
        return {
            "date": now.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "x-ratelimit-limit": str(purse.limit),
            "x-ratelimit-remaining": str(purse.remaining),
            "x-ratelimit-used": str(purse.limit - purse.remaining),
            "x-ratelimit-reset": str(int(reset.timestamp())),
            "x-ratelimit-resource": purse.resource,
            "x-github-media-type": "github.v3; format=json",
            "x-github-api-version-selected": "2022-11-28",
            "x-github-request-id": f"5A9D:{self._served:08X}",
        }

    def answer(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:  # noqa: ANN401 -- any JSON
        return JSONResponse(body, status, {**self.headers(), **(headers or {})})

    def refuse(self, refusal: Refusal) -> Response:
        return self.answer(refusal.body, refusal.status, refusal.headers)


async def said(request: Request) -> dict[str, Any]:
    """Return the request's object. Raises `Refusal` for anything else."""
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "Body should be a JSON object")
    return body


def paged(
    request: Request, things: Sequence[Any], view: Callable[[Any], Any], home: str
) -> tuple[list[Any], dict[str, str]]:
    """Return one page of *things* and its `Link` header, which leads by way of *home*."""
    size = min(max(_whole(request, "per_page", PER_PAGE), 1), PER_PAGE_MOST)
    page = max(_whole(request, "page", 1), 1)
    last = max(-(-len(things) // size), 1)
    links = []
    if page > 1:
        links += [("prev", page - 1), ("first", 1)]
    if page < last:
        links = [("next", page + 1), ("last", last), *links]
    shown = [view(one) for one in things[(page - 1) * size : page * size]]
    header = ", ".join(f'<{home}?{_query(request, number)}>; rel="{rel}"' for rel, number in links)
    return shown, ({"link": header} if header else {})


def _query(request: Request, page: int) -> str:
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
    return urlencode([*others, ("page", str(page))])


def _whole(request: Request, name: str, otherwise: int) -> int:
    try:
        return int(request.query_params.get(name, otherwise))
    except ValueError:
        return otherwise


def since_of(request: Request) -> datetime | None:
    """Return the `since` of a query. Raises `Refusal` where it is no time."""
    text = request.query_params.get("since")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid({"resource": "Issue", "code": "invalid", "field": "since"}) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def one_of(request: Request, name: str, allowed: Sequence[str]) -> str:
    """Return a query parameter, the first of *allowed* where it is not said."""
    value = request.query_params.get(name, allowed[0])
    if value not in allowed:
        raise invalid({"resource": "Issue", "code": "invalid", "field": name, "value": value})
    return value
