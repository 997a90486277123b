"""The exception tree. Each error carries facts; `cli` turns them into advice for a person."""

from __future__ import annotations

from collections.abc import Iterable


class SyncerError(Exception):
    """Everything this program raises on purpose."""


class ConfigError(SyncerError):
    """The configuration or a mapping must be fixed by a person: exit 2, no traceback."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        key: str | None = None,
        line: int | None = None,
        connection: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.key = key
        self.line = line
        self.connection = connection
        self.fix = fix

    def __str__(self) -> str:
        where = self.file or ""
        if self.line is not None:
            where += f":{self.line}"
        parts = [p for p in (where, self.key and f"[{self.key}]") if p]
        head = " ".join(parts)
        tail = f" {self.fix}" if self.fix else ""
        return f"{head}: {self.message}{tail}" if head else f"{self.message}{tail}"


class ConnectorError(SyncerError):
    """A tracker said no, or said nothing. *connection* is the name in the config."""

    def __init__(self, message: str, *, connection: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.connection = connection
        self.status = status

    def __str__(self) -> str:
        return f"{self.connection}: {self.message}" if self.connection else self.message


class UnavailableError(ConnectorError):
    """Try later. *retry_after* is in seconds, `None` where the tracker did not say.

    *sent* is False only when the request certainly had no effect: refused before a byte was
    sent, or refused by the tracker (429). Anything else is ambiguous and goes to settle.
    """

    def __init__(
        self,
        message: str,
        *,
        connection: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message, connection=connection, status=status)
        self.retry_after = retry_after
        self.sent = sent


class RateLimitedError(UnavailableError):
    """The tracker refused for being asked too often; nothing was done."""

    def __init__(
        self,
        message: str,
        *,
        connection: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, connection=connection, status=status, retry_after=retry_after, sent=False)


class CredentialsError(ConnectorError):
    """The token is wrong, expired, or may not do this: stop this connection, tell a person."""


class StaleError(ConnectorError):
    """The copy moved on since it was read: read it again, plan again, once."""


class RejectedError(ConnectorError):
    """This write will never pass as it is: the item is parked."""


class NotFoundError(RejectedError):
    """The tracker does not know the record, or hides it (404), or says it is gone (410)."""


class ProtocolError(ConnectorError):
    """The tracker broke its own contract. *body* is a redacted beginning of what it sent."""

    def __init__(self, message: str, *, connection: str = "", status: int | None = None, body: str = "") -> None:
        super().__init__(message, connection=connection, status=status)
        self.body = body


class UnmappedValueError(SyncerError):
    """No word for this value in the mapping: the field is parked, the rest moves."""

    def __init__(
        self, *, field: str, value: str, connection: str = "", where: str = "", known: Iterable[str] = ()
    ) -> None:
        self.field = field
        self.value = value
        self.connection = connection
        self.where = where
        self.known = tuple(known)
        super().__init__(str(self))

    def __str__(self) -> str:
        place = self.where or "the mapping file"
        head = f"{self.connection}: " if self.connection else ""
        return f'{head}no mapping for {self.field} "{self.value}". Add it under [fields.{self.field}] in {place}.'


class UnwritableError(SyncerError):
    """A native value holds what we cannot write back: it is read, never overwritten."""


class UnreadableError(UnwritableError):
    """A codec stumbled over a native value: that field of that record is parked, the rest moves."""


class WaitingError(SyncerError):
    """The record a field refers to has no copy there yet: still owed."""


class DeliveryError(SyncerError):
    """A webhook delivery is refused. `reason` is one word for the log: unsigned, forged, stale, malformed,
    oversized ...; nothing of the delivery is in it. `status` is what HTTP answers."""

    def __init__(self, reason: str, *, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class UnsafePlanError(SyncerError):
    """A guard said no: exit 3, and the message says which flag lets it through."""


class LeaseBusyError(SyncerError):
    """Another process is running this sync: exit 4."""


class LeaseLostError(SyncerError):
    """Another worker took over: stop quietly."""


class StoreError(SyncerError):
    """The database is locked, full, damaged, or of a newer version."""
