"""The sandbox's archive of issues: for admins, on a Premium plan, and never for a sub-task alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from syncer_jira.sandbox.ask import Answer, Ask, Gate
from syncer_jira.sandbox.edits import RefusedError
from syncer_jira.sandbox.things import BOT, Issue

MOST = 1000
ADMINS_ONLY = "Only admins can archive or unarchive issues. Access denied."
PREMIUM_ONLY = "Archiving issues is only available for premium editions of Jira."
NOTHING_VALID = "No valid issue to archive or unarchive. Bad request."
TOO_MANY = "The number of issues to archive or unarchive exceeds the hard limit of 1000. Precondition failed."
_SAID = {
    "issuesNotFound": "Issue not found.",
    "issueIsSubtask": "Issue is subtask.",
    "issuesInArchivedProjects": "Issue exists in archived project.",
}


@dataclass(slots=True)
class Shelf:
    """PUT /issue/archive and /issue/unarchive. *premium*: the site's plan has an archive."""

    gate: Gate
    premium: bool = True

    def archive(self, ask: Ask) -> Answer:
        return self._all(ask, lambda issue: self.gate.site.archive(issue, self.gate.site.account(BOT)), archived=False)

    def unarchive(self, ask: Ask) -> Answer:
        return self._all(ask, self.gate.site.unarchive, archived=True)

    def _all(self, ask: Ask, change: Callable[[Issue], int], *, archived: bool) -> Answer:
        self._allow()
        named = ask.object().get("issueIdsOrKeys")
        if not isinstance(named, list) or not all(isinstance(n, str) for n in named):
            raise RefusedError(400, "issueIdsOrKeys is a list of strings.")
        if len(named) > MOST:
            raise RefusedError(412, TOO_MANY)
        wrong: dict[str, list[str]] = {}
        good: list[Issue] = []
        for name in named:
            found = self.gate.site.issue(name)
            why = self._why_not(found, archived=archived)
            if found is None or why is not None:
                wrong.setdefault(why or "issuesNotFound", []).append(name)
            else:
                good.append(found)
        if not good:
            raise RefusedError(400, NOTHING_VALID)
        return 200, {"numberOfIssuesUpdated": sum(change(i) for i in good), "errors": _told(wrong)}

    def _allow(self) -> None:
        if not self.premium:
            raise RefusedError(403, PREMIUM_ONLY)
        if not self.gate.may("ADMINISTER"):
            raise RefusedError(403, ADMINS_ONLY)

    def _why_not(self, issue: Issue | None, *, archived: bool) -> str | None:
        site = self.gate.site
        if issue is None or (issue.archived is not None) is not archived:
            return "issuesNotFound"
        if site.kind(issue.fields["issuetype"]).level < 0:
            return "issueIsSubtask"
        return "issuesInArchivedProjects" if site.shelved and issue.project == site.project else None


def _told(wrong: dict[str, list[str]]) -> dict[str, Any]:
    return {why: {"count": len(n), "issueIdsOrKeys": n, "message": _SAID[why]} for why, n in wrong.items()}
