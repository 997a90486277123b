"""A patch in the words of `IssueCreateInput` and `IssueUpdateInput`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncer.errors import RejectedError
from syncer.model import JSON, Delta, Patch
from syncer_linear.catalog import Catalog

_AS_IT_IS = frozenset({"title", "priority", "dueDate", "estimate"})


async def issue_input(catalog: Catalog, patch: Patch, *, new: bool) -> dict[str, Any]:
    """Return the input for what *patch* names and nothing else; labels without a match are made."""
    given: dict[str, Any] = {}
    for name, want in patch.items():
        if isinstance(want, Delta):
            given |= await _labels_delta(catalog, want, new=new)
        elif name in _AS_IT_IS:
            given[name] = want
        elif name == "description":
            given["description"] = want or ""  # null could mean "not said"
        elif name == "state":
            given["stateId"] = await catalog.state_id(_object(want))
        elif name == "assignee":
            given["assigneeId"] = _object(want).get("id")
        elif name == "parent":
            given["parentId"] = _object(want).get("id")
        elif name == "labels":
            given["labelIds"] = [await catalog.label_id(label) for label in _names(want)]
        else:
            raise RejectedError(f'"{name}" is not a field of a Linear issue we write')
    return {name: want for name, want in given.items() if not (new and want in (None, ""))}


async def _labels_delta(catalog: Catalog, want: Delta, *, new: bool) -> dict[str, list[str]]:
    """Say adds and removes: `labelIds` replaces, and would undo what somebody else just added."""
    added = [await catalog.label_id(name) for name in sorted(want.add)]
    if new:
        return {"labelIds": added} if added else {}
    removed = [i for name in sorted(want.remove) for i in await catalog.label_ids_now(name)]
    said = {"addedLabelIds": added, "removedLabelIds": [i for i in removed if i not in added]}
    return {name: ids for name, ids in said.items() if ids}


def _object(want: JSON) -> Mapping[str, JSON]:
    return want if isinstance(want, Mapping) else {}


def _names(want: JSON) -> Sequence[str]:
    return [str(n) for n in want] if isinstance(want, Sequence) and not isinstance(want, str) else []
