"""The wheel a user installs: what is in it, and that it works outside the checkout, without a network."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"syncer", "syncer_jira", "syncer_github", "syncer_linear"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with our wheel; its dependencies are those of the environment under test."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=True)
    target = Path(sysconfig.get_path("purelib", scheme="venv", vars={"base": str(home), "platbase": str(home)}))
    # A path named in a .pth file is not searched for .pth files itself: our editable install stays out.
    (target / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    python = str(home / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--no-index", "--ignore-installed", str(wheel)], check=True, capture_output=True)
    return home / "bin"


def run(bin_folder: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SYNCER", "VIRTUAL_ENV"))}
    environ = inherited | {"NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(
        [bin_folder / "syncer", *words],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_wheel_holds_our_four_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/", 1)[0] for name in archive.namelist()}

    assert {t for t in tops if not t.endswith(".dist-info")} == PACKAGES


def test_the_wheel_holds_mappings_type_marks_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {f"syncer/_mappings/{n}.toml" for n in ("jira", "github", "linear")} <= set(names)
    assert {f"{p}/py.typed" for p in PACKAGES} <= set(names)
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_the_installed_program_is_the_wheels_own(bin_folder: Path, tmp_path: Path) -> None:
    code = "import syncer, syncer_jira; print(syncer.__file__); print(syncer_jira.__file__)"
    done = subprocess.run([bin_folder / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert all(line.startswith(str(bin_folder.parent)) for line in done.stdout.split())


def test_the_installed_program_reads_the_mappings_of_the_wheel(bin_folder: Path, tmp_path: Path) -> None:
    names = ["jira", "github", "linear"]
    code = f"from syncer.config import shipped_mapping as m; print([m(n).name for n in {names}])"
    done = subprocess.run([bin_folder / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str([f"the shipped {n}.toml" for n in names])


def test_help_is_shown(bin_folder: Path, tmp_path: Path) -> None:
    done = run(bin_folder, tmp_path, "--help")

    assert done.returncode == 0, done.stderr
    assert "sync" in done.stdout


def test_the_three_connectors_are_found(bin_folder: Path, tmp_path: Path) -> None:
    done = run(bin_folder, tmp_path, "connectors", "--json")

    assert done.returncode == 0, done.stderr
    assert {c["name"] for c in json.loads(done.stdout)["connectors"]} == {"jira", "github", "linear"}


def test_a_config_without_a_file_says_what_to_type_next(bin_folder: Path, tmp_path: Path) -> None:
    done = run(bin_folder, tmp_path, "check", "--offline")

    assert done.returncode == 2, done.stderr
    assert "syncer demo" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_the_demo_runs(bin_folder: Path, tmp_path: Path) -> None:
    done = run(bin_folder, tmp_path, "demo")

    assert done.returncode == 0, done.stderr
