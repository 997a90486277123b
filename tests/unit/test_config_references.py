"""Secrets by reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncer.config import resolve
from syncer.errors import ConfigError
from syncer.log import redact


def test_an_environment_variable_is_looked_up_and_hidden_from_logs(tmp_path: Path) -> None:
    secret = resolve("env:TOKEN", base=tmp_path, environ={"TOKEN": "plain-but-precious"})

    assert secret.get_secret_value() == "plain-but-precious"
    assert redact("sent plain-but-precious") == "sent [secret]"


def test_a_file_is_read_beside_the_config_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")

    assert resolve("file:token", base=tmp_path).get_secret_value() == "from-a-file"


def test_an_absolute_path_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-far-away")

    secret = resolve(f"file:{tmp_path / 'token'}", base=Path("elsewhere"))

    assert secret.get_secret_value() == "from-far-away"


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("env:TOKEN", "TOKEN is not set"),
        ("env:EMPTY", "EMPTY is empty"),
        ("env:", 'nothing follows "env:"'),
        ("file:nowhere", "No such file"),
        ("file:blank", "is empty"),
        ("keyring:alone", "does not say keyring:service/user"),
    ],
)
def test_a_secret_that_cannot_be_had_is_named_by_its_reference(tmp_path: Path, reference: str, says: str) -> None:
    (tmp_path / "blank").write_text("\n")

    with pytest.raises(ConfigError, match=says):
        resolve(reference, base=tmp_path, environ={"EMPTY": ""})


def test_a_written_out_secret_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("hunter2-hunter2", base=tmp_path)

    assert "hunter2" not in str(caught.value)
    assert "env:NAME" in str(caught.value)
