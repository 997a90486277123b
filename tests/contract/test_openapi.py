"""The judge of the talk with a tracker: it finds what is wrong, and only that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncer.sdk.sandbox import Call
from tests.contract.openapi import Contract, Document

ITEM = {
    "type": "object",
    "required": ["id", "title"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "title": {"type": "string"},
        "due": {"type": "string", "nullable": True},
        "above": {"$ref": "#/components/schemas/Item"},
    },
}
PATHS = {
    "/items": {
        "get": {
            "parameters": [
                {"name": "state", "in": "query", "schema": {"type": "string", "enum": ["open", "closed"]}},
                {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}},
                {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
            ],
            "responses": {
                "200": {
                    "content": {
                        "application/json": {
                            "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
                        }
                    }
                }
            },
        },
        "post": {
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}},
            },
            "responses": {"201": {"$ref": "#/components/responses/Made"}, "422": {"description": "no"}},
        },
    },
    "/items/{id}": {
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
        "delete": {"responses": {"204": {"description": "gone"}}},
    },
    "/items/newest": {"get": {"responses": {"200": {"description": "one"}}}},
}
CONTRACT = Contract.of(
    Document.of(
        {
            "openapi": "3.0.3",
            "paths": PATHS,
            "components": {
                "schemas": {"Item": ITEM},
                "responses": {
                    "Made": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}
                },
            },
        }
    )
)


def call(method: str, path: str, query: str = "", body: Any = None, status: int = 200, answer: Any = None) -> Call:
    return Call(
        method,
        path,
        query,
        {"content-type": "application/json; charset=utf-8"},
        b"" if body is None else json.dumps(body).encode(),
        status=status,
        answer=b"" if answer is None else json.dumps(answer).encode(),
    )


WHOLE = {"id": 1, "title": "One", "due": None, "above": {"id": 2, "title": "Two"}}


@pytest.mark.parametrize(
    "good",
    [
        call("GET", "/items", "page=2&state=open&ids=1,2", answer=[WHOLE]),
        call("POST", "/items", body={"title": "One", "due": None}, status=201, answer=WHOLE),
        call("POST", "/items", body={"title": "One"}, status=422, answer={"any": "thing"}),
        call("POST", "/items", body={"title": "One"}, status=503, answer="undocumented, yet possible"),
        call("DELETE", "/items/7", status=204),
        call("GET", "/items/newest"),
    ],
)
def test_what_is_by_the_contract_passes(good: Call) -> None:
    assert CONTRACT.check(good) == []


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (call("GET", "/things"), "no such path"),
        (call("PATCH", "/items"), "GET, POST only"),
        (call("GET", "/items", answer=[]), "query parameter page is required"),
        (call("GET", "/items", "page=two", answer=[]), "query parameter page: 'two'"),
        (call("GET", "/items", "page=1&state=shut", answer=[]), "query parameter state: 'shut'"),
        (call("GET", "/items", "page=1&ids=1,x", answer=[]), "query parameter ids: 'x'"),
        (call("GET", "/items", "page=1&sort=up", answer=[]), "query parameter sort is not documented"),
        (call("DELETE", "/items/seven", status=204), "path parameter id: 'seven'"),
        (call("DELETE", "/items/7", status=204, answer={}), "answer 204 carries a body"),
        (call("DELETE", "/items/7", status=204, body={"x": 1}), "takes no body"),
        (call("DELETE", "/items/7", status=202), "answer 202 is not documented (204)"),
        (call("POST", "/items", status=422), "a body is required"),
        (call("POST", "/items", body={"due": "x"}, status=422), "request: $: 'title' is a required"),
        (call("POST", "/items", body={"title": 3}, status=422), "request: $.title: 3 is not"),
        (
            call("POST", "/items", body={"title": "x"}, status=201, answer={"title": "x"}),
            "answer 201: $: 'id' is a required",
        ),
        (call("GET", "/items", "page=1", answer=[{**WHOLE, "above": {"id": 2}}]), "answer 200: $[0].above"),
        (call("GET", "/items", "page=1"), "answer 200: not JSON"),
    ],
)
def test_what_is_not_is_told_in_one_line(bad: Call, told: str) -> None:
    [line] = CONTRACT.check(bad)

    assert line.startswith(f"{bad.method} {bad.path}: {told}")


def test_another_content_type_is_told() -> None:
    form = call("POST", "/items", body={"title": "x"}, status=422)
    form.headers = {"content-type": "application/x-www-form-urlencoded"}

    assert "content type application/x-www-form-urlencoded" in CONTRACT.check(form)[0]


def test_a_base_is_taken_off_the_path() -> None:
    assert CONTRACT.check(call("GET", "/api/items/newest"), base="/api") == []
    assert CONTRACT.check(call("GET", "/items/newest"), base="/api") == ["GET /items/newest: is not under /api"]


def test_a_known_defect_of_the_document_is_let_pass_and_nothing_else() -> None:
    lenient = Contract(CONTRACT.routes, allow=["answer 202 is not documented"])

    assert lenient.check(call("DELETE", "/items/7", status=202)) == []
    assert lenient.check(call("DELETE", "/items/7", status=203)) != []
