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
from syncer_jira.sandbox.ask import Answer, Ask, Gate, Operation
from syncer_jira.sandbox.edits import Edit, RefusedError, properties
from syncer_jira.sandbox.hooks import Hooks
from syncer_jira.sandbox.place import Surroundings
from syncer_jira.sandbox.shapes import Shapes
from syncer_jira.sandbox.shelf import Shelf
from syncer_jira.sandbox.site import Site
from syncer_jira.sandbox.talk import Talk
from syncer_jira.sandbox.things import BOT, RESOLUTIONS

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


@dataclass(slots=True)
class Rest:
    """*page_cap* is the longest page of a search; tests make it short."""

    gate: Gate
    hooks: Hooks
    token: str
    page_cap: int = WIDE_PAGE
    premium: bool = True
    _pages: dict[str, tuple[datetime, str, list[int]]] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        return self.gate.site

    @property
    def denied(self) -> set[str]:
        """Permissions the sync's account does not have; tests take some away."""
        return self.gate.denied

    def app(self) -> Starlette:
        issue = "/issue/{issue}"
        place, talk, shelf = Surroundings(self.gate), Talk(self.gate), Shelf(self.gate, self.premium)
        operations: list[tuple[str, str, Operation]] = [
            ("GET", "/myself", place.myself),
            ("GET", "/serverInfo", place.server),
            ("GET", "/project/{project}", place.project),
            ("GET", "/project/{project}/statuses", place.statuses),
            ("GET", "/project/{project}/issuesecuritylevelscheme", place.security_scheme),
            ("GET", "/project/{project}/securitylevel", place.security_levels),
            ("GET", "/field", place.fields),
            ("GET", "/priority", place.priorities),
            ("GET", "/priority/search", place.priority_page),
            ("GET", "/mypermissions", place.permissions),
            ("GET", "/user/assignable/search", place.assignable),
            ("GET", "/search", self.old_search),
            ("POST", "/search", self.old_search),
            ("GET", "/search/jql", self.search),
            ("POST", "/search/jql", self.search),
            ("POST", "/issue", self.create),
            ("POST", "/issue/bulkfetch", self.bulk),
            ("PUT", "/issue/archive", shelf.archive),
            ("PUT", "/issue/unarchive", shelf.unarchive),
            ("GET", "/issue/createmeta/{project}/issuetypes", place.types),
            ("GET", "/issue/createmeta/{project}/issuetypes/{type}", place.screen),
            ("GET", issue, self.show),
            ("PUT", issue, self.edit),
            ("DELETE", issue, self.delete),
            ("GET", f"{issue}/transitions", self.transitions),
            ("POST", f"{issue}/transitions", self.transition),
            ("GET", f"{issue}/changelog", self.changelog),
            ("GET", f"{issue}/comment", talk.listing),
            ("POST", f"{issue}/comment", talk.add),
            ("GET", f"{issue}/comment/{{comment}}", talk.show),
            ("PUT", f"{issue}/comment/{{comment}}", talk.edit),
            ("DELETE", f"{issue}/comment/{{comment}}", talk.delete),
            ("GET", f"{issue}/properties/{{key}}", self.property),
            ("PUT", f"{issue}/properties/{{key}}", self.set_property),
        ]
        routes = [Route(ROOT + path, self._endpoint(run), methods=[method]) for method, path, run in operations]
        routes += [Route(path, self._endpoint(run), methods=[method]) for method, path, run in self.hooks.operations()]
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

    def show(self, ask: Ask) -> Answer:
        names = ask.names("fields") or ["*all"]
        return 200, ask.shapes.issue(self.gate.issue(ask), names, ask.names("properties"))

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
        issue, start, most = self.gate.issue(ask), ask.number("startAt", 0), min(100, ask.number("maxResults", 100))
        held = issue.log[start : start + most]
        return 200, {
            "self": ask.shapes.link(f"issue/{issue.id}/changelog"),
            "maxResults": most,
            "startAt": start,
            "total": len(issue.log),
            "isLast": start + len(held) >= len(issue.log),
            "values": [ask.shapes.entry(e) for e in held],
        }

    # -- writing ---------------------------------------------------------------------------------

    def create(self, ask: Ask) -> Answer:
        body = ask.object()
        fields = Edit(self.site, None).read(body)
        held = properties(body.get("properties", []))
        issue = self.site.create(fields, self.site.account(BOT), held)
        return 201, {"id": str(issue.id), "key": issue.key, "self": ask.shapes.link(f"issue/{issue.id}")}

    def edit(self, ask: Ask) -> Answer:
        issue = self.gate.writable(ask)
        changed = self.site.change(issue, Edit(self.site, issue).read(ask.object()), self.site.account(BOT))
        if ask.query.get("returnIssue") != "true":
            return 204, None
        return 200, ask.shapes.issue(changed, ["*all"])

    def delete(self, ask: Ask) -> Answer:
        issue = self.gate.issue(ask)
        if self.site.subtasks(issue) and ask.query.get("deleteSubtasks") != "true":
            raise RefusedError(400, "The issue has subtasks. You must specify the 'deleteSubtasks' parameter.")
        self.site.delete(issue, self.site.account(BOT))
        return 204, None

    def transitions(self, ask: Ask) -> Answer:
        issue = self.gate.issue(ask)
        full = "transitions.fields" in ask.query.get("expand", "")
        exits = self.site.exits(self.site.status(issue.fields["status"]))
        return 200, {"expand": "transitions", "transitions": [ask.shapes.edge(i, t, full=full) for i, t in exits]}

    def transition(self, ask: Ask) -> Answer:
        issue, body = self.gate.writable(ask), ask.object()
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

    def property(self, ask: Ask) -> Answer:
        held = self.gate.issue(ask).properties
        if ask.path["key"] not in held:
            raise RefusedError(404, f"The property {ask.path['key']} does not exist.")
        return 200, {"key": ask.path["key"], "value": held[ask.path["key"]]}

    def set_property(self, ask: Ask) -> Answer:
        issue, key = self.gate.writable(ask), ask.path["key"]
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
