"""Tells people when something has lasted too long, and when it is over: a log event, and a message to an address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import SecretStr

from syncer.connector import Setting
from syncer.errors import ConnectorError
from syncer.live import RequestMeter
from syncer.model import JSON
from syncer.report import when
from syncer.sdk.http import Http
from syncer.status import Status, SyncStatus
from syncer.store import Store, pulse

log = structlog.get_logger()


class _Nothing:
    """A catalogue for who has none."""

    def get(self, name: str, *, max_age: float = 0.0) -> JSON:
        return None

    def put(self, name: str, value: JSON) -> None: ...


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
    transport: Any = None
    _retry: dict[str, datetime] = field(default_factory=dict)

    async def look(self, status: Status) -> None:
        """Tell what has become stale, or is no longer. Never raises a `ConnectorError`."""
        for one in status.syncs:
            await self._look_at(one)

    async def _look_at(self, one: SyncStatus) -> None:
        now = self.clock()
        with self.store.read() as tx:
            _, before = pulse.heard(tx, one.sync, "alert") or (None, {})
        if one.stale:
            if before and not self._is_due(before, now):
                return
            log.error("sync.stale", sync=one.sync, reasons=list(one.stale), since=before.get("since") or when(now))
            told = await self._tell(one.sync, f":warning: syncer: {one.sync}: " + "; ".join(one.stale))
            doc = {
                "since": before.get("since") or when(now),
                "told": when(now) if told else before.get("told"),
                "tried": when(now),
                "reasons": list(one.stale),
            }
            with self.store.write() as tx:
                pulse.say(tx, one.sync, "alert", doc, now)
        elif before:
            log.info("sync.recovered", sync=one.sync, since=before.get("since"))
            if before.get("told"):
                await self._tell(one.sync, f":white_check_mark: syncer: {one.sync} is in step again")
            with self.store.write() as tx:
                pulse.unsay(tx, one.sync, "alert")

    def _is_due(self, before: Mapping[str, Any], now: datetime) -> bool:
        last, wait = before.get("told"), self.repeat
        if last is None:
            last, wait = before.get("tried"), UNTOLD
        return last is None or now - datetime.fromisoformat(last) >= timedelta(seconds=wait)

    async def _tell(self, sync: str, text: str) -> bool:
        """Send *text*; say whether it arrived, or whether there is nobody to send it to."""
        if self.url is None:
            return True
        http = Http(self._setting(), self.url.get_secret_value(), _no_headers, timeout=10.0)
        try:
            await http.request("POST", "", json={"text": text})
        except ConnectorError as error:
            log.warning("alert.failed", sync=sync, reason=error.message)
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
            meter=RequestMeter("alerts"),
            clock=self.clock,
            sleep=asyncio.sleep,
            transport=self.transport,
        )


UNTOLD = 300.0
"""Seconds until a message that did not arrive is sent once more."""


async def _no_headers() -> Mapping[str, str]:
    return {}
