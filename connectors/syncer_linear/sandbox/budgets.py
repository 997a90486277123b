"""What a query costs, and what is left of the hour: leaky buckets that fill up evenly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)
from graphql.language import FragmentSpreadNode, InlineFragmentNode

from syncer_linear.sandbox.paging import DEFAULT

HARDEST: Final = 10_000
HOUR: Final = timedelta(hours=1)
PROPERTY: Final = 0.1


@dataclass(slots=True)
class Cost:
    """Linear's documented score: 0.1 per property, 1 per object, a connection times its page size."""

    schema: GraphQLSchema
    document: DocumentNode
    variables: Mapping[str, Any]

    def points(self) -> int:
        """Return the score of the document's operations, rounded up."""
        total = 0.0
        for definition in self.document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                root = self.schema.get_root_type(definition.operation)
                total += self._selected(definition.selection_set, root)
        return math.ceil(round(total, 6))

    def _selected(self, chosen: SelectionSetNode | None, parent: Any) -> float:  # noqa: ANN401 -- any composite type
        return sum(self._one(node, parent) for node in chosen.selections) if chosen else 0.0

    def _one(self, node: SelectionNode, parent: Any) -> float:  # noqa: ANN401 -- any composite type
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragment(node.name.value)
            return self._selected(fragment.selection_set, self._type(fragment.type_condition.name.value))
        if isinstance(node, InlineFragmentNode):
            inner = self._type(node.type_condition.name.value) if node.type_condition else parent
            return self._selected(node.selection_set, inner)
        return self._field(node, parent) if isinstance(node, FieldNode) else 0.0

    def _field(self, node: FieldNode, parent: Any) -> float:  # noqa: ANN401 -- any composite type
        definition = getattr(parent, "fields", {}).get(node.name.value)
        if definition is None or node.name.value == "pageInfo":
            return 0.0
        inner = get_named_type(definition.type)
        if is_leaf_type(inner):
            return PROPERTY
        below = self._selected(node.selection_set, inner)
        return 1 + below * (self._page(node) if inner.name.endswith("Connection") else 1)

    def _page(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value not in {"first", "last"}:
                continue
            if isinstance(argument.value, VariableNode):
                return int(self.variables.get(argument.value.name.value) or DEFAULT)
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
        return DEFAULT

    def _type(self, name: str) -> object:
        return self.schema.type_map[name]

    def _fragment(self, name: str) -> FragmentDefinitionNode:
        return next(
            d for d in self.document.definitions if isinstance(d, FragmentDefinitionNode) and d.name.value == name
        )


@dataclass(slots=True)
class Bucket:
    """So many an hour, refilled evenly."""

    name: str
    limit: int
    level: float = field(init=False)
    at: datetime | None = None

    def __post_init__(self) -> None:
        self.level = float(self.limit)

    def refill(self, now: datetime) -> None:
        if self.at is not None and now > self.at:
            self.level = min(float(self.limit), self.level + self.limit * ((now - self.at) / HOUR))
        self.at = now

    def headers(self, now: datetime) -> dict[str, str]:
        full = now + HOUR * ((self.limit - self.level) / self.limit)
        return {
            f"x-ratelimit-{self.name}-limit": str(self.limit),
            f"x-ratelimit-{self.name}-remaining": str(int(max(0.0, self.level))),
            f"x-ratelimit-{self.name}-reset": str(math.ceil(full.timestamp() * 1000)),
        }


@dataclass(slots=True)
class Budgets:
    """The two buckets of one user, whatever keys they hold."""

    clock: Callable[[], datetime]
    requests: Bucket = field(default_factory=lambda: Bucket("requests", 2_500))
    complexity: Bucket = field(default_factory=lambda: Bucket("complexity", 3_000_000))

    def spend(self, points: int) -> bool:
        """Take one request of that many points; False, and nothing taken, where there is not enough."""
        now = self.clock()
        for bucket in self._both():
            bucket.refill(now)
        if self.requests.level < 1 or self.complexity.level < points:
            return False
        self.requests.level -= 1
        self.complexity.level -= points
        return True

    def headers(self, points: int | None = None) -> dict[str, str]:
        now = self.clock()
        told = {name: value for bucket in self._both() for name, value in bucket.headers(now).items()}
        return told if points is None else {**told, "x-complexity": str(points)}

    def _both(self) -> Iterable[Bucket]:
        return (self.requests, self.complexity)
