"""Putting an issue away: for Jira's administrators, on a Premium or Enterprise plan."""

from __future__ import annotations

from collections.abc import Mapping

from syncer.errors import NotFoundError, RejectedError
from syncer.model import Address, State
from syncer_jira import records
from syncer_jira.api import Api
from syncer_jira.facts import Facts

NEEDS = (
    "Archiving needs the global permission Administer Jira and a Premium or Enterprise plan; a sub-task is "
    "archived with its parent only, and not every kind of project has an archive."
)


async def archive(api: Api, facts: Facts, address: Address) -> None:
    """Archive one issue; one that is archived already is no error.

    Raises `RejectedError` with what Jira wants for it, `NotFoundError` where the issue cannot be read.
    Answers as in the OpenAPI, `archiveIssues`: 200 with errors inside, 400 where no issue could be
    archived, 403 without permission or plan.
    """
    try:
        answer = await api.write("PUT", "issue/archive", {"issueIdsOrKeys": [address.ref.id]})
    except NotFoundError as error:
        # 404 is no answer about an issue here: this site has no such endpoint.
        raise _refused(api, address, error.message, error.status) from None
    except RejectedError as error:
        await _look(api, facts, address, error)
        return
    wrongs = _wrongs(answer)
    if wrongs:
        await _look(api, facts, address, _refused(api, address, "; ".join(wrongs), None))


async def _look(api: Api, facts: Facts, address: Address, error: RejectedError) -> None:
    """Return where the issue is archived after all; raise what stands in the way otherwise."""
    issue = await api.issue(address.ref.id, records.asked(facts))
    connection = api.setting.connection
    if issue is None:
        raise NotFoundError(f"{address.key} cannot be read: {error.message}", connection=connection, status=404)
    if records.record(issue, facts, connection).state is not State.ARCHIVED:
        raise _refused(api, address, error.message, error.status)


def _refused(api: Api, address: Address, why: str, status: int | None) -> RejectedError:
    said = why if NEEDS in why else f"{address.key} was not archived: {why} {NEEDS}"
    return RejectedError(said, connection=api.setting.connection, status=status)


def _wrongs(answer: object) -> list[str]:
    """Return what the answer says went wrong, in its words."""
    errors = answer.get("errors") if isinstance(answer, Mapping) else None
    if not isinstance(errors, Mapping):
        return []
    return [str(e.get("message") or name) for name, e in errors.items() if isinstance(e, Mapping) and e.get("count")]
