"""The contract every connector meets, and the codecs by which it explains its records.

A connector reaches one tracker; a codec is its pure knowledge of one field: how the tracker's own
JSON (`Native`) says a value, and what to send (`Patch`) to make it say another. `mapping/` applies
word tables, people and links over the codecs, so no codec knows about configuration.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel

from syncer.model import (
    JSON,
    Absent,
    Account,
    Address,
    Comment,
    Draft,
    Edited,
    Missing,
    Native,
    Page,
    Patch,
    Problem,
    Receipt,
    Record,
    Ref,
    Value,
)

Word: TypeAlias = Mapping[str, JSON]
"""A native value seen as words to match patterns against: {"state": "closed", "reason": "completed"}.
A list of strings matches a pattern that names one of its elements."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A field said in one way: title, body, due, estimate.

    `write(value, now)` gets the record's present native fields and must leave alone what it does
    not mean to change. Both raise `UnwritableError` where the native value cannot be written back.
    """

    natives: tuple[str, ...]
    read: Callable[[Native], Value | Absent]
    write: Callable[[Value, Native], Patch]


@dataclass(frozen=True, slots=True)
class Worded:
    """A field whose values are a team's words: status, kind, priority.

    `word` says the native value as words. A bare string in a mapping stands for {primary: string}.
    `category` is the word that `[categories.<field>]` of a mapping speaks of. `write(word, now,
    others)` gets the chosen pattern and every other pattern of the field, whose labels must go.
    """

    natives: tuple[str, ...]
    word: Callable[[Native], Word]
    write: Callable[[Word, Native, Sequence[Word]], Patch]
    primary: str
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """A set of plain names: labels. `write(add, remove, now)` gets names as spelled elsewhere and
    spells them as the tracker can; `spell` does that for one name (reversible up to `model.fold`)."""

    natives: tuple[str, ...]
    read: Callable[[Native], Sequence[str]]
    write: Callable[[frozenset[str], frozenset[str], Native], Patch]
    spell: Callable[[str], str] = field(default=lambda name: name)


@dataclass(frozen=True, slots=True)
class People:
    """A set of accounts: assignees. `single` where the tracker holds at most one.

    `write(add, remove, now)` gets account ids; for a single tracker at most one of each.
    """

    natives: tuple[str, ...]
    read: Callable[[Native], Sequence[Account]]
    write: Callable[[frozenset[str], frozenset[str], Native], Patch]
    single: bool = False


@dataclass(frozen=True, slots=True)
class Pointer:
    """A reference to another record of the same connection, by native id: parent."""

    natives: tuple[str, ...]
    read: Callable[[Native], str | None]
    write: Callable[[str | None, Native], Patch]
    entity: str = "issue"


Codec: TypeAlias = Plain | Worded | Names | People | Pointer


@dataclass(frozen=True, slots=True)
class Place:
    """What a connector found out about its connection when it opened.

    `private`: strangers cannot read it. `me`: our own account. `codecs`: by field name of the
    model; a field without one is absent here. `words`: per worded field, every word the place has
    today (for coverage in `check`). `at_create`: the fields a create can carry; the rest follow as
    an update. `accounts`: people with the e-mails the tracker shows us. `lags`: listings may show the
    past, so that a copy is read by id before it is written. `remembers`: `history` tells every change
    since a record was made, so that a value without one is the tracker's own default.
    """

    title: str
    url: str
    private: bool
    me: Account
    codecs: Mapping[str, Codec]
    words: Mapping[str, Sequence[Word]] = field(default_factory=dict)
    at_create: frozenset[str] = frozenset()
    accounts: Sequence[Account] = ()
    entity: str = "issue"
    lags: bool = False
    remembers: bool = False


class Catalogue(Protocol):
    """Slow-changing facts about a connection, kept in the store with their age.

    Values are JSON. `get` returns None for what is unknown or older than *max_age* seconds.
    """

    def get(self, name: str, *, max_age: float = 86_400.0) -> JSON: ...

    def put(self, name: str, value: JSON) -> None: ...


class Meter(Protocol):
    """Counts the requests of one connection and hears of waits."""

    def request(self) -> None: ...

    def throttled(self, seconds: float, reason: str) -> None: ...

    def budget(self, budget: Budget) -> None:
        """Hear what the tracker says is left of a limit."""
        ...


@dataclass(frozen=True, slots=True)
class Budget:
    """What a tracker's headers say of one limit: `remaining` of `limit` until `resets` (aware UTC, None
    where it does not say). `unit` names what is counted: "requests", "points" ..."""

    limit: int
    remaining: int
    resets: datetime | None
    unit: str = "requests"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a connector is given: its name in the config, its settings (secrets resolved), and ports.

    `reveal` turns a secret setting into its text at the moment of use. `transport` replaces the
    network in tests. `clock` is the wall clock (aware UTC), `sleep` waits.
    """

    connection: str
    options: Any
    tables: Mapping[str, Mapping[str, Any]]
    catalogue: Catalogue
    meter: Meter
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    transport: Any = None


