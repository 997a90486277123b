"""Reading issues by number, few or many, and saying what became of those that are not there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from syncer.errors import CredentialsError, ProtocolError
from syncer.model import Address, Missing, Ref, State
from syncer_github.api import REDIRECTS, Api, Raw
from syncer_github.batch import Batch
from syncer_github.limits import said

IN_FLIGHT = 5
FEW = 5
"""Up to here one request each is as good as a batch."""


def number_of(address: Address) -> int:
    """Return the issue number of a key such as "#7". Raises `ProtocolError` for any other."""
    digits = address.key.rpartition("#")[2]
    if not digits.isdecimal():
        raise ProtocolError(f"{address.key!r} is no issue number", connection=address.ref.connection)
    return int(digits)


class Lookup:
    """Direct reads under one token."""

    def __init__(self, api: Api, batch: Batch, connection: str) -> None:
        self._api = api
        self._connection = connection
        self._batch = batch

    async def read(self, repository: str, addresses: Sequence[Address]) -> dict[Ref, Raw | Missing]:
        """Return an issue's JSON, or where it went, for every address."""
        found: dict[Ref, Raw | Missing] = {}
        if len(addresses) > FEW:
            numbers = [number_of(a) for a in addresses]
            by_number = await self._batch.read(repository.removeprefix("/repos/"), numbers)
            if not by_number and await self._is_hidden(repository):
                return {a.ref: Missing(a.ref, State.UNREACHABLE) for a in addresses}
            for address, number in zip(addresses, numbers, strict=True):
                raw = by_number.get(number)
                if raw is not None and str(raw["id"]) == address.ref.id:
                    found[address.ref] = raw
        # What a batch does not know is asked one by one: only REST tells deleted from moved from hidden.
        rest = [a for a in addresses if a.ref not in found]
        for start in range(0, len(rest), IN_FLIGHT):
            some = rest[start : start + IN_FLIGHT]
            answers = await asyncio.gather(*(self._one(repository, a) for a in some), return_exceptions=True)
            for address, answer in zip(some, answers, strict=True):
                if isinstance(answer, BaseException):
                    raise answer
                found[address.ref] = answer
        return found

    async def _is_hidden(self, repository: str) -> bool:
        return (await self._api.read(repository, ok=frozenset({404}))).status_code == httpx.codes.NOT_FOUND

    async def _one(self, repository: str, address: Address) -> Raw | Missing:
        ref = address.ref
        path = f"{repository}/issues/{number_of(address)}"
        response = await self._api.http.get(path, ok=REDIRECTS | {404, 410})
        if response.status_code in REDIRECTS:
            return await self._moved(response, ref)
        return self._answered(response, ref)

    def _answered(self, response: httpx.Response, ref: Ref) -> Raw | Missing:
        if response.status_code == httpx.codes.GONE and "deleted" in said(response).casefold():
            return Missing(ref, State.GONE)
        if response.status_code in {404, 410}:
            return Missing(ref, State.UNREACHABLE)
        raw = self._api.single(response)
        if str(raw.get("id")) == ref.id and "pull_request" not in raw:
            return raw
        return Missing(ref, State.UNREACHABLE)

    async def _moved(self, response: httpx.Response, ref: Ref) -> Raw | Missing:
        """Follow a redirect within the origin: a renamed repository keeps its issues' ids, a transfer does not."""
        try:
            answer = await self._api.read(self._api.target(response), ok=frozenset({404, 410}))
            raw = None if answer.status_code in {404, 410} else self._api.single(answer)
        except (CredentialsError, ProtocolError):
            # Another repository's refusal, or a page that is no issue, says nothing about ours.
            raw = None
        if raw is None:
            return Missing(ref, State.UNREACHABLE)
        if str(raw.get("id")) == ref.id and "pull_request" not in raw:
            return raw
        to = raw.get("html_url")
        return Missing(ref, State.MOVED, to if isinstance(to, str) else None)
