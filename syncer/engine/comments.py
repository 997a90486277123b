"""Comment threads: one origin, at most one mirror per connection, attributed to who wrote it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncer.engine.state import Rules
from syncer.model import Comment, Ref

MANY = 4_000
"""Words; no tracker takes a comment so short that it holds fewer than these when cut."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A comment we wrote. `source` tells the words it was made of; `touched` says a person edited it since."""

    ref: Ref
    body: str
    source: str = ""
    touched: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """A comment and its mirrors by connection. `gone`: its author took it back. `early`: it is older
    than its link, by the order in which we came to know them: trackers' clocks differ from ours."""

    id: str
    link: str
    origin: Comment
    mirrors: Mapping[str, Mirror]
    gone: bool = False
    early: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What a thread lacks on `connection`: a new mirror, another text for `mirror`, or (`body` None) its end."""

    thread: str
    connection: str
    body: str | None
    because: str
    mirror: Mirror | None = None


def wishes(threads: Sequence[Thread], copies: Mapping[str, Ref], rules: Rules) -> list[Wish]:
    """Return what each copy still lacks of the comments, oldest first.

    Only origins are mirrored, from their own connection to every other copy. A mirror that a person
    edited or deleted is theirs: left alone.
    """
    if not rules.comments:
        return []
    found: list[Wish] = []
    for thread in sorted(threads, key=lambda t: (t.origin.created, t.id)):
        for connection in rules.connections:
            if connection == thread.origin.ref.connection or connection not in copies:
                continue
            wish = None if rules.withholds("comments", connection) else _wish(thread, connection, rules)
            if wish is not None:
                found.append(wish)
    return found


def _wish(thread: Thread, connection: str, rules: Rules) -> Wish | None:
    mirror, origin = thread.mirrors.get(connection), thread.origin
    if mirror is None:
        wanted = not thread.gone and (rules.backfill or not thread.early)
        if not wanted:
            return None
        return Wish(thread.id, connection, attributed(origin), f"a comment was written on {origin.ref.connection}")
    if mirror.gone or mirror.touched:
        return None
    if thread.gone:
        if rules.deletions == "keep":
            return None
        return Wish(thread.id, connection, None, f"its comment on {origin.ref.connection} is gone", mirror)
    if up_to_date(mirror, origin):
        return None
    return Wish(thread.id, connection, attributed(origin), f"its comment was edited on {origin.ref.connection}", mirror)


def up_to_date(mirror: Mirror, origin: Comment) -> bool:
    """Say whether the mirror was made of the words the origin has now."""
    if mirror.source:
        return mirror.source == source_of(origin)
    # Written before a crash and found again: all there is to go by is what it says.
    return same_words(mirror.body, attributed(origin))


def source_of(origin: Comment) -> str:
    """Return what tells one text of an origin from another. Names, keys and URLs do not count."""
    return hashlib.blake2b(origin.body.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def same_words(one: str, other: str) -> bool:
    """Say whether two texts say the same, whatever their mark-up: trackers rewrite what we send.

    Of very long ones only the beginning counts: connectors cut what their tracker would not take.
    """
    ours, theirs = (re.findall(r"\w+", text.casefold()) for text in (one, other))
    return ours[:MANY] == theirs[:MANY] if min(len(ours), len(theirs)) >= MANY else ours == theirs


def attributed(comment: Comment) -> str:
    """Return the Markdown a mirror is written with: whose words these are, and where they stand."""
    who = _plain(comment.author.name or comment.author.id or "Somebody")
    when = f"{comment.created:%Y-%m-%d %H:%M} UTC"
    return f"**{who}** wrote on [{comment.ref.connection}]({comment.url}), {when}:\n\n{comment.body}"


def _plain(name: str) -> str:
    """Return a person's name without what Markdown would act on."""
    return "".join(c for c in name if c not in "*_`[]<>@#\\\n\r").strip() or "Somebody"
