"""Cards and comments as Pinboard's JSON has them, made into ours: the border where shapes are checked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncer.errors import ProtocolError
from syncer.model import Account, Comment, Missing, Record, Ref, State
from syncer.text import canonical

NATIVES = ("title", "text", "column", "labels", "people", "due")
Raw = Mapping[str, Any]


@contextlib.contextmanager
def promised(connection: str) -> Iterator[None]:
    """Read an answer: what is missing in it, or of another type, is a `ProtocolError`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"an answer of another shape ({error!r})", connection=connection) from None


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for one connection. `me`: the id of our account, by which we know what is ours."""

    connection: str
    me: str
    people: Mapping[str, Account]

    def record(self, raw: Raw) -> Record:
        with promised(self.connection):
            return Record(
                ref=Ref(self.connection, "card", raw["id"]),
                key=raw["id"],
                url=raw["url"],
                created=datetime.fromisoformat(raw["created"]),
                updated=datetime.fromisoformat(raw["changed"]),
                fields={name: raw[name] for name in NATIVES},
                marker=raw["external"],
                own=raw["by"] == self.me,
                author=self._account(raw["by"]),
            )

    def found(self, raw: Raw) -> Record | Missing:
        """Return a card that was asked for by id: Pinboard says so where it was deleted."""
        if raw.get("deleted"):
            return Missing(Ref(self.connection, "card", str(raw["id"])), State.GONE)
        return self.record(raw)

    def comments(self, raw: Raw) -> list[Comment]:
        with promised(self.connection):
            return [self.comment(said, raw) for said in raw["comments"]]

    def comment(self, said: Raw, card: Raw) -> Comment:
        with promised(self.connection):
            return Comment(
                ref=Ref(self.connection, "comment", said["id"]),
                item=Ref(self.connection, "card", card["id"]),
                body=canonical(said["text"]) or "",
                author=self._account(said["by"]),
                created=datetime.fromisoformat(said["created"]),
                updated=datetime.fromisoformat(said["changed"]),
                url=f"{card['url']}#{said['id']}",
                marker=said["external"],
                own=said["by"] == self.me,
            )

    def _account(self, person: str) -> Account:
        return self.people.get(person, Account(person))
