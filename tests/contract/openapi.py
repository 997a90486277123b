"""The trackers' published OpenAPI documents as judges of the calls the connectors and sandboxes exchange.

The documents are not in this repository: `contracts()` finds them, tests without them are skipped.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qs, unquote

import jsonschema
import referencing
import referencing.jsonschema

from syncer.sdk.sandbox import Call

Json: TypeAlias = Any
Direction: TypeAlias = Literal["asked", "answered"]

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
SHOWN = 5
"""Violations listed for one body; a wrong shape tends to repeat itself."""


def contracts() -> Path | None:
    """Return the folder of published contracts (`SYNCER_CONTRACTS`), None where there is none."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("SYNCER_CONTRACTS", root / ".." / "shared" / "contracts"))
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class Operation:
    """One method of one path; `pointer` leads to it inside its document."""

    document: Document
    method: str
    path: str
    pointer: str
    says: Mapping[str, Json]
    parameters: Sequence[Mapping[str, Json]]

    def parameter(self, place: str, name: str) -> Mapping[str, Json] | None:
        return next((p for p in self.parameters if (p["in"], p["name"]) == (place, name)), None)


@dataclass(frozen=True)
class Document:
    """One OpenAPI document, in a shape JSON Schema validators understand, once for each direction."""

    raw: Mapping[str, Json]
    registries: Mapping[Direction, referencing.Registry[Json]]
    dialect: type[jsonschema.protocols.Validator]
    validators: dict[tuple[Direction, str], jsonschema.protocols.Validator] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Document:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, raw: Mapping[str, Json]) -> Document:
        old = str(raw["openapi"]).startswith("3.0")
        spec = referencing.jsonschema.DRAFT4 if old else referencing.jsonschema.DRAFT202012
        dialect = jsonschema.Draft4Validator if old else jsonschema.Draft202012Validator
        directions: tuple[Direction, ...] = ("asked", "answered")
        registries = {
            d: referencing.Registry[Json]().with_resource("urn:doc", spec.create_resource(_plain(raw, d)))
            for d in directions
        }
        return cls(raw, registries, dialect)

    def deref(self, node: Json) -> Json:
        """Return what *node* stands for, following a local `$ref`."""
        while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            target: Json = self.raw
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[unquote(part).replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def complaints(self, direction: Direction, pointer: str, value: Json) -> Iterator[str]:
        """Yield what is wrong with *value* by the schema at *pointer*."""
        key = (direction, pointer)
        if key not in self.validators:
            schema = {"$ref": f"urn:doc#{pointer}"}
            self.validators[key] = self.dialect(schema, registry=self.registries[direction])
        for number, error in enumerate(self.validators[key].iter_errors(value)):
            if number == SHOWN:
                return
            yield _told(error)

    def operations(self) -> Iterator[Operation]:
        for path, item in self.raw["paths"].items():
            shared = item.get("parameters", ())
            for method in METHODS & item.keys():
                says = item[method]
                own = [self.deref(p) for p in (*shared, *says.get("parameters", ()))]
                named = {(p["in"], p["name"]): p for p in own}
                yield Operation(self, method, path, _pointer("paths", path, method), says, tuple(named.values()))


def _told(error: jsonschema.ValidationError) -> str:
    """Return an error in one line, with the innermost reason where a union failed."""
    deepest = jsonschema.exceptions.best_match([error])
    where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in deepest.absolute_path)
    return f"${where}: {deepest.message[:200]}"


def _pointer(*parts: str) -> str:
    return "".join("/" + p.replace("~", "~0").replace("/", "~1") for p in parts)


def _plain(node: Json, direction: Direction) -> Json:
    """Return *node* with OpenAPI's own keywords said as JSON Schema."""
    if isinstance(node, list):
        return [_plain(n, direction) for n in node]
    if not isinstance(node, dict):
        return node
    plain = {k: _plain(v, direction) for k, v in node.items()}
    # Draft 4 takes a string under `id` for the schema's own address; documents only use it in examples.
    if isinstance(plain.get("id"), str):
        del plain["id"]
    _release(plain, "readOnly" if direction == "asked" else "writeOnly")
    if plain.pop("nullable", None) is not True:
        return plain
    return {"anyOf": [plain, {"type": "null"}]}


