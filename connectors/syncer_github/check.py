"""What `check` finds out about a repository by really asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncer.connector import Setting
from syncer.errors import ConnectorError, CredentialsError
from syncer.model import Problem
from syncer_github.api import Api
from syncer_github.kinds import typed
from syncer_github.place import Facts, Repository

SKEW = 60.0
"""Seconds by which the clocks may differ before times of edits cannot be compared."""


async def findings(api: Api, facts: Facts, setting: Setting) -> Sequence[Problem]:
    """Return what a person must know about this connection; nothing is taken from the catalogue."""
    found: list[Problem] = []
    try:
        await facts.me(fresh=True)
        here = await facts.repository(fresh=True)
        found += _about(here, facts.configured, as_app=api.app is not None)
        if here.issues:
            await facts.labels(here, fresh=True)
            await facts.people(here, fresh=True)
            if typed(setting.tables):
                found += _types(setting, await facts.types(here, fresh=True))
    except CredentialsError as error:
        key, fix = ("token", _ADVICE) if api.app is None else ("app_id", None)
        found.append(Problem("error", error.message, key=key, fix=fix))
    except ConnectorError as error:
        found.append(Problem("error", error.message, key="url", fix="Check the URL and the network."))
    found += _clock(api, setting)
    found += await _way(api)
    key = f"connections.{setting.connection}"
    return [replace(p, connection=setting.connection, key=f"{key}.{p.key}" if p.key else key) for p in found]


_ADVICE = (
    "Use a token that can read and write issues of this repository: scope `repo` on a classic one, "
    "Issues read/write and Metadata read on a fine-grained one."
)


def _about(here: Repository, configured: str, *, as_app: bool) -> list[Problem]:
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
    if not here.may_label and as_app:
        fix = "Give it Issues: Read and write in its settings, and accept that for the installation."
        found.append(Problem("error", f"the app may not write issues of {here.name}", key="app_id", fix=fix))
    elif not here.may_label:
        what = f"our account may not push to {here.name}: GitHub drops labels and assignees without a word"
        fix = "Give the account at least the triage role, better write."
        found.append(Problem("error", what, key="token", fix=fix))
    return found


async def _way(api: Api) -> list[Problem]:
    """Return a note on how we got in, where that is not a plain token."""
    token = None if api.app is None else api.app.tokens.current
    if api.app is None or token is None:
        return []
    said = f"as GitHub App {await api.app.slug()}, installation {api.app.installation}"
    return [Problem("note", f"{said}: the token ends at {token.ends:%Y-%m-%d %H:%M} UTC, and is renewed before")]


def _types(setting: Setting, there: Sequence[str]) -> list[Problem]:
    """Return what the mapping and the issue types make of each other."""
    meant = typed(setting.tables)
    have, known = {name.casefold() for name in there}, {name.casefold() for name in meant}
    listed = ", ".join(there) or "none"
    found = []
    for name in meant:
        if name.casefold() not in have:
            what = f'the issue type "{name}" is not there and never written (there are: {listed})'
            found.append(Problem("warning", what, key="map.fields.kind", fix="Make it in the organisation's settings."))
    rest = ", ".join(name for name in there if name.casefold() not in known)
    if rest:
        what = f"issue types without a word: {rest}; such issues are of the default kind (there are: {listed})"
        found.append(Problem("warning", what, key="map.fields.kind", fix="Add them under [fields.kind]."))
    return found


def _clock(api: Api, setting: Setting) -> list[Problem]:
    theirs = api.server_time()
    if theirs is None:
        return []
    apart = abs((theirs - setting.clock()).total_seconds())
    if apart <= SKEW:
        return []
    return [Problem("warning", f"this machine's clock is {apart:.0f} s away from GitHub's", fix="Set the clock (NTP).")]
