"""What a Jira connection is: found out once, kept in the catalogue, asked again when a day old."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from syncer.errors import ConfigError
from syncer.model import JSON, Account
from syncer_jira.api import PAGE, Api, Object

MODERN_POINTS = "com.pyxis.greenhopper.jira:jsw-story-points"
POINT_NAMES = ("story points", "story point estimate")
CREATE_PAGE = 200
PEOPLE = 1000
NO_SCHEME_AGE = 3_600.0
NAMES = ("me", "site", "project", "statuses", "fields", "screens", "priorities", "people", "security")
"""What the catalogue holds of a connection."""

SCREEN_FIELDS: Mapping[str, str] = {
    "body": "description",
    "priority": "priority",
    "labels": "labels",
    "assignees": "assignee",
    "due": "duedate",
}
"""Fields of the model that a create can only carry where its screen has them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`statuses`, `types` and `priorities` are native objects, trimmed to what codecs read.

    `zone` is the account's, in which JQL reads times. `estimate` is the id of the field that holds
    it, None where there is none. `needed` says, per issue type, what its create screen demands
    beyond what we can fill in.
    """

    site: str
    me: Account
    zone: str | None
    project: Mapping[str, str]
    statuses: Sequence[Mapping[str, JSON]]
    types: Sequence[Mapping[str, JSON]]
    priorities: Sequence[Mapping[str, JSON]]
    estimate: str | None
    at_create: frozenset[str]
    people: Sequence[Account]
    needed: Mapping[str, Sequence[str]]

    def browse(self, key: str) -> str:
        """Return the address of an issue's page."""
        return f"{self.site}/browse/{key}"