def _release(schema: dict[str, Json], side: str) -> None:
    """Forget that members only the other side says are required."""
    required, properties = schema.get("required"), schema.get("properties")
    if not isinstance(required, list) or not isinstance(properties, dict):
        return
    ours = [r for r in required if not _said(properties.get(r), side)]
    schema.pop("required")
    if ours:
        schema["required"] = ours


def _said(schema: Json, side: str) -> bool:
    return isinstance(schema, dict) and (
        schema.get(side) is True or any(_said(one, side) for one in schema.get("anyOf", ()))
    )


@dataclass(frozen=True)
class Contract:
    """What one or more documents allow. `allow` lists known defects of the documents themselves:
    a violation in which one of these patterns is found is dropped."""

    routes: Sequence[tuple[re.Pattern[str], Mapping[str, Operation]]]
    allow: Sequence[str] = ()

    @classmethod
    def load(cls, *paths: Path, allow: Sequence[str] = ()) -> Contract:
        return cls.of(*(_loaded(p) for p in paths), allow=allow)

    @classmethod
    def of(cls, *documents: Document, allow: Sequence[str] = ()) -> Contract:
        by_path: dict[str, dict[str, Operation]] = {}
        for document in documents:
            for operation in document.operations():
                by_path.setdefault(operation.path, {})[operation.method] = operation
        literal_first = sorted(by_path, key=_literalness)
        return cls([(_route(p), by_path[p]) for p in literal_first], allow)

    def check(self, call: Call, *, base: str = "") -> list[str]:
        """Return what *call* and its answer violate, one readable line each; [] where all is well."""
        head = f"{call.method} {call.path}"
        return [
            line
            for line in (f"{head}: {text}" for text in self._violations(call, base))
            if not any(re.search(known, line) for known in self.allow)
        ]

    def _violations(self, call: Call, base: str) -> Iterator[str]:
        if not call.path.startswith(base):
            yield f"is not under {base}"
            return
        path = call.path.removeprefix(base)
        found = [(m, ops) for route, ops in self.routes if (m := route.fullmatch(path))]
        if not found:
            yield "no such path"
            return
        method = call.method.lower()
        match, operation = next(((m, ops[method]) for m, ops in found if method in ops), (None, None))
        if match is None or operation is None:
            yield f"{_names(found[0][1])} only"
            return
        yield from _path_wrongs(operation, match)
        yield from _query_wrongs(operation, parse_qs(call.query, keep_blank_values=True))
        yield from _request_wrongs(operation, call)
        yield from _answer_wrongs(operation, call)


def _names(operations: Iterable[str]) -> str:
    return ", ".join(sorted(o.upper() for o in operations))


@functools.cache
def _loaded(path: Path) -> Document:
    return Document.load(path)


def _literalness(path: str) -> tuple[bool, ...]:
    """Return a key by which literal segments sort before templated ones, leftmost deciding."""
    return tuple("{" in segment for segment in path.split("/"))


def _route(path: str) -> re.Pattern[str]:
    names = re.findall(r"\{([^}]+)\}", path)
    pattern = re.escape(path)
    for number, name in enumerate(names):
        pattern = pattern.replace(re.escape("{" + name + "}"), f"(?P<p{number}>[^/]+)", 1)
    return re.compile(pattern)


def _path_wrongs(operation: Operation, match: re.Match[str]) -> Iterator[str]:
    names = re.findall(r"\{([^}]+)\}", operation.path)
    for number, name in enumerate(names):
        parameter = operation.parameter("path", name)
        if parameter is not None:
            yield from _parameter_wrongs(operation, parameter, [match[f"p{number}"]])


def _query_wrongs(operation: Operation, query: Mapping[str, Sequence[str]]) -> Iterator[str]:
    known = [p for p in operation.parameters if p["in"] == "query"]
    for parameter in known:
        name = parameter["name"]
        values = query.get(name, query.get(f"{name}[]"))
        if values is not None:
            yield from _parameter_wrongs(operation, parameter, values)
        elif parameter.get("required"):
            yield f"query parameter {name} is required"
    names = {p["name"] for p in known}
    for name in query:
        if name.removesuffix("[]") not in names:
            yield f"query parameter {name} is not documented"


