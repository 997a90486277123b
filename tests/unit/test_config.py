"""config.toml and the environment: what is read, and what a mistake says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, cast

import pytest
from pydantic import BaseModel, Field, SecretStr

from syncer.config import Config, find, load
from syncer.connector import Connector, Plugin, Setting
from syncer.errors import ConfigError


class BoardSettings(BaseModel, extra="forbid", frozen=True):
    """A stranger's settings, with a secret and an alias."""

    url: str = "https://board.example"
    token: SecretStr
    board: str
    size: int = Field(default=1, alias="page-size")


class Board:
    """A stranger's plugin."""

    name: ClassVar[str] = "board"
    version: ClassVar[str] = "1"
    abilities: ClassVar[frozenset[str]] = frozenset()
    settings: ClassVar[type[BaseModel]] = BoardSettings
    fields: ClassVar[frozenset[str]] = frozenset({"title"})

    def connect(self, setting: Setting) -> Connector:
        raise NotImplementedError(setting.connection)


def stranger(name: str) -> Plugin:
    if name != "board":
        raise ConfigError(f'no connector "{name}" is installed.', fix='Did you mean "board"?')
    return Board()


THREE = """\
[connections.one]
connector = "board"
token = "env:ONE"
board = "A"

[connections.two]
connector = "board"
url = "http://127.0.0.1:9000"
token = "written-out"
board = "B"

[connections.big-three]
connector = "board"
token = "file:three.token"
board = "C"
"""
SYNC = """
[syncs.roadmap]
connections = ["one", "two"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def loaded(folder: Path, text: str = THREE + SYNC, environ: Mapping[str, str] | None = None) -> Config:
    path = written(folder, text)
    return load(path, environ=environ or {}, secrets=False, plugin=stranger)


def fault(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, environ)
    return caught.value


def board(config: Config, name: str) -> BoardSettings:
    return cast("BoardSettings", config.connections[name].options)


# -- what is read ----------------------------------------------------------------------------------


def test_what_is_not_said_has_the_documented_default(tmp_path: Path) -> None:
    sync = loaded(tmp_path).syncs["roadmap"]

    assert (sync.every, sync.cron, sync.settle_wait) == (120.0, None, 60.0)
    assert (sync.conflicts, sync.on_gone, sync.match, sync.on_link) == ("newest", "keep", "marker", "oldest")
    assert (sync.create.from_, sync.create.in_) == (("one", "two"), ("one", "two"))
    assert sync.limits.model_dump() == {
        "creates": 200,
        "updates": 500,
        "closes": 20,
        "archives": 20,
        "flaps": 4,
    }


def test_a_database_path_starts_at_the_config_file(tmp_path: Path) -> None:
    assert loaded(tmp_path).store.url == f"sqlite:///{tmp_path.resolve()}/syncer.db"


def test_postgresql_is_reached_by_the_driver_we_install(tmp_path: Path) -> None:
    config = loaded(tmp_path, '[store]\nurl = "postgresql://me@db/x"')

    assert config.store.url == "postgresql+psycopg://me@db/x"


def test_durations_are_read_in_seconds(tmp_path: Path) -> None:
    config = loaded(tmp_path, THREE + SYNC + 'every = "1.5h"\nsettle_wait = "500ms"')

    assert (config.syncs["roadmap"].every, config.syncs["roadmap"].settle_wait) == (5400.0, 0.5)


def test_a_cron_line_takes_the_place_of_every(tmp_path: Path) -> None:
    sync = loaded(tmp_path, THREE + SYNC + 'cron = "*/5 8-18 * jan,feb mon-fri"').syncs["roadmap"]

    assert (sync.every, sync.cron) == (None, "*/5 8-18 * jan,feb mon-fri")


@pytest.mark.parametrize(("said", "read"), [("false", False), ("true", True)])
def test_comments_may_be_switched_off_and_on(tmp_path: Path, said: str, read: bool) -> None:  # noqa: FBT001 -- a case
    comments = loaded(tmp_path, THREE + SYNC + f"comments = {said}").syncs["roadmap"].comments

    assert bool(comments) is read


def test_one_name_stands_for_a_list_of_one(tmp_path: Path) -> None:
    sync = loaded(tmp_path, THREE + SYNC + 'create = { from = "one" }\nwhere = { kind = "epic" }').syncs["roadmap"]

    assert (sync.create.from_, sync.create.in_, sync.where.kind) == (("one",), ("one", "two"), ("epic",))


def test_a_policy_that_is_not_said_is_no_policy(tmp_path: Path) -> None:
    sync = loaded(tmp_path, THREE + SYNC + 'fields = { due = { owner = "one" } }').syncs["roadmap"]

    assert sync.policy("due").owner == "one"
    assert sync.policy("title").owner is None


def test_inline_words_lie_on_top_of_the_mapping_file(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('[fields.status]\nstarted = ["Doing", "Checking"]\ndone = "Shipped"\n')
    text = THREE.replace('board = "A"', 'board = "A"\nmapping = "ours.toml"')
    config = loaded(tmp_path, text + '[connections.one.map.fields.status]\nreview = "Checking"\n')

    tables = config.connections["one"].tables
    assert tables.raw("status") == {"review": ["Checking"], "started": ["Doing"], "done": ["Shipped"]}
    assert tables.file == str(tmp_path / "ours.toml")


def test_without_a_mapping_file_the_config_is_the_place_to_add_a_word(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"

    assert loaded(tmp_path).connections["one"].tables.file == f"[connections.one.map] in {path}"


# -- secrets ---------------------------------------------------------------------------------------


def test_loading_without_secrets_looks_none_up_but_keeps_their_references(tmp_path: Path) -> None:
    config = loaded(tmp_path)

    assert config.connections["one"].references == {"token": "env:ONE"}
    assert config.connections["big-three"].references == {"token": "file:three.token"}


def test_loading_with_secrets_resolves_every_one(tmp_path: Path) -> None:
    (tmp_path / "three.token").write_text("third-secret\n")
    config = load(written(tmp_path, THREE), environ={"ONE": "first-secret"}, plugin=stranger)

    assert board(config, "one").token.get_secret_value() == "first-secret"
    assert board(config, "big-three").token.get_secret_value() == "third-secret"


def test_only_the_secrets_asked_for_are_unlocked(tmp_path: Path) -> None:
    config = loaded(tmp_path).unlocked(["one", "two"], environ={"ONE": "first-secret"})

    assert board(config, "one").token.get_secret_value() == "first-secret"
    assert config.connections["big-three"].references == {"token": "file:three.token"}


def test_a_missing_secret_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path).unlocked(environ={})

    assert (caught.value.key, caught.value.line) == ("connections.one.token", 3)
    assert "environment variable ONE is not set" in str(caught.value)


def test_a_written_out_token_passes_only_to_this_machine(tmp_path: Path) -> None:
    text = THREE.replace("http://127.0.0.1:9000", "https://board.example")

    error = fault(tmp_path, text)

    assert error.key == "connections.two.token"
    assert "written-out" not in str(error)


def test_a_written_out_token_for_a_sandbox_is_taken_as_it_is(tmp_path: Path) -> None:
    assert board(loaded(tmp_path), "two").token.get_secret_value() == "written-out"


# -- the environment -------------------------------------------------------------------------------


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environ = {
        "SYNCER_CONNECTIONS__ONE__BOARD": "Z",
        "SYNCER_SYNCS__ROADMAP__EVERY": "7s",
        "SYNCER_SYNCS__ROADMAP__LIMITS__CREATES": "3",
        "SYNCER_SYNCS__ROADMAP__CONNECTIONS": '["two", "big-three"]',
        "SYNCER_SYNCS__ROADMAP__COMMENTS": "false",
        "SYNCER_STORE__URL": "sqlite:///other.db",
    }

    config = loaded(tmp_path, environ=environ)

    sync = config.syncs["roadmap"]
    assert board(config, "one").board == "Z"
    assert (sync.every, sync.limits.creates, sync.connections) == (7.0, 3, ("two", "big-three"))
    assert sync.comments is False
    assert config.store.url.endswith("/other.db")


def test_a_text_of_digits_stays_a_text(tmp_path: Path) -> None:
    config = loaded(tmp_path, environ={"SYNCER_CONNECTIONS__ONE__BOARD": "007"})

    assert board(config, "one").board == "007"


def test_a_dash_in_a_name_is_an_underscore_in_a_variable(tmp_path: Path) -> None:
    config = loaded(tmp_path, environ={"SYNCER_CONNECTIONS__BIG_THREE__BOARD": "Z"})

    assert board(config, "big-three").board == "Z"
    assert len(config.connections) == 3


def test_a_mistake_in_a_variable_names_the_variable(tmp_path: Path) -> None:
    error = fault(tmp_path, THREE + SYNC, {"SYNCER_SYNCS__ROADMAP__EVERY": "soon"})

    assert error.file == "environment variable SYNCER_SYNCS__ROADMAP__EVERY"
    assert (error.key, error.line) == ("syncs.roadmap.every", None)


def test_a_variable_for_a_section_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    error = fault(tmp_path, THREE, {"SYNCER_CONECTIONS__ONE__BOARD": "Z"})

    assert 'Did you mean "CONNECTIONS"?' in str(error)


def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    assert loaded(tmp_path, environ={"SYNCER_KEY": "k", "SYNCER_CONFIG": "c", "HOME": "/"}).syncs


# -- mistakes --------------------------------------------------------------------------------------

IN_SYNC = [
    ('connections = ["one"]', "connections", "at least two"),
    ('connections = ["one", "one"]', "connections", "named twice"),
    ('connections = ["one", "tow"]', "connections", 'Did you mean "two"?'),
    ('every = "2 weeks"', "every", "is not a duration"),
    ("every = 120", "every", "Write it with its unit"),
    ('every = "0s"', "every", "longer than nothing"),
    ('every = "2m"\ncron = "* * * * *"', "cron", "Keep one of them"),
    ('cron = "* * * *"', "cron", "five cron fields"),
    ('cron = "61 * * * *"', "cron", "is no minute"),
    ('cron = "* 18-8 * * *"', "cron", "is no hour"),
    ('cron = "* * * * 1-5"', "cron", "mon-fri"),
    ('conflicts = "newst"', "conflicts", "newest, ask, prefer:<connection>"),
    ('conflicts = "prefer:big-three"', "conflicts", "is not a connection of this sync"),
    ('on_link = "newest"', "on_link", "oldest, ask"),
    ('on_gone = "delete"', "on_gone", "'keep', 'close', 'archive'"),
    ('evry = "2m"', "evry", 'Did you mean "every"?'),
    ('name = "x"', "name", 'unknown key "name"'),
    ('create = { from = ["x"] }', "create.from", "is not a connection of this sync"),
    ('create = { form = ["one"] }', "create.form", 'Did you mean "from"?'),
    ('where = { kind = ["epik"] }', "where.kind", 'Did you mean "epic"?'),
    ('where = { lables = ["x"] }', "where.lables", 'Did you mean "labels"?'),
    ("fields = { titel = { skip = true } }", "fields.titel", 'Did you mean "title"?'),
    ('fields = { due = { onwer = "one" } }', "fields.due.onwer", 'Did you mean "owner"?'),
    ('fields = { due = { owner = "x" } }', "fields.due.owner", "is not a connection of this sync"),
    ('fields = { due = { owner = "one", skip = true } }', "fields.due", "contradict"),
    ('fields = { due = { ignore = ["x"] } }', "fields.due", "due has none"),
    ("limits = { creates = -1 }", "limits.creates", "greater than or equal to 0"),
    ("limits = { create = 1 }", "limits.create", 'Did you mean "creates"?'),
    ("comments = { backfil = true }", "comments.backfil", 'Did you mean "backfill"?'),
    ('disclose = { to = ["x"] }', "disclose.to", "is not a connection of this sync"),
    ("disclose = { comments = true }", "disclose.to", "to is missing"),
    ('disclose = { to = ["two"], redact = ["("] }', "disclose.redact", "not a regular expression"),
]


@pytest.mark.parametrize(("said", "key", "says"), IN_SYNC)
def test_a_mistake_in_a_sync_is_named_with_its_key_and_a_way_out(
    tmp_path: Path, said: str, key: str, says: str
) -> None:
    head = "\n[syncs.roadmap]\n" if said.startswith("connections") else SYNC

    error = fault(tmp_path, THREE + head + said)

    assert error.key == f"syncs.roadmap.{key}"
    assert says in str(error)
    assert error.line is not None
    assert "\n" not in str(error)


IN_CONNECTION = [
    ("", "connector", "connector is missing"),
    ('connector = "bord"', "connector", 'Did you mean "board"?'),
    ('connector = "board"\ntoken = "env:T"', "board", "board is missing"),
    ('connector = "board"\ntoken = "env:T"\nboard = "A"\nbord = "B"', "bord", 'Did you mean "board"?'),
    ('connector = "board"\ntoken = "env:T"\nboard = "A"\nmaping = "B"', "maping", 'Did you mean "mapping"?'),
    ('connector = "board"\ntoken = "env:T"\nboard = 7', "board", "should be a string"),
    (
        'connector = "board"\ntoken = "env:T"\nboard = "A"\nurl = "http://b.example"',
        "url",
        "only to loopback",
    ),
    ('connector = "board"\ntoken = "env:T"\nboard = "A"\nurl = "b.example"', "url", "not an http(s) URL"),
    (
        'connector = "board"\ntoken = "env:T"\nboard = "A"\nurl = "https://u:p@b.example"',
        "url",
        "credentials",
    ),
    ('connector = "board"\ntoken = "env:"\nboard = "A"', "token", "nothing follows"),
    ('connector = "board"\ntoken = "env:T"\nboard = "A"\nmapping = "no.toml"', "mapping", "there is no file"),
    ('connector = "board"\ntoken = "env:T"\nboard = "A"\nmap = 3', "map", "must be a table"),
    ('connector = "board"\ntoken = "env:T"\nboard = "A"\nwhere = 3', "where", "must be a table"),
]


@pytest.mark.parametrize(("said", "key", "says"), IN_CONNECTION)
def test_a_mistake_in_a_connection_is_named_with_its_key(tmp_path: Path, said: str, key: str, says: str) -> None:
    error = fault(tmp_path, f"[connections.c]\n{said}\n")

    assert error.key == f"connections.c.{key}"
    assert says in str(error)
    assert error.line is not None


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("[conections.x]", "conections", 'Did you mean "connections"?'),
        ('[connections."a b"]', 'connections."a b"', "letters, digits"),
        ('[store]\nurl = "mysql://x"', "store.url", "not a database we can use"),
        ('[store]\nkey = "written-out"', "store.key", "does not belong in a file"),
        (THREE + '[people."j@x"]\ntree = "j"', 'people."j@x".tree', "no connection"),
        (THREE + '[people."j@x"]\none = 7', 'people."j@x".one', "as text"),
    ],
)
def test_a_mistake_elsewhere_is_named_with_its_key(tmp_path: Path, text: str, key: str, says: str) -> None:
    error = fault(tmp_path, text)

    assert error.key == key
    assert says in str(error)


def test_two_syncs_over_the_same_two_connections_are_refused(tmp_path: Path) -> None:
    other = '\n[syncs.other]\nconnections = ["big-three", "two", "one"]\n'

    error = fault(tmp_path, THREE + SYNC + other)

    assert error.key == "syncs.other.connections"
    assert "sync roadmap already" in str(error)


def test_two_syncs_may_share_one_connection(tmp_path: Path) -> None:
    other = '\n[syncs.other]\nconnections = ["big-three", "two"]\n'

    assert set(loaded(tmp_path, THREE + SYNC + other).syncs) == {"roadmap", "other"}


def test_a_text_that_is_not_toml_is_named_with_its_line(tmp_path: Path) -> None:
    error = fault(tmp_path, "[store]\nurl = oops\n")

    assert error.line == 2
    assert "not TOML" in str(error)


# -- finding the file ------------------------------------------------------------------------------


def test_the_file_given_comes_before_the_variable_and_that_before_the_folder(tmp_path: Path) -> None:
    given, said, here = tmp_path / "given.toml", tmp_path / "said.toml", tmp_path / "config.toml"
    for path in (given, said, here):
        path.touch()
    environ = {"SYNCER_CONFIG": str(said)}

    assert find(given, environ=environ, cwd=tmp_path) == given
    assert find(None, environ=environ, cwd=tmp_path) == said
    assert find(None, environ={}, cwd=tmp_path) == here


def test_a_missing_file_says_what_to_type_next(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.example\.toml.*syncer demo"):
        find(None, environ={}, cwd=tmp_path)
