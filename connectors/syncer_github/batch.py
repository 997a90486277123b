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
from syncer_github.api import MOST, NOT_OFFERED, Api, Raw
from syncer_github.limits import SECONDARY_WAIT

ISSUE = """
  fullDatabaseId number url title body state stateReason(enableDuplicate: true) createdAt updatedAt
  author { __typename login }
  labels(first: 100) { totalCount nodes { name } }
  assignees(first: 20) { totalCount nodes { login } }
"""
TYPED = ISSUE + "  issueType { name }\n"


def query_for(numbers: Sequence[int], *, typed: bool) -> str:
    """Return the query for up to 100 issues. Older servers have no issue types: not *typed*."""
    fragment = TYPED if typed else ISSUE
    aliases = "\n".join(f"  i{n}: issue(number: {n}) {{ ...whole }}" for n in numbers)
    return (
        "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {\n"
        f"{aliases}\n}} }}\nfragment whole on Issue {{{fragment}}}"
    )


class Batch:
    """GraphQL where it is offered; answers nothing where it is not, and REST is asked."""

    def __init__(self, api: Api, connection: str) -> None:
        self._api = api
        self._connection = connection
        self._offered = True
        self._typed = True

    async def read(self, repository: str, numbers: Sequence[int]) -> Mapping[int, Raw]:
        """Return issues by number, as REST would say them; those not found are left out."""
        found: dict[int, Raw] = {}
        for start in range(0, len(numbers), MOST):
            found |= await self._some(repository, numbers[start : start + MOST])
        return found

    async def _some(self, repository: str, numbers: Sequence[int]) -> Mapping[int, Raw]:
        while self._offered:
            body = await self._asked(repository, query_for(numbers, typed=self._typed))
            here = _repository(body)
            if here is not None:
                return {raw["number"]: raw for raw in map(_as_rest, here.values()) if raw is not None}
            # No data at all: the query itself was not understood.
            if not self._typed:
                self._offered = False
            self._typed = False
        return {}

    async def _asked(self, repository: str, query: str) -> Mapping[str, Any]:
        owner, _, name = repository.partition("/")
        try:
            response = await self._api.http.request(
                "POST",
                self._endpoint(),
                read=True,
                json={"query": query, "variables": {"owner": owner, "name": name}},
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


def _repository(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    data = body.get("data")
    here = data.get("repository") if isinstance(data, Mapping) else None
    if here is None and isinstance(data, Mapping):
        return {}
    return here if isinstance(here, Mapping) else None


def _as_rest(node: object) -> Raw | None:
    """Return a GraphQL issue as REST would say it, None where it holds less than REST would."""
    try:
        return _whole(node) if isinstance(node, Mapping) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


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
