"""The receiver of webhooks: believe, note, answer. The work comes later, on somebody else's thread.

A delivery is answered once what it said is safely on disk, and only then: a tracker that was told 202 does not
say it again. One that could not be noted is answered 503 and not marked as seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from syncer.connector import Delivery, Heard
from syncer.errors import DeliveryError, StoreError
from syncer.output import short
from syncer.store import leads
from syncer.web.crowd import Crowd
from syncer.web.house import House, Post
from syncer.web.limits import Addresses, Bucket, Limits, NotNowError
from syncer.web.refusals import Refusals, reason_of, status_of

log = structlog.get_logger()

UNKNOWN = "(unknown)"
"""Stands for every connection that is not configured: in the log and in the metrics. No name has brackets."""

LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Came:
    """One request, by what may be told of it. `size` is as announced, None where it was not."""

    connection: str
    client: str
    size: int | None


class Receiver:
    """Answers `POST /hooks/{connection}`. Of one event loop. `tick` is in seconds and never goes back."""

    def __init__(self, house: House, limits: Limits, tick: Callable[[], float]) -> None:
        self._house = house
        self._limits = limits
        self._tick = tick
        self._crowd = Crowd(limits)
        self._addresses = Addresses(limits.refused, limits.addresses)
        self._genuine: dict[str, Bucket] = {}
        self._refusals = Refusals()
        # Few at a time: a locked database must not use up the threads, nor the connections of a run.
        self._writers = asyncio.Semaphore(limits.writers)

    async def receive(self, request: Request) -> JSONResponse:
        name = request.path_params["connection"]
        post = self._house.posts().get(name)
        client = request.client.host if request.client else ""
        if post is None or not post.secrets:
            # Costs nothing, so that it does not count against the address: scanners come through proxies, too.
            came = Came(UNKNOWN, client, None)
            return self._refused(came, DeliveryError("unknown", status=404), asked=short(name, 40))
        came = Came(name, client, _announced(request))
        try:
            answer, result = await self._take(post, came, request)
        except NotNowError as error:
            return self._refused(came, error, **({"error": error.told} if error.told else {}))
        except DeliveryError as error:
            self._addresses.charge(client, self._tick())
            return self._refused(came, error)
        except Exception as error:  # noqa: BLE001 -- whatever a plugin stumbles over, the next delivery is taken
            self._addresses.charge(client, self._tick())
            return self._unforeseen(came, error)
        self._house.metrics.delivery(name, result)
        return answer

    async def _take(self, post: Post, came: Came, request: Request) -> tuple[JSONResponse, str]:
        shut = self._addresses.shut(came.client, self._tick())
        if shut:
            raise NotNowError("shut", status=429, after=shut)
        settings = self._house.settings()
        if came.size is not None and came.size > settings.largest_delivery:
            raise DeliveryError("oversized", status=413)
        with self._crowd.place():
            body = await self._crowd.body(request.stream(), settings.largest_delivery)
            delivery = Delivery(dict(request.headers), body, self._house.clock())
            heard = post.plugin.listen(
                delivery,
                connection=came.connection,
                options=post.options,
                secrets=post.secrets,
                window=settings.replay_window,
            )
            self._addresses.prove(came.client)
            return await self._welcome(post, came, heard, _print_of(body))

    async def _welcome(self, post: Post, came: Came, heard: Heard, digest: str) -> tuple[JSONResponse, str]:
        """Note a genuine delivery and ask for runs."""
        if not _is_storable(heard):
            raise DeliveryError("malformed")
        now = self._tick()
        wait = self._genuine.setdefault(came.connection, Bucket(self._limits.genuine, now)).take(now)
        if wait:
            raise NotNowError("flooded", status=429, after=wait)
        facts = {
            "connection": came.connection,
            "kind": short(heard.event),
            "leads": len(heard.leads),
            "delivery": short(heard.id),
        }
        if not heard.leads and not heard.look:
            # Changes nothing, however often it comes: most of what a busy Jira sends is of other projects.
            log.debug("hook.ignored", **facts)
            return JSONResponse({"accepted": True}, 202), "ignored"
        async with self._writers:
            is_new = await run_in_threadpool(self._note, post, came.connection, heard, digest)
        if not is_new:
            log.debug("hook.known", **facts)
            return JSONResponse({"accepted": False, "reason": "known"}), "known"
        log.debug("hook.noted", **facts)
        for sync in post.syncs:
            if heard.leads:
                self._house.ask(sync, "webhook")
            if heard.look:
                self._house.ask(sync, "poll")
        return JSONResponse({"accepted": True}, 202), "accepted"

    def _note(self, post: Post, connection: str, heard: Heard, digest: str) -> bool:
        """Put on disk what was heard and that it came; say whether it is news."""
        # The header with a delivery's id is not signed: who has seen one delivery can send it again under
        # any id. Its body is signed, so that it is known by that, too.
        names = {digest, _name_of(heard.id)} - {""}
        try:
            with self._house.store.write() as tx:
                return leads.note(tx, post.syncs, connection, sorted(names), heard.leads, self._house.clock())
        except StoreError as error:
            raise NotNowError("store", status=503, after=10.0, told=str(error)) from None

    def _refused(self, came: Came, refusal: DeliveryError, **facts: object) -> JSONResponse:
        reason, status = reason_of(refusal), status_of(refusal)
        self._house.metrics.delivery(came.connection, reason)
        self._refusals.tell(came.connection, reason, self._tick(), size=came.size, client=came.client, **facts)
        # What follows on this connection is the rest of a body that nobody reads.
        headers = {"Connection": "close"}
        if isinstance(refusal, NotNowError):
            headers["Retry-After"] = str(int(refusal.after) + 1)
        return JSONResponse({"error": reason}, status, headers)

    def _unforeseen(self, came: Came, error: Exception) -> JSONResponse:
        self._house.metrics.delivery(came.connection, "unforeseen")
        facts = {"size": came.size, "client": came.client, "error": type(error).__name__, "at": place_of(error)}
        self._refusals.tell(came.connection, "unforeseen", self._tick(), **facts)
        return JSONResponse({"error": "unforeseen"}, 500, {"Connection": "close"})


def place_of(error: BaseException) -> str:
    """Return where *error* was raised, as file:line; its message and the rest of its traceback may hold content."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""


def _announced(request: Request) -> int | None:
    said = request.headers.get("content-length", "")
    # Longer numbers are no size of anything, and slow to read.
    return int(said[:18]) if said.isascii() and said.isdigit() else None


def _print_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _name_of(delivery: str) -> str:
    """Return the id of a delivery as it is stored: a long one by its digest."""
    return delivery if len(delivery) <= LONGEST_ID else f"id-{_print_of(delivery.encode())}"


def _is_storable(heard: Heard) -> bool:
    """Say whether a database takes every text of *heard*: JSON may hold half a surrogate pair, or NUL."""
    texts = [heard.id]
    for lead in heard.leads:
        texts += [lead.address.ref.entity, lead.address.ref.id, lead.address.key, lead.comment or ""]
    return not any("\0" in text or any("\ud800" <= c <= "\udfff" for c in text) for text in texts)
