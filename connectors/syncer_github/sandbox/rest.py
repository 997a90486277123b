"""The sandbox's REST routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncer_github.sandbox.desk import Desk, one_of, paged, said, since_of
from syncer_github.sandbox.graph import answered
from syncer_github.sandbox.herald import Herald
from syncer_github.sandbox.hook_rest import HookRest
from syncer_github.sandbox.kin_rest import KinRest
from syncer_github.sandbox.refusals import (
    Refusal,
    body_of,
    converted,
    deleted,
    disabled,
    forbidden,
    invalid,
    locked,
    names_of,
    not_found,
    read_only,
    remark_of,
    title_of,
)
from syncer_github.sandbox.state import BOT, World
from syncer_github.sandbox.things import Issue, Remark, Repo
from syncer_github.sandbox.views import Views

Endpoint = Callable[[Request], Awaitable[Response]]
REASONS = ("completed", "not_planned", "duplicate", "reopened")


class Rest:
    """What GitHub does with each request; every one runs under the world's lock."""

    def __init__(self, world: World, desk: Desk, herald: Herald) -> None:
        self.world = world
        self.desk = desk
        self._hooks = HookRest(world, desk, herald, self._repo)
        self._nesting = KinRest(world, desk, self._issue)
        self._sorted: dict[tuple[int, int, str, str], list[Issue]] = {}

    def app(self) -> Starlette:
        routes = [
            Route("/user", self._with(self.me)),
            Route("/graphql", self._with(self.graph), methods=["POST"]),
        ]
        if self.desk.apps is not None:
            routes += [
                Route(path, self._with(self._answering(endpoint)), methods=[method])
                for method, path, endpoint in self.desk.apps.paths()
            ]
        for home in ("/repos/{owner}/{name}", "/repositories/{id:int}"):
            routes += [
                Route(home + path, self._with(endpoint), methods=[method]) for method, path, endpoint in self._paths()
            ]
        # Starlette answers 405 for a known path; GitHub has no such answer.
        return Starlette(routes=routes, exception_handlers={404: self._lost, 405: self._lost})

    def _paths(self) -> list[tuple[str, str, Callable[..., Any]]]:
        issue = "/issues/{number:int}"
        return [
            ("GET", "", self.repository),
            ("GET", "/labels", self.labels),
            ("GET", "/assignees", self.assignees),
            ("GET", "/issue-types", self.types),
            ("GET", "/issues", self.issues),
            ("POST", "/issues", self.create),
            ("GET", "/issues/comments", self.comments),
            ("GET", "/issues/comments/{comment:int}", self.comment),
            ("PATCH", "/issues/comments/{comment:int}", self.edit_comment),
            ("DELETE", "/issues/comments/{comment:int}", self.delete_comment),
            ("GET", issue, self.issue),
            ("PATCH", issue, self.edit),
            ("GET", issue + "/comments", self.comments_on),
            ("POST", issue + "/comments", self.remark),
            ("GET", issue + "/labels", self.labels_on),
            ("POST", issue + "/labels", self.add_labels),
            ("DELETE", issue + "/labels/{label:path}", self.drop_label),
            ("POST", issue + "/assignees", self.assign),
            ("DELETE", issue + "/assignees", self.unassign),
            ("GET", issue + "/events", self.events),
            ("GET", issue + "/timeline", self.timeline),
            *self._nesting.paths(),
            *self._hooks.paths(),
        ]

    def _with(self, endpoint: Callable[..., Any]) -> Endpoint:
        async def serve(request: Request) -> Response:
            try:
                body = await said(request)
                with self.world.lock:
                    self.desk.admit(request)
                    answer: Response = endpoint(request, body)
                    return answer
            except Refusal as refusal:
                return self.desk.refuse(refusal)

        return serve

    def _answering(self, endpoint: Callable[..., tuple[int, Any]]) -> Callable[..., Response]:
        def answer(request: Request, body: dict[str, Any]) -> Response:
            status, said_ = endpoint(request, body)
            return self.desk.answer(said_, status)

        return answer

    async def _lost(self, _: Request, __: Exception) -> Response:
        return self.desk.refuse(not_found())

    # -- finding -----------------------------------------------------------------------------

    def _views(self, request: Request) -> Views:
        return Views(self.world, str(request.base_url))

    def _repo(self, request: Request) -> Repo:
        """Return the repository asked for. Raises `Refusal`: hidden ones look missing, renamed ones redirect."""
        wanted = request.path_params
        asked = f"{wanted.get('owner')}/{wanted.get('name')}".casefold()
        for repo in self.world.repos():
            if not repo.visible:
                continue
            if wanted.get("id") == repo.id or repo.full_name.casefold() == asked:
                return repo
            if asked in repo.old_names:
                raise self._elsewhere(request, repo)
        raise not_found()

    def _elsewhere(self, request: Request, repo: Repo) -> Refusal:
        rest = "/".join(request.url.path.split("/")[4:])
        target = f"{str(request.base_url).rstrip('/')}/repositories/{repo.id}" + (f"/{rest}" if rest else "")
        if request.url.query:
            target += f"?{request.url.query}"
        status = 301 if request.method == "GET" else 307
        return Refusal(status, "Moved Permanently", headers={"location": target}, url=target)

    def _issues_of(self, request: Request) -> Repo:
        repo = self._repo(request)
        if not repo.has_issues:
            raise disabled()
        return repo

    def _issue(self, request: Request) -> tuple[Repo, Issue]:
        """Return the issue asked for. Under the old number of a transferred one only itself redirects."""
        repo = self._issues_of(request)
        issue = repo.issues.get(request.path_params["number"])
        if issue is None:
            raise not_found()
        if issue.deleted:
            raise deleted()
        if issue.converted is not None:
            raise converted(issue.converted)
        if issue.moved is None:
            return repo, issue
        home, number = issue.moved
        where = next(r for r in self.world.repos() if r.id == home)
        if not where.visible or request.url.path.rpartition("/")[2] != str(issue.number):
            raise not_found()
        target = f"{str(request.base_url).rstrip('/')}/repositories/{home}/issues/{number}"
        raise Refusal(301, "Moved Permanently", headers={"location": target}, url=target)

    def _writable(self, request: Request) -> tuple[Repo, Issue]:
        repo, issue = self._issue(request)
        if repo.archived:
            raise read_only()
        return repo, issue

    def _remark(self, request: Request) -> tuple[Repo, Remark]:
        repo = self._issues_of(request)
        remark = repo.remarks.get(request.path_params["comment"])
        if remark is None:
            raise not_found()
        return repo, remark

    # -- reading -----------------------------------------------------------------------------

    def me(self, request: Request, _: dict[str, Any]) -> Response:
        return self.desk.answer(self._views(request).me(BOT))

    def repository(self, request: Request, _: dict[str, Any]) -> Response:
        repo = self._repo(request)
        return self.desk.answer(self._views(request).repository(repo))

    def _list(self, request: Request, repo: Repo, path: str, things: list[Any], view: Callable[[Any], Any]) -> Response:
        home = f"{str(request.base_url).rstrip('/')}/repositories/{repo.id}{path}"
        shown, headers = paged(request, things, view, home)
        return self.desk.answer(shown, headers=headers)

    def labels(self, request: Request, _: dict[str, Any]) -> Response:
        repo, views = self._repo(request), self._views(request)
        return self._list(request, repo, "/labels", list(repo.labels.values()), lambda one: views.label(repo, one))

    def assignees(self, request: Request, _: dict[str, Any]) -> Response:
        repo, views = self._repo(request), self._views(request)
        return self._list(request, repo, "/assignees", sorted(self.world.assignable), views.user)

    def types(self, request: Request, _: dict[str, Any]) -> Response:
        self._repo(request)
        if not self.world.types:
            raise not_found()
        return self.desk.answer([self._views(request).type(name) for name in self.world.types])

    def issues(self, request: Request, _: dict[str, Any]) -> Response:
        repo, views = self._issues_of(request), self._views(request)
        state = one_of(request, "state", ("open", "closed", "all"))
        order = one_of(request, "sort", ("created", "updated", "comments"))
        direction = one_of(request, "direction", ("desc", "asc"))
        since, creator = since_of(request), request.query_params.get("creator", "").casefold()
        found = [
            issue
            for issue in self._ordered(repo, order, direction)
            if (state in {"all", issue.state})
            and (since is None or issue.updated >= since)
            and (not creator or self.world.shown(issue.author).casefold() == creator)
        ]
        return self._list(request, repo, "/issues", found, lambda one: views.issue(repo, one))

    def _ordered(self, repo: Repo, order: str, direction: str) -> list[Issue]:
        key = (self.world.version, repo.id, order, direction)
        if key not in self._sorted:
            self._sorted = {k: v for k, v in self._sorted.items() if k[0] == self.world.version}
            by: dict[str, Callable[[Issue], Any]] = {
                "created": lambda i: (i.created, i.number),
                "updated": lambda i: (i.updated, i.number),
                "comments": lambda i: (len(repo.remarks_on(i.number)), i.number),
            }
            here = [i for i in repo.issues.values() if i.here]
            self._sorted[key] = sorted(here, key=by[order], reverse=direction == "desc")
        return self._sorted[key]

    def issue(self, request: Request, _: dict[str, Any]) -> Response:
        repo, issue = self._issue(request)
        return self.desk.answer(self._views(request).issue(repo, issue))

    def comments(self, request: Request, _: dict[str, Any]) -> Response:
        """Comments of the whole repository, pull requests' too."""
        repo, views = self._issues_of(request), self._views(request)
        since = since_of(request)
        found = [r for r in repo.remarks.values() if since is None or r.updated >= since]
        updated = one_of(request, "sort", ("created", "updated")) == "updated"
        found.sort(key=lambda r: (r.updated if updated else r.created, r.id))
        if request.query_params.get("direction") == "desc":
            found.reverse()
        return self._list(request, repo, "/issues/comments", found, lambda one: views.remark(repo, one))

    def comment(self, request: Request, _: dict[str, Any]) -> Response:
        repo, remark = self._remark(request)
        return self.desk.answer(self._views(request).remark(repo, remark))

    def comments_on(self, request: Request, _: dict[str, Any]) -> Response:
        (repo, issue), views = self._issue(request), self._views(request)
        since = since_of(request)
        found = [r for r in repo.remarks_on(issue.number) if since is None or r.updated >= since]
        path = f"/issues/{issue.number}/comments"
        return self._list(request, repo, path, found, lambda one: views.remark(repo, one))

    def labels_on(self, request: Request, _: dict[str, Any]) -> Response:
        repo, issue = self._issue(request)
        return self.desk.answer(self._views(request).labels_on(repo, issue))

    def events(self, request: Request, _: dict[str, Any]) -> Response:
        (repo, issue), views = self._issue(request), self._views(request)
        path = f"/issues/{issue.number}/events"
        return self._list(request, repo, path, issue.events, lambda one: views.event(repo, one))

    def timeline(self, request: Request, _: dict[str, Any]) -> Response:
        (repo, issue), views = self._issue(request), self._views(request)
        path = f"/issues/{issue.number}/timeline"
        return self._list(request, repo, path, views.timeline(repo, issue), lambda one: one)

    def graph(self, _: Request, body: dict[str, Any]) -> Response:
        answer, cost = answered(self.world, body)
        self.desk.charge(cost)
        return self.desk.answer(answer)

    # -- writing -----------------------------------------------------------------------------

    def create(self, request: Request, body: dict[str, Any]) -> Response:
        repo = self._issues_of(request)
        if repo.archived:
            raise read_only()
        title, text = title_of(body, required=True), body_of(body)
        sets = self._checked_sets(body)
        issue = self.world.new_issue(repo, str(title), text, BOT)
        with self.world.bearing(issue):
            self._apply_sets(repo, issue, sets)
        view = self._views(request).issue(repo, issue)
        return self.desk.answer(view, 201, {"location": view["url"]})

    def edit(self, request: Request, body: dict[str, Any]) -> Response:
        repo, issue = self._writable(request)
        if not self.world.push and issue.author != BOT:
            raise forbidden()
        state, reason = body.get("state"), body.get("state_reason")
        if state not in {None, "open", "closed"}:
            raise invalid({"resource": "Issue", "code": "invalid", "field": "state", "value": str(state)})
        if reason not in {None, *REASONS}:
            raise invalid({"resource": "Issue", "code": "invalid", "field": "state_reason", "value": str(reason)})
        title, text = title_of(body, required=False), body_of(body)
        sets = self._checked_sets(body)
        if title is not None:
            self.world.retitle(issue, title, BOT)
        if "body" in body:
            self.world.rewrite(issue, text, BOT)
        if state is not None:
            self.world.set_state(issue, state, reason, BOT)
        self._apply_sets(repo, issue, sets)
        return self.desk.answer(self._views(request).issue(repo, issue))

    def _checked_sets(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return labels, assignees and type as asked for; without push access they are dropped silently."""
        asked: dict[str, Any] = {}
        if "labels" in body:
            asked["labels"] = names_of(body, "labels", "name")
        if "assignees" in body:
            asked["assignees"] = names_of(body, "assignees", "login")
        if "type" in body:
            asked["type"] = body["type"]
        if not self.world.push:
            return {}
        for name in asked.get("assignees", ()):
            if self.world.login(name) is None:
                raise invalid({"value": name, "resource": "Issue", "field": "assignees", "code": "invalid"})
        if asked.get("type") is not None and asked["type"] not in self.world.types:
            raise invalid({"value": asked["type"], "resource": "Issue", "field": "type", "code": "invalid"})
        return asked

    def _apply_sets(self, repo: Repo, issue: Issue, asked: dict[str, Any]) -> None:
        if "labels" in asked:
            self.world.set_labels(repo, issue, asked["labels"], BOT)
        if "assignees" in asked:
            self.world.set_assignees(issue, asked["assignees"], BOT)
        if "type" in asked:
            self.world.set_type(issue, asked["type"], BOT)

    def add_labels(self, request: Request, body: dict[str, Any]) -> Response:
        repo, issue = self._writable(request)
        names = names_of(body, "labels", "name")
        if self.world.push:
            self.world.add_labels(repo, issue, names, BOT)
        return self.desk.answer(self._views(request).labels_on(repo, issue))

    def drop_label(self, request: Request, _: dict[str, Any]) -> Response:
        repo, issue = self._writable(request)
        if not self.world.push:
            raise forbidden()
        name = request.path_params["label"]
        label = repo.label(name)
        if label is None or label.id not in issue.labels:
            raise Refusal(404, "Label does not exist")
        self.world.drop_labels(repo, issue, [name], BOT)
        return self.desk.answer(self._views(request).labels_on(repo, issue))

    def assign(self, request: Request, body: dict[str, Any]) -> Response:
        repo, issue = self._writable(request)
        names = names_of(body, "assignees", "login")
        if self.world.push:
            self.world.assign(issue, names, BOT)
        return self.desk.answer(self._views(request).issue(repo, issue), 201)

    def unassign(self, request: Request, body: dict[str, Any]) -> Response:
        repo, issue = self._writable(request)
        names = names_of(body, "assignees", "login")
        if self.world.push:
            self.world.unassign(issue, names, BOT)
        return self.desk.answer(self._views(request).issue(repo, issue))

    def remark(self, request: Request, body: dict[str, Any]) -> Response:
        repo, issue = self._writable(request)
        if issue.locked and not self.world.push:
            raise locked()
        remark = self.world.remark(repo, issue, remark_of(body), BOT)
        view = self._views(request).remark(repo, remark)
        return self.desk.answer(view, 201, {"location": view["url"]})

    def _our_remark(self, request: Request) -> tuple[Repo, Remark]:
        """Return a comment that we may change: as its author, or with push access."""
        repo, remark = self._remark(request)
        if repo.archived:
            raise read_only()
        if not self.world.push and remark.author != BOT:
            raise forbidden()
        return repo, remark

    def edit_comment(self, request: Request, body: dict[str, Any]) -> Response:
        repo, remark = self._our_remark(request)
        if repo.issues[remark.number].locked and not self.world.push:
            raise locked()
        self.world.reword(repo, remark, remark_of(body), BOT)
        return self.desk.answer(self._views(request).remark(repo, remark))

    def delete_comment(self, request: Request, _: dict[str, Any]) -> Response:
        repo, remark = self._our_remark(request)
        self.world.unsay(repo, remark, BOT)
        return Response(status_code=204, headers=self.desk.headers())
