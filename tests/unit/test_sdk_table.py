"""The table of docs/connectors.md says what the connectors do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel

from syncer import plugins
from syncer.connector import Connector, Reach, Setting
from syncer.sdk.table import END, ROWS, SHIPPED, faults, named, renewed
from syncer.sdk.testing import Clock, SandboxSubject, at_work

PAGE = Path(__file__).parents[2] / "docs" / "connectors.md"


class Tiny:
    name: ClassVar[str] = "tiny"
    version: ClassVar[str] = "1"
    abilities: ClassVar[frozenset[str]] = frozenset({"comments"})
    settings: ClassVar[type[BaseModel]] = BaseModel
    fields: ClassVar[frozenset[str]] = frozenset({"title", "body"})
    reach: ClassVar[Mapping[str, Reach]] = {"title": Reach("name", "name"), "due": Reach("day"), "colour": Reach()}

    def connect(self, setting: Setting) -> Connector:
        raise NotImplementedError


def test_the_page_has_the_table_that_the_plugins_say() -> None:
    page = PAGE.read_text(encoding="utf-8")

    # Else: python -m syncer.sdk.table docs/connectors.md
    assert page == renewed(page, named(SHIPPED))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_plugin_explains_is_what_it_says_of_itself(name: str) -> None:
    assert faults(plugins.plugin(name)) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_every_row_of_ours_says_something(name: str) -> None:
    [plugin] = named([name])

    assert [row for row in ROWS if row not in plugin.reach or plugin.reach[row] == Reach()] == []


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("name", SHIPPED)
async def test_the_fields_that_are_told_are_those_a_place_offers(name: str) -> None:
    clock = Clock()
    [plugin] = named([name])

    async with at_work(SandboxSubject(plugin, plugins.sandbox(name)(clock=clock), clock)) as desk:
        offered = set(desk.place.codecs)

    assert offered == {row for row, reach in plugin.reach.items() if reach.read} - {"comments"}


def test_what_is_told_wrongly_is_found() -> None:
    assert faults(Tiny()) == [
        "colour is no row of the table",
        "body is among the fields, and nothing says what it is read from",
        "due is told to be read or written, and is not among the fields",
        "comments is among the fields, and nothing says what it is read from",
    ]


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=END):
        renewed("no marks", [])
