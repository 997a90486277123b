"""Comment threads: one origin, at most one mirror per connection, attributed to who wrote it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from syncer.engine.state import Rules
from syncer.links import Link
from syncer.model import Comment, Ref


@dataclass(frozen=True, slots=True)
class Thread:
    """A comment and its mirrors. `mirrors`: connection -> comment id there."""

    id: str
    link: str
    origin: Comment
    mirrors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A comment to be written on `connection`."""

    thread: str
    connection: str
    body: str


def owed_mirrors(link: Link, threads: Sequence[Thread], copies: Mapping[str, Ref], rules: Rules) -> list[Mirror]:
    """Return the comments each copy still lacks, oldest first.

    Only origins are mirrored, from their own connection to every other copy.
    """
    if not rules.comments:
        return []
    owed: list[Mirror] = []
    for thread in sorted(threads, key=lambda t: (t.origin.created, t.id)):
        if not rules.backfill and thread.origin.created < link.created:
            continue
        for connection in rules.connections:
            if connection == thread.origin.ref.connection or connection not in copies:
                continue
            if connection in thread.mirrors or rules.withholds("comments", connection):
                continue
            owed.append(Mirror(thread.id, connection, attributed(thread.origin)))
    return owed


def attributed(comment: Comment) -> str:
    """Return the Markdown a mirror is written with: whose words these are, and where they stand."""
    who = _plain(comment.author.name or comment.author.id or "Somebody")
    when = f"{comment.created:%Y-%m-%d %H:%M} UTC"
    return f"**{who}** wrote on [{comment.ref.connection}]({comment.url}), {when}:\n\n{comment.body}"


def _plain(name: str) -> str:
    """Return a person's name without what Markdown would act on."""
    return "".join(c for c in name if c not in "*_`[]<>@#\\\n\r").strip() or "Somebody"


def is_ours(comment: Comment, marks: Collection[str], ids: Collection[str]) -> bool:
    """Say whether a comment is a mirror we wrote: our account, and a mark or id only we could have made."""
    return comment.own and (comment.marker in marks or comment.ref.id in ids)


def newer(comment: Comment, known: datetime | None) -> bool:
    return known is None or comment.updated > known
