"""What goes with a bug report: all that may matter, and nothing that is anybody's secret."""

from __future__ import annotations

import json
import stat
import tarfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from syncer.cli.app import run
from syncer.config import Config, load
from syncer.diagnosis import Part, examine, pack
from syncer.links import Copy, Hold, Link, Origin, Parked
from syncer.model import Account, Problem, Record, Ref
from syncer.report import when
from syncer.store import Store, items, journal, pulse, records
from syncer.store.items import Row
from syncer.store.records import Entry

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOME = "/home/wilhelmina"
CONFIG = """
[store]
url = "sqlite:///syncer.db"
key = "keyring:syncer/erika@acme.example"

[connections.jira]
connector = "jira"
url = "https://acme.atlassian.net"
email = "bot@acme.example"
token = "env:JIRA_TOKEN"
project = "ROAD"
filter = "assignee = mmustermann and text ~ 'quiet launch'"
webhook_secret = ["env:JIRA_HOOK", "file:hook.secret", "file:{home}/hook.secret"]
where = { authors = ["Wilhelmina Tell"] }

[connections.github]
connector = "github"
repository = "acme/web"
token = "env:GITHUB_TOKEN"

[people."erika@acme.example"]
jira = "acct-4711-erika"
github = "mmustermann"

[syncs.roadmap]
connections = ["jira", "github"]
disclose = { to = ["github"], redact = ["(?i)projectnightfall"] }

[daemon]
url = "https://syncer.acme.example"
alerts = { url = "env:SLACK" }
"""
ENVIRON = {
    "JIRA_TOKEN": "plain-words-jira-token",
    "JIRA_HOOK": "plain-words-hook-secret",
    "SLACK": "https://hooks.slack.example/services/T000/B000/plainslack",
    "SYNCER_LOG__LEVEL": "debug",
    "SYNCER_PEOPLE__WILHELMINA__GITHUB": "wtell",
    "UNRELATED": "unrelated-value",
}
TITLE = "Quiet launch of the tellurium line"
BODY = "We let no soul know before spring."
SAID = (
    f'{TITLE} was refused: "{BODY}" by Wilhelmina Tell <wilhelmina@tell.example> and mmustermann, '
    "plain-words-jira-token, Authorization: Bearer abcdefgh12345678, plain-words-file-secret, ghp_abcdef1234567890, "
    "see https://wtell:pw123456@acme.example/browse/ROAD-1/quiet-launch-of-the-tellurium-line?token=zzzz9999 "
    f"in {HOME}/syncer"
)
FORBIDDEN = (
    *("plain-words", "abcdefgh12345678", "ghp_abcdef", "pw123456", "zzzz9999", "plainslack", "unrelated-value"),
    *("wilhelmina", "tell.example", "mmustermann", "erika", "4711", "bot@", "wtell", "Muster"),
    *("quiet", "launch", "tellurium", "no soul", "spring", "nightfall"),
)
"""Parts of secrets, of people and of what they wrote: none may be in the bundle, in whatever case."""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "config.toml").write_text(CONFIG.replace("{home}", HOME))
    (tmp_path / "hook.secret").write_text("plain-words-file-secret\n")
    return load(tmp_path / "config.toml", environ=ENVIRON, secrets=False)


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    """A database with something to hide in every table."""
    opened = Store.open(config.store.url)
    with opened.write() as tx:
        fill(tx)
    yield opened
    opened.close()


def fill(tx: Any) -> None:
    ref, field = Ref("jira", "issue", "10001"), {"title": {"from": BODY, "to": TITLE}}
    native = {"summary": TITLE, "description": BODY}
    author = Account("acct-4711-erika", "Max Muster", "erika@acme.example")
    copy = Copy(ref, "ROAD-1", f"https://acme.atlassian.net/browse/{TITLE}", NOW, NOW, native, NOW)
    link = Link("L1", "jira", TITLE, NOW, {"title": TITLE}, {"title": Origin("jira", NOW, "Wilhelmina Tell")})
    doc: dict[str, Any] = {
        "run": "R1",
        "sync": "roadmap",
        "trigger": "manual",
        "outcome": "partial",
        "error": SAID,
        "started": when(NOW),
        "finished": when(NOW),
        "tally": {"read": 7, "requests": {"jira": 3}},
        "actions": [
            {"do": "update", "link": "L1", "connection": "jira", "ref": str(ref), "key": "ROAD-1", "title": TITLE}
            | {"url": copy.url, "fields": field, "because": SAID, "state": "failed", "thread": BODY}
        ],
        "held": [{"id": "H1", "link": "L1", "field": "title", "base": BODY, "values": {"jira": TITLE}, "reason": SAID}],
        "parked": [{"id": "P1", "link": "L1", "connection": "jira", "field": "title", "error": SAID, "attempts": 2}],
        "guards": [{"connection": "jira", "flag": "creates", "number": 9, "limit": 5, "message": SAID}],
        "down": {"jira": SAID},
    }
    hold = Hold("H1", "L1", "title", ref, BODY, {"jira": TITLE}, NOW, SAID)
    parked = Parked("P1", "L1", "jira", str(ref), "title", "write", SAID, 2, NOW)
    items.save_links(tx, "roadmap", [link])
    record = Record(ref, copy.key, copy.url, NOW, NOW, native, author=author)
    items.save_rows(tx, "roadmap", [Row(copy, record, "L1", dirty=True, scoped=True)])
    journal.hold(tx, "roadmap", hold)
    journal.park(tx, "roadmap", parked)
    records.save_run(tx, id_="R1", sync="roadmap", number=1, started=NOW, finished=NOW, doc=doc)
    records.append(tx, "roadmap", "R1", NOW, [Entry("L1", str(ref), "update", "title", BODY, TITLE, "Max", SAID)])
    pulse.say(tx, "roadmap", "connection/jira", {"down": SAID, "since": when(NOW)}, NOW)
    pulse.say(tx, "roadmap", "alert", {"reasons": [SAID]}, NOW)


