"""What `check` finds out: credentials, permissions, clock, mapping coverage, people."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from syncer import plugins
from syncer.config import Config, Connection
from syncer.connector import Place, Setting, Worded
from syncer.errors import ConnectorError, CredentialsError
from syncer.live import Directory, RequestMeter
from syncer.mapping.mapper import Mapper
from syncer.model import JSON, STATUSES, Problem
from syncer.store import Store


class Scratch:
    """A catalogue for one look: nothing is kept."""

    def __init__(self) -> None:
        self._values: dict[str, JSON] = {}

    def get(self, name: str, *, max_age: float = 86_400.0) -> JSON:
        del max_age
        return self._values.get(name)

    def put(self, name: str, value: JSON) -> None:
        self._values[name] = value


async def inspect(config: Config) -> list[Problem]:
    """Open every connection for real; return what a person should know, worst first."""
    found = await asyncio.gather(*(_inspect_one(config, c) for c in config.connections.values()))
    problems = [p for one, _ in found for p in one]
    places = {place_name: place for (_, place), place_name in zip(found, config.connections, strict=True) if place}
    problems += _disclosure(config, places)
    return sorted(problems, key=lambda p: p.level != "error")


async def _inspect_one(config: Config, connection: Connection) -> tuple[list[Problem], Place | None]:
    connector = plugins.plugin(connection.connector).connect(setting_of(connection))
    try:
        place = await connector.open()
        problems = [replace(p, connection=connection.name) for p in await connector.check()]
        return [*problems, *_coverage(config, connection, place)], place
    except ConnectorError as error:
        # Credentials of several parts say themselves which part is wrong.
        token = isinstance(error, CredentialsError) and getattr(connection.options, "token", None) is not None
        fix = f"Check the token at connections.{connection.name}.token." if token else None
        return [Problem("error", error.message, connection.name, str(config.file), fix=fix)], None
    finally:
        await connector.close()


def setting_of(connection: Connection) -> Setting:
    """Return what a connector is given for one look outside a run: nothing it learns is kept."""
    return Setting(
        connection=connection.name,
        options=connection.options,
        tables=connection.tables.for_setting(),
        catalogue=Scratch(),
        meter=RequestMeter(connection.name),
        clock=lambda: datetime.now(UTC),
        sleep=asyncio.sleep,
    )


def _coverage(config: Config, connection: Connection, place: Place) -> list[Problem]:
    """Return the words nobody mapped, the values nothing says, and the people nobody knows."""
    store = Store.memory()
    directory = Directory(config.people, "check", store)
    directory.accounts[connection.name] = list(place.accounts)
    mapper = Mapper(connection.name, place.codecs, connection.tables, directory, place.words)
    problems = [p for field in ("status", "kind", "priority") for p in _unread_words(mapper, connection, place, field)]
    codec = place.codecs.get("status")
    if isinstance(codec, Worded) and mapper.has("status"):
        silent = [s for s in STATUSES if mapper.word_for("status", s) is None]
        if silent:
            message = f"no word for status {', '.join(silent)}: such items keep the status they have there"
            problems.append(Problem("warning", message, connection.name, connection.tables.file, "fields.status"))
    strangers = [a.name or a.id for a in place.accounts if directory.person(connection.name, a) is None]
    if strangers:
        shown = ", ".join(sorted(strangers)[:5]) + (" ..." if len(strangers) > 5 else "")  # noqa: PLR2004 -- enough to recognise
        message = f"{len(strangers)} of {len(place.accounts)} people are unknown elsewhere: {shown}"
        fix = 'Add them: [people."name@company.example"]'
        problems.append(Problem("warning", message, connection.name, str(config.file), "people", fix))
    store.close()
    return problems


def _unread_words(mapper: Mapper, connection: Connection, place: Place, field: str) -> list[Problem]:
    table = connection.tables.fields.get(field)
    codec = place.codecs.get(field)
    if not isinstance(codec, Worded) or not mapper.has(field):
        return []
    listed = {str(v).casefold() for words in (table.words.values() if table else ()) for w in words for v in w.values()}
    found: list[Problem] = []
    for word in place.words.get(field, ()):
        if isinstance(word.get(codec.primary), list):
            continue  # labels: anybody's words, and most of them none of this field's
        said = str(word.get(codec.primary))
        category = word.get(codec.category) if codec.category else None
        means = connection.tables.categories.get(field, {}).get(str(category))
        if said.casefold() in listed or (category is not None and str(category).casefold() in listed):
            continue
        if means is not None:
            message = f'{field} "{said}" is read as {means} by category'
        else:
            message = f'{field} "{said}" has no mapping: such a field is parked'
        fix = f"Add it under [fields.{field}] in {connection.tables.file}."
        file = connection.tables.file
        found.append(Problem("warning", message, connection.name, file, f"fields.{field}", fix))
    return found


def _disclosure(config: Config, places: Mapping[str, Place]) -> Sequence[Problem]:
    """Return the syncs that would carry private things to a public place unasked."""
    found: list[Problem] = []
    for sync in config.syncs.values():
        told = sync.disclose.to if sync.disclose is not None else ()
        private = [c for c in sync.connections if c in places and places[c].private]
        for name in sync.connections:
            if name in places and not places[name].private and private and name not in told:
                message = f"{name} is public and {private[0]} is private: say what may be shown there"
                fix = f'Add disclose = {{ to = ["{name}"] }} to [syncs.{sync.name}].'
                found.append(Problem("error", message, name, str(config.file), f"syncs.{sync.name}.disclose", fix))
    return found
