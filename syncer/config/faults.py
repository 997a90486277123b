"""What pydantic finds wrong, in our words: one line, with file, key and line number."""

from __future__ import annotations

import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from syncer.config.document import Document
from syncer.log import redact
from syncer.mapping.source import choice

Model = TypeVar("Model", bound=BaseModel)


def valid(
    model: type[Model], said: object, document: Document, at: tuple[str, ...], also: Collection[str] = ()
) -> Model:
    """Return *said* as a *model*, or raise its first fault; *also* are keys known besides its own."""
    if not isinstance(said, Mapping):
        raise document.error(at, "must be a table.")
    try:
        return model.model_validate(said)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
    keys = _keys(said, fault["loc"], missing=fault["type"] == "missing")
    message = _said(fault["type"], fault["msg"], fault.get("ctx", {}), keys)
    known = (*_names(model, keys[:-1]), *also)
    fix = choice(keys[-1], known) if fault["type"] == "extra_forbidden" else None
    raise document.error((*at, *keys), redact(message), fix) from None


def _keys(said: object, loc: tuple[int | str, ...], *, missing: bool) -> tuple[str, ...]:
    """Return the keys of *loc* that a person wrote: union tags and list places fall out."""
    keys: list[str] = []
    for part in loc:
        if isinstance(said, Mapping) and part in said:
            keys.append(str(part))
            said = said[part]
    if missing and loc:
        keys.append(str(loc[-1]))
    return tuple(keys)


def _said(type_: str, message: str, context: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Return pydantic's finding as one line without its jargon."""
    match type_:
        case "missing":
            return f"{keys[-1]} is missing."
        case "extra_forbidden":
            return f'unknown key "{keys[-1]}".'
        case "literal_error":
            return f"must be one of {context['expected']}.".replace(" or ", ", ")
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            return "must be a table."
        case "value_error":
            return _sentence(str(context["error"]))
        case _:
            return _sentence(
                message.replace("Input s", "s").replace("a valid integer", "an integer").replace("valid ", "")
            )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _names(model: type[BaseModel], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys known under *keys* of *model*."""
    for key in keys:
        info = model.model_fields.get(key)
        parts = types_in(info.annotation) if info else ()
        model = next((t for t in parts if isinstance(t, type) and issubclass(t, BaseModel)), model)
    return tuple(info.alias or name for name, info in model.model_fields.items() if name != "name")


def types_in(annotation: object) -> Iterator[object]:
    """Yield every type that an annotation is made of."""
    yield annotation
    for part in typing.get_args(annotation):
        yield from types_in(part)
