"""The sandbox's routes for a repository's webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from syncer_github.sandbox.desk import Desk, paged
from syncer_github.sandbox.herald import Herald
from syncer_github.sandbox.refusals import Refusal, invalid, not_found, read_only
from syncer_github.sandbox.state import World
from syncer_github.sandbox.things import Hook, Repo
from syncer_github.sandbox.views import Views

Said = dict[str, Any]
DEFAULT_EVENTS = ["push"]


class HookRest:
    """Webhooks, for those who administer the repository; others are told that there is nothing here."""

    def __init__(self, world: World, desk: Desk, herald: Herald, repo_of: Callable[[Request], Repo]) -> None:
        self.world = world
        self.desk = desk
        self._herald = herald
        self._repo_of = repo_of

    def paths(self) -> list[tuple[str, str, Callable[..., Response]]]:
        one = "/hooks/{hook:int}"
        return [
            ("GET", "/hooks", self.hooks),
            ("POST", "/hooks", self.create),
            ("GET", one, self.hook),
            ("PATCH", one, self.edit),
            ("DELETE", one, self.delete),
            ("POST", one + "/pings", self.ping),
        ]

    def _repo(self, request: Request) -> Repo:
        repo = self._repo_of(request)
        if not self.world.admin and repo.private:
            raise not_found()
        if not self.world.admin:
            needs = {"x-accepted-github-permissions": "repository_hooks=write"}
            raise Refusal(403, "Resource not accessible by personal access token", headers=needs)
        if repo.archived and request.method != "GET":
            raise read_only()
        return repo

    def _hook(self, request: Request) -> tuple[Repo, Hook]:
        repo = self._repo(request)
        hook = repo.hooks.get(request.path_params["hook"])
        if hook is None:
            raise not_found()
        return repo, hook

    def _root(self, request: Request) -> str:
        return str(request.base_url)

    def hooks(self, request: Request, _: Said) -> Response:
        repo, views = self._repo(request), Views(self.world, self._root(request))
        home = f"{self._root(request).rstrip('/')}/repositories/{repo.id}/hooks"
        shown, headers = paged(request, list(repo.hooks.values()), lambda one: views.hook(repo, one), home)
        return self.desk.answer(shown, headers=headers)

    def hook(self, request: Request, _: Said) -> Response:
        repo, hook = self._hook(request)
        return self.desk.answer(Views(self.world, self._root(request)).hook(repo, hook))

    def create(self, request: Request, body: Said) -> Response:
        repo = self._repo(request)
        if body.get("name", "web") != "web":
            raise _wrong("name", "name is not included in the list")
        now = self.world.now()
        hook = Hook(self.world.next_id(), "", self._root(request), now, now, self._events(body, DEFAULT_EVENTS))
        _configure(repo, hook, body.get("config"))
        hook.active = body.get("active") is not False
        repo.hooks[hook.id] = hook
        view = Views(self.world, self._root(request)).hook(repo, hook)
        self._herald.ping(repo, hook)
        return self.desk.answer(view, 201, {"location": view["url"]})

    def edit(self, request: Request, body: Said) -> Response:
        repo, hook = self._hook(request)
        events = self._events(body, hook.events)
        if "config" in body:
            _configure(repo, hook, body["config"])
        hook.events, hook.updated = events, self.world.now()
        hook.active = body.get("active", hook.active) is not False
        return self.desk.answer(Views(self.world, self._root(request)).hook(repo, hook))

    def delete(self, request: Request, _: Said) -> Response:
        repo, hook = self._hook(request)
        del repo.hooks[hook.id]
        return Response(status_code=204, headers=self.desk.headers())

    def ping(self, request: Request, _: Said) -> Response:
        self._herald.ping(*self._hook(request))
        return Response(status_code=204, headers=self.desk.headers())

    def _events(self, body: Said, otherwise: list[str]) -> list[str]:
        wanted = body.get("events", otherwise)
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise _wrong("events", "events is not a list")
        wanted = [*wanted, *body.get("add_events", ())]
        for one in wanted:
            if one not in self.world.hookable:
                raise _wrong("events", f"{one!r} is not a supported event")
        dropped = body.get("remove_events", ())
        return [one for one in dict.fromkeys(wanted) if one not in dropped]


def _configure(repo: Repo, hook: Hook, config: object) -> None:
    """Take over a whole configuration: a secret that is not said again is gone. Raises `Refusal`."""
    if not isinstance(config, dict):
        raise _wrong("config", "config is missing")
    url = config.get("url", hook.url)
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise _wrong("url", "url is not a valid URL")
    if any(other.url == url for other in repo.hooks.values() if other is not hook):
        raise _wrong(None, "Hook already exists on this repository")
    if config.get("content_type", "form") not in {"json", "form"}:
        raise _wrong("content_type", "content_type is not included in the list")
    hook.url, hook.form = url, config.get("content_type", "form") == "form"
    hook.secret = str(config["secret"]) if config.get("secret") else None
    hook.insecure_ssl = str(config.get("insecure_ssl", "0"))


def _wrong(field: str | None, message: str) -> Refusal:
    where = {} if field is None else {"field": field}
    return invalid({"resource": "Hook", "code": "custom", **where, "message": message})
