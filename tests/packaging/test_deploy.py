"""What operators start: Dockerfile and compose.yaml; the unit of systemd is in test_systemd.py.

Checked is what the files alone tell: that they say what they must, that what they name is there, that their commands
are commands of ours. No image is built here and no service started; what both count on in the daemon is in
test_deployed_daemon.py, that the wheel works where it is installed in test_wheel.py.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from syncer.config import Daemon, Log, seconds
from syncer.daemon.service import LAST_WORDS
from syncer.web.server import GRACE
from tests.packaging.words import fits

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LONGEST_STOP = Daemon().grace + LAST_WORDS + GRACE + 5.0


# -- the image -------------------------------------------------------------------------------------

Instruction = tuple[str, str]


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage of the Dockerfile: (word, the rest on one line)."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    made: list[list[Instruction]] = []
    for word, _, rest in (line.partition(" ") for line in lines if line):
        if word == "FROM":
            made.append([])
        if made:
            made[-1].append((word, rest))
    return made


def said(stage: list[Instruction], word: str) -> list[str]:
    return [rest for name, rest in stage if name == word]


def environment(stage: list[Instruction]) -> dict[str, str]:
    pairs = re.findall(r'(\w+)=("[^"]*"|\S+)', " ".join(said(stage, "ENV")))
    return {name: value.strip('"') for name, value in pairs}


def copied() -> set[str]:
    """Return what is copied from the source into the image that builds."""
    build, _ = stages()
    return {one.rstrip("/") for line in said(build, "COPY") for one in line.split()[:-1]}


def ignored(path: str) -> bool:
    """Say whether .dockerignore keeps *path*, or something above it, from Docker; the last line that fits decides."""
    parts = path.split("/")
    above = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    decided = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").rstrip("/")
        if not line or line.startswith("#"):
            continue
        bare = pattern.removeprefix("**/")
        if any(fnmatch(a, pattern) or (bare != pattern and fnmatch(a.rpartition("/")[2], bare)) for a in above):
            decided = not line.startswith("!")
    return decided


def test_what_the_image_is_built_from_is_there_and_reaches_docker() -> None:
    assert [p for p in copied() if not (ROOT / p).exists() or ignored(p)] == []


def test_what_the_wheel_is_built_from_is_copied() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], PROJECT["project"]["readme"], "pyproject.toml"}

    inside = copied()

    assert [n for n in {*needed, *PROJECT["project"]["license-files"]} if not {n, n.partition("/")[0]} & inside] == []


@pytest.mark.parametrize(
    "path", ["config.toml", "data/config.toml", "secrets/jira_token", "syncer.db", ".git/config", "syncer/__pycache__"]
)
def test_no_config_no_secret_and_no_database_reaches_docker(path: str) -> None:
    assert ignored(path)


def test_everything_is_installed_in_the_pinned_versions() -> None:
    installs = [c for s in stages() for line in said(s, "RUN") for c in line.split("&&") if "pip" in c]

    assert [c for c in installs if "install" in c and "--constraint constraints.txt" not in c] == []
    assert any("/wheel/*.whl" in c for c in installs)


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {_named(name): version for name, _, version in (line.partition("==") for line in lines) if version}


def _named(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def test_whatever_we_need_is_pinned() -> None:
    needed = {_named(re.split(r"[<>=~!\[ ;]", d)[0]) for d in PROJECT["project"]["dependencies"]}

    assert needed - pinned().keys() == set()


def test_the_last_stage_gets_what_was_built_and_installs_nothing() -> None:
    _, last = stages()

    assert said(last, "COPY") == ["--from=build /opt/syncer /opt/syncer"]
    assert [r for r in said(last, "RUN") if re.search(r"\b(pip|apt|apt-get|curl|wget|gcc)\b", r)] == []


def test_both_stages_have_the_same_slim_python_that_we_say_we_run_on() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (version,) = re.findall(r"(?m)^ARG PYTHON=(\S+)$", text)

    assert [said(s, "FROM")[0].split()[0] for s in stages()] == ["python:${PYTHON}-slim"] * 2
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]


def test_the_container_runs_as_a_fixed_user_that_is_not_root() -> None:
    _, last = stages()
    (user,) = said(last, "USER")

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert f"--owner {user.partition(':')[0]}" in " ".join(said(last, "RUN"))


def test_the_container_starts_the_daemon_in_its_volume_and_is_told_to_stop_by_sigterm() -> None:
    _, last = stages()
    entry, command = (json.loads(said(last, word)[0]) for word in ("ENTRYPOINT", "CMD"))

    assert (entry, said(last, "WORKDIR"), said(last, "VOLUME")) == (["syncer"], ["/data"], ["/data"])
    assert said(last, "STOPSIGNAL") == ["SIGTERM"]
    assert command == ["daemon"]
    assert fits(command)


def test_the_image_says_what_it_is() -> None:
    _, last = stages()
    labels = re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', " ".join(said(last, "LABEL")))

    assert {"title", "description", "version", "licenses"} <= dict(labels).keys()
    assert dict(labels)["description"] == PROJECT["project"]["description"]
    assert dict(labels)["licenses"] == PROJECT["project"]["license"]
    assert f"VERSION={PROJECT['project']['version']}" in said(last, "ARG")


def test_the_container_listens_on_its_own_network_at_the_port_it_exposes() -> None:
    _, last = stages()
    listen = environment(last)["SYNCER_DAEMON__LISTEN"]

    assert Daemon(listen=listen).listen == f"0.0.0.0:{said(last, 'EXPOSE')[0]}"


# -- compose ---------------------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    """Return compose.yaml: tables, lists of words and words are all it has."""
    lines = [
        (len(line) - len(line.lstrip()), line.strip())
        for line in (ROOT / "compose.yaml").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    made = _table(lines)
    assert isinstance(made, dict)
    return made


def _table(lines: list[tuple[int, str]]) -> Any:
    if all(text.startswith("- ") for _, text in lines):
        return [text.removeprefix("- ").strip('"') for _, text in lines]
    made: dict[str, Any] = {}
    depth = lines[0][0]
    for at, (indent, text) in enumerate(lines):
        if indent != depth:
            continue
        key, _, word = text.partition(":")
        below = list(_until(lines[at + 1 :], depth))
        made[key] = _table(below) if below else word.strip().strip('"')
    return made


def _until(lines: list[tuple[int, str]], depth: int) -> Iterator[tuple[int, str]]:
    for line in lines:
        if line[0] <= depth:
            return
        yield line


def service() -> dict[str, Any]:
    (one,) = compose()["services"].values()
    assert isinstance(one, dict)
    return one


def test_the_container_can_write_its_data_and_nothing_else() -> None:
    one = service()

    assert one["read_only"] == "true"
    assert one["tmpfs"] == ["/tmp"]  # noqa: S108 -- a mount of its own
    assert [v.partition(":")[2] for v in one["volumes"]] == said(stages()[1], "VOLUME")


def test_the_container_has_no_privileges_and_gains_none() -> None:
    one = service()

    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert not one.keys() & {"privileged", "cap_add", "user", "network_mode"}


def test_the_port_is_open_to_this_machine_alone() -> None:
    (exposed,) = said(stages()[1], "EXPOSE")

    assert service()["ports"] == [f"127.0.0.1:{exposed}:{exposed}"]


def test_every_secret_is_a_file_beside_it_that_git_ignores() -> None:
    files = {name: one["file"] for name, one in compose()["secrets"].items()}

    assert set(service()["secrets"]) == files.keys()
    assert all(file == f"./secrets/{name}" for name, file in files.items())
    assert {"/secrets/", "/data/"} <= set((ROOT / ".gitignore").read_text(encoding="utf-8").split())


def test_the_container_is_bounded_and_started_again_unless_stopped() -> None:
    one = service()

    assert one["restart"] == "unless-stopped"
    assert one["mem_limit"] == "512m"
    assert one["logging"]["options"].keys() == {"max-size", "max-file"}


def test_docker_waits_for_the_longest_stop() -> None:
    assert seconds(service()["stop_grace_period"]) > LONGEST_STOP


def test_what_the_container_is_told_by_its_environment_is_a_setting() -> None:
    assert service()["environment"] == {"SYNCER_LOG__FORMAT": "json"}
    assert Log(format="json").format == "json"
