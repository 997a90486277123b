"""The part of GitHub's GraphQL the sandbox speaks: issues of one repository by number."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

from syncer_github.sandbox.state import World
from syncer_github.sandbox.things import Issue, Repo
from syncer_github.sandbox.views import SITE, told

_SDL = """
scalar URI
scalar DateTime
scalar BigInt
enum IssueState { OPEN CLOSED }
enum IssueStateReason { COMPLETED DUPLICATE NOT_PLANNED REOPENED }
interface Actor { login: String! url: URI! }
type User implements Actor { login: String! url: URI! }
type Bot implements Actor { login: String! url: URI! }
type Label { name: String! }
type LabelConnection { totalCount: Int! nodes: [Label] }
type UserConnection { totalCount: Int! nodes: [User] }
type IssueType { name: String! }
type Issue {
  fullDatabaseId: BigInt
  number: Int!
  url: URI!
  title: String!
  body: String!
  state: IssueState!
  stateReason(enableDuplicate: Boolean = false): IssueStateReason
  createdAt: DateTime!
  updatedAt: DateTime!
  author: Actor
  labels(first: Int!): LabelConnection
  assignees(first: Int!): UserConnection!
  issueType: IssueType
  parent: Issue
  repository: Repository!
}
type Repository { nameWithOwner: String! issue(number: Int!): Issue }
type Query { repository(owner: String!, name: String!, followRenames: Boolean = true): Repository }
"""
SCHEMA = build_schema(_SDL)
FLAT = build_schema(_SDL.replace("  parent: Issue\n", ""))
"""What a server without sub-issues speaks."""


def answered(world: World, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return GraphQL's answer, errors included, and what it costs: a point for a hundred lists within it."""
    read: list[int] = []
    answer = _answered(world, body, read)
    return answer, max(1, round(len(read) / 100))


def _answered(world: World, body: dict[str, Any], read: list[int]) -> dict[str, Any]:
    query, variables = body.get("query"), body.get("variables")
    if not isinstance(query, str):
        return {"errors": [{"message": "A query attribute must be specified and must be a string."}]}
    result = graphql_sync(
        SCHEMA if world.nests else FLAT,
        query,
        {"repository": lambda _, **where: _repository(world, read, **where)},
        variable_values=variables if isinstance(variables, dict) else None,
    )
    answer: dict[str, Any] = {} if result.data is None else {"data": result.data}
    if result.errors:
        answer["errors"] = [_told(e) for e in result.errors]
    return answer


def _told(error: GraphQLError) -> dict[str, Any]:
    said: dict[str, Any] = {"message": error.message}
    if error.path:
        said |= {"type": "NOT_FOUND", "path": error.path}
    return said


def _repository(
    world: World,
    read: list[int],
    owner: str,
    name: str,
    **_: Any,  # noqa: ANN401 -- arguments nobody asked for
) -> dict[str, Any]:
    asked = f"{owner}/{name}".casefold()
    for repo in world.repos():
        names = {repo.full_name.casefold(), *repo.old_names}
        if asked in names and repo.visible:
            return {
                "nameWithOwner": repo.full_name,
                "issue": lambda _, number, r=repo: _issue(world, read, r, number),
            }
    raise GraphQLError(f"Could not resolve to a Repository with the name '{owner}/{name}'.")


def _issue(world: World, read: list[int], repo: Repo, number: int) -> dict[str, Any]:
    issue = repo.issues.get(number)
    if issue is None or not issue.here or issue.is_pull or not repo.has_issues:
        raise GraphQLError(f"Could not resolve to an Issue with the number of {number}.")
    return _shown(world, read, repo, issue)


def _shown(world: World, read: list[int], repo: Repo, issue: Issue) -> dict[str, Any]:
    return {
        "fullDatabaseId": str(issue.id),
        "number": issue.number,
        "url": f"{SITE}/{repo.full_name}/issues/{issue.number}",
        "title": issue.title,
        "body": issue.body or "",
        "state": issue.state.upper(),
        "stateReason": lambda _, **asked: _reason(issue, **asked),
        "createdAt": told(issue.created),
        "updatedAt": told(issue.updated),
        "author": _author(world, issue.author),
        "labels": lambda _, first: _counted(read, [{"name": n} for n in world.names_on(repo, issue)], first),
        "assignees": lambda _, first: _counted(read, [_user(world, a) for a in issue.assignees], first),
        "issueType": {"name": issue.type} if issue.type else None,
        "parent": lambda _: _above(world, read, issue),
        "repository": {"nameWithOwner": repo.full_name},
    }


def _above(world: World, read: list[int], issue: Issue) -> dict[str, Any] | None:
    home = None if issue.above is None else world.home(issue.above)
    if issue.above is None or home is None or not home.visible:
        return None
    return _shown(world, read, home, issue.above)


def _author(world: World, account: str) -> dict[str, str] | None:
    """GraphQL has nobody in place of those who left, and calls apps by their bare name."""
    if account in world.departed:
        return None
    if world.shown(account).endswith("[bot]"):
        name = world.shown(account).removesuffix("[bot]")
        return {"__typename": "Bot", "login": name, "url": f"{SITE}/apps/{name}"}
    return {"__typename": "User", **_user(world, account)}


def _user(world: World, account: str) -> dict[str, str]:
    login = world.shown(account)
    return {"login": login, "url": f"{SITE}/{login}"}


def _reason(issue: Issue, enableDuplicate: bool = False) -> str | None:  # noqa: FBT001, FBT002, N803 -- GitHub's name
    if issue.reason is None:
        return None
    # Older schemas keep this reason from whoever does not ask for it.
    return "COMPLETED" if issue.reason == "duplicate" and not enableDuplicate else issue.reason.upper()


def _counted(read: list[int], nodes: list[dict[str, str]], first: int) -> dict[str, Any]:
    read.append(first)
    return _connection(nodes, first)


def _connection(nodes: list[dict[str, str]], first: int) -> dict[str, Any]:
    if not 1 <= first <= 100:  # noqa: PLR2004 -- GitHub's own limits
        raise GraphQLError("`first` must be between 1 and 100")
    return {"totalCount": len(nodes), "nodes": nodes[:first]}
