"""What stops a run says so in one line, with the right exit code, and tells no secret."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import pytest

from syncer.sdk.sandbox import Call
from syncer_github.sandbox import GitHubSandbox
from tests.e2e.office import NOTHING, PATIENCE, Office, during, ended, everywhere, opened

WRONG = "a-token-of-somebody-else-42"


def spoil(office: Office, how: str) -> tuple[str, str, str]:
    """Make one mistake in the config; return the file and key to be named, and a word of the message."""
    config = office.config.name
    match how:
        case "unknown key":
            office.options["jira"]["projct"] = "ROAD"
            said = config, "connections.jira.projct", "project"
        case "missing token":
            del office.environ["LINEAR_TOKEN"]
            said = config, "connections.linear.token", "LINEAR_TOKEN"
        case "unknown connector":
            office.options["github"]["connector"] = "gihub"
            said = config, "connections.github.connector", "gihub"
        case _:
            office.options["github"]["mapping"] = "our-github.toml"
            mapping = '[fields.status]\nplaned = { state = "open" }\n'
            (office.folder / "our-github.toml").write_text(mapping, encoding="utf-8")
            said = "our-github.toml", "fields.status.planed", "planned"
    office.configure()
    return said


@pytest.mark.parametrize("how", ["unknown key", "missing token", "unknown connector", "bad mapping value"])
def test_a_mistake_in_the_files_is_one_line_naming_file_and_key(office: Office, how: str) -> None:
    file, key, word = spoil(office, how)

    told = office.run("sync")
    as_json = office.run("sync", "--json")

    assert_refused(told.code, told.err, file, key, word)
    assert told.out == ""
    assert as_json.code == 2
    assert_error(as_json.doc, file, key, word)
    assert office.requests() == everywhere(0)


def test_a_public_place_nobody_agreed_to_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, {"github": GitHubSandbox(private=False)}) as office:
        office.boxes["jira"].add("A secret plan")

        told = office.run("sync")
        as_json = office.run("sync", "--json")

        assert_refused(told.code, told.err, office.config.name, "syncs.roadmap.disclose", "public")
        assert as_json.code == 2
        assert_error(as_json.doc, office.config.name, "syncs.roadmap.disclose", "public")
        assert as_json.doc["error"]["connection"] == "github"
        assert office.writes() == NOTHING


def assert_refused(code: int, err: str, file: str, key: str, word: str) -> None:
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1, err
    assert (file in err, key in err, word in err) == (True, True, True), err
    assert "Traceback" not in err


def assert_error(doc: Any, file: str, key: str, word: str) -> None:
    assert set(doc) == {"error"}
    error = doc["error"]
    assert set(error) == {"kind", "message", "connection", "file", "key"}
    assert error["kind"] == "config"
    assert Path(error["file"] or "").name == file, error
    assert error["key"] == key
    assert word in error["message"]


@pytest.mark.parametrize("tracker", ["jira", "github", "linear"])
def test_a_wrong_token_names_its_connection_and_is_shown_nowhere(office: Office, tracker: str) -> None:
    office.environ[f"{tracker.upper()}_TOKEN"] = WRONG
    office.boxes["jira"].add("Checkout")

    told = office.run("--log-level", "debug", "sync")
    as_json = office.run("--log-level", "debug", "--log-format", "json", "sync", "--json")

    assert (told.code, as_json.code) == (1, 1), told.err
    assert tracker in told.out + told.err
    assert (as_json.doc["error"]["kind"], as_json.doc["error"]["connection"]) == ("credentials", tracker)
    kept = b"".join(file.read_bytes() for file in sorted(office.folder.glob("syncer.db*")))
    shown = "".join((told.out, told.err, as_json.out, as_json.err, kept.decode(errors="replace")))
    assert [secret for secret in secrets(office) if secret in shown] == []
    assert "Traceback" not in told.err + as_json.err


def secrets(office: Office) -> list[str]:
    """Return every token in use, also as Basic credentials carry it."""
    tokens = [office.environ[f"{name.upper()}_TOKEN"] for name in office.boxes]
    basic = f"{office.options['jira']['email']}:{office.environ['JIRA_TOKEN']}"
    return [*tokens, base64.b64encode(basic.encode()).decode()]


def test_while_one_run_is_at_it_another_is_told_so_and_leaves(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    writing, go_on = threading.Event(), threading.Event()

    def stall(_: Call) -> None:
        writing.set()
        go_on.wait(PATIENCE)

    with during(office.boxes["github"], stall):
        first = office.start("sync")
        assert writing.wait(PATIENCE)
        second = office.run("sync", "--wait", "0s")
        as_json = office.run("sync", "--wait", "0s", "--json")
        go_on.set()
        done = ended(first)

    assert second.code == 4, second.err
    assert len(second.err.strip().splitlines()) == 1
    assert (as_json.code, as_json.doc["error"]["kind"]) == (4, "busy")
    assert done.code == 0, done.err
