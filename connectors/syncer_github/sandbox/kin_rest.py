"""The sandbox's routes of sub-issues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from syncer_github.sandbox.desk import Desk, paged
from syncer_github.sandbox.refusals import Refusal, forbidden, not_found, read_only
from syncer_github.sandbox.state import BOT, World
from syncer_github.sandbox.things import Issue, Repo
from syncer_github.sandbox.views import Views

Json = dict[str, Any]


class KinRest:
    """Who stands under whom. A server without sub-issues has none of these paths."""

    def __init__(self, world: World, desk: Desk, find: Callable[[Request], tuple[Repo, Issue]]) -> None:
        self._world = world
        self._desk = desk
        self._find = find

    def paths(self) -> list[tuple[str, str, Callable[..., Any]]]:
        issue = "/issues/{number:int}"
        return [
            ("GET", issue + "/parent", self.parent),
            ("GET", issue + "/sub_issues", self.below),
            ("POST", issue + "/sub_issues", self.add),
            ("DELETE", issue + "/sub_issue", self.remove),
        ]

    def _issue(self, request: Request) -> tuple[Repo, Issue]:
        if not self._world.nests:
            raise not_found()
        return self._find(request)

    def _shown(self, request: Request, issue: Issue, status: int = 200) -> Response:
        views = Views(self._world, str(request.base_url))
        return self._desk.answer(views.issue(self._world.home(issue), issue), status)

    def parent(self, request: Request, _: Json) -> Response:
        issue = self._issue(request)[1]
        if issue.above is None or not self._world.home(issue.above).visible:
            raise not_found()
        return self._shown(request, issue.above)

    def below(self, request: Request, _: Json) -> Response:
        repo, issue = self._issue(request)
        views = Views(self._world, str(request.base_url))
        seen = [one for one in issue.below if self._world.home(one).visible]
        home = f"{str(request.base_url).rstrip('/')}/repositories/{repo.id}/issues/{issue.number}/sub_issues"
        shown, headers = paged(request, seen, lambda one: views.issue(self._world.home(one), one), home)
        return self._desk.answer(shown, headers=headers)

    def _writable(self, request: Request, body: Json) -> tuple[Issue, Issue]:
        """Return the parent of the path and the child of the body; triage permission is enough."""
        home, above = self._issue(request)
        if home.archived:
            raise read_only()
        if not self._world.push:
            raise forbidden()
        wanted = body.get("sub_issue_id")
        if type(wanted) is not int:
            raise Refusal(422, f"Invalid request.\n\nFor 'properties/sub_issue_id', {wanted!r} is not an integer.")
        seen = (one for repo in self._world.repos() if repo.visible for one in repo.issues.values())
        child = next((one for one in seen if one.id == wanted and one.here and not one.is_pull), None)
        if child is None or above.is_pull:
            raise Refusal(404, "The provided sub-issue does not exist")
        return above, child

    def add(self, request: Request, body: Json) -> Response:
        above, child = self._writable(request, body)
        if self._world.races > 0:
            self._world.races -= 1
            raise _not_added("Priority has already been taken")
        try:
            self._world.put_under(above, child, BOT, replace=body.get("replace_parent") is True)
        except ValueError as error:
            raise _not_added(str(error)) from None
        return self._shown(request, above, 201)

    def remove(self, request: Request, body: Json) -> Response:
        above, child = self._writable(request, body)
        if child.above is not above:
            raise Refusal(404, "The provided sub-issue does not exist")
        self._world.take_out(child, BOT)
        return self._shown(request, above)


def _not_added(why: str) -> Refusal:
    message = f"An error occurred while adding the sub-issue to the parent issue. {why}"
    return Refusal(422, message, errors=[{"resource": "SubIssue", "code": "custom", "field": "base", "message": why}])
