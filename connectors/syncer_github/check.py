"""What `check` finds out about a repository by really asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncer.connector import Setting
from syncer.errors import ConnectorError, CredentialsError
from syncer.model import Problem
from syncer_github.api import Api
from syncer_github.place import Facts, Repository

SKEW = 60.0
"""Seconds by which the clocks may differ before times of edits cannot be compared."""


async def findings(api: Api, facts: Facts, setting: Setting) -> Sequence[Problem]:
    """Return what a person must know about this connection; nothing is taken from the catalogue."""
    found: list[Problem] = []
    try:
        await facts.me(fresh=True)
        here = await facts.repository(fresh=True)
        found += _about(here, facts.configured)
        if here.issues:
            await facts.labels(here, fresh=True)
            await facts.people(here, fresh=True)
    except CredentialsError as error:
        found.append(Problem("error", error.message, key="token", fix=_ADVICE))
    except ConnectorError as error:
        found.append(Problem("error", error.message, key="url", fix="Check the URL and the network."))
    found += _clock(api, setting)
    key = f"connections.{setting.connection}"
    return [replace(p, connection=setting.connection, key=f"{key}.{p.key}" if p.key else key) for p in found]


_ADVICE = (
    "Use a token that can read and write issues of this repository: scope `repo` on a classic one, "
    "Issues read/write and Metadata read on a fine-grained one."
)


def _about(here: Repository, configured: str) -> list[Problem]:
    found: list[Problem] = []
    if here.name.casefold() != configured.casefold():
        # Reads and writes find it again; a webhook's deliveries say the new name only.
        what = f"{configured} is called {here.name} now: its webhooks are not recognised as ours"
        found.append(Problem("warning", what, key="repository", fix=f'Say repository = "{here.name}".'))
    if not here.issues:
        fix = "Turn issues on in the repository's settings."
        found.append(Problem("error", f"issues are disabled in {here.name}", key="repository", fix=fix))
    if here.archived:
        fix = "Unarchive it, or leave this connection out."
        found.append(Problem("error", f"{here.name} is archived: nothing can be written", key="repository", fix=fix))
    if not here.may_label:
        what = f"our account may not push to {here.name}: GitHub drops labels and assignees without a word"
        fix = "Give the account at least the triage role, better write."
        found.append(Problem("error", what, key="token", fix=fix))
    return found


def _clock(api: Api, setting: Setting) -> list[Problem]:
    theirs = api.server_time()
    if theirs is None:
        return []
    apart = abs((theirs - setting.clock()).total_seconds())
    if apart <= SKEW:
        return []
    return [Problem("warning", f"this machine's clock is {apart:.0f} s away from GitHub's", fix="Set the clock (NTP).")]
