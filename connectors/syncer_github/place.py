"""What a repository offers: who we are, what we may do, its labels and its people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from syncer.connector import Catalogue
from syncer.errors import CredentialsError, NotFoundError, ProtocolError
from syncer.model import JSON
from syncer_github.api import NOT_OFFERED, Api, Raw
from syncer_github.batch import Batch
from syncer_github.records import Me

HIDDEN = frozenset({404})
VISIBILITY_AGE = 3_600.0
"""Seconds after which we ask again whether strangers can read the repository."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository as it is called today, whatever the config calls it."""

    name: str
    url: str
    private: bool
    issues: bool
    archived: bool
    may_label: bool

    @property
    def path(self) -> str:
        return f"/repos/{self.name}"


class Facts:
    """A connection's slow-changing facts, asked of GitHub only where the catalogue has none fresh."""

    def __init__(self, api: Api, catalogue: Catalogue, repository: str) -> None:
        self._api = api
        self._catalogue = catalogue
        self.configured = repository

    async def me(self, *, fresh: bool = False) -> Me:
        """Return our own account. Raises `ProtocolError` where GitHub does not say whose token it is."""
        known = None if fresh else self._catalogue.get("me")
        app = None if self._api.app is None else self._api.app.id
        if isinstance(known, Mapping) and isinstance(known.get("login"), str) and known.get("app") == app:
            return _me(known)
        user = await self._user()
        if not user.get("login"):
            # An account we cannot name writes what we would never know again as ours.
            raise ProtocolError("GitHub does not say whose token this is", connection=self._api.http.connection)
        me = _me(user)
        self._catalogue.put("me", {"login": me.login, "id": me.id, "app": app})
        return me

    async def _user(self) -> Raw:
        """Return the account our token speaks for. An app's is a bot: `/user` is for people."""
        if self._api.app is None:
            return self._api.single(await self._api.read("/user"))
        login = f"{await self._api.app.slug()}[bot]"
        response = await self._api.read(f"/users/{quote(login)}", ok=HIDDEN)
        # Enterprises with managed users may hide even our own account; its login is enough then.
        return {"login": login} if response.status_code in HIDDEN else self._api.single(response)

    async def repository(self, *, fresh: bool = False) -> Repository:
        """Return the repository. Raises `CredentialsError` where it is missing or hidden from us."""
        known = None if fresh else self._catalogue.get("repository", max_age=VISIBILITY_AGE)
        if isinstance(known, Mapping) and known.get("configured") == self.configured:
            return _recalled(known)
        found = await self._asked()
        self._catalogue.put(
            "repository",
            {
                "configured": self.configured,
                "name": found.name,
                "url": found.url,
                "private": found.private,
                "issues": found.issues,
                "archived": found.archived,
                "may_label": found.may_label,
            },
        )
        return found

    async def _asked(self) -> Repository:
        try:
            response = await self._api.read(f"/repos/{self.configured}")
        except NotFoundError as error:
            raise CredentialsError(
                f"repository {self.configured} does not exist, or the token may not see it",
                connection=error.connection,
                status=error.status,
            ) from None
        raw = self._api.single(response)
        # Only a moved repository answers from another path; then its old name must not be written to.
        asked = response.request.url.path.rstrip("/").endswith(f"/repos/{self.configured}")
        name = self.configured if asked else str(raw.get("full_name") or self.configured)
        return Repository(
            name=name,
            url=str(raw.get("html_url") or ""),
            private=_is_private(raw),
            issues=raw.get("has_issues") is not False,
            archived=raw.get("archived") is True,
            may_label=await self._may_label(raw.get("permissions")),
        )

    async def _may_label(self, permissions: object) -> bool:
        return _may_label(permissions) if self._api.app is None else await self._api.app.may_write()

    async def labels(self, repository: Repository, *, fresh: bool = False) -> Sequence[str]:
        """Return the names of the repository's labels."""
        return await self._names("labels", f"{repository.path}/labels", "name", fresh=fresh)

    async def people(self, repository: Repository, *, fresh: bool = False) -> Sequence[str]:
        """Return the logins of those who can be assigned to issues."""
        return await self._names("people", f"{repository.path}/assignees", "login", fresh=fresh)

    async def types(self, repository: Repository, *, fresh: bool = False) -> Sequence[str]:
        """Return the names of the issue types that are in use; none where the owner is no organisation."""
        known: JSON = None if fresh else self._catalogue.get("types")
        if isinstance(known, Sequence) and not isinstance(known, str):
            return [str(one) for one in known]
        response = await self._api.read(f"{repository.path}/issue-types", ok=NOT_OFFERED)
        raws = [] if response.status_code in NOT_OFFERED else self._api.listed(response)
        names = [str(raw["name"]) for raw in raws if "name" in raw and raw.get("is_enabled") is not False]
        self._catalogue.put("types", names)
        return names

    async def nests(self, batch: Batch) -> bool:
        """Say whether the server has sub-issues: of Enterprise Server not every version has."""
        known = self._catalogue.get("nests")
        if isinstance(known, bool):
            return known
        nests = await batch.nests()
        if nests is not None:
            self._catalogue.put("nests", nests)
        return nests is True

    async def _names(self, what: str, path: str, member: str, *, fresh: bool) -> Sequence[str]:
        known: JSON = None if fresh else self._catalogue.get(what)
        if isinstance(known, Sequence) and not isinstance(known, str):
            return [str(one) for one in known]
        pages = self._api.pages(path, {}, optional=True)
        names = [str(raw[member]) async for page in pages for raw in page if member in raw]
        self._catalogue.put(what, names)
        return names


def _me(said: Mapping[str, Any]) -> Me:
    id_ = said.get("id")
    return Me(str(said["login"]), id_ if isinstance(id_, int) else None)


def _recalled(known: Mapping[str, Any]) -> Repository:
    return Repository(
        name=str(known["name"]),
        url=str(known["url"]),
        private=known["private"] is True,
        issues=known["issues"] is True,
        archived=known["archived"] is True,
        may_label=known["may_label"] is True,
    )


def _is_private(raw: Mapping[str, Any]) -> bool:
    # Where the server does not say, it counts as public: that side refuses, the other would leak.
    private, visibility = raw.get("private"), raw.get("visibility")
    return private if isinstance(private, bool) else visibility in {"private", "internal"}


def _may_label(permissions: object) -> bool:
    if not isinstance(permissions, Mapping):
        return True
    return any(permissions.get(p) is True for p in ("triage", "push", "maintain", "admin"))