@runtime_checkable
class Connector(Protocol):
    """One authenticated place in one tracker. Every method may raise a `ConnectorError`.

    Ambiguity is honest: a write whose answer was lost raises `UnavailableError` with `sent=True`
    (or `ProtocolError`), never a guess. A method never retries a write that may have had effect.
    """

    async def open(self) -> Place:
        """Find out who we are and what the place offers, from the catalogue where fresh enough."""
        ...

    async def check(self) -> Sequence[Problem]:
        """Try credentials, permissions and the clock for real; return what a person must know."""
        ...

    def changes(self, cursor: str | None) -> AsyncIterator[Page]:
        """Yield every record and comment changed since *cursor*, or all of them for None.

        At-least-once, in any order. Everything changed in the project, repository or team comes,
        whatever the filter. Restricted comments never do. With None and no error, the listing is
        complete: a record that was not yielded was not there.
        """
        ...

    async def get(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        """Read records by id, in as few requests as the tracker allows; every ref is answered."""
        ...

    async def find(self, draft: Draft, since: datetime) -> Record | None:
        """Return the record created under the draft's marker, if that call ever arrived.

        *since* is when the intent was written; search indexes that lag must not be asked alone
        when the tracker has a list that does not.
        """
        ...

    async def create(self, draft: Draft) -> Receipt:
        """Create one record carrying the draft's marker from its first moment."""
        ...

    def steps(self, patch: Patch) -> Sequence[Patch]:
        """Split a patch into writes of one remote effect each, in the order to be sent."""
        ...

    async def update(self, address: Address, patch: Patch, now: Native) -> Receipt:
        """Send one step. *now* is the record's native fields as last read; only what the patch names
        is changed, lists element by element."""
        ...

    async def find_comment(self, item: Address, marker: str, client_id: str, since: datetime) -> Comment | None:
        """Return the comment written under *marker* on *item*, if that call ever arrived."""
        ...

    async def comment(self, item: Address, body: str, marker: str, client_id: str) -> Comment:
        """Write one comment (canonical Markdown) carrying our marker."""
        ...

    async def comments(self, item: Address) -> Sequence[Comment]:
        """Return every comment on *item* that is not restricted, from a list that does not lag.

        What is not in it is gone, or restricted now. Raises `NotFoundError` where the item cannot be read.
        """
        ...

    async def edit_comment(self, item: Address, comment: Ref, body: str, marker: str) -> Comment:
        """Give a comment of ours another text; *marker* stays on it. Raises `NotFoundError` where it is gone.

        Sending the same text twice is harmless, but like every write it is never retried blindly.
        """
        ...

    async def delete_comment(self, item: Address, comment: Ref) -> None:
        """Delete a comment of ours. One that is gone already is no error."""
        ...

    async def archive(self, address: Address) -> Receipt:
        """Put a record away, as a person could take it out again. Asked only of connectors with the
        ability "archive". Raises `RejectedError` where this place or account cannot."""
        ...

    async def history(self, address: Address, fields: frozenset[str]) -> Mapping[str, Edited]:
        """Say when each of *fields* was last changed, as far as the tracker keeps that."""
        ...

    async def close(self) -> None:
        """Give back connections and other resources."""
        ...


@runtime_checkable
class Selects(Protocol):
    """A connector with a `filter` that only its tracker can judge."""

    async def within(self, refs: Sequence[Ref]) -> frozenset[Ref] | None:
        """Return which of the records meet the filter, None where there is none. Where an index that lags is asked, a
        record it does not show yet does not meet it."""
        ...


class Plugin(Protocol):
    """What the entry point names: one per tracker."""

    name: ClassVar[str]
    version: ClassVar[str]
    abilities: ClassVar[frozenset[str]]
    """Of "archive", "comments", "history", "transitions", "parent", "private" ..."""
    settings: ClassVar[type[BaseModel]]
    """Typed settings for [connections.<name>]; secrets are `SecretStr`, unknown keys refused."""
    fields: ClassVar[frozenset[str]]
    """Fields this tracker can have at all, for checks without a network."""

    def connect(self, setting: Setting) -> Connector:
        """Make a connector; no I/O happens before `open`."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a tracker and its connector go with one field, in a few plain words each: what it is `read` from
    and `written` as, "" where it is not; `why` not, or what to know."""

    read: str = ""
    written: str = ""
    why: str = ""


@runtime_checkable
class Explains(Protocol):
    """A plugin that says how it holds each field, for the table of its documentation (`syncer.sdk.table`)."""

    reach: ClassVar[Mapping[str, Reach]]
    """By the names of `syncer.sdk.table.ROWS`; every one of `fields` is in it."""


# -- webhooks --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook request as it came: header names in lower case, the body to the byte. `at`: our clock."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a delivery says that something changed: a record, or a comment (its native id) on it.

    `at` is the tracker's stamp of the version it speaks of: who has read that version or a later one need
    not look. None where it does not say, and for a deletion. A lead is never data to trust.
    """

    address: Address
    comment: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a genuine delivery comes to. `id` is the tracker's own, the same when it is sent again.

    No leads and not `look`: it is of no interest (a ping, another project). `look`: something changed
    that no single record tells (a label renamed), so that a poll is due.
    """

    id: str
    event: str
    leads: Sequence[Lead] = ()
    look: bool = False


@runtime_checkable
class Listens(Protocol):
    """A plugin that understands its tracker's webhooks. No I/O."""

    def listen(
        self,
        delivery: Delivery,
        *,
        connection: str,
        options: Any,  # noqa: ANN401 -- an instance of the plugin's own settings
        secrets: Sequence[str],
        window: float,
    ) -> Heard:
        """Verify a delivery over its raw bytes, in constant time, before anything of it is parsed; say where to look.

        Any of *secrets* may have signed it. *window* is how old, in seconds, a delivery may be where its
        signed part says when it was sent. Raises `DeliveryError` for whatever is not to be believed or
        understood. Hostile bodies must not raise anything else.
        """
        ...


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as it is registered with the tracker."""

    id: str
    url: str
    events: Sequence[str] = ()
    active: bool = True


@runtime_checkable
class Hooks(Protocol):
    """A connector that can register webhooks for its own place; plugins say so by the ability "hooks"."""

    async def hooks(self) -> Sequence[Hook]:
        """Return the webhooks of this place that we may see, whoever made them."""
        ...

    async def add_hook(self, url: str, secret: str) -> Hook:
        """Register *url* for everything `listen` understands, signed with *secret*."""
        ...

    async def remove_hook(self, hook: Hook) -> None:
        """Remove a webhook. One that is gone already is no error."""
        ...
