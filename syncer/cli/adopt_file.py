"""The file that `syncer adopt` writes and a person edits: TOML, one table per proposed item."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from syncer.errors import ConfigError
from syncer.log import redact
from syncer.output import clean

if TYPE_CHECKING:
    from syncer.adoption import Offer, Wish
    from syncer.engine.adopt import Card, Proposal

VERSION = 1
KEYS = {"version", "sync", "link"}
LINK_KEYS = {"records", "confidence", "reason"}
RECORD_KEYS = {"connection", "key", "url", "title"}

_HEADER = """\
# Records that are probably one item, surest first. Nothing is linked yet.
# Delete every [[link]] that is not one item, and every line of a record that does not belong.
# Then: syncer adopt --apply THIS-FILE"""


# -- writing ---------------------------------------------------------------------------------


def written(offer: Offer) -> str:
    """Return the file. It carries titles, never bodies."""
    lines = [_HEADER, f"version = {VERSION}", f"sync = {_text(offer.sync)}"]
    for proposal in offer.proposals:
        lines += ["", *_link_lines(proposal)]
    return "\n".join(lines) + "\n"


def _link_lines(proposal: Proposal) -> Iterator[str]:
    yield "[[link]]"
    yield f"confidence = {proposal.confidence:.2f}"
    yield f"reason = {_text(proposal.reason)}"
    yield "records = ["
    for card in proposal.cards:
        pairs = ", ".join(f"{name} = {_text(value)}" for name, value in record_document(card).items())
        yield f"  {{ {pairs} }},"
    yield "]"


def record_document(card: Card) -> dict[str, str]:
    return {"connection": card.ref.connection, "key": card.key, "url": card.url, "title": card.title}


def _text(value: str) -> str:
    """Return a TOML string. Titles are hostile: no control characters, nothing that looks like a secret."""
    return json.dumps(clean(redact(value)), ensure_ascii=False)


def refuse_existing(path: Path) -> None:
    """Raise `ConfigError` rather than lose somebody's review."""
    if path.exists():
        raise ConfigError(
            "it exists, and somebody may have reviewed it.", file=str(path), fix="Remove it, or name another file."
        )


def save(path: Path, text: str) -> None:
    """Write a new file that only its owner can read. Raises `ConfigError` where that cannot be."""
    refuse_existing(path)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(path)) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


# -- reading ---------------------------------------------------------------------------------


class Reviewed:
    """A reviewed file. `sync` names its sync, `wishes` what is to be linked.

    Raises `ConfigError` with file, line and key for what is no such file; whether the records are
    there and fit is for `join` to find out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
            doc = tomllib.loads(text)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {error}", file=str(path)) from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"this is no TOML: {error}", file=str(path)) from None
        found = (n for n, line in enumerate(text.splitlines(), start=1) if re.match(r"\s*\[\[\s*link\s*\]\]", line))
        self._lines: Sequence[int] = list(found)
        self._known("", doc, KEYS)
        if doc.get("version") != VERSION:
            self._refuse("version", f"this is no file that `syncer adopt` wrote (its version is {VERSION})")
        self.sync = self._string("sync", doc.get("sync"))
        links = doc.get("link", [])
        if not isinstance(links, list):
            self._refuse("link", "say [[link]], with two brackets")
        self.wishes: list[Wish] = [self._wish(number, link) for number, link in enumerate(links)]
        self._refuse_doubles()

    def key(self, number: int) -> str:
        """Return how a message calls the wish of that number."""
        return f"link[{number}]"

    def line(self, number: int) -> int | None:
        return self._lines[number] if number < len(self._lines) else None

    def of(self, connections: Sequence[str]) -> Sequence[Wish]:
        """Return the wishes. Raises `ConfigError` where one names a connection that is not in the sync."""
        for number, wish in enumerate(self.wishes):
            for spot_number, spot in enumerate(wish.spots):
                if spot.connection not in connections:
                    key = f"{self.key(number)}.records[{spot_number}].connection"
                    message = f'"{spot.connection}" is not in the sync "{self.sync}".'
                    self._refuse(key, message, number=number, fix=f"It has: {', '.join(connections)}.")
        return self.wishes

    def _wish(self, number: int, link: Any) -> Wish:  # noqa: ANN401 -- the TOML border
        from syncer.adoption import Wish

        key = self.key(number)
        if not isinstance(link, dict):
            self._refuse(key, "say [[link]], with two brackets")
        self._known(key, link, LINK_KEYS, number)
        reason = self._string(f"{key}.reason", link.get("reason", "as reviewed"), number)
        records = link.get("records")
        if not isinstance(records, list) or len(records) < 2:  # noqa: PLR2004 -- one record is no pair
            self._refuse(f"{key}.records", "an item takes two records or more; or delete the whole [[link]].", number)
        spots = tuple(self._spot(f"{key}.records[{n}]", record, number) for n, record in enumerate(records))
        seen: set[str] = set()
        for spot_number, spot in enumerate(spots):
            if spot.connection in seen:
                message = f'"{spot.connection}" comes twice: an item has one copy there'
                self._refuse(f"{key}.records[{spot_number}].connection", message, number)
            seen.add(spot.connection)
        return Wish(spots, f"a person adopted it: {clean(reason)}")

    def _spot(self, key: str, record: Any, number: int) -> Any:  # noqa: ANN401 -- the TOML border
        from syncer.adoption import Spot

        if not isinstance(record, dict):
            self._refuse(key, "say { connection = ..., key = ... }", number)
        self._known(key, record, RECORD_KEYS, number)
        for name in ("connection", "key"):
            if not record.get(name):
                self._refuse(f"{key}.{name}", "is missing", number)
        said = {name: self._string(f"{key}.{name}", record.get(name, ""), number) for name in RECORD_KEYS}
        return Spot(said["connection"], said["key"], said["url"])

    def _refuse_doubles(self) -> None:
        """A record in two proposals: a person has to say which is meant."""
        seen: dict[tuple[str, str], int] = {}
        for number, wish in enumerate(self.wishes):
            for spot_number, spot in enumerate(wish.spots):
                first = seen.setdefault((spot.connection, spot.key), number)
                if first != number:
                    message = f"{spot} is in {self.key(first)} already"
                    self._refuse(f"{self.key(number)}.records[{spot_number}]", message, number)

    def _known(self, key: str, table: Mapping[str, Any], names: set[str], number: int | None = None) -> None:
        for name in table:
            if name not in names:
                where = f"{key}.{name}" if key else name
                self._refuse(where, "is not known.", number, fix=f"There are: {', '.join(sorted(names))}.")

    def _string(self, key: str, value: Any, number: int | None = None) -> str:  # noqa: ANN401 -- the TOML border
        if not isinstance(value, str) or (key == "sync" and not value):
            self._refuse(key, "must be a text", number)
        return str(value)

    def _refuse(self, key: str, message: str, number: int | None = None, fix: str | None = None) -> NoReturn:
        line = self.line(number) if number is not None else None
        raise ConfigError(message, file=str(self.path), line=line, key=key, fix=fix)