def _parameter_wrongs(operation: Operation, parameter: Mapping[str, Json], values: Sequence[str]) -> Iterator[str]:
    schema = _resolved(operation.document, parameter.get("schema", {}))
    validator = operation.document.dialect(schema)
    wrongs = [[e.message for e in validator.iter_errors(r)] for r in _readings(schema, values)]
    if [] in wrongs:
        return
    for text in wrongs[0]:
        yield f"{parameter['in']} parameter {parameter['name']}: {text}"


def _resolved(document: Document, schema: Json) -> Json:
    """Return a parameter's schema with its references written out; they are small and never recursive."""
    schema = document.deref(schema)
    if isinstance(schema, list):
        return [_resolved(document, s) for s in schema]
    if isinstance(schema, dict):
        return {k: _resolved(document, v) for k, v in _plain(schema, "asked").items()}
    return schema


def _readings(schema: Mapping[str, Json], values: Sequence[str]) -> Iterator[Json]:
    """Yield what the text of a parameter may stand for; one valid reading is enough."""
    kind = schema.get("type")
    if kind not in {"integer", "number", "boolean", "array"}:
        yield values[0]
    if kind not in {"string", "array"}:
        yield _literal(values[0])
    if kind not in {"string", "integer", "number", "boolean"}:
        split = list(values) if len(values) > 1 else values[0].split(",")
        yield [_literal(v) for v in split]
        yield split


def _literal(text: str) -> Json:
    """Return a number or boolean for *text* that says one, else the text itself."""
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _request_wrongs(operation: Operation, call: Call) -> Iterator[str]:
    said = operation.document.deref(operation.says.get("requestBody"))
    if said is None:
        if call.body and call.body != b"{}":
            yield "takes no body"
        return
    if not call.body:
        if said.get("required"):
            yield "a body is required"
        return
    media = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    content = said.get("content", {})
    if media not in content and "*/*" not in content:
        yield f"content type {media or 'unsaid'} is not documented ({', '.join(sorted(content))})"
        return
    if "json" not in media:
        return
    pointer = _body_pointer(operation, "requestBody", media if media in content else "*/*")
    yield from _body_wrongs(operation, "asked", "request", pointer, call.body)


def _answer_wrongs(operation: Operation, call: Call) -> Iterator[str]:
    if call.status == 0:
        return
    responses = operation.says["responses"]
    status = str(call.status)
    key = next((k for k in (status, f"{status[0]}XX", "default") if k in responses), None)
    if key is None:
        if call.status < 400:
            yield f"answer {status} is not documented ({', '.join(sorted(responses))})"
        return
    said = operation.document.deref(responses[key])
    content = said.get("content", {})
    media = next((m for m in content if "json" in m or m == "*/*"), None)
    if call.status in {204, 304}:
        if call.answer:
            yield f"answer {status} carries a body"
        return
    if media is None or "schema" not in content[media] or call.method == "HEAD":
        return
    pointer = _body_pointer(operation, "responses", key, media)
    yield from _body_wrongs(operation, "answered", f"answer {status}", pointer, call.answer)


def _body_pointer(operation: Operation, part: str, *keys: str) -> str:
    """Return the pointer to a body's schema, from the component where the body is a reference."""
    *path, media = keys
    node: Json = operation.says[part]
    pointer = operation.pointer + _pointer(part)
    for key in path:
        node, pointer = node[key], pointer + _pointer(key)
    while "$ref" in node:
        pointer = str(node["$ref"]).removeprefix("#")
        node = operation.document.deref(node)
    return pointer + _pointer("content", media, "schema")


def _body_wrongs(operation: Operation, direction: Direction, what: str, pointer: str, body: bytes) -> Iterator[str]:
    try:
        value = json.loads(body)
    except ValueError:
        yield f"{what}: not JSON: {body[:60]!r}"
        return
    for complaint in operation.document.complaints(direction, pointer, value):
        yield f"{what}: {complaint}"
