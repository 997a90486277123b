"""Just enough JQL, read as Jira reads it: wall-clock minutes in the zone of who asks, bounded only."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncer_jira.sandbox.site import Site
from syncer_jira.sandbox.things import CATEGORIES, PRIORITIES, Issue

Test = Callable[[Issue], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<op>>=|<=|!=|!~|=|~|>|<|\(|\)|,)
    | (?P<word>[^\s()=!<>~,"']+)
    )""",
    re.VERBOSE,
)
_FORMATS = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")
_RELATIVE = re.compile(r"([+-]?)(\d+)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ALIASES = {
    "id": "key",
    "issue": "key",
    "issuekey": "key",
    "type": "issuetype",
    "createddate": "created",
    "updateddate": "updated",
    "due": "duedate",
}
_TIMES = frozenset({"created", "updated"})
_NAMES = frozenset({"project", "key", "labels", "status", "statuscategory", "issuetype", "priority", "assignee"})
_ORDERS = frozenset({"created", "updated", "key", "priority", "status", "summary", "duedate", "rank"})
ORDER_MAX = 7


class JqlError(Exception):
    """What Jira would say in a 400."""


@dataclass(frozen=True, slots=True)
class Query:
    """A condition and an order, stable on the issue's id."""

    test: Test
    order: Sequence[tuple[str, bool]]

    def run(self, issues: Sequence[Issue]) -> list[Issue]:
        found = sorted((i for i in issues if self.test(i)), key=lambda i: -i.id)
        for name, descending in reversed(self.order):
            found.sort(key=lambda i: _sortable(name, i), reverse=descending)
        return found


def _sortable(name: str, issue: Issue) -> Any:  # noqa: ANN401 -- any comparable
    if name in _TIMES:
        return getattr(issue, name)
    return issue.id if name in {"key", "rank"} else str(issue.fields.get(name) or "")


def parse(text: str, site: Site) -> Query:
    """Return the query. Raises `JqlError` for what is wrong, unknown, or not bounded."""
    return _Parser(_tokens(text), site).query()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise JqlError(f"Error in the JQL Query: unexpected character at {position}.")
        kind = str(match.lastgroup)
        raw = match[kind]
        found.append((kind, re.sub(r"\\(.)", r"\1", raw[1:-1]) if kind == "string" else raw))
        position = match.end()
    return found


