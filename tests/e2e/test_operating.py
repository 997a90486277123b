"""What an operator types: how things stand, what was done, what to send with a bug report, webhooks."""

from __future__ import annotations

import contextlib
import fcntl
import json
import queue
import signal
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncer import plugins
from syncer.sdk.sandbox import Call
from tests.e2e.office import PATIENCE, TRACKERS, Office, during, ended, opened, until

HOSTILE = "Checkout\x1b[31m\u202e now"
INTERRUPTED = 130


def down(office: Office, tracker: str) -> None:
    """Make a tracker refuse our token."""
    office.environ[f"{tracker.upper()}_TOKEN"] = "wrong-token-of-somebody"


def status(office: Office) -> dict[str, Any]:
    """Return the one sync's part of the document, with the exit code."""
    done = office.run("status", "--json")
    (one,) = done.doc["syncs"]
    return {**one, "code": done.code, "daemon": done.doc["daemon"]}


# -- status ----------------------------------------------------------------------------------


def test_before_the_first_run_nothing_is_wrong(office: Office) -> None:
    done = office.run("status")

    assert done.code == 0, done.err
    assert "daemon: not running" in done.out
    assert "roadmap: never ran" in done.out


def test_in_step_is_exit_0_and_says_so_in_one_screen(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.settled()
    office.forget()

    done, doc = office.run("status"), status(office)

    assert (done.code, doc["code"]) == (0, 0), done.out
    assert "roadmap: in step" in done.out
    assert len(done.out.splitlines()) < 12
    assert max(len(line) for line in done.out.splitlines()) < 160
    assert (doc["lag"], doc["owed"], doc["stale"], doc["last"]["outcome"]) == (0, 0, [], "in_step")
    assert [c["connection"] for c in doc["connections"]] == list(TRACKERS)
    assert all(c["read_at"] and c["down"] is None for c in doc["connections"])
    assert office.requests() == dict.fromkeys(TRACKERS, 0)


def test_it_needs_no_token(office: Office) -> None:
    office.settled()
    for tracker in TRACKERS:
        del office.environ[f"{tracker.upper()}_TOKEN"]

    assert office.run("status").code == 0


def test_a_connection_that_is_down_is_exit_1_and_says_since_when(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.settled()
    down(office, "github")
    office.run("sync")

    done, doc = office.run("status"), status(office)

    assert (done.code, doc["code"]) == (1, 1)
    assert "github  DOWN for" in done.out
    (lost,) = [c for c in doc["connections"] if c["down"]]
    assert lost["connection"] == "github"
    assert lost["since"]
    assert "wrong-token" not in done.out + str(doc)


def test_a_held_field_is_exit_3_and_says_what_to_type(office: Office) -> None:
    office.configure(conflicts='"ask"')
    office.boxes["jira"].add("Checkout")
    office.settled()
    office.edit("jira", "Checkout", title="Checkout for guests")
    office.edit("linear", "Checkout", title="Checkout for all")
    office.run("sync")

    done, doc = office.run("status"), status(office)

    assert (done.code, doc["code"], doc["held"]) == (3, 3, 1), done.out
    assert "(syncer held)" in done.out


def test_what_is_owed_has_an_age_and_what_is_parked_is_exit_1(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.settled()
    down(office, "github")
    office.edit("jira", "Checkout", title="Checkout for guests")
    office.run("sync")

    doc = status(office)

    assert (doc["code"], doc["owed"]) == (1, 1)
    assert 0 < doc["lag"] < PATIENCE


def test_a_run_at_work_is_told_with_what_the_last_one_did(office: Office) -> None:
    office.settled()
    office.boxes["jira"].add("Checkout")
    seen: list[dict[str, Any]] = []

    def ask(_: Call) -> None:
        if not seen:
            seen.append(status(office))

    with during(office.boxes["linear"], ask):
        run = office.run("sync", "--json").doc["run"]

    assert (seen[0]["running"], seen[0]["last"]["outcome"]) == (run, "in_step")
    assert (status(office)["running"], status(office)["last"]["run"]) == (None, run)


def test_a_killed_run_is_told_as_one_that_failed(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.killed(office.boxes["linear"], lambda call: call.method == "POST", "sync")

    done, doc = office.run("status"), status(office)

    assert (done.code, doc["running"]) == (1, None)
    assert (doc["last"]["outcome"], doc["last"]["error"]) == ("failed", "interrupted")
    assert "failed (interrupted)" in done.out


def test_a_running_daemon_and_its_next_run_are_told(office: Office) -> None:
    office.environ["SYNCER_DAEMON__LISTEN"] = "off"
    process = office.start("daemon")
    try:
        until(lambda: (status(office)["last"] or {}).get("outcome") == "in_step")
        doc, told = status(office), office.run("status")
    finally:
        process.send_signal(signal.SIGTERM)
        ended(process)
    after = office.run("status")

    assert (doc["daemon"]["pid"], doc["daemon"]["state"]) == (process.pid, "running")
    assert doc["next_at"]
    assert "daemon: running for " in told.out
    assert "next     in " in told.out
    assert "daemon: not running" in after.out


# -- runs ------------------------------------------------------------------------------------


def test_runs_tell_how_long_they_took_and_what_they_asked(office: Office) -> None:
    office.boxes["jira"].add("Checkout")
    office.synced()

    headings, row = (line.split("\t") for line in office.run("runs").out.splitlines())

    told = dict(zip(headings, row, strict=True))
    assert told["outcome"] == "changed"
    assert told["took"].endswith("s")
    assert int(told["requests"]) > 0


def test_runs_of_one_sync_alone_are_told(office: Office) -> None:
    office.synced()

    assert len(office.run("runs", "--sync", "roadmap", "--json").doc["runs"]) == 1
    assert office.run("runs", "--sync", "nosuch").code == 2


def test_one_run_is_told_with_every_action_its_reason_and_its_price(office: Office) -> None:
    office.boxes["jira"].add(HOSTILE)
    run = office.synced()["run"]

    told = office.run("runs", run)

    assert told.code == 0, told.err
    assert told.out.count("create ") == 2
    assert told.out.count("because ") >= 2
    assert "took " in told.out
    assert all(f"{t} " in told.out.splitlines()[-1] for t in TRACKERS)
    assert "\x1b" not in told.out
    assert "\u202e" not in told.out


def test_one_run_tells_what_was_held_parked_and_left_out(office: Office) -> None:
    office.configure(conflicts='"ask"')
    office.boxes["jira"].add("Checkout")
    office.settled()
    office.edit("jira", "Checkout", title="Checkout for guests")
    office.edit("linear", "Checkout", title="Checkout for all")
    down(office, "github")
    run = office.run("sync", "--json").doc["run"]

    told = office.run("runs", run)

    assert "? held " in told.out
    assert "linear: Checkout for all" in told.out
    assert "! github was left out: " in told.out


# -- runs --follow ---------------------------------------------------------------------------


class Lines:
    """What a process prints, line by line, as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.found: queue.Queue[str] = queue.Queue()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.found.put(line)

    def next(self) -> str:
        return self.found.get(timeout=PATIENCE)


@contextlib.contextmanager
def following(office: Office, *words: str) -> Iterator[Lines]:
    process = office.start("runs", "--follow", *words)
    lines = Lines(process)
    try:
        yield lines
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == INTERRUPTED
    finally:
        process.kill()
        process.wait()
        lines.thread.join()
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()


def test_following_tells_runs_as_they_end_one_object_a_line(office: Office) -> None:
    first = office.synced()["run"]

    with following(office, "--json", "--limit", "1") as lines:
        known = json.loads(lines.next())
        office.boxes["jira"].add("Checkout")
        second = office.synced()["run"]
        told = [json.loads(lines.next())]
        if told[0]["outcome"] == "running":
            told.append(json.loads(lines.next()))

    assert (known["run"], known["outcome"]) == (first, "in_step")
    assert [t["run"] for t in told] == [second] * len(told)
    assert (told[-1]["outcome"], "actions" in told[-1]) == ("changed", False)
    assert lines.found.empty()


def test_following_tells_that_a_run_has_started_while_it_writes(office: Office) -> None:
    office.synced()
    office.boxes["jira"].add("Checkout")
    told: list[str] = []

    with following(office, "--limit", "1") as lines:
        lines.next()

        def wait(_: Call) -> None:
            if not told:
                told.append(lines.next())

        with during(office.boxes["linear"], wait):
            run = office.synced()["run"]
        told.append(lines.next())

    assert run in told[0]
    assert "started (manual)" in told[0]
    assert "changed in " in told[1]
    assert "2 created" in told[1]


def test_following_holds_up_no_writer_and_survives_a_database_nobody_can_read(office: Office) -> None:
    office.synced()

    with following(office, "--json", "--limit", "1") as lines:
        lines.next()
        with office.database.with_name("syncer.db-shm").open("r+b") as shared:
            # The bytes that SQLite itself locks: as long as they are ours, nobody reads.
            until(lambda: locked(shared.fileno()))
            assert lines.process.stderr is not None
            complaint = lines.process.stderr.readline()
        run = office.synced()["run"]
        told = json.loads(lines.next())

    assert "still trying" in complaint
    assert told["run"] == run


def locked(handle: int) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 8, 120)
    except OSError:
        return False
    return True


# -- hooks -----------------------------------------------------------------------------------

URL = "https://syncer.acme.example"


@pytest.fixture
def signed(office: Office) -> Office:
    """An office whose connections all have a secret for webhooks."""
    for tracker, table in office.options.items():
        table["webhook_secret"] = f"env:{tracker.upper()}_WEBHOOK_SECRET"
        office.environ[f"{tracker.upper()}_WEBHOOK_SECRET"] = f"made-up-secret-of-{tracker}"
    office.configure()
    return office


def hooks(office: Office, *words: str) -> dict[str, Any]:
    done = office.run("hooks", *words, "--url", URL, "--json")
    assert done.code == 0, done.out + done.err
    doc: dict[str, Any] = done.doc
    return doc


def test_hooks_are_installed_everywhere_listed_as_ours_and_removed(signed: Office) -> None:
    installed = hooks(signed, "install")
    listed = hooks(signed, "list")
    again = hooks(signed, "install", "linear")
    removed = hooks(signed, "remove")
    left = hooks(signed, "list")

    assert {h["connection"]: h["did"] for h in installed["hooks"]} == dict.fromkeys(TRACKERS, "installed")
    assert {h["connection"]: h["url"] for h in listed["hooks"]} == {t: f"{URL}/hooks/{t}" for t in TRACKERS}
    assert all(h["ours"] and h["active"] and h["events"] for h in listed["hooks"])
    assert [(h["connection"], h["did"]) for h in again["hooks"]] == [("linear", "renewed")]
    assert {h["connection"] for h in removed["hooks"]} == set(TRACKERS)
    assert left["hooks"] == []


def test_hooks_of_others_are_shown_by_their_host_alone_and_left_alone(signed: Office) -> None:
    signed.run("hooks", "install", "github", "--url", "https://ci.acme.example/hush-hush")
    hooks(signed, "install", "github")

    told = signed.run("hooks", "list", "--url", URL)
    doc = hooks(signed, "list")
    hooks(signed, "remove")
    left = hooks(signed, "list")

    assert "hush-hush" not in told.out + json.dumps(doc)
    assert [(h["ours"], h["host"], h["url"]) for h in doc["hooks"] if not h["ours"]] == [
        (False, "ci.acme.example", None)
    ]
    assert [h["host"] for h in left["hooks"]] == ["ci.acme.example"]


def test_the_address_comes_from_the_config_where_it_is_said(signed: Office) -> None:
    unsaid = signed.run("hooks", "install", "--json")
    signed.environ["SYNCER_DAEMON__URL"] = "https://said.acme.example/"
    said = signed.run("hooks", "install", "jira", "--json")

    assert (unsaid.code, unsaid.doc["error"]["key"]) == (2, "daemon.url")
    assert said.doc["hooks"][0]["url"] == "https://said.acme.example/hooks/jira"
    assert signed.run("hooks", "list", "--url", "nonsense").code == 2


def test_a_connection_without_a_secret_gets_one_line_and_the_others_go_on(signed: Office) -> None:
    del signed.options["github"]["webhook_secret"]
    signed.configure()

    done = signed.run("hooks", "install", "--url", URL, "--json")
    told = signed.run("hooks", "install", "--url", URL)

    assert (done.code, told.code) == (2, 2)
    assert {h["connection"] for h in done.doc["hooks"]} == {"jira", "linear"}
    assert [p["connection"] for p in done.doc["problems"]] == ["github"]
    assert len(told.err.splitlines()) == 1
    assert "[connections.github.webhook_secret]" in told.err
    assert "made-up-secret" not in done.out + told.out + told.err


def test_an_account_that_may_not_gets_one_line_and_the_others_go_on(tmp_path: Path) -> None:
    forbidding = {"github": plugins.sandbox("github")(admin=False)}
    with opened(tmp_path, forbidding) as office:
        for table in office.options.values():
            table["webhook_secret"] = "env:WEBHOOK_SECRET"
        office.environ["WEBHOOK_SECRET"] = "made-up-secret"
        office.configure()

        done = office.run("hooks", "install", "--url", URL, "--json")
        listed = office.run("hooks", "list", "--url", URL)

    assert done.code == 1
    assert {h["connection"] for h in done.doc["hooks"]} == {"jira", "linear"}
    assert (done.doc["error"]["kind"], done.doc["error"]["connection"]) == ("credentials", "github")
    assert listed.code == 1
    assert len(listed.err.splitlines()) == 1


def test_listing_needs_no_secret_of_a_webhook(signed: Office) -> None:
    del signed.environ["JIRA_WEBHOOK_SECRET"]

    assert hooks(signed, "list")["problems"] == []
    assert signed.run("hooks", "list", "nosuch", "--url", URL).code == 2


# -- doctor ----------------------------------------------------------------------------------


def test_a_bug_report_of_a_lived_in_office_tells_much_and_betrays_nobody(office: Office) -> None:
    office.configure(conflicts='"ask"')
    key = office.boxes["jira"].add("Nightfall pricing", body="Between us alone.", assignees=["jane"])
    office.boxes["jira"].say(key, "Nobody else may know.", by="omar")
    office.settled()
    office.edit("jira", "Nightfall pricing", title="Nightfall prices")
    office.edit("linear", "Nightfall pricing", title="Nightfall rebates")
    down(office, "github")
    office.run("sync")
    out = office.folder / "report.tar.gz"

    done = office.run("doctor", "--out", str(out), "--json")
    told = office.run("doctor", "--offline")

    assert (done.code, told.code) == (0, 0), done.err + told.err
    with tarfile.open(out) as tar:
        texts = {Path(m.name).stem: (tar.extractfile(m) or pytest.fail(m.name)).read().decode() for m in tar}
    assert {f"{name}.json" for name in texts} == {c["name"] for c in done.doc["contents"]}
    assert texts.keys() >= {"versions", "config", "status", "runs", "database", "problems", "machine", "leases"}
    assert "github" in texts["problems"]
    everything = "\n".join(texts.values()).casefold()
    tokens = [office.environ[f"{t.upper()}_TOKEN"] for t in TRACKERS]
    private = ["nightfall", "between us", "nobody else", "@acme.example", "jane", "omar", *tokens]
    assert [word for word in private if word.casefold() in everything] == []
    assert list(office.folder.glob("syncer-doctor-*.tar.gz"))
    assert "look through it" in told.out