PROBLEMS = [
    Problem("warning", "2 of 9 people are unknown elsewhere: Wilhelmina Tell, Max Muster", "jira", key="people"),
    Problem("error", SAID, "jira", f"{HOME}/config.toml", "people.erika@acme.example", SAID),
]


def packed(parts: list[Part], folder: Path) -> tuple[Path, dict[str, str]]:
    """Return the bundle, and the text of each of its files."""
    path = folder / "bundle.tar.gz"
    pack(parts, path, NOW)
    with tarfile.open(path) as tar:
        return path, {m.name: (tar.extractfile(m) or pytest.fail(m.name)).read().decode() for m in tar.getmembers()}


def documents(parts: list[Part]) -> Mapping[str, Any]:
    return {p.name.removesuffix(".json"): p.doc for p in parts}


def test_nothing_secret_nobody_s_name_and_none_of_their_words_is_in_the_bundle(
    config: Config, store: Store, tmp_path: Path
) -> None:
    _, texts = packed(examine(config, store, PROBLEMS, NOW, ENVIRON), tmp_path)

    everything = "\n".join([*texts, *texts.values()]).casefold()
    assert [word for word in FORBIDDEN if word.casefold() in everything] == []


def test_what_matters_is_in_the_bundle(config: Config, store: Store) -> None:
    docs = documents(examine(config, store, PROBLEMS, NOW, ENVIRON))

    jira = docs["config"]["connections"]["jira"]
    assert (jira["options"]["token"], jira["options"]["url"]) == ("env:JIRA_TOKEN", "https://acme.atlassian.net")
    assert jira["webhook_secret"] == ["env:JIRA_HOOK", "file:hook.secret", "file:~/hook.secret"]
    assert docs["config"]["store"]["key"] == "keyring:syncer/[email]"
    assert docs["config"]["daemon"]["alerts"]["url"] == "env:SLACK"
    assert docs["config"]["people"] == 2
    assert docs["environment"]["JIRA_TOKEN"] == "set"
    assert docs["environment"]["GITHUB_TOKEN"] == "not set"
    assert docs["environment"]["SYNCER_LOG__LEVEL"] == "set"
    assert (docs["database"]["rows"]["links"], docs["database"]["integrity"]) == (1, "ok")
    (done,) = docs["runs"]
    assert (done["run"], done["outcome"], done["tally"]["requests"]) == ("R1", "partial", {"jira": 3})
    assert (done["actions"][0]["do"], done["actions"][0]["fields"]) == ("update", ["title"])
    assert "was refused" in done["error"]
    assert docs["status"]["syncs"][0]["parked"] == 1
    assert docs["versions"]["dependencies"]["sqlalchemy"]
    assert docs["machine"]["disk"]["free"] > 0
    assert docs["machine"]["handles"]["free"] > 0
    assert [p["level"] for p in docs["problems"]] == ["warning", "error"]
    assert docs["files"]["database"]["mode"] == "0o600"


def test_the_bundle_is_for_its_owner_alone_also_over_a_file_that_was_there(
    config: Config, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "bundle.tar.gz").write_text("something else")
    (tmp_path / "bundle.tar.gz").chmod(0o644)

    path, texts = packed(examine(config, store, [], NOW, ENVIRON), tmp_path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {name.split("/")[0] for name in texts} == {"bundle"}


def test_a_part_that_is_ill_leaves_the_others_and_trusts_no_text(config: Config, store: Store) -> None:
    with store.write() as tx:
        tx.exec_driver_sql("UPDATE links SET doc = 'torn'")

    docs = documents(examine(config, store, PROBLEMS, NOW, ENVIRON))

    assert docs["versions"]["syncer"]
    assert docs["runs"][0]["error"] == "[...]"
    assert not any(w.casefold() in json.dumps(docs).casefold() for w in FORBIDDEN)


def test_a_config_that_does_not_load_still_gives_a_bundle_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.replace("env:JIRA_TOKEN", "plain-words-written-out"))
    out = tmp_path / "bundle.tar.gz"

    code = run(["--config", str(tmp_path / "config.toml"), "doctor", "--out", str(out), "--json"])

    told = json.loads(capsys.readouterr().out)
    with tarfile.open(out) as tar:
        text = "".join((tar.extractfile(m) or pytest.fail(m.name)).read().decode() for m in tar.getmembers())
    assert code == 0
    assert {"versions.json", "problems.json"} <= {c["name"] for c in told["contents"]}
    assert "does not belong in a file" in text
    assert "plain-words" not in text


def test_a_doctor_makes_no_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.replace("{home}", HOME))

    run(["--config", str(tmp_path / "config.toml"), "doctor", "--offline", "--out", str(tmp_path / "b.tar.gz")])

    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar.gz", "config.toml"]
    assert "problems.json" in capsys.readouterr().out
