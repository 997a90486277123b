"""The unit of systemd: it says what it must, and systemd takes it, where that is installed. No service is started."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from syncer.cli import app as application
from syncer.config import Daemon, load, seconds
from syncer.daemon.service import LAST_WORDS
from syncer.daemon.vigil import BEAT
from syncer.web.server import GRACE
from tests.packaging.words import fits

UNIT = Path(__file__).parents[2] / "docs" / "deploy" / "syncer.service"
LONGEST_STOP = Daemon().grace + LAST_WORDS + GRACE + 5.0


def unit(section: str) -> dict[str, list[str]]:
    """Return what a section of the unit says, by key."""
    text = UNIT.read_text(encoding="utf-8")
    body = re.split(r"(?m)^\[(\w+)\]$", text)
    made: dict[str, list[str]] = {}
    for line in body[body.index(section) + 1].splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            made.setdefault(key, []).append(value)
    return made


def test_systemd_is_told_how_the_daemon_is() -> None:
    told = unit("Service")

    assert told["Type"] == ["notify"]
    assert told["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert seconds(told["WatchdogSec"][0]) >= 2 * BEAT


def test_systemd_starts_the_daemon_by_a_command_of_ours() -> None:
    (start,) = unit("Service")["ExecStart"]
    program, *words = start.split()

    assert program.endswith("/bin/syncer")
    assert words[-1] == "daemon"
    assert fits(words)


def test_systemd_does_not_restart_what_a_restart_cannot_mend() -> None:
    told = unit("Service")

    assert told["Restart"] == ["on-failure"]
    assert told["RestartPreventExitStatus"] == [f"{application.USAGE} {application.BUSY}"]
    assert told["SuccessExitStatus"] == [f"{application.INTERRUPTED}"]


def test_systemd_waits_for_the_longest_stop() -> None:
    assert seconds(unit("Service")["TimeoutStopSec"][0]) > LONGEST_STOP


def test_the_service_writes_to_its_own_folder_as_a_user_of_its_own() -> None:
    told = unit("Service")

    assert (told["User"], told["StateDirectory"], told["StateDirectoryMode"]) == (["syncer"], ["syncer"], ["0700"])
    assert (told["ProtectSystem"], told["ProtectHome"], told["PrivateTmp"]) == (["strict"], ["yes"], ["yes"])
    assert "ReadWritePaths" not in told


def test_the_service_gains_no_privileges() -> None:
    told = unit("Service")

    assert (told["NoNewPrivileges"], told["CapabilityBoundingSet"]) == (["yes"], [""])
    assert told["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert told["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert told["MemoryMax"] == ["512M"]
    # With it the metrics of the process would be gone: they are read from /proc/stat too.
    assert "ProcSubset" not in told


def test_the_config_can_refer_to_what_systemd_hands_over(tmp_path: Path) -> None:
    names = [line.partition(":")[0] for line in unit("Service")["LoadCredential"]]
    path = tmp_path / "config.toml"
    path.write_text(
        '[store]\nurl = "sqlite:////var/lib/syncer/syncer.db"\n'
        + "".join(
            f'[connections.{name}]\nconnector = "github"\nrepository = "acme/web"\n'
            f'token = "file:/run/credentials/{UNIT.name}/{name}"\n'
            for name in names
        )
    )

    config = load(path, environ={}, secrets=False)

    assert config.store.url == "sqlite:////var/lib/syncer/syncer.db"
    assert len(config.connections) == 3


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("/opt/syncer/bin/syncer", sys.executable)
    (tmp_path / UNIT.name).write_text(text)

    verify = ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT.name)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
