"""What operators read: the figures, reasons, settings and commands on their pages are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from syncer.cli import app as application
from syncer.config import Alerts, Daemon, Keep, Log
from syncer.web.metrics import documented
from tests.packaging.words import fits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "daemon.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CHANGELOG.md", "docs/daemon.md", "docs/configuration.md"]


def part(page: str, title: str) -> str:
    """Return what stands under a heading, up to the next one that is as high."""
    (mark,) = re.findall(rf"(?m)^(#+) {re.escape(title)}$", page)
    return re.split(rf"(?m)^#{{2,{len(mark)}}} ", page.split(f"\n{mark} {title}\n", 1)[1], maxsplit=1)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


# -- figures and reasons ---------------------------------------------------------------------------


def test_the_table_of_metrics_is_the_codes() -> None:
    told = [
        (n.strip("`"), kind, labels.replace("`", ""), help_) for n, kind, labels, help_ in rows(part(PAGE, "Metrics"))
    ]

    assert told == [(name, kind, ", ".join(labels), meaning) for name, kind, labels, meaning in documented()]


def test_the_alert_rules_ask_for_metrics_and_labels_that_exist() -> None:
    (rules,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    known = {name: set(labels) for name, _, labels, _ in documented()}

    asked = re.findall(r"(syncer_\w+)(?:\{([^}]*)\})?", rules)
    wrong = [n for n, by in asked if n not in known or not set(re.findall(r"(\w+)(?==|!=|=~)", by)) <= known[n]]

    assert len(re.findall("- alert:", rules)) == 3
    assert asked
    assert wrong == []


def reasons() -> Iterator[str]:
    """Yield every word that a delivery is refused with, anywhere in the code."""
    for path in [*(ROOT / "syncer").rglob("*.py"), *(ROOT / "connectors").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"DeliveryError", "NotNowError"}:
                word = node.args[0]
                assert isinstance(word, ast.Constant), f"{path}: a reason that no page can list"
                yield str(word.value)


def test_every_reason_for_a_refusal_is_on_the_page() -> None:
    told = {word for first, *_ in rows(part(PAGE, "What is refused")) for word in re.findall(r"`(\w+)`", first)}

    assert told == {*reasons(), "unforeseen"}


def test_the_exit_codes_are_those_of_the_program() -> None:
    told = {int(code) for code, _ in rows(part(PAGE, "Exit codes"))}

    known = {application.IN_STEP, application.TROUBLE, application.USAGE, application.BUSY, application.INTERRUPTED}
    assert told == known


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "model"), [("daemon", Daemon), ("daemon.alerts", Alerts), ("log", Log), ("store.keep", Keep)]
)
def test_every_key_of_the_table_is_documented(table: str, model: type[BaseModel]) -> None:
    told = {key.strip("`") for key, *_ in rows(part(SETTINGS, f"`[{table}]`"))}

    assert told == set(model.model_fields) - {"alerts"}


# -- commands and links ----------------------------------------------------------------------------

TYPED = re.compile(r"\$ (?:.*/bin/|docker compose exec syncer |docker compose run --rm )?syncer (?P<words>\S.*)")
SPOKEN = re.compile(r"`(?:[A-Z_]+=\S+ )*syncer (?P<words>[^`.]+)`")


def typed(page: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    return [m["words"] for b in blocks for m in map(TYPED.fullmatch, b.splitlines()) if m is not None]


@pytest.mark.parametrize("name", ["README.md", "docs/daemon.md"])
def test_every_command_to_type_is_one(name: str) -> None:
    found = typed((ROOT / name).read_text(encoding="utf-8"))

    assert found
    assert [c for c in found if not fits(c.split())] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_command_that_is_spoken_of_is_one(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = [m["words"] for m in SPOKEN.finditer(text.replace("\n", " "))]

    assert found
    assert [c for c in found if not fits(c.split(), whole=False)] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8"))

    assert [link for link in links if not _leads(ROOT / name, link)] == []


def _leads(page: Path, link: str) -> bool:
    file, _, title = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    if not target.exists() or not title:
        return target.exists()
    headings = re.findall(r"(?m)^#+ (.*)$", target.read_text(encoding="utf-8"))
    return title in {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
