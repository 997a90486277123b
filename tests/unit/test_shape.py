"""The repository's own rules: what stands in it, what does not, and who may know whom."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {".git", ".venv", "build", "dist", "demo", "node_modules"}
TEXTS = {".py", ".toml", ".md", ".txt", ".cfg", ".html", ".css", ".js", ".json", ".yml", ".yaml", ""}
PURE = ("model.py", "engine", "mapping", "text", "roadmap")
OPEN_TO_CONNECTORS = {"connector", "model", "text", "errors", "sdk"}

# Spelled so that this file does not itself say what it forbids.
MACHINE = re.compile(r"(?<![\w.:/])/(?:roo[t]|wor[k]|hom[e]/\w+|User[s]/\w+)/")
REGISTRY = re.compile(r"\b(?:py[p]i\.org|python[h]osted\.org|npm[j]s\.(?:org|com)|deb[.]debian\.org)\b")
CLOCKS = {"now", "today", "utcnow", "monotonic", "perf_counter"}
SILENCED = re.compile(r"#\s*(?P<tool>noqa|type:\s*ignore)(?P<rest>.*)")


def files() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(p in SKIPPED or (p.startswith(".") and p != ".ci") for p in parts[:-1])
        hidden = hidden or any(p == "__pycache__" or p.endswith(".egg-info") for p in parts)
        # A built-in demo package is ours; only a demo folder at the top is somebody's output.
        ours = len(parts) > 1 and parts[:2] == ("syncer", "demo")
        if path.is_file() and path.suffix in TEXTS and (ours or not hidden):
            yield path


def modules() -> list[Path]:
    return [*(ROOT / "syncer").rglob("*.py"), *(ROOT / "connectors").rglob("*.py")]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Return the dotted names a module imports, as far as they are absolute."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def pure_modules() -> list[Path]:
    return [p for p in modules() if p.relative_to(ROOT).parts[0] == "syncer" and p.relative_to(ROOT).parts[1] in PURE]


def test_the_walk_sees_the_repository() -> None:
    seen = {shown(p) for p in files()}

    assert {"pyproject.toml", "Makefile", ".ci/run", "syncer/model.py", "mappings/jira.toml"} <= seen


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine paths", "registry hosts"])
def test_no_file_names_a_machine_or_a_registry(pattern: re.Pattern[str]) -> None:
    found = [
        f"{shown(path)}: {match[0]}"
        for path in files()
        if (match := pattern.search(path.read_text(encoding="utf-8", errors="replace")))
    ]

    assert found == []


def test_every_module_says_what_it_is() -> None:
    silent = [shown(p) for p in modules() if p.stat().st_size and not ast.get_docstring(tree(p))]

    assert silent == []


def test_every_package_is_typed() -> None:
    packages = [
        ROOT / "syncer",
        *(p for p in (ROOT / "connectors").iterdir() if (p / "__init__.py").exists()),
    ]

    assert [shown(p) for p in packages if not (p / "py.typed").is_file()] == []


def test_pure_code_reads_no_clock() -> None:
    found = [
        f"{shown(path)}:{node.lineno}"
        for path in pure_modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]

    assert pure_modules()
    assert found == []


def test_pure_code_imports_no_io() -> None:
    forbidden = (
        "httpx",
        "sqlalchemy",
        "asyncio",
        "structlog",
        "time",
        "random",
        "socket",
        "subprocess",
        "os",
    )
    found = [
        f"{shown(path)}: {name}"
        for path in pure_modules()
        for name in imported(path)
        if name.split(".", 1)[0] in forbidden
    ]

    assert found == []


def test_connectors_know_only_the_contract_and_the_sdk() -> None:
    found = [
        f"{shown(path)}: {name}"
        for path in (ROOT / "connectors").rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] == "syncer" and name.split(".")[1] not in OPEN_TO_CONNECTORS
    ]

    assert found == []


def test_every_silenced_tool_has_its_reason_on_the_line() -> None:
    bare = [
        f"{shown(path)}:{number}"
        for path in [*modules(), *(ROOT / "tests").rglob("*.py")]
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (match := SILENCED.search(line)) and not re.search(r"(?:--|#)\s*\w", match["rest"])
    ]

    assert bare == []


def test_constraints_are_plain_pins_of_everything_we_ask_for() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(d for extra in project["optional-dependencies"].values() for d in extra),
    ]

    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    pinned = {_normal(line.split("==")[0]) for line in lines}
    assert [d for d in asked if _normal(re.split(r"[\[<>=!~ ]", d)[0]) not in pinned] == []


def test_every_shipped_mapping_goes_into_the_wheel() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    included = tool["hatch"]["build"]["targets"]["wheel"]["force-include"]

    shipped = {f"mappings/{p.name}": f"syncer/_mappings/{p.name}" for p in (ROOT / "mappings").glob("*.toml")}
    assert included == shipped


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
