"""Issue types as words of a mapping. They are the organisation's, and a repository shares them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from syncer.connector import Word
from syncer_github.history import worded_labels


def typed(tables: Mapping[str, Any]) -> Sequence[str]:
    """Return the issue types that the mapping's kinds speak of."""
    fields = tables.get("fields", tables)
    return tuple(dict.fromkeys(_types(fields.get("kind"))))


def _types(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "type" and isinstance(value, str):
                yield value
            else:
                yield from _types(value)
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _types(one)


def kinds(tables: Mapping[str, Any], types: Iterable[str], labels: Iterable[str]) -> Mapping[str, Sequence[Word]]:
    """Return the words of `kind` where the mapping speaks of types: a type that is not there is never written.

    Labels stand on every word, as any of them can be put on any issue, and unknown ones are made.
    """
    if not typed(tables):
        return {}
    known = sorted({*labels, *worded_labels(tables).get("kind", ())})
    return {"kind": [{"type": name, "label": known} for name in (*types, None)]}
