"""[daemon], [log], [store.keep] and webhook_secret: what is read, and what a mistake says."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from syncer.config import Config, Log, load
from syncer.daemon.setup import prepare
from syncer.errors import ConfigError
from syncer.log import redact
from syncer.store import Store
from syncer.wiring import open_store

TRACKER = """\
[connections.web]
connector = "github"
repository = "acme/web"
token = "env:TOKEN"
"""
SANDBOX = """\
[connections.web]
connector = "github"
repository = "acme/web"
url = "http://127.0.0.1:9000"
token = "written-out-token"
"""


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None, *, secrets: bool = False) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, environ=environ or {}, secrets=secrets)


def fault(folder: Path, text: str, environ: Mapping[str, str] | None = None, *, secrets: bool = False) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, environ, secrets=secrets)
    return caught.value


# -- what is read ----------------------------------------------------------------------------------


def test_the_daemon_needs_no_setting(tmp_path: Path) -> None:
    config = loaded(tmp_path, "")

    assert config.daemon.model_dump() == {
        "listen": "127.0.0.1:8722",
        "url": None,
        "grace": 30.0,
        "jitter": None,
        "sweep": "17 3 * * *",
        "audit": "47 3 * * *",
        "timezone": None,
        "replay_window": 300.0,
        "largest_delivery": 5_000_000,
        "alerts": {"after": 900.0, "repeat": 86_400.0, "url": None},
    }
    assert config.log == Log(format=None, level=None, levels={}, emails=True)
    assert config.store.keep.model_dump() == {"runs": 90 * 86_400.0, "deliveries": 7 * 86_400.0, "audit": None}


@pytest.mark.parametrize("listen", ["127.0.0.1:8722", "0.0.0.0:80", "localhost:0", "[::1]:8722", "box-1.lan:9", "off"])
def test_listen_takes_a_host_and_a_port_or_off(tmp_path: Path, listen: str) -> None:
    assert loaded(tmp_path, f'[daemon]\nlisten = "{listen}"').daemon.listen == listen


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("https://syncer.acme.example", "https://syncer.acme.example"),
        ("https://acme.example/syncer/", "https://acme.example/syncer"),
        ("http://127.0.0.1:8722", "http://127.0.0.1:8722"),
        ("", None),
    ],
)
def test_url_is_where_trackers_reach_us_without_a_slash_at_its_end(tmp_path: Path, said: str, read: str | None) -> None:
    assert loaded(tmp_path, f'[daemon]\nurl = "{said}"').daemon.url == read


def test_levels_are_by_part(tmp_path: Path) -> None:
    log = loaded(tmp_path, '[log]\nlevel = "warning"\nlevels = { hook = "debug", run = "info" }').log

    assert (log.level, log.levels) == ("warning", {"hook": "debug", "run": "info"})


def test_the_audit_trail_is_kept_for_good_unless_said(tmp_path: Path) -> None:
    assert loaded(tmp_path, '[store.keep]\naudit = "365d"').store.keep.audit == 365 * 86_400.0


# -- the environment -------------------------------------------------------------------------------


def test_the_environment_overrides_every_one_of_them(tmp_path: Path) -> None:
    text = '[daemon]\nlisten = "off"\ngrace = "1s"\n[log]\nlevel = "error"\n[store.keep]\nruns = "1d"\n'
    environ = {
        "SYNCER_DAEMON__LISTEN": "0.0.0.0:8722",
        "SYNCER_DAEMON__LARGEST_DELIVERY": "1000",
        "SYNCER_DAEMON__ALERTS__AFTER": "1h",
        "SYNCER_LOG__FORMAT": "json",
        "SYNCER_LOG__LEVEL": "debug",
        "SYNCER_LOG__LEVELS": '{"hook": "error"}',
        "SYNCER_LOG__EMAILS": "false",
        "SYNCER_STORE__KEEP__RUNS": "5d",
        "SYNCER_CONNECTIONS__WEB__WEBHOOK_SECRET": '["env:NEW", "env:OLD"]',
    }

    config = loaded(tmp_path, text + TRACKER, environ)

    assert (config.daemon.listen, config.daemon.largest_delivery) == ("0.0.0.0:8722", 1000)
    assert (config.daemon.grace, config.daemon.alerts.after) == (1.0, 3600.0)
    assert config.log == Log(format="json", level="debug", levels={"hook": "error"}, emails=False)
    assert config.store.keep.runs == 5 * 86_400.0
    assert config.connections["web"].hook_references == ("env:NEW", "env:OLD")


def test_a_level_of_one_part_may_be_a_variable_of_its_own(tmp_path: Path) -> None:
    log = loaded(tmp_path, '[log]\nlevels = { run = "info" }', {"SYNCER_LOG__LEVELS__HOOK": "debug"}).log

    assert log.levels == {"run": "info", "hook": "debug"}


def test_a_mistake_in_a_variable_names_the_variable_and_no_line(tmp_path: Path) -> None:
    error = fault(tmp_path, "", {"SYNCER_DAEMON__LISTEN": "8722"})

    assert error.file == "environment variable SYNCER_DAEMON__LISTEN"
    assert (error.key, error.line) == ("daemon.listen", None)


# -- mistakes --------------------------------------------------------------------------------------

DURATION = "Write it with its unit"
MISTAKES = [
    ("daemon", 'listen = "8722"', "listen", 'Like "127.0.0.1:8722", or "off"'),
    ("daemon", 'listen = "127.0.0.1"', "listen", 'is not "host:port"'),
    ("daemon", 'listen = ":8722"', "listen", 'is not "host:port"'),
    ("daemon", 'listen = "127.0.0.1:99999"', "listen", 'is not "host:port"'),
    ("daemon", 'listen = "127.0.0.1:²"', "listen", 'is not "host:port"'),
    ("daemon", 'listen = "http://127.0.0.1:8722"', "listen", 'is not "host:port"'),
    ("daemon", 'listen = "my host:8722"', "listen", 'is not "host:port"'),
    ("daemon", "listen = 8722", "listen", "should be a string"),
    ("daemon", 'url = "syncer.acme.example"', "url", 'like "https://syncer.acme.example"'),
    ("daemon", 'url = "ftp://acme.example"', "url", "is not an address"),
    ("daemon", 'url = "https://[acme.example"', "url", "is not an address"),
    ("daemon", 'url = "https://acme.example:99999"', "url", "is not an address"),
    ("daemon", 'url = "https://acme.example/?a=b"', "url", "is not an address"),
    ("daemon", 'url = "https://acme.example/#a"', "url", "is not an address"),
    ("daemon", "grace = 30", "grace", DURATION),
    ("daemon", 'grace = "30"', "grace", DURATION),
    ("daemon", 'grace = "-1s"', "grace", DURATION),
    ("daemon", 'jitter = "a little"', "jitter", DURATION),
    ("daemon", 'sweep = "daily"', "sweep", "five cron fields"),
    ("daemon", 'sweep = "61 3 * * *"', "sweep", "Write 0 to 59"),
    ("daemon", 'audit = "0 3 * * 1"', "audit", "mon-fri"),
    ("daemon", 'timezone = "Mars/Olympus"', "timezone", 'Like "Europe/Berlin"'),
    ("daemon", 'timezone = "../../etc/passwd"', "timezone", "is no time zone"),
    ("daemon", 'replay_window = "5"', "replay_window", DURATION),
    ("daemon", "largest_delivery = 0", "largest_delivery", "greater than 0"),
    ("daemon", 'largest_delivery = "5MB"', "largest_delivery", "should be an integer"),
    ("daemon", 'lisen = "off"', "lisen", 'Did you mean "listen"?'),
    ("daemon", "alerts = 3", "alerts", "must be a table"),
    ("daemon.alerts", "after = 900", "after", DURATION),
    ("daemon.alerts", 'repeat = "daily"', "repeat", DURATION),
    ("daemon.alerts", 'afer = "1h"', "afer", 'Did you mean "after"?'),
    ("daemon.alerts", 'url = "https://chat.example/T0/B0/word"', "url", 'Refer to it: "env:NAME"'),
    ("daemon.alerts", 'url = "env:"', "url", "nothing follows"),
    ("log", 'format = "xml"', "format", "'console', 'json'"),
    ("log", 'level = "warn"', "level", "'debug', 'info', 'warning', 'error'"),
    ("log", 'levels = "debug"', "levels", "must be a table"),
    ("log", 'levels = { hook = "loud" }', "levels.hook", "'debug', 'info', 'warning', 'error'"),
    ("log", 'levels = { hok = "debug" }', "levels", 'Did you mean "hook"?'),
    ("log", 'emails = "maybe"', "emails", "should be a boolean"),
    ("log", 'levl = "info"', "levl", 'Did you mean "level"?'),
    ("store", "keep = 90", "keep", "must be a table"),
    ("store.keep", "runs = 90", "runs", DURATION),
    ("store.keep", 'audit = "1y"', "audit", DURATION),
    ("store.keep", 'run = "90d"', "run", 'Did you mean "runs"?'),
]


@pytest.mark.parametrize(("table", "said", "key", "says"), MISTAKES)
def test_a_mistake_is_named_with_its_file_its_line_its_key_and_a_way_out(
    tmp_path: Path, table: str, said: str, key: str, says: str
) -> None:
    error = fault(tmp_path, f"[{table}]\n{said}\n")

    assert (error.file, error.key, error.line) == (str(tmp_path / "config.toml"), f"{table}.{key}", 2)
    assert says in str(error)
    assert "\n" not in str(error)


def test_a_password_in_the_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    error = fault(tmp_path, '[daemon]\nurl = "https://me:open-sesame@acme.example"')

    assert error.key == "daemon.url"
    assert "open-sesame" not in redact(str(error))


# -- secrets of webhooks ---------------------------------------------------------------------------


def opened(config: Config) -> list[str]:
    return [s.get_secret_value() for s in config.connections["web"].hook_secrets]


def test_a_connection_has_no_secret_of_webhooks_unless_said(tmp_path: Path) -> None:
    assert opened(loaded(tmp_path, TRACKER, {"TOKEN": "the-token"}, secrets=True)) == []


def test_one_reference_stands_for_a_list_of_one(tmp_path: Path) -> None:
    environ = {"TOKEN": "the-token", "HOOK": "the-hook-secret"}

    config = loaded(tmp_path, TRACKER + 'webhook_secret = "env:HOOK"', environ, secrets=True)

    assert opened(config) == ["the-hook-secret"]


def test_of_several_secrets_the_order_is_kept(tmp_path: Path) -> None:
    (tmp_path / "new.secret").write_text("the-new-secret\n")
    environ = {"TOKEN": "the-token", "OLD": "the-old-secret"}

    config = loaded(tmp_path, TRACKER + 'webhook_secret = ["file:new.secret", "env:OLD"]', environ, secrets=True)

    assert opened(config) == ["the-new-secret", "the-old-secret"]


def test_without_secrets_only_the_shape_of_a_reference_is_looked_at(tmp_path: Path) -> None:
    connection = loaded(tmp_path, TRACKER + 'webhook_secret = "env:HOOK"').connections["web"]

    assert (connection.hook_references, connection.hook_secrets) == (("env:HOOK",), ())


def test_who_takes_no_webhooks_needs_no_secret_of_theirs(tmp_path: Path) -> None:
    config = loaded(tmp_path, TRACKER + 'webhook_secret = "env:HOOK"')

    connection = config.unlocked(environ={"TOKEN": "the-token"}).connections["web"]

    assert (connection.references, connection.hook_secrets) == ({}, ())


def test_it_is_none_of_the_connectors_own_settings(tmp_path: Path) -> None:
    connection = loaded(tmp_path, TRACKER + 'webhook_secret = "env:HOOK"').connections["web"]

    assert "webhook_secret" not in connection.options.model_dump()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("3", "a reference, or a list of them"),
        ('""', 'Like "env:JIRA_WEBHOOK_SECRET"'),
        ('["env:HOOK", ""]', "a reference, or a list of them"),
        ('{ is = "env:HOOK" }', "a reference, or a list of them"),
        ('"env:"', "nothing follows"),
        ('"keyring:syncer"', "keyring:service/user"),
        ('"open-sesame"', "does not belong in a file"),
        ('["env:HOOK", "open-sesame"]', "does not belong in a file"),
    ],
)
def test_a_secret_that_is_no_reference_is_refused_and_not_shown(tmp_path: Path, said: str, says: str) -> None:
    error = fault(tmp_path, TRACKER + f"webhook_secret = {said}\n")

    assert (error.key, error.line) == ("connections.web.webhook_secret", 5)
    assert says in str(error)
    assert "open-sesame" not in str(error)


def test_a_written_out_secret_passes_only_for_a_tracker_on_this_machine(tmp_path: Path) -> None:
    assert opened(loaded(tmp_path, SANDBOX + 'webhook_secret = "open-sesame"')) == ["open-sesame"]


def test_a_misspelt_key_is_told_the_right_one(tmp_path: Path) -> None:
    error = fault(tmp_path, TRACKER + 'webhook_secrets = "env:HOOK"')

    assert 'Did you mean "webhook_secret"?' in str(error)


def test_a_secret_that_cannot_be_had_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    text = TRACKER + 'webhook_secret = ["env:TOKEN", "env:HOOK"]\n'

    error = fault(tmp_path, text, {"TOKEN": "the-token-itself"}, secrets=True)

    assert (error.file, error.key, error.line) == (
        str(tmp_path / "config.toml"),
        "connections.web.webhook_secret",
        5,
    )
    assert "environment variable HOOK is not set" in str(error)
    assert "the-token-itself" not in str(error)


@pytest.mark.parametrize(
    ("head", "said"), [(TRACKER, "env:HOOK"), (SANDBOX, "hook-secret-itself")], ids=["referred to", "written out"]
)
def test_a_known_secret_shows_neither_in_the_config_nor_in_a_log(tmp_path: Path, head: str, said: str) -> None:
    environ = {"TOKEN": "the-token-itself", "HOOK": "hook-secret-itself"}

    config = loaded(tmp_path, head + f'webhook_secret = "{said}"', environ, secrets=True)

    assert opened(config) == ["hook-secret-itself"]
    assert "hook-secret-itself" not in repr(config)
    assert redact("it said hook-secret-itself") == "it said [secret]"


# -- other secrets ---------------------------------------------------------------------------------

SYNCED = SANDBOX + SANDBOX.replace("web]", "api]") + '[syncs.roadmap]\nconnections = ["web", "api"]\n'


def test_an_address_of_alerts_that_cannot_be_had_is_named_by_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALERTS", raising=False)
    config = loaded(tmp_path, '[daemon.alerts]\nurl = "env:ALERTS"\n' + SYNCED)

    with closing(Store.open(f"sqlite:///{tmp_path}/syncer.db")) as store, pytest.raises(ConfigError) as caught:
        prepare(config.file, store)

    assert (caught.value.key, caught.value.line) == ("daemon.alerts.url", 2)
    assert "ALERTS is not set" in str(caught.value)


def test_a_key_of_the_database_that_cannot_be_had_is_named_by_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEY", raising=False)
    config = loaded(tmp_path, '[store]\nkey = "env:KEY"\n')

    with pytest.raises(ConfigError) as caught:
        open_store(config)

    assert (caught.value.key, caught.value.line) == ("store.key", 2)
