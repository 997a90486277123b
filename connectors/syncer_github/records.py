"""GitHub's JSON turned into records and comments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from syncer.errors import ProtocolError
from syncer.model import JSON, Account, Comment, Native, Record, Ref
from syncer.text import canonical, find_marker, without_marker
from syncer_github.api import Raw

ENTITY = "issue"
GHOST = Account("ghost", "ghost")
"""GitHub's own name for people who left: REST mostly names it, GraphQL says nothing in its place."""


@dataclass(frozen=True, slots=True)
class Me:
    """Our own account. Logins are renamed, and taken by others then: the id tells us from a stranger."""

    login: str
    id: int | None = None

    def wrote(self, user: object) -> bool:
        """Say whether *user* is us: by id where both are known, else by login."""
        if not isinstance(user, dict):
            return False
        id_ = user.get("id")
        if isinstance(id_, int) and self.id is not None:
            return id_ == self.id
        login = _login(user)
        return login is not None and bool(login) and login.casefold() == self.login.casefold()


def record_of(raw: Raw, connection: str, me: Me) -> Record:
    """Return the record *raw* (an issue) speaks of. Its author alone says whether it is `own`: markers are copied."""
    try:
        user = raw.get("user")
        body = raw.get("body")
        return Record(
            ref=Ref(connection, ENTITY, str(raw["id"])),
            key=f"#{raw['number']}",
            url=str(raw.get("html_url") or raw.get("url") or ""),
            created=stamp(raw["created_at"]),
            updated=stamp(raw["updated_at"]),
            fields=native_of(raw),
            marker=find_marker(body) if isinstance(body, str) else None,
            own=me.wrote(user),
            author=author_of(user) if "user" in raw else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"an issue that cannot be read ({error!r})", connection=connection) from None


def native_of(raw: Raw) -> Native:
    """Return the native fields the codecs read, the same for every way an issue is read. `parent` is `kin`'s."""
    kind = raw.get("type")
    fields: dict[str, JSON] = {
        "title": raw["title"],
        "body": raw.get("body") or None,
        "state": str(raw["state"]).lower(),
        "state_reason": _lower(raw.get("state_reason")),
        "labels": label_names(raw.get("labels") or ()),
        "assignees": sorted(filter(None, (_login(a) for a in raw.get("assignees") or ()))),
        "type": kind.get("name") if isinstance(kind, dict) else None,
        "parent": raw.get("parent"),
    }
    return fields


def label_names(labels: Sequence[Any]) -> list[str]:
    """Return the sorted names of labels, which GitHub gives as objects or as plain names."""
    names = (one.get("name") if isinstance(one, dict) else one for one in labels)
    return sorted(n for n in names if isinstance(n, str) and n)


def author_of(user: object) -> Account:
    """Return who *user* is: a bot by its own login, which ends in "[bot]"; nobody any more is the ghost."""
    login = _login(user)
    return Account(login, login) if login else GHOST


def comment_of(raw: Raw, connection: str, me: Me) -> Comment:
    """Return the comment *raw* speaks of. Its item is the issue's key: the feed says no more."""
    try:
        body = str(raw.get("body") or "")
        return Comment(
            ref=Ref(connection, "comment", str(raw["id"])),
            item="#" + str(raw["issue_url"]).rstrip("/").rpartition("/")[2],
            body=canonical(without_marker(body)) or "",
            author=author_of(raw.get("user")),
            created=stamp(raw["created_at"]),
            updated=stamp(raw["updated_at"]),
            url=str(raw.get("html_url") or raw.get("url") or ""),
            marker=find_marker(body),
            own=me.wrote(raw.get("user")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"a comment that cannot be read ({error!r})", connection=connection) from None


def stamp(text: object) -> datetime:
    """Return GitHub's time, aware. Raises ValueError where *text* is none."""
    at = datetime.fromisoformat(str(text))
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def when(raw: Raw, member: str) -> datetime:
    """Return one of a thing's stamps. Raises `ProtocolError` where there is none."""
    try:
        return stamp(raw[member])
    except (KeyError, ValueError):
        raise ProtocolError(f"something without a readable {member}") from None


def _login(user: object) -> str | None:
    login = user.get("login") if isinstance(user, dict) else None
    return login if isinstance(login, str) else None


def _lower(text: object) -> str | None:
    return text.lower() if isinstance(text, str) else None