@dataclass(frozen=True, slots=True)
class Surveyor:
    """Asks the site for facts, through the catalogue."""

    api: Api

    async def facts(self) -> Facts:
        """Return the facts. Raises `CredentialsError`, `ConfigError`, `NotFoundError` (no such project)."""
        me = await self._fact("me", self._me)
        site = await self._fact("site", self._site)
        project = await self._fact("project", self._project)
        statuses = await self._fact("statuses", self._statuses)
        fields = await self._fact("fields", self._fields)
        screens = await self._fact("screens", lambda: self._screens(project))
        priorities = await self._fact("priorities", lambda: self._priorities(screens))
        people = await self._fact("people", self._people)
        estimate = points_field(fields, screens, self._configured_points(), project)
        return Facts(
            site=site,
            me=Account(me["id"], me["name"], me["email"]),
            zone=me["zone"],
            project={k: str(project[k]) for k in ("id", "key", "name")},
            statuses=statuses["statuses"],
            types=_types(screens) or project["types"] or statuses["types"],
            priorities=priorities,
            estimate=estimate,
            at_create=at_create(screens, estimate),
            people=[Account(p["id"], p["name"], p["email"]) for p in people],
            needed=needed(screens, estimate),
        )

    async def hides_issues(self, key: str) -> bool:
        """Say whether the project has an issue security scheme, as far as this account is told.

        A scheme that was seen counts for a day; that none was seen, for an hour only: believing it too
        long would take a hidden issue for a deleted one.
        """
        name, catalogue = self._name("security"), self.api.setting.catalogue
        held = catalogue.get(name)
        if isinstance(held, Mapping) and held.get("is") is True:
            return True
        if catalogue.get(name, max_age=NO_SCHEME_AGE) is not None:
            return False
        found = await self._sees_levels(key)
        catalogue.put(name, {"is": found})
        return found

    async def _sees_levels(self, key: str) -> bool:
        scheme = await self.api.ask_softly(f"project/{key}/issuesecuritylevelscheme")
        if isinstance(scheme, Mapping) and (scheme.get("id") or scheme.get("levels")):
            return True
        return bool(_entries(await self.api.ask_softly(f"project/{key}/securitylevel"), "levels"))

    def forget(self, *names: str) -> None:
        """Have the named facts asked again at the next opening."""
        for name in names or NAMES:
            self.api.setting.catalogue.put(self._name(name), None)

    def _name(self, name: str) -> str:
        options = self.api.options
        who = f"{options.url}\0{options.email}\0{options.project}"
        return f"jira.{name}.{hashlib.blake2b(who.encode(), digest_size=6).hexdigest()}"

    async def _fact(self, name: str, load: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 -- JSON
        held = self.api.setting.catalogue.get(self._name(name))
        if isinstance(held, Mapping) and "is" in held:
            return held["is"]
        found = await load()
        self.api.setting.catalogue.put(self._name(name), {"is": found})
        return found

    def _configured_points(self) -> str | None:
        said = self.api.setting.tables.get("estimate", {}).get("field")
        return said if isinstance(said, str) else None

    async def _me(self) -> Object:
        me = self.api.object(await self.api.ask("myself"))
        return {
            "id": str(me.get("accountId") or ""),
            "name": str(me.get("displayName") or ""),
            "email": me.get("emailAddress") or None,
            "zone": me.get("timeZone") or None,
        }

    async def _site(self) -> str:
        """Return the address people use, which is not ours behind the API gateway."""
        url = self.api.options.url
        info = await self.api.ask_softly("serverInfo")
        info = info if isinstance(info, Mapping) else {}
        kind = str(info.get("deploymentType") or "Cloud")
        if kind != "Cloud" and self.api.options.edition is None:
            raise ConfigError(
                f"This is Jira {kind}, which is not supported yet.",
                connection=self.api.setting.connection,
                key=f"connections.{self.api.setting.connection}.url",
            )
        base = info.get("baseUrl")
        is_gateway = urlsplit(url).hostname == "api.atlassian.com"
        return base.rstrip("/") if is_gateway and isinstance(base, str) else url

    async def _project(self) -> Object:
        project = self.api.object(await self.api.ask(f"project/{self.api.options.project}"))
        return {
            "id": str(project.get("id") or ""),
            "key": str(project.get("key") or self.api.options.project),
            "name": str(project.get("name") or self.api.options.project),
            "modern": project.get("simplified") is True or project.get("style") == "next-gen",
            "types": [_type(t) for t in _objects(project.get("issueTypes"))],
        }

    async def _statuses(self) -> Object:
        listed = _objects(await self.api.ask_softly(f"project/{self.api.options.project}/statuses"))
        found: dict[str, Object] = {}
        for status in (s for t in listed for s in _objects(t.get("statuses"))):
            category = status.get("statusCategory") or {}
            found[str(status.get("id"))] = {
                "id": str(status.get("id")),
                "name": str(status.get("name")),
                "statusCategory": {"key": category.get("key")},
            }
        return {"statuses": list(found.values()), "types": [_type(t) for t in listed]}

    async def _fields(self) -> Sequence[Object]:
        """Return the number fields, which is where an estimate can be."""
        fields = _objects(await self.api.ask_softly("field"))
        return [
            {
                "id": str(f.get("id")),
                "name": str(f.get("name") or ""),
                "custom": (f.get("schema") or {}).get("custom"),
                "project": ((f.get("scope") or {}).get("project") or {}).get("id"),
            }
            for f in fields
            if (f.get("schema") or {}).get("type") == "number"
        ]

    async def _screens(self, project: Object) -> Sequence[Object]:
        """Return the issue types we may create, each with the fields of its create screen."""
        path = f"createmeta/{project['key']}/issuetypes"
        listed = await self.api.ask_softly(f"issue/{path}", maxResults=CREATE_PAGE)
        types = _entries(listed, "issueTypes", "createMetaIssueType", "values")
        return [{**_type(t), "fields": await self._screen(f"issue/{path}/{t.get('id')}")} for t in types]

    async def _screen(self, path: str) -> Sequence[Object]:
        answer = await self.api.ask_softly(path, maxResults=CREATE_PAGE)
        return [
            {
                "id": str(f.get("fieldId") or f.get("key")),
                "name": str(f.get("name") or ""),
                "needed": f.get("required") is True and f.get("hasDefaultValue") is not True,
                "values": [_named(v) for v in _objects(f.get("allowedValues"))]
                if f.get("fieldId") == "priority"
                else [],
            }
            for f in _entries(answer, "fields", "results", "values")
        ]

    async def _priorities(self, screens: Sequence[Object]) -> Sequence[Object]:
        shown = [v for s in screens for f in s["fields"] for v in f["values"]]
        if shown:
            return list({v["id"]: v for v in shown}.values())
        found = _entries(await self.api.ask_softly("priority/search", maxResults=PAGE), "values")
        return [_named(p) for p in found or _objects(await self.api.ask_softly("priority"))]

    async def _people(self) -> Sequence[Object]:
        users = await self.api.ask_softly("user/assignable/search", project=self.api.options.project, maxResults=PEOPLE)
        return [
            {
                "id": str(u["accountId"]),
                "name": str(u.get("displayName") or ""),
                "email": u.get("emailAddress") or None,
            }
            for u in _objects(users)
            if u.get("accountId") and u.get("active") is not False
        ]


def points_field(
    fields: Sequence[Object], screens: Sequence[Object], configured: str | None, project: Object
) -> str | None:
    """Return the id of the field that holds the estimate, None where there is none.

    Ids differ per site, names per language; team-managed projects have fields of their own.
    """
    ours = [f for f in fields if f["project"] in {None, project["id"]}]
    if configured is not None and any(f["id"] == configured for f in ours):
        return configured
    name = (configured or "").casefold()
    named = [f for f in ours if f["name"].casefold() == name]
    usual = [f for f in ours if f["custom"] == MODERN_POINTS or f["name"].casefold() in POINT_NAMES]
    if name not in POINT_NAMES and configured is not None:
        usual = []
    on_screen = {f["id"] for s in screens for f in s["fields"]}
    candidates = sorted(
        {f["id"]: f for f in [*named, *usual]}.values(),
        key=lambda f: (
            f["id"] not in on_screen,
            (f["custom"] == MODERN_POINTS) is not bool(project["modern"]),
            f["name"].casefold() != name,
        ),
    )
    return str(candidates[0]["id"]) if candidates else None


def at_create(screens: Sequence[Object], estimate: str | None) -> frozenset[str]:
    """Return the fields of the model that every create screen takes; status never is one."""
    native = {**SCREEN_FIELDS, **({"estimate": estimate} if estimate else {})}
    shown = [{f["id"] for f in s["fields"]} for s in screens if s["fields"]]
    taken = {name for name, id_ in native.items() if all(id_ in screen for screen in shown)}
    return frozenset({"title", "kind", "parent", *taken})


def needed(screens: Sequence[Object], estimate: str | None) -> Mapping[str, Sequence[str]]:
    """Return, per issue type, the names of fields its create screen demands and we cannot fill."""
    filled = {"summary", "issuetype", "project", "parent", "reporter", estimate, *SCREEN_FIELDS.values()}
    missing = {
        str(s["name"]): [f["name"] or f["id"] for f in s["fields"] if f["needed"] and f["id"] not in filled]
        for s in screens
    }
    return {name: fields for name, fields in missing.items() if fields}


def _types(screens: Sequence[Object]) -> Sequence[Object]:
    return [{k: v for k, v in s.items() if k != "fields"} for s in screens]


def _type(raw: Object) -> dict[str, JSON]:
    kept = {k: raw[k] for k in ("name", "subtask", "hierarchyLevel") if raw.get(k) is not None}
    return {"id": str(raw.get("id")), **kept}


def _named(raw: Object) -> Object:
    return {"id": str(raw.get("id")), "name": str(raw.get("name"))}


def _objects(value: object) -> list[Object]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, Iterable) else []


def _entries(answer: object, *names: str) -> list[Object]:
    if isinstance(answer, Mapping):
        return next((_objects(answer[n]) for n in names if isinstance(answer.get(n), list)), [])
    return _objects(answer)
