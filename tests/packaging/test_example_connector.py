"""The example of `docs/connectors.md` is a whole package: it builds, is found once installed, and passes the suite."""

from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "example_connector"
CLAIMS = 100
"""Claims of the suite that it has to pass, at least; what it cannot do is skipped."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(EXAMPLE)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the example in it; it sees the dependencies of ours, and this checkout."""
    home = tmp_path_factory.mktemp("authors")
    venv.create(home, with_pip=False, symlinks=True)
    target = Path(sysconfig.get_path("purelib", scheme="venv", vars={"base": str(home), "platbase": str(home)}))
    seen = [str(ROOT), str(ROOT / "connectors"), *site.getsitepackages()]
    (target / "dependencies.pth").write_text("\n".join(seen) + "\n", encoding="utf-8")
    fresh = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(fresh), "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--no-index", "--ignore-installed", str(wheel)], check=True, capture_output=True)
    return fresh


def run(python: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "SYNCER", "VIRTUAL_ENV"))}
    return subprocess.run(
        [python, *words],
        cwd=cwd,
        env=inherited | {"NO_COLOR": "1", "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_wheel_of_the_example_holds_its_package_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/", 1)[0] for name in archive.namelist()}

    assert {t for t in tops if not t.endswith(".dist-info")} == {"syncer_pinboard"}


def test_the_installed_example_is_among_the_connectors(python: Path, tmp_path: Path) -> None:
    code = "from syncer.cli import main; main()"

    done = run(python, tmp_path, "-c", code, "connectors", "--json")

    assert done.returncode == 0, done.stderr
    assert {c["name"] for c in json.loads(done.stdout)["connectors"]} == {"jira", "github", "linear", "pinboard"}


def test_the_installed_example_is_imported_from_its_wheel(python: Path, tmp_path: Path) -> None:
    done = run(python, tmp_path, "-c", "import syncer_pinboard as p; print(p.__file__)")

    assert done.stdout.startswith(str(python.parents[1])), done.stderr


def test_the_installed_example_passes_the_suite(python: Path, tmp_path: Path) -> None:
    done = run(python, tmp_path, "-m", "pytest", "-p", "no:cacheprovider", str(EXAMPLE / "tests"))

    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout[-3_000:]
    assert int(last.split(" passed")[0].split()[-1]) >= CLAIMS, last


def test_a_config_with_the_example_is_understood(python: Path, tmp_path: Path) -> None:
    (tmp_path / "pinboard.toml").write_text((EXAMPLE / "pinboard.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")

    done = run(python, tmp_path, "-c", "from syncer.cli import main; main()", "check", "--offline", "--json")

    assert done.returncode == 0, done.stdout + done.stderr


CONFIG = """
[connections.board]
connector = "pinboard"
url = "http://127.0.0.1:9"
board = "roadmap"
token = "in words, on loopback"
mapping = "pinboard.toml"

[connections.github]
connector = "github"
url = "http://127.0.0.1:9"
repository = "acme/web"
token = "in words, on loopback"

[syncs.both]
connections = ["board", "github"]
"""


def test_what_the_page_quotes_stands_in_the_example() -> None:
    page = (ROOT / "docs" / "connectors.md").read_text(encoding="utf-8")
    files = [p.read_text(encoding="utf-8") for p in sorted(EXAMPLE.rglob("*")) if p.suffix in {".py", ".toml"}]
    code = "\n".join(_flat(text) for text in files)

    quoted = re.findall(r"```(?:python|toml)\n(.*?)```", page, re.DOTALL)

    assert len(quoted) > 5
    assert [quote for quote in quoted if _flat(quote) not in code] == []


def _flat(code: str) -> str:
    """Return *code* without indentation and empty lines."""
    return "\n".join(line.strip() for line in code.splitlines() if line.strip())
