"""What each connector does with each field, as its plugin says it: the table of docs/connectors.md.

`python -m syncer.sdk.table docs/connectors.md` writes it anew; `python -m syncer.sdk.table` prints it, and takes
the names of other connectors that are installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol

from syncer.connector import Explains, Plugin, Reach
from syncer.model import FIELDS

SHIPPED: Final = ("jira", "github", "linear")
BEYOND: Final = (
    "stage",
    "rank",
    "milestone",
    "cycle",
    "start",
    "health",
    "relations",
    "demand",
    "attachments",
    "custom",
)
"""What the product model has and the merge may not know yet."""
ROWS: Final = (*FIELDS, "comments", *(name for name in BEYOND if name not in FIELDS))
ABILITIES: Final[Mapping[str, str]] = {
    "archive": "puts a record away, where `on_gone` says so",
    "comments": "reads and writes comments",
    "history": "says when, and by whom, a field was changed",
    "hooks": "registers webhooks, and understands their deliveries",
    "parent": "puts records under others",
    "private": "tells whether the place is private",
    "transitions": "changes a status only along the tracker's workflow",
}
BEGIN: Final = "<!-- begin: python -m syncer.sdk.table docs/connectors.md -->"
END: Final = "<!-- end -->"


class Told(Plugin, Explains, Protocol):
    """A plugin with a `reach`."""


def faults(plugin: Plugin) -> Sequence[str]:
    """Return in words where what a plugin explains is not what it says of itself; empty where all is well."""
    if not isinstance(plugin, Explains):
        return [f"{plugin.name} has no `reach`"]
    return [*_faults(plugin, plugin.reach)]


def _faults(plugin: Plugin, reach: Mapping[str, Reach]) -> Iterator[str]:
    held = plugin.fields | ({"comments"} & plugin.abilities)
    for name in sorted({*reach} - {*ROWS}):
        yield f"{name} is no row of the table"
    for name in ROWS:
        told = reach.get(name, Reach())
        if name in held and not told.read:
            yield f"{name} is among the fields, and nothing says what it is read from"
        if name not in held and (told.read or told.written):
            yield f"{name} is told to be read or written, and is not among the fields"


def table(plugin: Told) -> str:
    """Return one connector's table, in Markdown."""
    rows = [(name, plugin.reach.get(name, Reach(why="not there"))) for name in ROWS]
    lines = [f"| {name} | {r.read or '-'} | {r.written or '-'} | {r.why} |" for name, r in rows]
    return "\n".join(
        ["| field | read from | written as | why not, or what to know |", "| --- | --- | --- | --- |", *lines]
    )


def abilities(plugins: Sequence[Plugin]) -> str:
    """Return what the connectors can do beside fields, in Markdown. An ability nobody explains stands by its name."""
    names = sorted({*ABILITIES, *(a for p in plugins for a in p.abilities)})
    head = f"| ability | it | {' | '.join(p.name for p in plugins)} |"
    lines = [
        f"| `{a}` | {ABILITIES.get(a, '')} | {' | '.join('yes' if a in p.abilities else '-' for p in plugins)} |"
        for a in names
    ]
    return "\n".join([head, "| --- | --- |" + " --- |" * len(plugins), *lines])


def chapter(plugins: Sequence[Told]) -> str:
    """Return everything that stands between the two marks of the page."""
    parts = [f"### {plugin.name}\n\n{table(plugin)}" for plugin in plugins]
    return "\n\n".join([*parts, f"### Abilities\n\n{abilities(plugins)}"])


def renewed(page: str, plugins: Sequence[Told]) -> str:
    """Return *page* with its chapter written anew. Raises ValueError where the marks are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{chapter(plugins)}\n\n{END}{after}"


def named(names: Sequence[str]) -> Sequence[Told]:
    """Return installed plugins by name. Raises ValueError for one that is not there, or explains itself wrongly."""
    points = entry_points(group="syncer.connectors")
    if missing := sorted({*names} - points.names):
        raise ValueError(f"not installed: {', '.join(missing)}")
    found = [points[name].load()() for name in names]
    wrong = [f"{plugin.name}: {fault}" for plugin in found for fault in faults(plugin)]
    if wrong:
        raise ValueError("\n".join(wrong))
    return found


def main(words: Sequence[str]) -> None:
    match words:
        case [page] if page.endswith(".md"):
            path = Path(page)
            path.write_text(renewed(path.read_text(encoding="utf-8"), named(SHIPPED)), encoding="utf-8")
        case _:
            sys.stdout.write(chapter(named(words or SHIPPED)) + "\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
