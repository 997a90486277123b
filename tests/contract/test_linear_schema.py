"""What we send and what the sandbox serves, judged by Linear's published schema."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, is_specified_scalar_type, parse, validate

from syncer_linear.operations import ALL, LARGEST_PAGE, Operation
from syncer_linear.sandbox.budgets import HARDEST, Cost
from syncer_linear.sandbox.endpoint import SDL
from tests.contract.linear_bench import need_official


def _ours() -> GraphQLSchema:
    return build_schema(SDL.read_text())


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_every_operation_we_send_is_valid_by_the_published_schema(operation: Operation) -> None:
    assert validate(need_official(), parse(operation.text)) == []


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_no_operation_we_send_uses_what_is_deprecated_or_internal(operation: Operation) -> None:
    assert list(_doubtful(need_official(), operation)) == []


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_every_operation_stays_under_the_points_of_one_query(operation: Operation) -> None:
    cost = Cost(_ours(), parse(operation.text), {"first": LARGEST_PAGE})

    assert cost.points() < HARDEST / 2


def test_the_score_of_the_recommended_delta_is_the_one_documented() -> None:
    text = """query D($first: Int!) { issues(first: $first) { nodes {
      id identifier number previousIdentifiers url title description priority estimate dueDate
      sortOrder prioritySortOrder subIssueSortOrder createdAt updatedAt startedAt completedAt canceledAt
      archivedAt autoArchivedAt autoClosedAt trashed slaType slaStartedAt slaBreachesAt snoozedUntilAt
      labelIds integrationSourceType team { id key } state { id name type }
      assignee { id email displayName } delegate { id displayName } creator { id email displayName app }
      externalUserCreator { id name email } botActor { id type subType name userDisplayName }
      parent { id identifier } project { id } projectMilestone { id } cycle { id number }
      syncedWith { id service metadata {
        ... on ExternalEntityInfoGithubMetadata { owner repo number }
        ... on ExternalEntityInfoJiraMetadata { issueKey issueTypeId projectId } } }
    } pageInfo { hasNextPage endCursor } } }"""

    assert [Cost(_ours(), parse(text), {"first": n}).points() for n in (50, 250)] == [1_021, 5_101]


def test_the_sandbox_serves_a_true_subset_of_the_published_schema() -> None:
    assert list(_differences(_ours(), need_official())) == []


def _doubtful(schema: GraphQLSchema, operation: Operation) -> Any:
    from graphql import TypeInfo, TypeInfoVisitor, Visitor, visit  # noqa: PLC0415 -- only here

    info, found = TypeInfo(schema), []

    class Doubt(Visitor):
        def enter_field(self, *_: object) -> None:
            field = info.get_field_def()
            if field and (field.deprecation_reason or (field.description or "").upper().startswith("[")):
                found.append(field)

    visit(parse(operation.text), TypeInfoVisitor(info, Doubt()))
    return found


def _differences(ours: GraphQLSchema, theirs: GraphQLSchema) -> Any:
    for name, mine in ours.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(mine):
            continue
        real = theirs.type_map.get(name)
        if type(real) is not type(mine):
            yield f"{name}: {type(real).__name__}, not {type(mine).__name__}"
            continue
        yield from _members(name, mine, real)


def _members(name: str, mine: Any, real: Any) -> Any:
    if hasattr(mine, "values"):
        yield from (f"{name}.{value}" for value in mine.values if value not in real.values)
    if hasattr(mine, "types"):
        yield from (f"{name}|{t.name}" for t in mine.types if t.name not in {r.name for r in real.types})
    if hasattr(mine, "interfaces"):
        known = {interface.name for interface in real.interfaces}
        yield from (f"{name}&{i.name}" for i in mine.interfaces if i.name not in known)
    for field, said in getattr(mine, "fields", {}).items():
        yield from _field(f"{name}.{field}", said, real.fields.get(field))
    if type(mine).__name__ == "GraphQLInputObjectType":
        yield from _left_out(name, mine.fields, real.fields)


def _field(name: str, mine: Any, real: Any) -> Any:
    if real is None:
        yield f"{name}: not there"
        return
    if str(mine.type) != str(real.type):
        yield f"{name}: {real.type}, not {mine.type}"
    for argument, said in getattr(mine, "args", {}).items():
        yield from _field(f"{name}({argument})", said, real.args.get(argument))
    yield from _left_out(name, getattr(mine, "args", {}), getattr(real, "args", {}))


def _left_out(name: str, mine: Any, real: Any) -> Any:
    """Yield what the real one demands and ours does not know."""
    needed = {key for key, said in real.items() if str(said.type).endswith("!")}
    yield from (f"{name}({key}): demanded" for key in sorted(needed - mine.keys()))
