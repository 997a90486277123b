"""Changing a status: Jira has no edit for it, only the transitions open from where an issue stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncer.errors import RejectedError, StaleError
from syncer.model import JSON, Address, Native, Patch
from syncer_jira import transitions
from syncer_jira.api import ROOT, Api, Object
from syncer_jira.transitions import Edge


@dataclass(slots=True)
class Mover:
    """Remembers, for the length of a run, which transitions leave which status of which type."""

    api: Api
    _known: dict[tuple[str, str], list[Edge]] = field(default_factory=dict)

    async def move(self, address: Address, patch: Patch, now: Native) -> None:
        """Make the one transition that makes *patch* true.

        Raises `RejectedError` where there is none, `StaleError` where the issue has moved meanwhile.
        """
        want = _object(patch.get("status"))
        resolution = _object(patch.get("resolution")) or None
        remembered = transitions.choose(self._known.get(_place(now), []), want, resolution)
        if remembered is not None and await self._try(address, remembered, resolution):
            return
        offered = await self._ask(address, now)
        edge = transitions.choose(offered, want, resolution)
        if edge is None:
            await self._explain(address, offered, want, now)
            return
        await self._send(address, edge, resolution)

    async def _ask(self, address: Address, now: Native) -> list[Edge]:
        path = f"issue/{address.ref.id}/transitions"
        answer = await self.api.ask(path, expand="transitions.fields")
        offered = transitions.edges(self.api.object(answer))
        self._known[_place(now)] = offered
        return offered

    async def _try(self, address: Address, edge: Edge, resolution: Object | None) -> bool:
        """Make a remembered transition; False where Jira refused it, which changes nothing."""
        try:
            await self._send(address, edge, resolution)
        except RejectedError:
            return False
        return True

    async def _send(self, address: Address, edge: Edge, resolution: Object | None) -> None:
        body = transitions.request(edge, resolution)
        await self.api.http.request("POST", f"{ROOT}/issue/{address.ref.id}/transitions", json=body)

    async def _explain(self, address: Address, offered: list[Edge], want: Object, now: Native) -> None:
        """Return where the issue is already there; raise what stands in the way otherwise."""
        issue = await self.api.issue(address.ref.id, ["status"])
        status = (issue or {}).get("fields", {}).get("status") or {}
        if transitions.leads_to(status, want):
            return
        if str(status.get("id")) != str(_object(now.get("status")).get("id")):
            raise StaleError("the status moved since it was read", connection=address.ref.connection)
        raise transitions.unreachable(offered, want)


def _place(now: Native) -> tuple[str, str]:
    return str(_object(now.get("issuetype")).get("id")), str(_object(now.get("status")).get("id"))


def _object(value: object) -> dict[str, JSON]:
    return dict(value) if isinstance(value, Mapping) else {}
