"""The sandbox's REST API: one function per operation we use, and the refusals around them."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncer_jira.sandbox import jql
from syncer_jira.sandbox.edits import Edit, RefusedError, document, properties
from syncer_jira.sandbox.shapes import CUSTOM_FIELDS, Shapes, system_fields
from syncer_jira.sandbox.site import BOT, KINDS, OTHER, PRIORITIES, RESOLUTIONS, Issue, Site

ROOT = "/rest/api/3"
BULK_MAX = 100
SEARCH_MAX = 5000
PROPERTIES_MAX = 5
WIDE_PAGE = 100
"""Issues a page where fields are asked for; a short page is not the end."""
TOKEN_LIFE = timedelta(days=7)
REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration "
    "guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
NO_ISSUE = "Issue does not exist or you do not have permission to see it."

Answer = tuple[int, Any]


@dataclass(slots=True)
class Ask:
    """One request, read."""

    query: Mapping[str, str]
    path: Mapping[str, str]
    body: Any
    shapes: Shapes

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.query.get(name, default))
        except ValueError:
            raise RefusedError(400, f"{name} is not a number") from None

    def names(self, name: str) -> list[str]:
        return [n for n in self.query.get(name, "").split(",") if n]


Operation = Callable[[Ask], Answer]


@dataclass(slots=True)
class Rest:
    """*page_cap* is the longest page of a search; tests make it short."""

    site: Site
    token: str
    page_cap: int = WIDE_PAGE
    per_issue: int | None = None
    """Writes to one issue within two seconds, before Jira refuses more; None for no limit."""
    denied: set[str] = field(default_factory=set)
    """Permissions the sync's account does not have, as it is told; tests take some away."""
    _pages: dict[str, tuple[datetime, str, list[int]]] = field(default_factory=dict)
    _writes: dict[int, list[datetime]] = field(default_factory=dict)

    def app(self) -> Starlette:
        issue = "/issue/{issue}"
        operations: list[tuple[str, str, Operation]] = [
            ("GET", "/myself", self.myself),
            ("GET", "/serverInfo", self.server),
            ("GET", "/project/{project}", self.project),
            ("GET", "/project/{project}/statuses", self.statuses),
            ("GET", "/field", self.fields),
            ("GET", "/priority", self.priorities),
            ("GET", "/priority/search", self.priority_page),
            ("GET", "/mypermissions", self.permissions),
            ("GET", "/user/assignable/search", self.assignable),
            ("GET", "/search", self.old_search),
            ("POST", "/search", self.old_search),
            ("GET", "/search/jql", self.search),
            ("POST", "/search/jql", self.search),
            ("POST", "/issue", self.create),
            ("POST", "/issue/bulkfetch", self.bulk),
            ("GET", "/issue/createmeta/{project}/issuetypes", self.types),
            ("GET", "/issue/createmeta/{project}/issuetypes/{type}", self.screen),
            ("GET", issue, self.show),
            ("PUT", issue, self.edit),
            ("DELETE", issue, self.delete),
            ("GET", f"{issue}/transitions", self.transitions),
            ("POST", f"{issue}/transitions", self.transition),
            ("GET", f"{issue}/changelog", self.changelog),
            ("GET", f"{issue}/comment", self.comments),
            ("POST", f"{issue}/comment", self.comment),
            ("GET", f"{issue}/properties/{{key}}", self.property),
            ("PUT", f"{issue}/properties/{{key}}", self.set_property),
        ]
        routes = [Route(ROOT + path, self._endpoint(run), methods=[method]) for method, path, run in operations]
        return Starlette(routes=routes, exception_handlers={404: _nowhere})

    def _endpoint(self, run: Operation) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            raw = await request.body()
            base = str(request.base_url).rstrip("/")
            with self.site.lock:
                try:
                    self._authorise(request.headers.get("authorization", ""))
                    asked = Ask(request.query_params, request.path_params, _json(raw), Shapes(self.site, base))
                    status, body = run(asked)
                except RefusedError as error:
                    said = {"errorMessages": list(error.messages), "errors": error.fields}
                    return _answer(error.status, said, _limit_headers(error.status))
            return _answer(status, body, {})

        return endpoint

    def _authorise(self, header: str) -> None:
        pair = f"{self.site.users[self.site.account(BOT)].email}:{self.token}"
        if header != "Basic " + base64.b64encode(pair.encode()).decode():
            raise RefusedError(401, "Client must be authenticated to access this resource.")

    # -- the place -------------------------------------------------------------------------------

    def myself(self, ask: Ask) -> Answer:
        return 200, ask.shapes.user(self.site.account(BOT), own=True)

    def server(self, ask: Ask) -> Answer:
        return 200, {
            "baseUrl": ask.shapes.base,
            "version": "1001.0.0-SNAPSHOT",
            "versionNumbers": [1001, 0, 0],
            "deploymentType": "Cloud",
            "serverTime": ask.shapes.time(self.site.clock()),
            "serverTitle": "Jira",
        }

    def _key(self, ask: Ask) -> str:
        named = ask.path["project"].upper()
        keys = {self.site.project: self.site.project, "10000": self.site.project, OTHER: OTHER, "10001": OTHER}
        if not self.site.readable or named not in keys:
            raise RefusedError(404, f"No project could be found with key '{ask.path['project']}'.")
        return keys[named]

    def project(self, ask: Ask) -> Answer:
        kinds = [ask.shapes.kind(k) for k in KINDS]
        more = {"issueTypes": kinds, "style": "next-gen", "simplified": True, "projectTypeKey": "software"}
        return 200, {**ask.shapes.project(self._key(ask)), **more}

    def statuses(self, ask: Ask) -> Answer:
        self._key(ask)
        listed = [ask.shapes.status(s) for s in self.site.statuses]
        return 200, [
            {
                "self": ask.shapes.link(f"issuetype/{k.id}"),
                "id": k.id,
                "name": k.name,
                "subtask": k.level < 0,
                "statuses": listed,
            }
            for k in KINDS
        ]

    def fields(self, _: Ask) -> Answer:
        return 200, [*system_fields(), *CUSTOM_FIELDS]

    def priorities(self, ask: Ask) -> Answer:
        return 200, [ask.shapes.priority(p) for p in PRIORITIES]

    def priority_page(self, ask: Ask) -> Answer:
        values = [ask.shapes.priority(p) for p in PRIORITIES]
        return 200, {"values": values, "isLast": True, "maxResults": 50, "startAt": 0, "total": len(values)}

    def permissions(self, ask: Ask) -> Answer:
        names = ask.names("permissions")
        if not names:
            raise RefusedError(400, "The 'permissions' query parameter is required.")
        if ask.query.get("projectKey", self.site.project) != self.site.project:
            raise RefusedError(404, "No project could be found with that key.")
        return 200, {
            "permissions": {
                n: {"id": "1", "key": n, "name": n, "type": "PROJECT", "havePermission": self._may(n)} for n in names
            }
        }

    def _may(self, permission: str) -> bool:
        return self.site.readable and permission not in self.denied

    def assignable(self, ask: Ask) -> Answer:
        if ask.query.get("project") != self.site.project:
            raise RefusedError(404, "The project does not exist.")
        start, most = ask.number("startAt", 0), ask.number("maxResults", 50)
        return 200, [ask.shapes.user(u) for u in self.site.users][start : start + most]

    def types(self, ask: Ask) -> Answer:
        self._key(ask)
        kinds = [ask.shapes.kind(k) for k in KINDS]
        return 200, {"issueTypes": kinds, "startAt": 0, "maxResults": 50, "total": len(kinds)}

    def screen(self, ask: Ask) -> Answer:
        self._key(ask)
        kind = next((k for k in KINDS if k.id == ask.path["type"]), None)
        if kind is None:
            raise RefusedError(404, "The issue type does not exist.")
        fields = ask.shapes.screen(kind)
        return 200, {"fields": fields, "startAt": 0, "maxResults": 50, "total": len(fields)}

    # -- reading ---------------------------------------------------------------------------------

    def old_search(self, _: Ask) -> Answer:
        raise RefusedError(410, REMOVED)

    def search(self, ask: Ask) -> Answer:
        body = ask.body if ask.body is not None else dict(ask.query)
        names = _list(body.get("fields")) or ["id"]
        wanted = _list(body.get("properties"))
        if len(wanted) > PROPERTIES_MAX:
            raise RefusedError(400, "At most 5 properties can be requested.")
        most = int(body.get("maxResults", 50))
        slim = set(names) <= {"id", "key"} and not wanted
        size = max(1, min(most, SEARCH_MAX if slim else self.page_cap))
        found = self._found(str(body.get("jql") or ""), body.get("nextPageToken"))
        page, rest = found[:size], found[size:]
        shown = {i.id: i for i in self.site.indexed()}
        issues = [ask.shapes.issue(shown[i], names, wanted) for i in page if i in shown]
        answer: dict[str, Any] = {"issues": issues, "isLast": not rest}
        if rest:
            token = secrets.token_urlsafe(24)
            self._pages[token] = (self.site.clock() + TOKEN_LIFE, str(body.get("jql")), rest)
            answer["nextPageToken"] = token
        return 200, answer

    def _found(self, text: str, token: object) -> list[int]:
        """Return the ids still to be shown."""
        if token is None:
            try:
                return [i.id for i in jql.parse(text, self.site).run(self.site.indexed())]
            except jql.JqlError as error:
                raise RefusedError(400, str(error)) from None
        expires, asked, rest = self._pages.get(str(token), (self.site.clock(), "", []))
        if expires <= self.site.clock() or asked != text:
            raise RefusedError(400, "The provided next page token is invalid or expired.")
        return rest

    def _issue(self, ask: Ask) -> Issue:
        found = self.site.issue(ask.path["issue"])
        if found is None:
            raise RefusedError(404, NO_ISSUE)
        return found

    def show(self, ask: Ask) -> Answer:
        names = ask.names("fields") or ["*all"]
        return 200, ask.shapes.issue(self._issue(ask), names, ask.names("properties"))

    def bulk(self, ask: Ask) -> Answer:
        asked = (ask.body or {}).get("issueIdsOrKeys")
        if not isinstance(asked, list) or not asked:
            raise RefusedError(400, "issueIdsOrKeys is required")
        if len(asked) > BULK_MAX:
            raise RefusedError(400, f"At most {BULK_MAX} issues can be fetched at once.")
        found = {i.id: i for i in (self.site.issue(str(a)) for a in asked) if i is not None}
        names = _list(ask.body.get("fields")) or ["*navigable"]
        wanted = _list(ask.body.get("properties"))
        issues = [ask.shapes.issue(found[id_], names, wanted) for id_ in sorted(found)]
        return 200, {"issues": issues, "issueErrors": []}

    def changelog(self, ask: Ask) -> Answer:
        issue, start, most = self._issue(ask), ask.number("startAt", 0), min(100, ask.number("maxResults", 100))
        held = issue.log[start : start + most]
        return 200, {
            "self": ask.shapes.link(f"issue/{issue.id}/changelog"),
            "maxResults": most,
            "startAt": start,
            "total": len(issue.log),
            "isLast": start + len(held) >= len(issue.log),
            "values": [ask.shapes.entry(e) for e in held],
        }

    def comments(self, ask: Ask) -> Answer:
        most = max(1, min(100, ask.number("maxResults", 100)))
        return 200, ask.shapes.notes(self._issue(ask), ask.number("startAt", 0), most)

    # -- writing ---------------------------------------------------------------------------------

    def _count(self, issue: Issue) -> None:
        now = self.site.clock()
        recent = [at for at in self._writes.get(issue.id, []) if now - at < timedelta(seconds=2)]
        if self.per_issue is not None and len(recent) >= self.per_issue:
            raise RefusedError(429, "Rate limit exceeded for this issue.")
        self._writes[issue.id] = [*recent, now]

    def create(self, ask: Ask) -> Answer:
        body = _object(ask.body)
        fields = Edit(self.site, None).read(body)
        held = properties(body.get("properties", []))
        issue = self.site.create(fields, self.site.account(BOT), held)
        return 201, {"id": str(issue.id), "key": issue.key, "self": ask.shapes.link(f"issue/{issue.id}")}

    def edit(self, ask: Ask) -> Answer:
        issue = self._issue(ask)
        self._count(issue)
        changed = self.site.change(issue, Edit(self.site, issue).read(_object(ask.body)), self.site.account(BOT))
        if ask.query.get("returnIssue") != "true":
            return 204, None
        return 200, ask.shapes.issue(changed, ["*all"])

    def delete(self, ask: Ask) -> Answer:
        issue = self._issue(ask)
        children = [i for i in self.site.issues.values() if i.fields["parent"] == issue.id]
        subtasks = [i for i in children if self.site.kind(i.fields["issuetype"]).level < 0]
        if subtasks and ask.query.get("deleteSubtasks") != "true":
            raise RefusedError(400, "The issue has subtasks. You must specify the 'deleteSubtasks' parameter.")
        del self.site.issues[issue.id]
        return 204, None

    def transitions(self, ask: Ask) -> Answer:
        issue = self._issue(ask)
        full = "transitions.fields" in ask.query.get("expand", "")
        exits = self.site.exits(self.site.status(issue.fields["status"]))
        return 200, {"expand": "transitions", "transitions": [ask.shapes.edge(i, t, full=full) for i, t in exits]}

    def transition(self, ask: Ask) -> Answer:
        issue, body = self._issue(ask), _object(ask.body)
        self._count(issue)
        asked = str((body.get("transition") or {}).get("id", ""))
        exits = dict(self.site.exits(self.site.status(issue.fields["status"])))
        if not asked:
            raise RefusedError(400, "Missing 'transition' identifier")
        if asked not in exits:
            raise RefusedError(
                400,
                f"It seems that you have tried to perform a workflow operation ({asked}) that "
                "is not valid for the current state of this issue.",
            )
        target = exits[asked]
        fields = {"status": target.id, **self._screen_fields(body.get("fields") or {}, done=target.category == "done")}
        self.site.change(issue, fields, self.site.account(BOT))
        return 204, None

    def _screen_fields(self, fields: Mapping[str, Any], *, done: bool) -> dict[str, Any]:
        """Take from a transition what its screen shows: a resolution, where it closes."""
        found: dict[str, Any] = {}
        for name, value in fields.items():
            if name != "resolution" or not done:
                text = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
                raise RefusedError(400, fields={name: text})
            found["resolution"] = _resolution(value)
        return found

    def comment(self, ask: Ask) -> Answer:
        issue, body = self._issue(ask), _object(ask.body)
        self._count(issue)
        try:
            doc = document(self.site, body.get("body"))
        except ValueError as error:
            raise RefusedError(400, fields={"comment": str(error)}) from None
        if doc is None:
            raise RefusedError(400, fields={"comment": "Comment body can not be empty!"})
        note = self.site.say(issue, doc, self.site.account(BOT), restricted="visibility" in body)
        return 201, ask.shapes.note(note, issue)

    def property(self, ask: Ask) -> Answer:
        held = self._issue(ask).properties
        if ask.path["key"] not in held:
            raise RefusedError(404, f"The property {ask.path['key']} does not exist.")
        return 200, {"key": ask.path["key"], "value": held[ask.path["key"]]}

    def set_property(self, ask: Ask) -> Answer:
        issue, key = self._issue(ask), ask.path["key"]
        if ask.body is None:
            raise RefusedError(400, "A property has a value.")
        self.site.keep(replace(issue, properties={**issue.properties, key: ask.body}))
        return (200 if key in issue.properties else 201), {}


