"""What changes slowly: who we are, the team, its states, labels and people, kept with their age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from pydantic import SecretStr

from syncer.connector import Setting
from syncer.errors import NotFoundError, RejectedError
from syncer.model import Account, fold
from syncer_linear.api import Api, Node
from syncer_linear.operations import LABEL_CREATE, LABELS, PREFLIGHT, STATES, TEAMS, USERS, Operation

APPLIED_TO_NONE = "notUsed"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Our own account and its workspace."""

    account: Account
    workspace: str
    slug: str


@dataclass(frozen=True, slots=True)
class Team:
    id: str
    key: str
    name: str
    estimates: bool


@dataclass(frozen=True, slots=True)
class WorkflowState:
    """A state of our team. `type` is an open set of words: triage, backlog, unstarted, started ..."""

    id: str
    name: str
    type: str
    position: float = 0.0


@dataclass(frozen=True, slots=True)
class Label:
    """A label; `team` is None for one of the whole workspace. A group holds labels and is never applied."""

    id: str
    name: str
    group: bool = False
    team: str | None = None


@dataclass(slots=True)
class Catalog:
    """The facts of one connection. Each list is asked for once, and again on `refresh`."""

    api: Api
    setting: Setting
    _facts: dict[str, Any] = field(default_factory=dict)
    _lists: dict[str, list[Node]] = field(default_factory=dict)
    _unknown: set[str] = field(default_factory=set)

    def reopen(self) -> None:
        """Look at the ages of what is kept again."""
        self._facts.clear()
        self._lists.clear()
        self._unknown.clear()

    async def viewer(self, *, fresh: bool = False) -> Viewer:
        name = f"viewer:{self._whose()}"
        held: Any = None if fresh else self._known(name)
        if held is None:
            held = await self.api.ask(PREFLIGHT, {}, again=True)
            self.setting.catalogue.put(name, held)
        self._facts[name] = held
        return _viewer(held)

    async def team(self, *, fresh: bool = False) -> Team:
        """Return our team. Raises NotFoundError, naming the teams there are, where it is not among them."""
        wanted = self.setting.options.team
        name = f"team:{wanted}:{self._whose()}"
        held: Any = None if fresh else self._known(name)
        if held is None:
            held = await self._find_team(wanted)
            self.setting.catalogue.put(name, held)
        self._facts[name] = held
        return _team(held)

    async def _find_team(self, wanted: str) -> Node:
        nodes = [node for node in await self._all(TEAMS) if not node.get("archivedAt")]
        for node in nodes:
            if wanted.casefold() in {str(node["key"]).casefold(), str(node["id"]).casefold()}:
                return node
        keys = ", ".join(sorted(str(node["key"]) for node in nodes)) or "none"
        raise NotFoundError(
            f'no team "{wanted}" that this token can see; it sees: {keys}',
            connection=self.setting.connection,
        )

    async def states(self, *, fresh: bool = False) -> Sequence[WorkflowState]:
        """Return our team's states by position."""
        team = await self.team()
        nodes = [n for n in await self._held("states", STATES, fresh=fresh) if not n.get("archivedAt")]
        ours = [_state(node) for node in nodes if (node.get("team") or {}).get("id") == team.id]
        return sorted(ours, key=lambda state: (state.position, state.name))

    async def labels(self, *, fresh: bool = False) -> Sequence[Label]:
        """Return every label of the workspace that can still be met, ours or not."""
        return [_label(node) for node in await self._held("labels", LABELS, fresh=fresh)]

    async def usable_labels(self, *, fresh: bool = False) -> Sequence[Label]:
        """Return the labels our team's issues can have (groups among them), the team's own first."""
        team = await self.team()
        nodes = [n for n in await self._held("labels", LABELS, fresh=fresh) if not n.get("archivedAt")]
        ours = [label for label in map(_label, nodes) if label.team in {None, team.id}]
        return sorted(ours, key=lambda label: label.team is None)

    async def people(self) -> Sequence[Account]:
        """Return those who can be assigned work."""
        nodes = await self._held("users", USERS, fresh=False)
        return [
            Account(str(n["id"]), str(n.get("displayName") or n.get("name") or ""), n.get("email"))
            for n in nodes
            if n.get("active") is not False
        ]

    async def names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the names of labels by id; asks again, once, for an id not met before."""
        known = {label.id: label.name for label in await self.labels()}
        new = [i for i in ids if i not in known and i not in self._unknown]
        if new:
            known = {label.id: label.name for label in await self.labels(fresh=True)}
            self._unknown.update(i for i in new if i not in known)
        return known

    async def refresh(self) -> None:
        """Ask again for what a refused write may have spoken of."""
        await self.states(fresh=True)
        await self.labels(fresh=True)

    async def state_id(self, wanted: Mapping[str, Any]) -> str:
        """Return the state of that name, else the first of that type. Raises RejectedError for neither."""
        found = chosen_state(await self.states(), wanted) or chosen_state(await self.states(fresh=True), wanted)
        if found is not None:
            return found.id
        names = ", ".join(state.name for state in await self.states())
        said = wanted.get("name") or f"of type {wanted.get('type')}"
        raise RejectedError(
            f'the team has no workflow state "{said}"; it has: {names}', connection=self.setting.connection
        )

    async def label_id(self, name: str) -> str:
        """Return the label of that name, made on our team if the workspace has none."""
        for fresh in (False, True):
            found = chosen_label(await self.usable_labels(fresh=fresh), name)
            if found is not None and not found.group:
                return found.id
            if found is not None and fresh:
                raise RejectedError(
                    f'"{name}" is a group of labels, which Linear does not apply to issues',
                    connection=self.setting.connection,
                )
        try:
            return await self._make_label(name)
        except RejectedError:
            # Somebody was faster, or the label is one we are not shown.
            made = chosen_label(await self.usable_labels(fresh=True), name)
            if made is None or made.group:
                raise
            return made.id

    async def label_ids_now(self, name: str) -> Sequence[str]:
        """Return every label of that name our issues can have; two of one name may exist."""
        for fresh in (False, True):
            usable = await self.usable_labels(fresh=fresh)
            same = [label.id for label in usable if fold(label.name) == fold(name) and not label.group]
            if same:
                return same
        return []

    async def _make_label(self, name: str) -> str:
        team = await self.team()
        variables = {"input": {"name": name, "teamId": team.id}}
        answer = await self.api.ask(LABEL_CREATE, variables, again=False)
        made = answer[LABEL_CREATE.root].get("issueLabel")
        if not isinstance(made, dict):
            raise RejectedError(f'the label "{name}" was not made', connection=self.setting.connection)
        held = await self._held("labels", LABELS, fresh=False)
        self._keep("labels", [*held, {"team": {"id": team.id}, **made}])
        return str(made["id"])

    async def _held(self, name: str, operation: Operation, *, fresh: bool) -> list[Node]:
        if not fresh and name in self._lists:
            return self._lists[name]
        held: Any = None if fresh else self.setting.catalogue.get(f"{name}:{self._whose()}")
        if held is not None:
            self._lists[name] = list(held)
            return self._lists[name]
        return self._keep(name, await self._all(operation))

    def _known(self, name: str) -> Any:  # noqa: ANN401 -- the JSON border
        return self._facts.get(name) or self.setting.catalogue.get(name)

    def _keep(self, name: str, nodes: list[Node]) -> list[Node]:
        self._lists[name] = nodes
        self.setting.catalogue.put(f"{name}:{self._whose()}", nodes)
        return nodes

    async def _all(self, operation: Operation) -> list[Node]:
        return [node async for nodes, _ in self.api.pages(operation, {}) for node in nodes]

    def _whose(self) -> str:
        """A change of token may change who we are; six bytes of a hash tell it and give nothing away."""
        options = self.setting.options
        said: SecretStr = options.token or options.client_id
        return blake2b(f"{options.url}\0{said.get_secret_value()}".encode(), digest_size=6).hexdigest()


def chosen_state(states: Sequence[WorkflowState], wanted: Mapping[str, Any]) -> WorkflowState | None:
    """Return the state *wanted* speaks of: by name without case, else the first of its type by position."""
    name, kind = wanted.get("name"), wanted.get("type")
    if name is not None:
        return next((s for s in states if s.name.casefold() == str(name).casefold()), None)
    return next((s for s in states if s.type == kind), None)


def chosen_label(labels: Sequence[Label], name: str) -> Label | None:
    """Return the label of that name: as spelled, else without case, else as `fold` compares; no group if
    there is a label."""
    order = sorted(labels, key=lambda label: label.group)
    for same in (str, str.casefold, fold):
        found = next((label for label in order if same(label.name) == same(name)), None)
        if found is not None:
            return found
    return None


def _viewer(held: Mapping[str, Any]) -> Viewer:
    me, place = held["viewer"], held.get("organization") or {}
    account = Account(str(me["id"]), str(me.get("name") or ""), me.get("email"))
    return Viewer(account, str(place.get("name") or ""), str(place.get("urlKey") or ""))


def _team(node: Mapping[str, Any]) -> Team:
    estimates = node.get("issueEstimationType") != APPLIED_TO_NONE
    return Team(str(node["id"]), str(node["key"]), str(node.get("name") or node["key"]), estimates)


def _state(node: Mapping[str, Any]) -> WorkflowState:
    return WorkflowState(
        str(node["id"]), str(node["name"]), str(node.get("type") or ""), float(node.get("position") or 0)
    )


def _label(node: Mapping[str, Any]) -> Label:
    return Label(str(node["id"]), str(node["name"]), bool(node.get("isGroup")), (node.get("team") or {}).get("id"))
