"""Tells people when something has lasted too long, and when it is over: a log event, and a message to an address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr

from syncer.connector import Budget, Setting
from syncer.errors import ConnectorError
from syncer.model import JSON
from syncer.report import when
from syncer.sdk.http import Http
from syncer.status import Status, SyncStatus
from syncer.store import Store, pulse

log = structlog.get_logger()

UNTOLD = 300.0
"""Seconds until a message that did not arrive is sent once more."""

Memory = Mapping[str, Any]
"""Of a stale sync: since when it is, when that was `said` in the log and `told` to people, when that was last `tried`,
and since when it is `over`, where that could not be told yet."""


class _Nothing:
    """A catalogue for who has none."""

    def get(self, name: str, *, max_age: float = 0.0) -> JSON:
        return None

    def put(self, name: str, value: JSON) -> None: ...


@dataclass(slots=True)
class _Uncounted:
    """A meter for who has no limits to speak of."""

    def request(self) -> None: ...

    def throttled(self, seconds: float, reason: str) -> None: ...

    def budget(self, budget: Budget) -> None: ...


@dataclass(slots=True)
class Alerts:
    """Remembers in the store what was told, so that a restart neither repeats nor forgets it.

    `url` takes {"text": ...}; None where nobody is to be told but the log. `repeat`: seconds until what lasts is told
    again.
    """

    store: Store
    clock: Callable[[], datetime]
    url: SecretStr | None = None
    repeat: float = 86_400.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _known: dict[str, Memory] = field(default_factory=dict)

    async def look(self, status: Status) -> None:
        """Tell what has become stale, or is no longer. Raises `StoreError`, and no `ConnectorError`."""
        for one in status.syncs:
            before = self._recall(one.sync)
            if one.stale:
                after = await self._warn(one, before, self.clock())
            elif before:
                after = await self._relieve(one, before, self.clock())
            else:
                continue
            if after != before:
                self._remember(one.sync, after)

    async def _warn(self, one: SyncStatus, before: Memory, now: datetime) -> Memory:
        if "over" in before:  # and people do not know yet that it was
            before = {name: before[name] for name in before if name not in {"over", "said"}}
        after = {"since": when(now), **before}
        if _is_past(before.get("said"), self.repeat, now):
            after |= {"said": when(now), "reasons": list(one.stale)}
            log.error("sync.stale", sync=one.sync, reasons=list(one.stale), since=after["since"])
        if _is_past(before.get("told"), self.repeat, now) and _is_past(before.get("tried"), UNTOLD, now):
            after["tried"] = when(now)
            if await self._tell(one.sync, f":warning: syncer: {one.sync}: " + "; ".join(one.stale)):
                after["told"] = when(now)
        return after

    async def _relieve(self, one: SyncStatus, before: Memory, now: datetime) -> Memory:
        """Tell that it is over, to whoever was told that it was not; what does not arrive is tried for `repeat`."""
        over = before.get("over")
        if over is None:
            log.info("sync.recovered", sync=one.sync, since=before.get("since"))
        elif _is_past(over, self.repeat, now):
            return {}
        elif not _is_past(before.get("tried"), UNTOLD, now):
            return before
        if not before.get("told") or await self._tell(
            one.sync, f":white_check_mark: syncer: {one.sync} is in step again"
        ):
            return {}
        return {**before, "over": over or when(now), "tried": when(now)}

    # -- what was told -----------------------------------------------------------------------

    def _recall(self, sync: str) -> Memory:
        if sync not in self._known:
            with self.store.read() as tx:
                _, self._known[sync] = pulse.heard(tx, sync, "alert") or (None, {})
        return self._known[sync]

    def _remember(self, sync: str, what: Memory) -> None:
        # Here first: a full disk is what people must be told of, and not at every look.
        self._known[sync] = what
        with self.store.write() as tx:
            if what:
                pulse.say(tx, sync, "alert", what, self.clock())
            else:
                pulse.unsay(tx, sync, "alert")

    async def _tell(self, sync: str, text: str) -> bool:
        """Send *text*; say whether it arrived, or whether there is nobody to send it to."""
        if self.url is None:
            return True
        url = self.url.get_secret_value()
        http = Http(self._setting(), url, _no_headers, timeout=10.0)
        try:
            await http.request("POST", "", json={"text": text})
        except ConnectorError as error:
            log.warning("alert.failed", sync=sync, reason=_why(error, url))
            return False
        finally:
            await http.close()
        return True

    def _setting(self) -> Setting:
        return Setting(
            connection="alerts",
            options=None,
            tables={},
            catalogue=_Nothing(),
            meter=_Uncounted(),
            clock=self.clock,
            sleep=self.sleep,
        )


def is_address(url: str) -> bool:
    """Say whether *url* is one that messages can be sent to."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_past(said: object, seconds: float, now: datetime) -> bool:
    """Claim that *said*, a stamp, is so long ago, or never was."""
    return not isinstance(said, str) or now - datetime.fromisoformat(said) >= timedelta(seconds=seconds)


def _why(error: ConnectorError, url: str) -> str:
    """Say why a message did not arrive. Whoever knows the address can write there, and its answers may repeat it."""
    if error.status is not None:
        return f"it answered {error.status}"
    parts = urlsplit(url)
    return error.message.replace(parts.netloc, parts.hostname or "")


async def _no_headers() -> Mapping[str, str]:
    return {}
