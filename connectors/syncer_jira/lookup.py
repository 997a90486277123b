"""Reading issues by id, and saying what became of those that do not answer.

What Jira tells, by the Cloud OpenAPI of 2026-06 (S3) unless another source is named:

- A bulk read leaves out in silence what is missing or hidden (`BulkIssueResults.issueErrors`).
- A single read answers 404 for "not found" and for "no permission to view it": a deleted issue and one
  under a security level look alike.
- A moved issue answers under its id and its old keys, with its new key (`getIssue`).
- A project in the archive or the trash says `archived` or `deleted` in `getProject`, to those who may
  see it; others get 404. Nothing in it is gone: both can be restored.
- Whether a project has an issue security scheme is told by `getProjectIssueSecurityScheme` (to its
  administrators, else 403) and `getSecurityLevelsForProject` (to those who may set a level, else none).

So an issue is called gone only where the account may browse the project (`getMyPermissions` says so, or
it reads other issues there), and neither endpoint, nor any issue just read, shows a security level or a
restriction. Limits nobody can see past: a scheme the account may not look at, and an issue moved to a
project the account may not browse, read as gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncer.model import Address, Missing, Record, Ref, State
from syncer_jira import checks, jql, records
from syncer_jira.api import Api, Object
from syncer_jira.facts import Facts, Surveyor

SIGNS = ("security", "issuerestriction")
"""Fields by which an issue shows that its project hides single issues: a security level, and in
team-managed projects roles (seen in recorded data; its meaning when filled is UNVERIFIED)."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Direct reads in one project. Nothing beyond the reads is asked where nothing is missing."""

    api: Api
    facts: Facts

    async def read(self, addresses: Sequence[Address]) -> Mapping[Ref, Record | Missing]:
        """Read issues in bulk, and one by one what the bulk left out. Every ref is answered."""
        ids = list(dict.fromkeys(a.ref.id for a in addresses))
        issues = await self._issues(ids)
        lost = State.HERE if len(issues) == len(ids) else await self._fate(issues, frozenset(ids) - set(issues))
        return {a.ref: self._placed(a.ref, issues.get(a.ref.id), lost) for a in addresses}

    async def _issues(self, ids: Sequence[str]) -> Mapping[str, Object]:
        if not ids:
            return {}
        fields = [*records.asked(self.facts), *SIGNS]
        found = {str(i.get("id")): i for i in await self.api.bulk(ids, fields)}
        for id_ in ids:
            if id_ not in found and (issue := await self.api.issue(id_, fields)) is not None:
                found[id_] = issue
        return found

    def _placed(self, ref: Ref, issue: Object | None, lost: State) -> Record | Missing:
        """Return the record, or why it is none of ours (any more)."""
        if issue is None:
            return Missing(ref, lost)
        found = records.record(issue, self.facts, self.api.setting.connection)
        return found if self._is_ours(issue) else Missing(ref, State.MOVED, to=found.url)

    def _is_ours(self, issue: Object) -> bool:
        project = issue["fields"].get("project")
        id_ = project.get("id") if isinstance(project, Mapping) else None
        return id_ is None or str(id_) == self.facts.project["id"]

    async def _fate(self, issues: Mapping[str, Object], missing: frozenset[str]) -> State:
        """Say what to believe of issues that do not answer, the cheapest doubts first."""
        siblings = [i for i in issues.values() if self._is_ours(i)]
        if _shows_levels(siblings) or not await self._stands():
            return State.UNREACHABLE
        key = self.facts.project["key"]
        may_browse = await checks.may(self.api, key, "BROWSE_PROJECTS")
        if may_browse is False:
            return State.UNREACHABLE
        # The last issue of a project has no others to tell by: then Jira's plain word must do.
        if not siblings and may_browse is not True and not await self._shows_others(key, missing):
            return State.UNREACHABLE
        return State.UNREACHABLE if await Surveyor(self.api).hides_issues(key) else State.GONE

    async def _stands(self) -> bool:
        """Say whether the project is there, the same one, and neither in the archive nor in the trash."""
        project = await self.api.ask_softly(f"project/{self.facts.project['key']}")
        if not isinstance(project, Mapping) or str(project.get("id")) != self.facts.project["id"]:
            return False
        return not (project.get("archived") or project.get("deleted"))

    async def _shows_others(self, key: str, missing: frozenset[str]) -> bool:
        """Say whether a search finds issues beside the missing ones, which a lagging index may still show."""
        async for issues, _ in self.api.search(jql.changed(key, None, self.facts.zone), ["id"]):
            if any(str(i.get("id")) not in missing for i in issues):
                return True
        return False


def _shows_levels(issues: Iterable[Object]) -> bool:
    """Say whether any of the issues is under a security level or restricted to roles."""
    for fields in (issue["fields"] for issue in issues):
        held = fields.get("issuerestriction")
        if fields.get("security") or (isinstance(held, Mapping) and held.get("issuerestrictions")):
            return True
    return False
