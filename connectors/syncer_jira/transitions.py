"""Which transition leads to a wanted status. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncer.errors import RejectedError
from syncer_jira.api import Object

DONE_WORDS = ("done", "fixed", "resolved")


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition open to us from an issue's present status; `screen` is the fields it shows."""

    id: str
    name: str
    to: Object
    screen: Object

    @property
    def takes_resolution(self) -> bool:
        return "resolution" in self.screen

    def demands(self) -> list[str]:
        """Return the names of the fields it insists on, other than the resolution."""
        return [
            str(field.get("name") or id_)
            for id_, field in self.screen.items()
            if id_ != "resolution" and field.get("required") and not field.get("hasDefaultValue")
        ]


def edges(answer: Object) -> list[Edge]:
    """Return the transitions of Jira's answer; those it marks as not available are left out."""
    return [
        Edge(str(t.get("id")), str(t.get("name") or ""), t.get("to") or {}, t.get("fields") or {})
        for t in answer.get("transitions") or []
        if isinstance(t, Mapping) and t.get("isAvailable") is not False
    ]


def leads_to(status: Object, want: Object) -> bool:
    """Say whether *status* is the wanted one: by id, else by name, else by category."""
    if want.get("id"):
        return str(status.get("id")) == str(want["id"])
    if want.get("name"):
        return str(status.get("name")).casefold() == str(want["name"]).casefold()
    category = status.get("statusCategory") or {}
    return bool(category.get("key") == (want.get("statusCategory") or {}).get("key"))


def choose(offered: Sequence[Edge], want: Object, resolution: Object | None) -> Edge | None:
    """Return the easiest transition into *want*: one that demands nothing, and shows the resolution
    when one is wanted.
    """
    fitting = [e for e in offered if leads_to(e.to, want)]
    return min(fitting, key=lambda e: (len(e.demands()), e.takes_resolution is not bool(resolution)), default=None)


def request(edge: Edge, resolution: Object | None) -> dict[str, Any]:
    """Return the body that makes the transition. Raises `RejectedError` where it asks for more than
    we know, before anything is moved.
    """
    demanded = edge.demands()
    if demanded:
        raise RejectedError(f'the transition "{edge.name}" asks for {", ".join(demanded)}: move it by hand')
    body: dict[str, Any] = {"transition": {"id": edge.id}}
    if resolution is not None:
        if not edge.takes_resolution:
            raise RejectedError(
                f'the transition "{edge.name}" has no resolution on its screen: add it there, or map to a '
                "status without a resolution"
            )
        body["fields"] = {"resolution": {"name": resolution.get("name")}}
    elif edge.takes_resolution and _is_required(edge.screen["resolution"]):
        body["fields"] = {"resolution": _default_resolution(edge)}
    return body


def _is_required(field: Object) -> bool:
    return bool(field.get("required")) and not field.get("hasDefaultValue")


def _default_resolution(edge: Edge) -> dict[str, Any]:
    offered = edge.screen["resolution"].get("allowedValues") or []
    plain = [v for v in offered if str(v.get("name")).casefold() in DONE_WORDS]
    if not plain and len(offered) != 1:
        raise RejectedError(f'the transition "{edge.name}" asks for a resolution: map one to the status')
    return {"name": (plain or offered)[0].get("name")}


def unreachable(offered: Sequence[Edge], want: Object) -> RejectedError:
    """Return the error that says where one can go from here instead."""
    names = sorted({str(e.to.get("name")) for e in offered})
    goal = want.get("name") or (want.get("statusCategory") or {}).get("key") or want.get("id")
    reach = f"from here one gets to {', '.join(names)}" if names else "this account may make no transition here"
    return RejectedError(f'no transition leads to "{goal}": {reach}')
