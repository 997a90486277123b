"""Our marker on a comment: a query parameter of the link that says where the comment comes from.

Nothing is visible to a reader, and Jira keeps links as they are. (Comment properties would do as
well, but their reading takes one more request per comment.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

Doc: TypeAlias = dict[str, Any]

PARAMETER = "syncer"
_WELL_FORMED = re.compile(r"[A-Za-z0-9.]+")
_CAPTION = "synced"


def marked(doc: Mapping[str, Any], marker: str, fallback: str) -> Doc:
    """Return *doc* with *marker* in its first link, or in a small link to *fallback* at its end."""
    copy: Doc = _copied(doc)
    spot = next(_links(copy), None)
    if spot is not None:
        holder, name = spot
        holder[name] = _with_marker(holder[name], marker)
        return copy
    mark = {"type": "link", "attrs": {"href": _with_marker(fallback, marker)}}
    text = {"type": "text", "text": _CAPTION, "marks": [mark]}
    copy["content"] = [*copy.get("content", []), {"type": "paragraph", "content": [text]}]
    return copy


def unmarked(doc: object) -> tuple[Any, str | None]:
    """Return *doc* as it was before `marked`, and the marker, None where there is none."""
    if not isinstance(doc, Mapping):
        return doc, None
    copy = _copied(doc)
    found: str | None = None
    for holder, name in _links(copy):
        holder[name], said = _without_marker(holder[name])
        found = found or said
    if found is not None and _is_caption(doc):
        copy["content"] = copy["content"][:-1]
    return copy, found


def _is_caption(doc: Mapping[str, Any]) -> bool:
    """Say whether the last paragraph is the small link we added, marker and all."""
    last = (doc.get("content") or [None])[-1]
    inline = last.get("content") if isinstance(last, Mapping) and last.get("type") == "paragraph" else None
    if not isinstance(inline, list) or len(inline) != 1 or inline[0].get("text") != _CAPTION:
        return False
    return any(_without_marker(holder[name])[1] for holder, name in _links(_copied(last)))


def _copied(value: Any) -> Any:  # noqa: ANN401 -- a JSON tree
    if isinstance(value, Mapping):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(v) for v in value]
    return value


def _links(node: Any) -> Iterator[tuple[Doc, str]]:  # noqa: ANN401 -- a JSON tree
    """Yield (object, member name) of every web link in reading order: link marks and smart links."""
    if isinstance(node, list):
        for one in node:
            yield from _links(one)
        return
    if not isinstance(node, dict):
        return
    for holder in (node, *[m for m in node.get("marks") or [] if isinstance(m, dict)]):
        attrs = holder.get("attrs")
        name = {"link": "href", "inlineCard": "url", "blockCard": "url"}.get(str(holder.get("type")))
        if name and isinstance(attrs, dict) and _is_web(attrs.get(name)):
            yield attrs, name
    yield from _links(node.get("content"))


def _is_web(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("http://", "https://"))


def _with_marker(url: str, marker: str) -> str:
    parts = urlsplit(_without_marker(url)[0])
    query = "&".join(p for p in (parts.query, f"{PARAMETER}={marker}") if p)
    return urlunsplit(parts._replace(query=query))


def _without_marker(url: str) -> tuple[str, str | None]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None
    pairs = parts.query.split("&") if parts.query else []
    said = [p.partition("=")[2] for p in pairs if p.startswith(f"{PARAMETER}=")]
    found = next((m for m in said if _WELL_FORMED.fullmatch(m)), None)
    if found is None:
        return url, None
    kept = [p for p in pairs if p != f"{PARAMETER}={found}"]
    return urlunsplit(parts._replace(query="&".join(kept))), found
