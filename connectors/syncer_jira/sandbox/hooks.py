"""The sandbox's admin webhooks: registered by administrators, sent for what their JQL matches."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from syncer.sdk.postman import Letter, Postman
from syncer_jira import adf
from syncer_jira.sandbox import jql
from syncer_jira.sandbox.ask import Answer, Ask, Gate, Operation
from syncer_jira.sandbox.edits import RefusedError
from syncer_jira.sandbox.shapes import Shape, Shapes
from syncer_jira.sandbox.things import BOT, Event, Issue, Note

ROOT = "/rest/webhooks/1.0/webhook"
SECTION = "issue-related-events-section"
ADMINS_ONLY = "Only administrators can manage webhooks."
ON_COMMENTS = ("summary", "issuetype", "project", "assignee", "priority", "status")
"""Fields of the issue that a comment's webhook shows (recorded: Jira Cloud, 2019)."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One webhook; `base` is the site's address as it was registered through."""

    id: int
    name: str
    url: str
    base: str
    events: Sequence[str]
    jql: str = ""
    secret: str | None = None
    enabled: bool = True
    bodiless: bool = False


@dataclass(slots=True)
class Hooks:
    """The operations, and what is sent. Nothing is sent again: that is left out of this Jira."""

    gate: Gate
    post: Postman
    held: dict[int, Registered] = field(default_factory=dict)
    _next: int = 0

    def operations(self) -> Sequence[tuple[str, str, Operation]]:
        return [
            ("GET", ROOT, self.listing),
            ("POST", ROOT, self.add),
            ("GET", f"{ROOT}/{{hook}}", self.show),
            ("PUT", f"{ROOT}/{{hook}}", self.edit),
            ("DELETE", f"{ROOT}/{{hook}}", self.remove),
        ]

    def listing(self, _: Ask) -> Answer:
        self._allow()
        return 200, [self._shape(h) for h in self.held.values()]

    def show(self, ask: Ask) -> Answer:
        return 200, self._shape(self._at(ask))

    def add(self, ask: Ask) -> Answer:
        self._allow()
        self._next += 1
        made = self._read(ask, Registered(self._next, "", "", ask.shapes.base, ()))
        self.held[made.id] = made
        return 201, self._shape(made)

    def edit(self, ask: Ask) -> Answer:
        made = self._read(ask, self._at(ask))
        self.held[made.id] = made
        return 200, self._shape(made)

    def remove(self, ask: Ask) -> Answer:
        del self.held[self._at(ask).id]
        return 204, None

    def _allow(self) -> None:
        if not self.gate.may("ADMINISTER"):
            raise RefusedError(403, ADMINS_ONLY)

    def _at(self, ask: Ask) -> Registered:
        self._allow()
        named = ask.path["hook"]
        found = self.held.get(int(named)) if named.isdecimal() else None
        if found is None:
            raise RefusedError(404, "The webhook does not exist.")
        return found

    def _read(self, ask: Ask, before: Registered) -> Registered:
        """Return *before* with what a request says; a secret it leaves out stays."""
        said = ask.object()
        url, events = said.get("url", before.url), said.get("events", before.events)
        name = said.get("name", before.name)
        filters = said.get("filters", {SECTION: before.jql})
        if not isinstance(name, str) or not name:
            raise RefusedError(400, "A webhook has a name.")
        if not isinstance(url, str) or not _is_postable(url):
            raise RefusedError(400, "The URL of a webhook is of https.")
        if not isinstance(events, Sequence) or isinstance(events, str) or not all(isinstance(e, str) for e in events):
            raise RefusedError(400, "events is a list of strings.")
        return replace(
            before,
            name=name,
            url=url,
            events=tuple(events),
            jql=self._condition(filters),
            secret=said.get("secret") or before.secret,
            enabled=said.get("enabled", before.enabled) is not False,
            bodiless=said.get("excludeBody", before.bodiless) is True,
        )

    def _condition(self, filters: Any) -> str:  # noqa: ANN401 -- any JSON
        condition = filters.get(SECTION, "") if isinstance(filters, Mapping) else None
        if not isinstance(condition, str):
            raise RefusedError(400, "filters is an object of JQL strings.")
        try:
            if condition.strip():
                jql.parse(condition, self.gate.site)
        except jql.JqlError as error:
            raise RefusedError(400, str(error)) from None
        return condition

    def _shape(self, hook: Registered) -> Shape:
        """Return a webhook without its secret, which Jira shows to nobody."""
        account = self.gate.site.users[self.gate.site.account(BOT)]
        return {
            "name": hook.name,
            "url": hook.url,
            "excludeBody": hook.bodiless,
            "filters": {SECTION: hook.jql},
            "events": list(hook.events),
            "enabled": hook.enabled,
            "self": f"{hook.base}{ROOT}/{hook.id}",
            "lastUpdatedUser": account.id,
            "lastUpdatedDisplayName": account.display,
            "lastUpdated": _milliseconds(self.gate.site.clock()),
        }

    # -- sending ---------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Post what happened to every webhook that is for it, by the issue as it is now."""
        for hook in self.held.values():
            if hook.enabled and event.name in hook.events and self._matches(hook, event.issue):
                self.post.post(self._letter(hook, event))

    def _matches(self, hook: Registered, issue: Issue) -> bool:
        if not hook.jql.strip():
            return True
        try:
            return jql.parse(hook.jql, self.gate.site).test(issue)
        except jql.JqlError:
            return False

    def _letter(self, hook: Registered, event: Event) -> Letter:
        body = b"" if hook.bodiless else json.dumps(self._body(hook, event)).encode()
        headers = {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Atlassian-Webhook-Identifier": str(uuid.uuid4()),
            "X-Atlassian-Webhook-Flow": "Primary" if event.primary else "Secondary",
        }
        if hook.secret:
            signature = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature"] = f"sha256={signature}"
        return Letter(hook.url, headers, body)

    def _body(self, hook: Registered, event: Event) -> Shape:
        shapes = Shapes(self.gate.site, hook.base, version=2)
        now = max(self.gate.site.clock(), event.entry.at if event.entry else event.issue.updated)
        body: Shape = {"timestamp": _milliseconds(now), "webhookEvent": event.name}
        if event.note is not None:
            return body | {"comment": _note(shapes, event.note, event.issue), "issue": _issue(shapes, event)}
        if event.kind is not None:
            body["issue_event_type_name"] = event.kind
        body["user"] = _user(shapes, event.who)
        body["issue"] = _issue(shapes, event)
        if event.entry is not None:
            body["changelog"] = {"id": event.entry.id, "items": list(event.entry.items)}
        return body


def _user(shapes: Shapes, who: str | None) -> Shape:
    return {k: v for k, v in (shapes.user(who) or {}).items() if k != "emailAddress"}


def _note(shapes: Shapes, note: Note, issue: Issue) -> Shape:
    return {**shapes.note(note, issue), "body": _text(note.body)}


def _issue(shapes: Shapes, event: Event) -> Shape:
    """Return the issue as webhooks show it: by REST v2, where texts are strings."""
    names = ON_COMMENTS if event.note is not None else ("*all", "-comment")
    shape = shapes.issue(event.issue, names)
    if "description" in shape["fields"]:
        shape["fields"]["description"] = _text(event.issue.fields["description"])
    return {name: shape[name] for name in ("id", "self", "key", "fields")}


def _text(document: Any) -> str | None:  # noqa: ANN401 -- any document
    return adf.to_markdown(document)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _is_postable(url: str) -> bool:
    """Say whether Jira would post there; a sandbox also posts to its own machine, without a certificate."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"})
