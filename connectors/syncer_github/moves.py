"""Issues put under a parent, moved to another, and taken out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from syncer.errors import ConnectorError, CredentialsError, NotFoundError, RejectedError, StaleError
from syncer.model import JSON, Address
from syncer_github.home import Home
from syncer_github.kin import Kin
from syncer_github.limits import is_about_us

TRIES = 3
RACED = "priority has already been taken"
"""GitHub's word for two sub-issues added at the same moment; nothing was done."""
ADOPTED = "may only have one parent"


class Moves:
    """Writes of sub-issues, one at a time: parallel ones under one parent refuse each other."""

    def __init__(self, home: Home, kin: Kin, connection: str) -> None:
        self._home = home
        self._kin = kin
        self._connection = connection
        self._turn = asyncio.Lock()

    async def put(self, child: Address, want: JSON, above: JSON) -> None:
        """Put *child*, now under *above*, where *want* says: {"id"}, or None for nowhere.

        Raises `RejectedError` with GitHub's words where it cannot stand there, `StaleError` where somebody
        has put it elsewhere meanwhile. Neither says that the child itself is missing.
        """
        async with self._turn:
            try:
                if isinstance(want, Mapping):
                    await self._add(child, str(want.get("id")), moved=isinstance(above, Mapping))
                elif isinstance(above, Mapping) and isinstance(above.get("number"), int):
                    body = {"sub_issue_id": int(child.ref.id)}
                    await self._home.write("DELETE", f"/issues/{above['number']}/sub_issue", body)
            except (RejectedError, CredentialsError, StaleError) as error:
                raise self._narrowed(error, child) from None
        self._kin.used()

    async def _add(self, child: Address, id_: str, *, moved: bool) -> None:
        number = await self._kin.number(await self._home.opened(), id_)
        # Only a parent we have seen is replaced: one that came meanwhile is somebody's edit.
        body = {"sub_issue_id": int(child.ref.id), "replace_parent": moved}
        for attempt in range(TRIES):
            try:
                await self._home.write("POST", f"/issues/{number}/sub_issues", body)
            except RejectedError as error:
                if RACED not in error.message.casefold() or attempt == TRIES - 1:
                    raise
            else:
                return

    def _narrowed(self, error: ConnectorError, child: Address) -> ConnectorError:
        """Return what a refusal means for the child: what is not found, or has moved, is the parent."""
        if isinstance(error, CredentialsError) and (
            error.status != httpx.codes.FORBIDDEN or is_about_us(error.message)
        ):
            return error
        if isinstance(error, RejectedError) and ADOPTED in error.message.casefold():
            return StaleError(error.message, connection=self._connection, status=error.status)
        if isinstance(error, NotFoundError | StaleError | CredentialsError):
            why = f"{child.key} cannot be put there: {error.message}"
            return RejectedError(why, connection=self._connection, status=error.status)
        return error
