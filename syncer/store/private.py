"""What a database knows that must not leave with a bug report: titles of items, names of people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from syncer.store import encoding as code
from syncer.store.schema import catalogue, comments, copies, links

_SPOKEN: Final = frozenset({"displayName", "display_name", "login", "email", "emailAddress"})
_PEOPLE: Final = ("people", "account", "member", "user", "me")
"""Catalogues whose name has one of these in it are about people: there, "name" is one's name."""


def titles(tx: sa.Connection) -> set[str]:
    """Return the titles of all items, and (normalised) of all records."""
    found = set(tx.execute(sa.select(links.c.title).distinct()).scalars())
    return {t for t in found | set(tx.execute(sa.select(copies.c.title).distinct()).scalars()) if t}


def names(tx: sa.Connection) -> set[str]:
    """Return the names, logins and e-mails of all people ever read."""
    found: set[str] = set()
    for table, column in ((copies, copies.c.more), (comments, comments.c.doc)):
        for said in tx.execute(sa.select(column).distinct().select_from(table)).scalars():
            account = code.account_in((code.loads(said) or {}).get("author"))
            if account is not None:
                found |= {n for n in (account.name, account.email) if n}
    for said in tx.execute(sa.select(links.c.doc)).scalars():
        found |= {str(origin[2]) for origin in code.loads(said)["origin"].values() if len(origin) > 2 and origin[2]}  # noqa: PLR2004 -- who stands third
    for row in tx.execute(sa.select(catalogue.c.name, catalogue.c.value)):
        found |= set(_names_in(code.loads(row.value), about_people=any(p in row.name for p in _PEOPLE)))
    return found


def _names_in(value: Any, *, about_people: bool) -> Iterator[str]:  # noqa: ANN401 -- any JSON
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str) and (name in _SPOKEN or (about_people and name == "name")):
                yield part
            else:
                yield from _names_in(part, about_people=about_people)
    elif isinstance(value, list):
        for part in value:
            yield from _names_in(part, about_people=about_people)
