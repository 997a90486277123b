"""Many issues in one GraphQL query, in the shape REST gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from syncer.errors import (
    CredentialsError,
    ProtocolError,
    RateLimitedError,
    RejectedError,
)
from syncer.model import JSON
from syncer_github.api import MOST, NOT_OFFERED, Api, Raw
from syncer_github.limits import SECONDARY_WAIT

ISSUE = """
  fullDatabaseId number url title body state stateReason(enableDuplicate: true) createdAt updatedAt
  author { __typename login }
  labels(first: 100) { totalCount nodes { name } }
  assignees(first: 20) { totalCount nodes { login } }
"""
TYPED = "  issueType { name }\n"
PARENT = "  parent { fullDatabaseId number repository { nameWithOwner } }\n"
NESTED = "  fullDatabaseId number\n" + PARENT
LADDER = (ISSUE + TYPED + PARENT, ISSUE + PARENT, ISSUE + TYPED, ISSUE)
"""What is asked of an issue: all of it first, and what a server does not know left out then."""


def query_for(numbers: Sequence[int], fragment: str) -> str:
    """Return the query for up to 100 issues."""
    aliases = "\n".join(f"  i{n}: issue(number: {n}) {{ ...whole }}" for n in numbers)
    return (
        "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {\n"
        f"  nameWithOwner\n{aliases}\n}} }}\nfragment whole on Issue {{{fragment}}}"
    )


class Batch:
    """GraphQL where it is offered; answers nothing where it is not, and REST is asked."""

    def __init__(self, api: Api, connection: str) -> None:
        self._api = api
        self._connection = connection
        self._offered = True
        self._rung = 0

    async def read(self, repository: str, numbers: Sequence[int]) -> Mapping[int, Raw]:
        """Return issues by number, as REST would say them; those not found are left out."""
        found: dict[int, Raw] = {}
        for start in range(0, len(numbers), MOST):
            found |= await self._some(repository, numbers[start : start + MOST])
        return found

    async def _some(self, repository: str, numbers: Sequence[int]) -> Mapping[int, Raw]:
        while self._offered:
            body = await self._asked(query_for(numbers, LADDER[self._rung]), _named(repository))
            here = _repository(body)
            if here is not None:
                found = (_as_rest(node, here, alias in _hidden(body)) for alias, node in here.items())
                return {raw["number"]: raw for raw in found if raw is not None}
            # No data at all: the query itself was not understood.
            self._offered = self._rung + 1 < len(LADDER)
            self._rung += 1 if self._offered else 0
        return {}

    async def parents(self, repository: str, numbers: Sequence[int]) -> Mapping[int, tuple[int, JSON]]:
        """Return the id and the parent of issues, by number; nothing of those GraphQL does not tell of."""
        found: dict[int, tuple[int, JSON]] = {}
        for start in range(0, len(numbers) if self._offered else 0, MOST):
            body = await self._asked(query_for(numbers[start : start + MOST], NESTED), _named(repository))
            here = _repository(body) or {}
            for alias, node in here.items():
                if isinstance(node, Mapping) and alias not in _hidden(body):
                    found[node["number"]] = (int(node["fullDatabaseId"]), above_of(node["parent"], here))
        return found

    async def nests(self) -> bool | None:
        """Say whether this server has sub-issues, None where it does not tell this time."""
        body = await self._asked('{ __type(name: "Issue") { fields { name } } }', {})
        if not self._offered:
            return False
        data = body.get("data")
        kind = data.get("__type") if isinstance(data, Mapping) else None
        fields = kind.get("fields") if isinstance(kind, Mapping) else None
        if not isinstance(fields, Sequence):
            return None
        return any(isinstance(f, Mapping) and f.get("name") == "parent" for f in fields)

    async def _asked(self, query: str, variables: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            response = await self._api.http.request(
                "POST",
                self._endpoint(),
                read=True,
                json={"query": query, "variables": variables},
                ok=NOT_OFFERED,
            )
            body = self._api.single(response)
        except (RejectedError, CredentialsError, ProtocolError):
            body = {}
            response = None
        if response is None or response.status_code in NOT_OFFERED:
            self._offered = False
            return {"data": {"repository": {}}}
        for error in body.get("errors") or ():
            if isinstance(error, Mapping) and error.get("type") in {"RATE_LIMITED", "RATE_LIMIT"}:
                raise RateLimitedError(
                    "rate limited: " + str(error.get("message")),
                    connection=self._connection,
                    retry_after=SECONDARY_WAIT,
                )
        return body

    def _endpoint(self) -> str:
        """Return the GraphQL URL beside the REST root: `/graphql`, or `/api/graphql` on Enterprise Server."""
        root = urlsplit(self._api.http.base)
        path = root.path.rstrip("/").removesuffix("/v3")
        return f"{root.scheme}://{root.netloc}{path}/graphql"


def _named(repository: str) -> Mapping[str, str]:
    owner, _, name = repository.partition("/")
    return {"owner": owner, "name": name}


def _repository(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    data = body.get("data")
    here = data.get("repository") if isinstance(data, Mapping) else None
    if here is None and isinstance(data, Mapping):
        return {}
    return here if isinstance(here, Mapping) else None


def _hidden(body: Mapping[str, Any]) -> frozenset[str]:
    """Return the aliases of issues whose parent was refused to us, which is not the same as none."""
    paths = (e.get("path") for e in body.get("errors") or () if isinstance(e, Mapping))
    return frozenset(str(p[1]) for p in paths if isinstance(p, Sequence) and "parent" in p[2:])


def above_of(parent: object, here: Mapping[str, Any]) -> JSON:
    """Return a GraphQL parent as `kin` says it: the issue's id and number, or that it is in another repository."""
    if not isinstance(parent, Mapping):
        return None
    home = str(parent["repository"]["nameWithOwner"])
    if home.casefold() != str(here.get("nameWithOwner")).casefold():
        return {"elsewhere": f"{home}#{parent['number']}"}
    return {"id": str(int(parent["fullDatabaseId"])), "number": parent["number"]}


def _as_rest(node: object, here: Mapping[str, Any], is_hidden: bool) -> Raw | None:  # noqa: FBT001 -- one of a zip
    """Return a GraphQL issue as REST would say it, None where it holds less than REST would."""
    try:
        raw = _whole(node) if isinstance(node, Mapping) else None
        if raw is not None and isinstance(node, Mapping) and "parent" in node and not is_hidden:
            raw["parent"] = above_of(node["parent"], here)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return raw


def _whole(node: Mapping[str, Any]) -> Raw | None:
    labels, people, author = node["labels"] or {}, node["assignees"] or {}, node.get("author")
    whole = all(one.get("totalCount", 0) <= len(one.get("nodes") or ()) for one in (labels, people))
    if not whole or not node.get("fullDatabaseId"):
        return None
    return {
        "id": int(node["fullDatabaseId"]),
        "number": node["number"],
        "html_url": node["url"],
        "title": node["title"],
        "body": node["body"],
        "state": node["state"],
        "state_reason": node["stateReason"],
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "labels": labels.get("nodes") or [],
        "assignees": people.get("nodes") or [],
        "user": _author(author),
        "type": node.get("issueType"),
    }


def _author(author: object) -> Mapping[str, str] | None:
    if not isinstance(author, Mapping) or not isinstance(author.get("login"), str):
        return None
    # REST says "name[bot]" where GraphQL says a Bot called "name".
    suffix = "[bot]" if author.get("__typename") == "Bot" and not author["login"].endswith("[bot]") else ""
    return {"login": author["login"] + suffix}
