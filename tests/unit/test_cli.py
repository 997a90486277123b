"""The command line's own rules: where options may stand, how mistakes are told."""

from __future__ import annotations

import importlib.metadata
import json

import pytest

from syncer.cli import hoisted
from syncer.cli.app import run
from syncer.output import clean, short


def test_global_options_may_stand_anywhere() -> None:
    assert hoisted(["sync", "--config", "x.toml", "--json"]) == ["--config", "x.toml", "sync", "--json"]
    assert hoisted(["plan", "--log-level=debug"]) == ["--log-level=debug", "plan"]
    assert hoisted(["sync", "--", "--config", "x"]) == ["sync", "--", "--config", "x"]


@pytest.mark.parametrize("words", [["sync", "--nope"], ["nosuch"], ["sync", "--allow", "everything"]])
def test_a_usage_mistake_is_exit_2_and_one_json_object(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = run([*words, "--json"])

    out, _ = capsys.readouterr()
    assert code == 2
    assert json.loads(out)["error"]["kind"] in {"usage", "config"}


def test_a_hostile_title_cannot_drive_the_terminal() -> None:
    assert clean("a\x1b[31mred\u202e\nb") == "a[31mred b"
    assert short("x" * 99, 10) == "xxxxxxxxx…"


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["--version"])

    assert (code, capsys.readouterr().out) == (0, f"syncer {importlib.metadata.version('roadmap-syncer')}\n")
