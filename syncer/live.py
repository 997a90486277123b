"""A run's surroundings: the open connections, who is who, and what this run knows so far."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import structlog

from syncer.connector import Budget, Connector, Place
from syncer.engine.state import Rules
from syncer.engine.views import Reader
from syncer.errors import ConnectorError
from syncer.mapping.mapper import Mapper
from syncer.mapping.schema import Tables
from syncer.model import Account, Ref
from syncer.store import Store, items

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(slots=True)
class RequestMeter:
    """Counts one connection's requests, announces its waits (`waited`: seconds in all), and keeps what the
    tracker said last of the limit that is nearest."""

    connection: str
    requests: int = 0
    waited: float = 0.0
    left: Budget | None = None

    def request(self) -> None:
        self.requests += 1

    def throttled(self, seconds: float, reason: str) -> None:
        self.waited += seconds
        log.warning("connection.throttled", connection=self.connection, seconds=round(seconds, 1), reason=reason)

    def budget(self, budget: Budget) -> None:
        self.left = budget


@dataclass(slots=True)
class Live:
    """One open connection in this run."""

    name: str
    connector: Connector
    place: Place
    tables: Tables
    mapper: Mapper
    meter: RequestMeter

    @property
    def reader(self) -> Reader:
        return Reader(self.name, self.mapper, lags=self.place.lags)


@dataclass(slots=True)
class Directory:
    """Who is who and what is linked to what; meets `mapping.Directory`. Links are looked up on demand."""

    people: Mapping[str, Mapping[str, str]]
    sync: str
    store: Store
    accounts: dict[str, list[Account]] = field(default_factory=dict)
    _links: dict[Ref, str | None] = field(default_factory=dict)
    _persons: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def person(self, connection: str, account: Account) -> str | None:
        spot = (connection, account.id)
        if spot not in self._persons:
            self._persons[spot] = self._person(connection, account)
        return self._persons[spot]

    def _person(self, connection: str, account: Account) -> str | None:
        known = next((a for a in self.accounts.get(connection, ()) if a.id == account.id), None)
        email = account.email or (known.email if known else None)
        names = {n.casefold() for n in (account.id, account.name, email, known.name if known else None) if n}
        for person, there in self.people.items():
            if there.get(connection, "").casefold() in names:
                return person
        return email.casefold() if email else None

    def account(self, connection: str, person: str) -> str | None:
        said = self.people.get(person, {}).get(connection)
        for account in self.accounts.get(connection, ()):
            if said is not None and said.casefold() in {
                n.casefold() for n in (account.id, account.name, account.email) if n
            }:
                return account.id
            if said is None and account.email and account.email.casefold() == person.casefold():
                return account.id
        return said

    def link_of(self, ref: Ref) -> str | None:
        if self._links.get(ref) is None:
            with self.store.read() as tx:
                self._links[ref] = items.link_of(tx, self.sync, ref)
        return self._links.get(ref)

    def copy_of(self, link: str, connection: str) -> str | None:
        with self.store.read() as tx:
            return items.copy_of(tx, link, connection)

    def learn(self, ref: Ref, link: str) -> None:
        """Note a link just made."""
        self._links[ref] = link


@dataclass(slots=True)
class Session:
    """Everything the steps of one run share. `down`: connections left out, and why. `direct`: when a
    record was last read by id, or shown in the answer to a write. `single`: connections that hold at
    most one assignee, or none, as far as we ever knew. `unlisted_since`: when a run began that lists nothing, so
    that what it has not read itself may have changed."""

    sync: str
    run: str
    number: int
    rules: Rules
    store: Store
    lives: dict[str, Live]
    directory: Directory
    digest: str
    settle_wait: float
    clock: Callable[[], datetime]
    down: dict[str, ConnectorError] = field(default_factory=dict)
    unopened: dict[str, RequestMeter] = field(default_factory=dict)
    read: int = 0
    direct: dict[Ref, datetime] = field(default_factory=dict)
    single: set[str] = field(default_factory=set)
    emptied: dict[str, int] = field(default_factory=dict)
    failed: set[tuple[str, str]] = field(default_factory=set)
    allowed: frozenset[str] = frozenset()
    abilities: Mapping[str, frozenset[str]] = field(default_factory=dict)
    halted: Callable[[], bool] = lambda: False
    unlisted_since: datetime | None = None

    def readers(self) -> dict[str, Reader]:
        return {name: live.reader for name, live in self.lives.items() if name not in self.down}

    def lose(self, connection: str, error: ConnectorError) -> None:
        """Leave a connection out of the rest of this run; its copies count as unedited."""
        if connection not in self.down:
            self.down[connection] = error
            log.error("connection.lost", connection=connection, reason=str(error))

    def up(self) -> list[Live]:
        return [live for name, live in self.lives.items() if name not in self.down]


async def together(*jobs: Coroutine[Any, Any, T]) -> list[T]:
    """Run jobs side by side; where one fails, stop the others before its error goes on."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def digest_of(rules: Rules, readings: Mapping[str, str]) -> str:
    """Return what tells one way of reading an item from another: mappings, converters, who takes part.

    *readings*: connection -> what says how its records are read.
    """
    skipped = sorted(name for name, rule in rules.fields.items() if rule.skip)
    said = "\0".join([*(f"{name}={readings[name]}" for name in sorted(readings)), *skipped, *sorted(rules.create_in)])
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()
