"""Documents without their long texts: a hash and a length stand for each. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

LONG: Final = 200
"""A text longer than this, in characters, stands beside the document and not in it."""


def put_aside(value: Any, aside: dict[str, str]) -> Any:  # noqa: ANN401 -- any JSON
    """Return *value* with each long text replaced by what stands for it; the texts go into *aside*."""
    if isinstance(value, str) and len(value) > LONG:
        name = hash_of(value)
        aside[name] = value
        return {"sha256": name, "length": len(value)}
    if isinstance(value, Mapping):
        return {k: put_aside(v, aside) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [put_aside(v, aside) for v in value]
    return value


def given_back(value: Any, kept: Mapping[str, str]) -> Any:  # noqa: ANN401 -- any JSON
    """Return *value* with its long texts in place, as far as they are *kept*."""
    if isinstance(value, dict):
        if _stands_for_text(value):
            return kept.get(value["sha256"], value)
        return {k: given_back(v, kept) for k, v in value.items()}
    return [given_back(v, kept) for v in value] if isinstance(value, list) else value


def hashes(value: Any) -> set[str]:  # noqa: ANN401 -- any JSON
    """Return the hashes of the long texts that *value* refers to."""
    if isinstance(value, dict):
        if _stands_for_text(value):
            return {value["sha256"]}
        return {h for v in value.values() for h in hashes(v)}
    return {h for v in value for h in hashes(v)} if isinstance(value, list) else set()


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _stands_for_text(value: Mapping[str, Any]) -> bool:
    return value.keys() == {"sha256", "length"}
