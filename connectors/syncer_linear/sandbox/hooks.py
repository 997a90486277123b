"""The webhooks of the sandbox: who may make them, what they hear of, and what is posted to them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from syncer.sdk.postman import Letter, Postman
from syncer_linear.sandbox.payloads import News, envelope
from syncer_linear.sandbox.refusals import forbidden, invalid
from syncer_linear.sandbox.rows import Person, Webhook
from syncer_linear.sandbox.values import new_id
from syncer_linear.sandbox.workspace import Workspace

KINDS: Final = frozenset(
    [
        "Attachment",
        "Comment",
        "Customer",
        "CustomerNeed",
        "Cycle",
        "Document",
        "Initiative",
        "InitiativeUpdate",
        "Issue",
        "IssueLabel",
        "IssueSLA",
        "Project",
        "ProjectLabel",
        "ProjectUpdate",
        "Reaction",
        "Release",
        "ReleaseNote",
        "User",
    ]
)


def permit(*, admin: bool) -> None:
    """Webhooks are shown to admins of the workspace and to tokens with the scope "admin", and changed by them."""
    if not admin:
        raise forbidden("Invalid scope: `admin` required")


def register(space: Workspace, given: Mapping[str, Any], by: Person | None) -> Webhook:
    """Make a webhook of one team, named by id or key, or of all open teams."""
    named = given.get("teamId")
    if not named and not given.get("allPublicTeams"):
        raise invalid("teamId", "or allPublicTeams must be given")
    keys = {team.key: team.id for team in space.teams.values()}
    now = space.now()
    hook = Webhook(
        space.fresh_id(given, space.hooks, "Webhook"),
        _address(given["url"]),
        given.get("secret") or new_id(),
        _kinds(given["resourceTypes"]),
        now,
        now,
        space.team(keys.get(named, named), by) if named else None,
        by,
        given.get("label"),
        enabled=given.get("enabled") is not False,
    )
    space.hooks[hook.id] = hook
    space.writes += 1
    return hook


def change(space: Workspace, hook: Webhook, given: Mapping[str, Any]) -> Webhook:
    """Change what *given* names. Everything is checked before anything is changed."""
    url = _address(given["url"]) if given.get("url") else hook.url
    kinds = _kinds(given["resourceTypes"]) if given.get("resourceTypes") is not None else hook.kinds
    hook.url, hook.kinds, hook.updated = url, kinds, space.now()
    hook.secret = given.get("secret") or hook.secret
    hook.label = given.get("label", hook.label)
    if given.get("enabled") is not None:
        hook.enabled = given["enabled"]
    space.writes += 1
    return hook


def mail(space: Workspace, post: Postman, news: News) -> None:
    """Post *news* to every webhook that is on and asked for it."""
    for hook in space.hooks.values():
        if hook.enabled and news.kind in hook.kinds and _hears(space, hook, news):
            post.post(_letter(hook, news, envelope(news, hook.id, space.clock())))


def _hears(space: Workspace, hook: Webhook, news: News) -> bool:
    """Say whether a webhook covers the team of what changed. What is in a private team is told to its own
    alone; labels of the whole workspace, to those of all teams."""
    team = news.team
    if hook.team is None:
        return team is None or team.members is None
    left = (news.was or {}).get("teamId") == hook.team.id
    farewell = left and space.ways.farewell and team is not None and team.members is None
    return hook.team is team or farewell


def _letter(hook: Webhook, news: News, said: Mapping[str, Any]) -> Letter:
    body = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {
        "Accept-Charset": "utf-8",
        "Content-Type": "application/json; charset=utf-8",
        "Linear-Delivery": new_id(),
        "Linear-Event": news.kind,
        "Linear-Timestamp": str(said["webhookTimestamp"]),
        "Linear-Signature": hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest(),
        "User-Agent": "Linear-Webhook",
    }
    return Letter(hook.url, headers, body)


def _kinds(said: list[str]) -> tuple[str, ...]:
    if not said or not set(said) <= KINDS:
        raise invalid("resourceTypes", "must name types of resources")
    return tuple(dict.fromkeys(said))


def _address(url: str) -> str:
    """Return the URL Linear would take, or one on loopback, which it would not: there the tests listen."""
    parts = urlsplit(url)
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname))):
        raise invalid("url", "must be a public https address")
    return url


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