def _resolution(value: Any) -> str:  # noqa: ANN401 -- any JSON
    for id_, name in RESOLUTIONS.items():
        if isinstance(value, Mapping) and (value.get("id") == id_ or value.get("name") == name):
            return id_
    raise RefusedError(400, fields={"resolution": "The resolution selected is invalid."})


def _list(value: object) -> list[str]:
    if isinstance(value, str):
        return [v for v in value.split(",") if v]
    return [str(v) for v in value] if isinstance(value, list) else []


def _json(raw: bytes) -> Any:  # noqa: ANN401 -- any JSON
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise RefusedError(400, "There was an error parsing JSON. Check that your request body is valid.") from None


def _object(body: Any) -> Mapping[str, Any]:  # noqa: ANN401 -- any JSON
    if not isinstance(body, Mapping):
        raise RefusedError(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    return body


def _limit_headers(status: int) -> Mapping[str, str]:
    if status != 429:  # noqa: PLR2004 -- HTTP's own number
        return {}
    return {"Retry-After": "2", "RateLimit-Reason": "jira-per-issue-on-write"}


def _answer(status: int, body: Any, headers: Mapping[str, str]) -> Response:  # noqa: ANN401 -- any JSON
    if status == 204 or body is None:  # noqa: PLR2004 -- HTTP's own number
        return Response(status_code=status, headers=dict(headers))
    return Response(json.dumps(body), status, dict(headers), "application/json;charset=UTF-8")


async def _nowhere(_: Request, __: Exception) -> Response:
    return _answer(404, {"errorMessages": ["null for uri"], "errors": {}}, {})
