"""What `check` finds out about a Jira connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncer.model import Problem
from syncer_jira.api import Api
from syncer_jira.facts import Facts

PERMISSIONS: Mapping[str, str] = {
    "BROWSE_PROJECTS": "see its issues",
    "CREATE_ISSUES": "create issues",
    "EDIT_ISSUES": "edit issues",
    "TRANSITION_ISSUES": "change a status",
    "ADD_COMMENTS": "comment",
}
SKEW = 60.0
"""Seconds our clock and Jira's may differ before windows over time become unsafe."""


async def problems(api: Api, facts: Facts) -> Sequence[Problem]:
    """Return what a person must know before relying on this connection."""
    return [*await _permissions(api, facts), *_clock(api), *_zone(api, facts), *_demands(api, facts)]


async def granted(api: Api, project: str) -> Mapping[str, bool]:
    """Return the permissions we have in the project; empty where Jira does not say."""
    asked = ",".join(PERMISSIONS)
    answer = await api.ask_softly("mypermissions", projectKey=project, permissions=asked)
    said = answer.get("permissions") if isinstance(answer, Mapping) else None
    if not isinstance(said, Mapping):
        return {}
    return {k: v.get("havePermission") is True for k, v in said.items() if isinstance(v, Mapping)}


async def may(api: Api, project: str, permission: str) -> bool | None:
    """Say whether we have a permission; None where Jira does not say."""
    return (await granted(api, project)).get(permission)


async def _permissions(api: Api, facts: Facts) -> list[Problem]:
    held = await granted(api, facts.project["key"])
    key = facts.project["key"]
    return [
        Problem(
            "error" if name == "BROWSE_PROJECTS" else "warning",
            f"{facts.me.name or 'this account'} may not {ability} in {key}",
            connection=api.setting.connection,
            fix=f"give the account the permission {name} in the project {key}",
        )
        for name, ability in PERMISSIONS.items()
        if held.get(name) is False
    ]


def _clock(api: Api) -> list[Problem]:
    theirs = api.http.server_time()
    if theirs is None:
        return []
    skew = (theirs - api.setting.clock()).total_seconds()
    if abs(skew) <= SKEW:
        return []
    return [
        Problem(
            "warning",
            f"the clocks differ: Jira's is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours",
            connection=api.setting.connection,
            fix="set this machine's clock by NTP",
        )
    ]


def _zone(api: Api, facts: Facts) -> list[Problem]:
    if facts.zone is not None:
        return []
    return [
        Problem(
            "warning",
            "Jira does not tell the account's time zone, so every poll looks 13 hours back",
            connection=api.setting.connection,
            fix="set a time zone in the account's Atlassian profile",
        )
    ]


def _demands(api: Api, facts: Facts) -> list[Problem]:
    return [
        Problem(
            "warning",
            f"creating a {kind} demands {', '.join(fields)}, which syncer cannot fill in",
            connection=api.setting.connection,
            fix=f"give the field a default in Jira, or make it optional for {kind}",
        )
        for kind, fields in facts.needed.items()
    ]
