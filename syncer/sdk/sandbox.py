"""What the sandboxes share: a request log, fault injection, rate limits, and a server on loopback.

A sandbox is a small, honest server of one tracker's API: it enforces what the real one enforces.
Only the demo and tests use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import uvicorn

from syncer.sdk.postman import Postman

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FaultKind = Literal["before", "after", "limit", "slow", "cut", "half", "garbage"]


@dataclass(slots=True)
class Call:
    """One request as the sandbox saw it. `write` is the sandbox's own judgement, not the method's."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    write: bool = False
    status: int = 0
    answer: bytes = b""

    def json(self) -> Any:  # noqa: ANN401 -- the JSON border
        return json.loads(self.body) if self.body else None


@dataclass(slots=True)
class Fault:
    """Go wrong on the next *times* calls that match, after letting *skip* matching calls pass.

    `before`: 500 without effect. `after`: the effect happens, the answer is 500. `limit`: refused
    as rate limited. `slow`: waits *seconds* first. `cut`: effect, then the connection closes
    without an answer. `half`: effect, then half a body. `garbage`: effect, then 200 and no JSON.
    """

    kind: FaultKind
    method: str = ".*"
    path: str = ".*"
    body: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    writes_only: bool = False

    def wants(self, call: Call, *, write: bool) -> bool:
        if self.times <= 0 or (self.writes_only and not write):
            return False
        if not (re.fullmatch(self.method, call.method) and re.fullmatch(self.path, call.path)):
            return False
        if self.body and not re.search(self.body, call.body.decode(errors="replace")):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Sandbox(Protocol):
    """What the demo and the tests ask of every sandbox, whatever its tracker.

    Statuses, kinds and priorities are given in the tracker's own words; people by a short name the
    sandbox knows (its `people`). `edit` acts as a person, never as the sync's account.
    """

    wire: Wire
    post: Postman
    """Delivers the webhooks that were registered through the tracker's API."""
    people: Mapping[str, str]
    """Short name -> the account id or login the tracker's API shows."""

    def options(self, url: str) -> dict[str, Any]:
        """Return the [connections.<name>] table for this sandbox served at *url*, token as text."""
        ...

    def add(self, title: str, *, by: str = "jane", **fields: Any) -> str:  # noqa: ANN401 -- per field
        """Create a record as a person; return its key. Fields: body (Markdown or text), status, kind,
        priority, labels, assignees, due, estimate, parent (a key), created (datetime)."""
        ...

    def edit(self, key: str, *, by: str = "jane", **fields: Any) -> None:  # noqa: ANN401 -- per field
        """Change fields as a person in the tracker's web page would; the stamp moves."""
        ...

    def say(self, key: str, body: str, *, by: str = "jane", restricted: bool = False) -> str:
        """Comment as a person; return the comment's id."""
        ...

    def reword(self, comment: str, body: str, *, by: str | None = None) -> None:
        """Edit a comment in the web page; *by* None is its author."""
        ...

    def unsay(self, comment: str) -> None:
        """Delete a comment in the web page."""
        ...

    def remove(self, key: str) -> None:
        """Delete (Linear: trash) the record."""
        ...

    def archive(self, key: str) -> None:
        """Put the record away as a person can. Raises TypeError where the tracker has no such thing."""
        ...

    def restore(self, key: str) -> None:
        """Bring back what was archived, trashed or hidden; what is deleted for good raises TypeError."""
        ...

    def move(self, key: str) -> str:
        """Move the record out of this project, repository or team; return its key or page there."""
        ...

    def hide(self, key: str) -> None:
        """Take the sync's account's access to this one record away (Jira: a security level; GitHub:
        transferred to where it cannot see; Linear: a private team)."""
        ...

    def keys(self) -> Sequence[str]:
        """Return the keys of all records present, oldest first."""
        ...

    def show(self, key: str) -> dict[str, Any]:
        """Return {title, body, status, kind, priority, labels (sorted), assignees (sorted short
        names), due, estimate, parent (key), comments [{id, author, body}], by, url}; None or absent
        where the tracker has no such thing. Statuses etc. in the tracker's words; body as stored text."""
        ...


@dataclass(slots=True)
class Wire:
    """ASGI middleware around a sandbox's app: logs every call and injects the faults asked for.

    `is_write` judges a call. `limited` builds the tracker's own refusal as (status, headers, body).
    `effects` are called after each write that took effect and before it is answered: kill tests
    hook in here.
    """

    app: App
    is_write: Callable[[Call], bool]
    limited: Callable[[], tuple[int, dict[str, str], Any]]
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    effects: list[Callable[[Call], None]] = field(default_factory=list)

    def writes(self) -> list[Call]:
        """Return the calls that changed something, or would have."""
        return [c for c in self.calls if c.write]

    def forget(self) -> None:
        self.calls.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = await self._read(scope, receive)
        call.write = self.is_write(call)
        self.calls.append(call)
        fault = next((f for f in self.faults if f.wants(call, write=call.write)), None)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "before":
            await _answer(send, call, 500, {}, {"message": "internal error"})
            return
        if fault is not None and fault.kind == "limit":
            await _answer(send, call, *self.limited())
            return
        await self._pass_on(scope, call, send, fault)

    async def _pass_on(self, scope: Scope, call: Call, send: Send, fault: Fault | None) -> None:
        start: Message = {}
        chunks: list[bytes] = []

        async def replay() -> Message:
            return {"type": "http.request", "body": call.body, "more_body": False}

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))

        await self.app(scope, replay, keep)
        call.status, call.answer = start["status"], b"".join(chunks)
        if call.write and call.status < 400:  # noqa: PLR2004 -- HTTP's own line
            for effect in self.effects:
                effect(call)
        kind = fault.kind if fault else None
        if kind == "after":
            await _answer(send, call, 500, {}, {"message": "internal error"})
        elif kind == "garbage":
            await _raw(send, 200, [(b"content-type", b"text/html")], b"<html>gateway</html>")
        elif kind in {"cut", "half"}:
            part = call.answer[: len(call.answer) // 2] if kind == "half" else b""
            headers = [(b"content-type", b"application/json"), (b"content-length", b"1000000")]
            await _raw(send, 200, headers, part)
        else:
            await _raw(send, call.status, list(start.get("headers", [])), call.answer)

    async def _read(self, scope: Scope, receive: Receive) -> Call:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope.get("query_string", b"").decode()
        return Call(scope["method"], scope["path"], query, headers, body)


async def _raw(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer(send: Send, call: Call, status: int, headers: Mapping[str, str], body: Any) -> None:  # noqa: ANN401 -- any JSON
    call.status, call.answer = status, json.dumps(body).encode()
    pairs = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    await _raw(send, status, [(b"content-type", b"application/json"), *pairs], call.answer)


@contextlib.contextmanager
def serve(app: App, *, port: int = 0) -> Iterator[str]:
    """Serve *app* on loopback in a thread of its own; yield its URL."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        sock.close()


@dataclass(slots=True)
class Clock:
    """A sandbox's wall clock; tests move it. Aware UTC."""

    now: Callable[[], datetime]

    def __call__(self) -> datetime:
        return self.now()
