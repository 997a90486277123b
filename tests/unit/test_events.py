"""The catalogue of events says what the code logs, word for word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from syncer.events import EVENTS, USUAL, Event, page

ROOT = Path(__file__).parents[2]
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
LEVELS |= {"critical": "critical"}
RESERVED = {"event", "level", "timestamp"}
ITEMS = {"action", "comment", "copy", "edit", "field", "history", "intent", "item"}
"""The parts that tell of items: whoever looks for one by its link finds all of it."""
OF_THE_WHOLE = {"field", "item"}
"""Those that tell of an item, not of one of its copies."""


@dataclass(frozen=True)
class Call:
    """One log call. `more`: it also passes facts on that only its callers know."""

    place: str
    event: str
    level: str
    keys: frozenset[str]
    more: bool = False


# -- reading the code ------------------------------------------------------------------------


def product() -> list[Path]:
    files = [p for top in ("syncer", "connectors") for p in sorted((ROOT / top).rglob("*.py"))]
    return [p for p in files if "sandbox" not in p.relative_to(ROOT).parts]


def look(source: str, place: str) -> tuple[list[Call], list[str]]:
    """Return the log calls of a module, and what nobody can check."""
    tree = ast.parse(source)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    calls: list[Call] = []
    faults: list[str] = []
    for node in ast.walk(tree):
        here = f"{place}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and _dotted(node.func).endswith("get_logger"):
            if not _is_the_logger(above[node], above):
                faults.append(f"{here}: write `log = structlog.get_logger()` at the top, and nothing else with it")
        elif isinstance(node, ast.Name) and node.id == "log" and isinstance(node.ctx, ast.Load) and _logs(tree):
            found = _call(node, above, here)
            (calls if isinstance(found, Call) else faults).append(found)  # type: ignore[arg-type]  # by its type
    return calls, faults


def _logs(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.Assign) and _is_the_logger(n, {n: tree}) for n in tree.body)


def _is_the_logger(node: ast.AST, above: Mapping[ast.AST, ast.AST]) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(above[node], ast.Module)
        and [_dotted(t) for t in node.targets] == ["log"]
        and ast.unparse(node.value) == "structlog.get_logger()"
    )


def _dotted(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def _call(log: ast.Name, above: Mapping[ast.AST, ast.AST], here: str) -> Call | str:
    method = above[log]
    call = above[method] if isinstance(method, ast.Attribute) else None
    if not isinstance(method, ast.Attribute) or not isinstance(call, ast.Call) or call.func is not method:
        return f"{here}: call log.info(...) or another level on the spot, so that level and event can be read"
    if method.attr not in LEVELS:
        return f"{here}: log.{method.attr} is no level; facts of many events are bound by contextvars"
    match call.args:
        case [ast.Constant(value=str(event))]:
            pass
        case _:
            return f"{here}: write the event's name out, and its facts as keys: {ast.unparse(call)[:80]}"
    keys: set[str] = {"exception"} if method.attr == "exception" else set()
    more = False
    for keyword in call.keywords:
        named = {keyword.arg} if keyword.arg is not None else _spread(keyword.value, above)
        more = more or named is None
        keys |= {"exception" if n == "exc_info" else n for n in named or ()}
    if keys & RESERVED:
        return f"{here}: {event} has a fact called {', '.join(sorted(keys & RESERVED))}; a line has that already"
    return Call(here, event, LEVELS[method.attr], frozenset(keys), more)


def _spread(node: ast.expr, above: Mapping[ast.AST, ast.AST]) -> set[str] | None:
    """Return the keys of `**facts`: a table written out in the same function. None: they cannot be read."""
    if isinstance(node, ast.Dict):
        return _keys(node)
    scope: ast.AST = node
    while not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        scope = above[scope]
    tables = [n.value for n in ast.walk(scope) if isinstance(n, ast.Assign) and _dotted(n.targets[0]) == _dotted(node)]
    match tables:
        case [ast.Dict() as table]:
            return _keys(table)
        case _:
            return None


def _keys(table: ast.Dict) -> set[str] | None:
    keys = [k.value for k in table.keys if isinstance(k, ast.Constant)]
    return {str(k) for k in keys} if len(keys) == len(table.keys) else None


# -- comparing -------------------------------------------------------------------------------


def differences(calls: Sequence[Call], catalogue: Mapping[str, Event]) -> list[str]:
    """Return what to change, in the code or in the catalogue."""
    return [*_wrong(calls, catalogue), *_never_logged(calls, catalogue)]


def _wrong(calls: Sequence[Call], catalogue: Mapping[str, Event]) -> Iterator[str]:
    unknown: dict[str, Call] = {}
    for call in calls:
        event = catalogue.get(call.event)
        if event is None:
            unknown.setdefault(call.event, call)
            continue
        if call.level != event.level:
            yield f'{call.place}: {call.event} is logged as {call.level}; EVENTS["{call.event}"] says {event.level}.'
        for key in sorted(call.keys - event.facts.keys() - event.sometimes.keys()):
            yield f'{call.place}: {call.event} has the key {key}. Say what it holds in EVENTS["{call.event}"].'
        for key in sorted(event.facts.keys() - call.keys):
            yield f'{call.place}: {call.event} lacks the key {key}. Pass it, or take it out of EVENTS["{call.event}"].'
        if call.more and not event.sometimes:
            yield f"{call.place}: {call.event} passes on **facts. Write the keys out, or list them as `sometimes`."
    for call in unknown.values():
        yield f"{call.place}: add to EVENTS in syncer/events.py, in its place:\n{_proposed(call)}"


def _proposed(call: Call) -> str:
    usual = [f'"{k}"' for k in sorted(call.keys & USUAL.keys())]
    own = ", ".join(f'"{k}": "..."' for k in sorted(call.keys - USUAL.keys()))
    words = [f'"{call.level}"', '"What it means."', *([f"*({', '.join(usual)},)"] if usual else [])]
    return f'    "{call.event}": _event({", ".join([*words, *([f"own={{{own}}}"] if own else [])])}),'


def _never_logged(calls: Sequence[Call], catalogue: Mapping[str, Event]) -> Iterator[str]:
    by_event: dict[str, list[Call]] = {}
    for call in calls:
        by_event.setdefault(call.event, []).append(call)
    for name, event in catalogue.items():
        if name not in by_event:
            yield f"{name} is logged nowhere: take it out of EVENTS in syncer/events.py."
            continue
        passed = {k for call in by_event[name] for k in call.keys}
        if not any(call.more for call in by_event[name]):
            for key in sorted(event.sometimes.keys() - passed):
                yield f'{name} never has the key {key}: take it out of EVENTS["{name}"].'


# -- the product -----------------------------------------------------------------------------


def test_the_catalogue_says_what_the_code_logs() -> None:
    calls: list[Call] = []
    faults: list[str] = []
    for path in product():
        found, unclear = look(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
        calls += found
        faults += unclear

    faults += differences(calls, EVENTS)

    assert not faults, "\n".join(["", *faults])


def test_the_page_is_the_catalogue() -> None:
    shown = (ROOT / "docs/events.md").read_text(encoding="utf-8")

    assert shown == page(), "run: .venv/bin/python -m syncer.events > docs/events.md"


def test_the_page_tells_of_every_event_and_every_fact() -> None:
    shown = page()

    for name, event in EVENTS.items():
        _, _, rest = shown.partition(f"### {name}\n")
        section = rest.partition("\n###")[0]
        assert event.meaning in section, name
        assert event.do in section, name
        assert all(f"`{key}`" in section for key in {*event.facts, *event.sometimes}), name


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_a_part_and_what_happened_to_it(name: str) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+", name)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_about_an_item_says_which_and_where(name: str) -> None:
    part = name.partition(".")[0]
    facts = EVENTS[name].facts

    assert part not in ITEMS or "link" in facts
    assert part not in ITEMS - OF_THE_WHOLE or "ref" in facts


@pytest.mark.parametrize("name", [n for n, e in EVENTS.items() if e.level in {"warning", "error", "critical"}])
def test_whoever_is_warned_is_told_what_to_do(name: str) -> None:
    assert EVENTS[name].do


@pytest.mark.parametrize("name", EVENTS)
def test_meanings_are_sentences(name: str) -> None:
    event = EVENTS[name]

    assert re.fullmatch(r"[A-Z`].*\.", event.meaning)
    assert re.fullmatch(r"([A-Z`].*\.)?", event.do)


# -- the check itself ------------------------------------------------------------------------

HEAD = "import structlog\nlog = structlog.get_logger()\n"
KNOWN = {"hook.noted": Event("info", "It is noted.", {"leads": "how many"}, sometimes={"size": "bytes"})}


def found(body: str, catalogue: Mapping[str, Event] = KNOWN) -> list[str]:
    calls, faults = look(HEAD + body, "x.py")
    return faults + differences(calls, catalogue)


@pytest.mark.parametrize(
    "body",
    [
        'log.info("hook.noted", leads=1, size=2)',
        'log.info("hook.noted", leads=1)\nlog.info("hook.noted", leads=2, size=1)',
        'def f():\n    facts = {"leads": 1}\n    log.info("hook.noted", **facts, size=1)',
        'def f(**told):\n    log.info("hook.noted", leads=1, **told)',
    ],
)
def test_what_is_as_the_catalogue_says_is_no_fault(body: str) -> None:
    assert not found(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('log.info("hook.noted", leads=1, size=1); log.info("hook.heard", link=1, x=2)', '"hook.heard": _event("info"'),
        ('log.debug("hook.noted", leads=1, size=1)', "is logged as debug"),
        ('log.info("hook.noted", leads=1, size=1, client=1)', "has the key client"),
        ('log.info("hook.noted", size=1)', "lacks the key leads"),
        ('log.info("hook.noted", leads=1)', "never has the key size"),
        ("", "is logged nowhere"),
    ],
)
def test_what_is_not_as_the_catalogue_says_is_told(body: str, said: str) -> None:
    [fault] = found(body)

    assert said in fault


@pytest.mark.parametrize(
    "call",
    [
        "log.info(name)",
        'log.info(f"hook.{name}")',
        'log.info("hook." + name)',
        'log.info("hook.%s", name)',
        "log.info(event=name)",
        "log.info()",
        'log.log(20, "hook.noted")',
        'log.bind(x=1).info("hook.noted")',
        'getattr(log, level)("hook.noted")',
        'tell = log.info; tell("hook.noted")',
        'other = log; other.info("hook.noted")',
        'log.info("hook.noted", leads=1, event=2)',
        'log.info("hook.noted", leads=1, **{"level": 2})',
        'structlog.get_logger().info("hook.noted")',
        'other = structlog.get_logger(); other.info("hook.noted")',
        'def f():\n    log = structlog.get_logger()\n    log.info("hook.noted")',
    ],
)
def test_a_call_that_cannot_be_read_is_a_fault(call: str) -> None:
    assert look(HEAD + call, "x.py")[1]


def test_facts_that_only_callers_know_are_listed_or_refused() -> None:
    plain = {"hook.noted": replace(KNOWN["hook.noted"], sometimes={})}

    [fault] = found('def f(**told):\n    log.info("hook.noted", leads=1, **told)', plain)

    assert "Write the keys out" in fault


def test_a_table_called_log_is_no_logger() -> None:
    assert look("from syncer import log\nlog.setup(level=name)", "x.py") == ([], [])


def test_an_exception_is_a_fact() -> None:
    [call], _ = look(HEAD + 'log.error("item.unforeseen", exc_info=error)', "x.py")
    [other], _ = look(HEAD + 'log.exception("item.unforeseen")', "x.py")

    assert call.keys == other.keys == {"exception"}


def test_sandboxes_are_not_the_product() -> None:
    files = {str(p.relative_to(ROOT)) for p in product()}

    assert "syncer/run.py" in files
    assert not any("/sandbox/" in name for name in files)