@dataclass(slots=True)
class _Parser:
    tokens: list[tuple[str, str]]
    site: Site
    at: int = 0

    def query(self) -> Query:
        if not self.tokens or self._peek_word("order"):
            raise JqlError("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
        test = self._any()
        order = self._order() if self._take_word("order") else []
        if self.at < len(self.tokens):
            raise JqlError(f"Error in the JQL Query: did not expect '{self.tokens[self.at][1]}'.")
        return Query(test, order)

    def _peek_word(self, word: str) -> bool:
        return self.at < len(self.tokens) and (
            self.tokens[self.at][0] == "word" and self.tokens[self.at][1].casefold() == word
        )

    def _take_word(self, word: str) -> bool:
        if not self._peek_word(word):
            return False
        self.at += 1
        return True

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise JqlError("Error in the JQL Query: the query ended too soon.")
        self.at += 1
        return self.tokens[self.at - 1]

    def _any(self) -> Test:
        tests = [self._all()]
        while self._take_word("or"):
            tests.append(self._all())
        return lambda issue: any(t(issue) for t in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._take_word("and"):
            tests.append(self._one())
        return lambda issue: all(t(issue) for t in tests)

    def _one(self) -> Test:
        if self._take_word("not"):
            inner = self._one()
            return lambda issue: not inner(issue)
        if self.at < len(self.tokens) and self.tokens[self.at] == ("op", "("):
            self.at += 1
            inner = self._any()
            self._close()
            return inner
        return self._clause()

    def _close(self) -> None:
        if self._next() != ("op", ")"):
            raise JqlError("Error in the JQL Query: a bracket is not closed.")

    def _clause(self) -> Test:
        field = self._next()[1].casefold()
        field = _ALIASES.get(field, field)
        if field not in _TIMES | _NAMES and field != "summary":
            raise JqlError(f"Field '{field}' does not exist or you do not have permission to view it.")
        negated = self._take_word("not")
        if self._take_word("in"):
            values = self._list()
            return lambda issue: self._is_one(field, values, issue) is not negated
        if self._take_word("is"):
            negated = self._take_word("not")
            self._next()
            return lambda issue: (not self._words(field, issue)) is not negated
        operator = self._next()[1]
        kind, value = self._next()
        if field in _TIMES:
            return self._time(field, operator, kind, value)
        if field == "summary" and operator == "~":
            return lambda issue: value.casefold() in issue.fields["summary"].casefold()
        if operator not in {"=", "!="}:
            raise JqlError(f"The operator '{operator}' is not supported by the '{field}' field.")
        self._must_exist(field, value)
        return lambda issue: self._is_one(field, [value], issue) is (operator == "=")

    def _must_exist(self, field: str, value: str) -> None:
        known = self.site.readable and self.site.shelved is None
        if field == "project" and not (known and value.upper() == self.site.project):
            raise JqlError(f"The value '{value}' does not exist for the field 'project'.")
        if field == "status" and value.casefold() not in {s.name.casefold() for s in self.site.statuses}:
            raise JqlError(f"The value '{value}' does not exist for the field 'status'.")

    def _list(self) -> list[str]:
        if self._next() != ("op", "("):
            raise JqlError("Error in the JQL Query: IN wants a list.")
        values = [self._next()[1]]
        while self.at < len(self.tokens) and self.tokens[self.at] == ("op", ","):
            self.at += 1
            values.append(self._next()[1])
        self._close()
        return values

    def _is_one(self, field: str, values: Sequence[str], issue: Issue) -> bool:
        words = {w.casefold() for w in self._words(field, issue)}
        return any(v.casefold() in words for v in values)

    def _words(self, field: str, issue: Issue) -> list[str]:
        """Return every word by which an issue's field can be asked for; none for an empty one."""
        fields = issue.fields
        status = self.site.status(fields["status"])
        words: dict[str, list[str | None]] = {
            "project": [issue.project],
            "key": [issue.key, str(issue.id)],
            "labels": list(fields["labels"]),
            "status": [status.name, status.id],
            "statuscategory": [status.category, CATEGORIES[status.category][2]],
            "issuetype": [self.site.kind(fields["issuetype"]).name],
            "priority": [PRIORITIES.get(fields["priority"])],
            "assignee": [fields["assignee"]],
        }
        return [w for w in words.get(field, [fields.get(field)]) if w]

    def _time(self, field: str, operator: str, kind: str, value: str) -> Test:
        limit = self._instant(kind, value)
        tests: dict[str, Test] = {
            ">=": lambda i: getattr(i, field) >= limit,
            ">": lambda i: getattr(i, field) > limit,
            "<=": lambda i: getattr(i, field) <= limit,
            "<": lambda i: getattr(i, field) < limit,
        }
        if operator not in tests:
            raise JqlError(f"The operator '{operator}' is not supported by the '{field}' field.")
        return tests[operator]

    def _instant(self, kind: str, value: str) -> datetime:
        """Read a time in the zone of the account that asks; of two instants, take the later."""
        relative = _RELATIVE.fullmatch(value)
        if relative:
            sign = 1 if relative[1] == "+" else -1
            return self.site.clock() + sign * timedelta(**{_UNITS[relative[3]]: int(relative[2])})
        zone = ZoneInfo(self.site.account_zone or self.site.zone)
        for form in _FORMATS if kind == "string" else _FORMATS[2:]:
            try:
                return datetime.strptime(value, form).replace(tzinfo=zone, fold=1).astimezone(UTC)
            except ValueError:
                continue
        raise JqlError(
            f"Date value '{value}' for field is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
            "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
        )

    def _order(self) -> list[tuple[str, bool]]:
        if not self._take_word("by"):
            raise JqlError("Error in the JQL Query: ORDER wants BY.")
        order = [self._order_one()]
        while self.at < len(self.tokens) and self.tokens[self.at] == ("op", ","):
            self.at += 1
            order.append(self._order_one())
        if len(order) > ORDER_MAX:
            raise JqlError(f"ORDER BY takes at most {ORDER_MAX} fields.")
        return order

    def _order_one(self) -> tuple[str, bool]:
        field = self._next()[1].casefold()
        field = _ALIASES.get(field, field)
        if field not in _ORDERS:
            raise JqlError(f"Not able to sort using field '{field}'.")
        descending = self._take_word("desc")
        if not descending:
            self._take_word("asc")
        return field, descending
