"""One item's story: everything that was written, taken, overruled or decided, across all trackers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa

from syncer.errors import ConfigError
from syncer.links import Copy
from syncer.output import clean, short
from syncer.store import Store, items, records

SHOWN: Final = 60

SAID: Final[Mapping[str, str]] = {
    "link": "became part of this item",
    "unlink": "was parted from this item",
    "edit": "{who} changed it",
    "overruled": "a value gave way",
    "create": "{who} made this copy",
    "update": "{who} wrote",
    "comment": "{who} wrote a comment",
    "close": "{who} closed it",
    "archive": "{who} put it away",
    "gone": "it was found deleted",
    "resolved": "{who} settled what was held",
    "undo": "{who} took back what was agreed",
}
"""What an entry of the trail says in plain words; the copy it speaks of stands before it."""


@dataclass(frozen=True, slots=True)
class Story:
    """One item with its copies by connection and the entries of its trail, oldest first."""

    link: str
    title: str
    copies: Mapping[str, Copy]
    entries: Sequence[Mapping[str, Any]]

    def document(self) -> dict[str, Any]:
        """Return the story as `history --json` prints it."""
        return {
            "link": self.link,
            "title": self.title,
            "copies": {
                c: {"ref": str(copy.ref), "key": copy.key, "url": copy.url, "state": str(copy.state)}
                for c, copy in sorted(self.copies.items())
            },
            "entries": [_entry_document(e) for e in self.entries],
        }


def story_of(store: Store, item: str) -> Story:
    """Return the story of *item*: `<connection>:<key>`, a URL, or a link's id. It survives the link.

    Raises `ConfigError` where nothing, or more than one item, is called that.
    """
    with store.read() as tx:
        id_ = _link_named(tx, item)
        link = items.load_links(tx, [id_]).get(id_)
        copies = {c: row.copy for c, row in items.rows_of_links(tx, [id_])[id_].items()}
        entries = list(records.trail(tx, id_))
    return Story(id_, link.title if link is not None else "", copies, entries)


def _link_named(tx: sa.Connection, item: str) -> str:
    found = _links_named(tx, item)
    if not found:
        raise ConfigError(
            f"nothing synced is called {item}",
            fix="Say <connection>:<key> (jira:ROAD-12), its address, or a link's id: `syncer links --json` has them.",
        )
    if len(found) > 1:
        raise ConfigError(f"{item} is in several items", fix=f"Say which: {', '.join(found)}.")
    return found[0]


def _links_named(tx: sa.Connection, item: str) -> list[str]:
    if items.load_links(tx, [item]) or records.known_link(tx, item):
        return [item]
    if "://" in item:
        spots = records.spots_of(tx, url=item) or records.spots_of(tx, url=item.partition("#")[0].rstrip("/"))
    else:
        connection, _, key = item.partition(":")
        spots = records.spots_of(tx, connection=connection, key=key)
        spots = spots or records.spots_of(tx, connection=connection, key=f"#{key}")
    linked = dict.fromkeys(link for link, _ in spots if link)
    return list(linked) or [link for _, ref in spots for link in records.links_of_ref(tx, ref)[:1]]


def _entry_document(entry: Mapping[str, Any]) -> dict[str, Any]:
    ref = entry["ref"]
    return {
        "at": entry["at"],
        "run": entry["run"] or None,
        "act": entry["act"],
        "connection": ref.partition(":")[0] or None,
        "ref": ref or None,
        "field": entry["field"] or None,
        "from": entry["from"],
        "to": entry["to"],
        "who": entry["who"] or None,
        "why": entry["why"],
    }


# -- in plain words --------------------------------------------------------------------------


def told(story: Story) -> Iterator[str]:
    """Yield the story line by line, fit for a terminal: titles and names are other people's words."""
    yield f"{short(story.title) if story.title else '(no longer linked)'}  {clean(story.link)}"
    for connection, copy in sorted(story.copies.items()):
        away = "" if copy.state == "here" else f"  ({copy.state})"
        yield f"  {clean(connection)}:{clean(copy.key)}  {clean(copy.url)}{away}"
    names = {str(copy.ref): f"{c}:{copy.key}" for c, copy in story.copies.items()}
    for event in events(story.entries):
        yield ""
        yield from _event(event, names)


def events(entries: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return entries in groups that are one event: the fields of one write, one edit of several fields.

    A field that was empty and stays so is no part of a story.
    """
    told = [
        e for e in entries if e["act"] not in {"edit", "create"} or not e["field"] or not _empty(e["from"], e["to"])
    ]
    return [list(group) for _, group in groupby(told, lambda e: (e["at"], e["run"], e["act"], e["ref"], e["who"]))]


def _event(event: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[str]:
    first = event[0]
    act, ref = str(first["act"]), str(first["ref"])
    spot = names.get(ref, ref.partition(":")[0])
    run = f"  [{clean(first['run'])}]" if first["run"] else ""
    at = f"{str(first['at'])[:19].replace('T', ' ')}Z"
    born = act == "edit" and all(_empty(e["from"]) for e in event)
    said = SAID[act].format(who=_who(first)) if act in SAID else f"{_who(first)}: {clean(act)}"
    yield f"{at}  {clean(spot) + ': ' if spot else ''}{'it said' if born else said}{run}"
    for entry in event:
        line = _moved(entry)
        if line:
            yield f"    {line}"
    why = "; ".join(dict.fromkeys(clean(e["why"]) for e in event if e["why"]))
    if why:
        yield f"    {'held as' if act == 'resolved' else 'because'} {why}"


def _who(entry: Mapping[str, Any]) -> str:
    """Return who did it; an edit whose tracker does not say by whom is somebody's."""
    who = str(entry["who"] or "")
    return "somebody" if not who or who == str(entry["ref"]).partition(":")[0] else clean(who)


def _moved(entry: Mapping[str, Any]) -> str:
    before, after, name = _value(entry["from"]), _value(entry["to"]), clean(entry["field"])
    match entry["act"]:
        case "link" | "unlink" | "gone" | "archive":
            return "" if entry["to"] is None else after
        case "overruled":
            return f"{name}: {before} gave way to {after}"
        case "comment" if entry["from"] is None:
            return after
        case "create" if not name:
            return "" if entry["to"] is None else after
    if not name:
        return ""
    return f"{name}: {after}" if _empty(entry["from"]) else f"{name}: {before} -> {after}"


def _empty(*values: object) -> bool:
    return all(v is None or v in ("", []) for v in values)


def _value(value: Any) -> str:  # noqa: ANN401 -- any JSON
    if isinstance(value, dict):
        return f"(a text of {value.get('length')} characters, erased)"
    return short(value, SHOWN)
