"""What the sandbox tells of the place itself: who asks, the project, its words, screens and people."""

from __future__ import annotations

from dataclasses import dataclass

from syncer_jira.sandbox.ask import Answer, Ask, Gate
from syncer_jira.sandbox.edits import RefusedError
from syncer_jira.sandbox.shapes import CUSTOM_FIELDS, system_fields
from syncer_jira.sandbox.things import BOT, KINDS, OTHER, PRIORITIES


@dataclass(slots=True)
class Surroundings:
    """The operations that are about no issue."""

    gate: Gate

    def myself(self, ask: Ask) -> Answer:
        return 200, ask.shapes.user(self.gate.site.account(BOT), own=True)

    def server(self, ask: Ask) -> Answer:
        return 200, {
            "baseUrl": ask.shapes.base,
            "version": "1001.0.0-SNAPSHOT",
            "versionNumbers": [1001, 0, 0],
            "deploymentType": "Cloud",
            "serverTime": ask.shapes.time(self.gate.site.clock()),
            "serverTitle": "Jira",
        }

    def project(self, ask: Ask) -> Answer:
        """Return the project; one in the archive or the trash says so to who may still see it."""
        kinds = [ask.shapes.kind(k) for k in KINDS]
        key = self._key(ask)
        more = {"issueTypes": kinds, "style": "next-gen", "simplified": True, "projectTypeKey": "software"}
        shelved = self.gate.site.shelved if key == self.gate.site.project else None
        return 200, {**ask.shapes.project(key), **more, **({shelved: True} if shelved else {})}

    def _key(self, ask: Ask) -> str:
        """Return the key of the project a path names, by its id, its key or a key it once had."""
        site, named = self.gate.site, ask.path["project"].upper()
        keys = {**dict.fromkeys([site.project, *site.former, "10000"], site.project), OTHER: OTHER, "10001": OTHER}
        if not site.readable or named not in keys:
            raise RefusedError(404, f"No project could be found with key '{ask.path['project']}'.")
        return keys[named]

    def _is_ours(self, key: str) -> bool:
        return key in {self.gate.site.project, *self.gate.site.former}

    def security_scheme(self, ask: Ask) -> Answer:
        """For the project's administrators; a project without a scheme has nothing to show."""
        if self._key(ask) != self.gate.site.project or not self.gate.site.levels:
            raise RefusedError(404, "The project has no issue security scheme.")
        if not (self.gate.may("ADMINISTER") or self.gate.may("ADMINISTER_PROJECTS")):
            raise RefusedError(403, "You do not have permission to administer this project.")
        levels = [ask.shapes.level(level) for level in self.gate.site.levels]
        link = ask.shapes.link("issuesecurityschemes/10000")
        return 200, {"self": link, "id": 10000, "name": "Issue security", "description": "", "levels": levels}

    def security_levels(self, ask: Ask) -> Answer:
        """Those the account belongs to, if it may set one at all; no error otherwise."""
        self._key(ask)
        shown = self.gate.site.levels if self.gate.may("SET_ISSUE_SECURITY") else ()
        return 200, {"levels": [ask.shapes.level(level) for level in shown if level.ours]}

    def statuses(self, ask: Ask) -> Answer:
        self._key(ask)
        listed = [ask.shapes.status(s) for s in self.gate.site.statuses]
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
        if not self._is_ours(ask.query.get("projectKey", self.gate.site.project)):
            raise RefusedError(404, "No project could be found with that key.")
        return 200, {
            "permissions": {
                n: {"id": "1", "key": n, "name": n, "type": "PROJECT", "havePermission": self.gate.may(n)}
                for n in names
            }
        }

    def assignable(self, ask: Ask) -> Answer:
        if not self._is_ours(ask.query.get("project", "")):
            raise RefusedError(404, "The project does not exist.")
        start, most = ask.number("startAt", 0), ask.number("maxResults", 50)
        return 200, [ask.shapes.user(u) for u in self.gate.site.users][start : start + most]

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
