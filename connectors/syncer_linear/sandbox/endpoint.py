"""The endpoint: who asks, may they, what does it cost, and only then the query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncer_linear.sandbox.budgets import HARDEST, Budgets, Cost
from syncer_linear.sandbox.graph import Graph
from syncer_linear.sandbox.oauth import Application
from syncer_linear.sandbox.refusals import (
    KEY_AS_BEARER,
    NOT_AUTHENTICATED,
    RATE_LIMITED,
    TOO_COMPLEX,
    Body,
    forbidden,
)
from syncer_linear.sandbox.workspace import Workspace

SDL: Final = Path(__file__).with_name("schema.graphql")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """POST /graphql of one workspace. `key` stands alone in the header, `oauth` behind Bearer. POST /oauth/token
    gives tokens of the application."""

    space: Workspace
    graph: Graph
    budgets: Budgets
    schema: GraphQLSchema
    key: str
    oauth: str
    application: Application | None = None
    revoked: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls, space: Workspace, graph: Graph, budgets: Budgets, key: str, oauth: str, application: Application | None
    ) -> Endpoint:
        return cls(space, graph, budgets, build_schema(SDL.read_text()), key, oauth, application)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/graphql", self._post, methods=["POST"]),
                Route("/oauth/token", self._token, methods=["POST"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        raw = await request.body()
        if self.application is None:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        with self.space.lock:
            status, body = self.application.answer(request.headers.get("content-type", ""), raw)
        return JSONResponse(body, status_code=status)

    async def _post(self, request: Request) -> Response:
        raw = await request.body()
        with self.space.lock:
            status, body, headers = self.answer(request.headers.get("authorization"), raw)
        return JSONResponse(body, status_code=status, headers=dict(headers))

    def answer(self, credential: str | None, raw: bytes) -> tuple[int, Body, Mapping[str, str]]:
        """Return status, body and headers. The caller holds the workspace's lock."""
        scopes = None if self.application is None else self.application.scopes(credential)
        stranger = self._stranger(credential) if scopes is None else None
        if stranger is not None:
            return stranger
        try:
            asked = json.loads(raw)
            document = parse(asked["query"])
        except (ValueError, KeyError, TypeError, GraphQLError) as error:
            return 400, _invalid([GraphQLError(str(error))]), self.budgets.headers()
        errors = validate(self.schema, document)
        if errors:
            return 400, _invalid(errors), self.budgets.headers()
        graph = self.graph
        if self.application is not None and scopes is not None:
            graph = Graph(self.space, self.application.me, admin=False)
        if scopes is not None and "write" not in scopes and _changes(document):
            return 200, {"errors": [forbidden("Invalid scope: `write` required").formatted]}, self.budgets.headers()
        return self._within_budget(graph, document, asked.get("variables") or {}, asked.get("operationName"))

    def _stranger(self, credential: str | None) -> tuple[int, Body, Mapping[str, str]] | None:
        if credential in {self.key, f"Bearer {self.oauth}"} - self.revoked:
            return None
        if credential == f"Bearer {self.key}":
            return 400, KEY_AS_BEARER, {}
        return 401, NOT_AUTHENTICATED, {}

    def _within_budget(
        self, graph: Graph, document: DocumentNode, variables: Mapping[str, Any], operation: str | None
    ) -> tuple[int, Body, Mapping[str, str]]:
        points = Cost(self.schema, document, variables).points()
        if points > HARDEST:
            return 400, TOO_COMPLEX, self.budgets.headers(points)
        if not self.budgets.spend(points):
            return 400, RATE_LIMITED, self.budgets.headers(points)
        result = execute_sync(
            self.schema,
            document,
            root_value=graph.root(),
            variable_values=dict(variables),
            operation_name=operation,
        )
        status, body = _said(result)
        return status, body, self.budgets.headers(points)


def _changes(document: DocumentNode) -> bool:
    return any(
        isinstance(one, OperationDefinitionNode) and one.operation is OperationType.MUTATION
        for one in document.definitions
    )


def _said(result: ExecutionResult) -> tuple[int, Body]:
    if not result.errors:
        return 200, {"data": result.data}
    if result.data is None and not any(error.path for error in result.errors):
        return 400, _invalid(result.errors)
    return 200, {"errors": [error.formatted for error in result.errors], "data": result.data}


def _invalid(errors: list[GraphQLError]) -> Body:
    extensions = {"code": "GRAPHQL_VALIDATION_FAILED", "type": "graphql error"}
    return {"errors": [{"message": error.message, "extensions": extensions} for error in errors]}
