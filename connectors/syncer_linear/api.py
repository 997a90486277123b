"""GraphQL over POST: one question, one answer, or an error that says which."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from syncer.connector import Setting
from syncer.errors import ConnectorError, ProtocolError
from syncer.sdk.http import Http
from syncer.sdk.tokens import Shelf
from syncer_linear.budgets import budget
from syncer_linear.oauth import Client
from syncer_linear.operations import LARGEST_PAGE, Operation
from syncer_linear.refusals import refusal

Node = dict[str, Any]
"""An object of Linear's answer: the JSON border."""


def authorization(token: SecretStr) -> str:
    """Return the header's value: an API key stands alone (Linear refuses it behind `Bearer`)."""
    text = token.get_secret_value().strip()
    return f"Bearer {text}" if text.startswith("lin_oauth_") else text


@dataclass(slots=True)
class Api:
    """One connection's endpoint, asked with a token, or as an application: `client`."""

    http: Http
    client: Client | None = None

    @classmethod
    def of(cls, setting: Setting, shelf: Shelf) -> Api:
        client = None if setting.options.client_id is None else Client(setting, shelf)

        async def headers() -> Mapping[str, str]:
            if client is not None:
                return {"Authorization": f"Bearer {await client.tokens.text()}"}
            return {"Authorization": authorization(setting.options.token)}

        def classify(response: httpx.Response) -> ConnectorError | None:
            error = refusal(response, setting.clock())
            return error if client is None else client.judged(response, error)

        return cls(Http(setting, setting.options.url, headers, classify=classify, budget=budget), client)

    async def close(self) -> None:
        await self.http.close()
        if self.client is not None:
            await self.client.close()

    async def ask(self, operation: Operation, variables: Mapping[str, Any], *, again: bool) -> Node:
        """Return all of `data`. *again* allows sending twice: reads, and creates with an id of ours."""
        body = {"query": operation.text, "variables": dict(variables), "operationName": operation.name}
        response = await self.http.request("POST", "", read=again, json=body)
        answer = self.http.parse(response)
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, dict) or not isinstance(data.get(operation.root), dict):
            raise ProtocolError(
                f"no {operation.root} in the answer to {operation.name}",
                connection=self.http.connection,
                body=str(answer)[:300],
            )
        return data

    async def read(self, operation: Operation, variables: Mapping[str, Any]) -> Node:
        """Return the operation's root object; may be sent more than once."""
        return (await self.ask(operation, variables, again=True))[operation.root]  # type: ignore[no-any-return]  # the JSON border

    async def pages(
        self, operation: Operation, variables: Mapping[str, Any], size: int = LARGEST_PAGE
    ) -> AsyncIterator[tuple[list[Node], bool]]:
        """Yield each page's nodes, and whether more follow. Raises ProtocolError where paging stands still."""
        after: str | None = None
        while True:
            place = {} if after is None else {"after": after}
            connection = await self.read(operation, {**variables, "first": size, **place})
            nodes = self.nodes(connection)
            then = self.next_page(connection)
            if then is not None and then == after:
                raise ProtocolError("the next page is this page", connection=self.http.connection)
            after = then
            yield nodes, after is not None
            if after is None:
                return

    def nodes(self, connection: Mapping[str, Any]) -> list[Node]:
        nodes = connection.get("nodes")
        if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
            raise ProtocolError("a list without nodes", connection=self.http.connection)
        return nodes

    def next_page(self, connection: Mapping[str, Any]) -> str | None:
        info = connection.get("pageInfo") or {}
        if not info.get("hasNextPage"):
            return None
        if not info.get("endCursor"):
            raise ProtocolError("a next page without a cursor", connection=self.http.connection)
        return str(info["endCursor"])
