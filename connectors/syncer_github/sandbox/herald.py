"""Deliveries as GitHub makes them: each change one of its own, signed, once and never again."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from syncer.sdk.postman import Letter, Postman
from syncer_github.sandbox.state import BOT, World
from syncer_github.sandbox.things import Happening, Hook, Repo
from syncer_github.sandbox.views import Json, Views

ZEN = "Keep it logically awesome."


class Herald:
    """Tells every webhook that wants to know what happens in its repository."""

    def __init__(self, world: World, post: Postman) -> None:
        self._world = world
        self._post = post
        world.tell = self.tell

    def tell(self, one: Happening) -> None:
        # All webhooks that hear of one change hear of it under the same id.
        guid = str(uuid.uuid4())
        for hook in one.repo.hooks.values():
            if hook.active and not {one.event, "*"}.isdisjoint(hook.events):
                self._send(one.repo, hook, one.event, guid, told(Views(self._world, hook.root), one))

    def ping(self, repo: Repo, hook: Hook) -> None:
        views = Views(self._world, hook.root)
        said = {"zen": ZEN, "hook_id": hook.id, "hook": views.hook(repo, hook), **_where(views, repo, BOT)}
        self._send(repo, hook, "ping", str(uuid.uuid4()), said)

    def _send(self, repo: Repo, hook: Hook, event: str, guid: str, said: Json) -> None:
        text = json.dumps(said, separators=(",", ":"))
        body = (urlencode({"payload": text}) if hook.form else text).encode()
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/x-www-form-urlencoded" if hook.form else "application/json",
            "User-Agent": "GitHub-Hookshot/5a9d084",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(repo.id),
            "X-GitHub-Hook-Installation-Target-Type": "repository",
        }
        self._post.post(Letter(hook.url, {**headers, **_signatures(hook.secret, body)}, body))


def told(views: Views, one: Happening) -> Json:
    """Return the body of a delivery: a snapshot of now."""
    said: Json = {"action": one.action}
    if one.event == "sub_issues":
        return {**said, **_linked(views, one), **_where(views, one.repo, one.by)}
    if one.issue is not None:
        said["issue"] = views.issue(one.repo, one.issue)
    if one.remark is not None:
        said["comment"] = views.remark(one.repo, one.remark)
    if one.label is not None:
        said["label"] = views.label(one.repo, one.label)
    if one.assignee is not None:
        said["assignee"] = views.user(one.assignee)
    if one.action in {"typed", "untyped"}:
        said["type"] = None if one.type is None else views.type(one.type)
    changes = _changes(views, one)
    if changes:
        said["changes"] = changes
    return {**said, **_where(views, one.repo, one.by)}


def _linked(views: Views, one: Happening) -> Json:
    """Return both ends of a link; of the other one's repository, too, as that may be another."""
    if one.issue is None or one.other is None:
        raise TypeError("a link has two ends")
    mine, theirs = ("parent", "sub") if one.action.startswith("sub_issue") else ("sub", "parent")
    repo, issue = one.other
    return {
        f"{theirs}_issue_id": issue.id,
        f"{theirs}_issue": views.issue(repo, issue),
        f"{theirs}_issue_repo": views.repository(repo),
        f"{mine}_issue_id": one.issue.id,
        f"{mine}_issue": views.issue(one.repo, one.issue),
    }


def _changes(views: Views, one: Happening) -> Mapping[str, Any]:
    if one.other is not None:
        repo, issue = one.other
        old_or_new = "new" if one.action == "transferred" else "old"
        return {
            f"{old_or_new}_issue": views.issue(repo, issue),
            f"{old_or_new}_repository": views.repository(repo),
        }
    # A repository's own members lie one deeper than an issue's.
    return {
        name: {"name": {"from": value["name"]}} if isinstance(value, dict) else {"from": value}
        for name, value in one.before.items()
    }


def _where(views: Views, repo: Repo, by: str) -> Json:
    return {
        "repository": views.repository(repo),
        "organization": views.organization(repo),
        "sender": views.user(by),
    }


def _signatures(secret: str | None, body: bytes) -> Mapping[str, str]:
    if not secret:
        return {}
    return {
        "X-Hub-Signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }
