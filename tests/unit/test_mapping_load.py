"""Mapping layers laid over each other, and what a mistake in one of them says."""

from __future__ import annotations

import tomllib

import pytest

from syncer.config import shipped_mapping
from syncer.errors import ConfigError
from syncer.mapping.load import Layer, load
from syncer.mapping.schema import Tables
from syncer.mapping.source import line_of
from syncer.model import KINDS, PRIORITIES, STATUSES

SHIPPED = """\
default_kind = "task"
[categories.status]
new = "planned"
[fields.status]
planned = ["To Do", "Open"]
started = ["In Progress", "In Review"]
done = [{ state = "closed", reason = "completed" }, { state = "closed" }]
"""


def layer(text: str, name: str = "mappings/ours.toml") -> Layer:
    return Layer(name, tomllib.loads(text), text)


def laid(*texts: str) -> Tables:
    return load([layer(text, f"layer{n}.toml") for n, text in enumerate(texts)])


def fault(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load([layer(SHIPPED, "shipped"), layer(text)])
    return caught.value


def test_a_bare_word_is_kept_under_the_codecs_primary() -> None:
    words = laid('[fields.status]\nreview = "In Review"').fields["status"].words

    assert words == {"review": ({"": "In Review"},)}


def test_a_scalar_a_table_and_a_list_of_both_are_words() -> None:
    tables = laid('[fields.priority]\nnone = 0\nlow = { priority = 4 }\nhigh = ["High", { label = "p1" }]')

    assert tables.raw("priority") == {
        "none": [0],
        "low": [{"priority": 4}],
        "high": ["High", {"label": "p1"}],
    }


def test_a_later_layer_replaces_the_list_of_a_value_and_leaves_the_others() -> None:
    tables = laid(SHIPPED, '[fields.status]\nplanned = "Next"')

    assert tables.raw("status")["planned"] == ["Next"]
    assert tables.raw("status")["started"] == ["In Progress", "In Review"]


def test_a_word_claimed_by_a_later_layer_is_taken_from_the_value_that_had_it() -> None:
    tables = laid(SHIPPED, '[fields.status]\nreview = ["in review"]')

    assert tables.raw("status")["started"] == ["In Progress"]


def test_a_value_whose_only_word_is_claimed_has_no_word_left() -> None:
    tables = laid('[fields.status]\ndone = "Shipped"', '[fields.status]\ncanceled = "Shipped"')

    assert set(tables.fields["status"].words) == {"canceled"}


def test_an_empty_list_says_there_is_no_word_here() -> None:
    tables = laid(SHIPPED, "[fields.status]\nplanned = []")

    assert "planned" not in tables.fields["status"].words


def test_a_tie_goes_to_the_later_layer_because_its_values_come_first() -> None:
    tables = laid(SHIPPED, '[fields.status]\nreview = "Checking"')

    assert next(iter(tables.fields["status"].words)) == "review"


def test_every_value_knows_the_layer_its_words_came_from() -> None:
    tables = laid(SHIPPED, '[fields.status]\nreview = "Checking"')

    assert tables.fields["status"].source["review"] == "layer1.toml"
    assert tables.fields["status"].source["planned"] == "layer0.toml"


def test_a_native_field_survives_a_later_layer_that_does_not_speak_of_it() -> None:
    tables = laid('[fields.estimate]\nfield = "Story Points"', '[fields.start]\nfield = "customfield_10015"')

    assert tables.for_setting() == {
        "estimate": {"field": "Story Points"},
        "start": {"field": "customfield_10015"},
    }


def test_categories_of_two_layers_are_united() -> None:
    tables = laid(SHIPPED, '[categories.status]\nnew = "backlog"\ndone = "done"')

    assert tables.categories == {"status": {"new": "backlog", "done": "done"}}


def test_the_digest_moves_with_the_meaning_and_not_with_the_file() -> None:
    inline = load([layer(SHIPPED, "a"), layer('[fields.status]\nreview = "Checking"', "b")])
    elsewhere = load([layer(SHIPPED, "c"), layer('[fields.status]\nreview = "Checking"', "d")], file="e")
    reordered = load([layer(SHIPPED.replace('"To Do", "Open"', '"Open", "To Do"'), "a")])

    assert inline.digest == elsewhere.digest
    assert len({load([layer(SHIPPED)]).digest, inline.digest, reordered.digest}) == 3


def test_nothing_at_all_is_a_mapping_with_the_kind_task() -> None:
    assert load([]).default_kind == "task"


@pytest.mark.parametrize(
    ("text", "key", "line", "says"),
    [
        ('[fields.status]\nplaned = "Next"', "fields.status.planed", 2, 'Did you mean "planned"?'),
        ('[field.status]\nplanned = "Next"', "field", 1, 'Did you mean "fields"?'),
        ('[fields.statuss]\nplanned = "Next"', "fields.statuss", 1, 'Did you mean "status"?'),
        ('default_kind = "taks"', "default_kind", 1, 'Did you mean "task"?'),
        ('[categories.status]\nnew = "plannd"', "categories.status.new", 2, 'Did you mean "planned"?'),
        ('[categories.kind]\nnew = "task"', "categories.kind", 1, "only status has categories"),
        ("[fields.status]\nplanned = {}", "fields.status.planned", 2, "match every record"),
        ('[fields.status]\nplanned = [["a"]]', "fields.status.planned", 2, "a word is a text"),
        ('[fields.labels]\nplanned = "x"', "fields.labels.planned", 2, 'unknown key "planned"'),
        ("[fields.start]\nfield = 7", "fields.start.field", 2, "name or id"),
        ("fields = 3", "fields", 1, "must be a table"),
    ],
)
def test_a_mistake_is_named_with_file_key_line_and_a_way_out(text: str, key: str, line: int, says: str) -> None:
    error = fault(text)

    assert (error.file, error.key, error.line) == ("mappings/ours.toml", key, line)
    assert says in str(error)


def test_one_word_under_two_values_of_a_layer_is_a_mistake_that_names_both() -> None:
    error = fault('[fields.status]\nstarted = ["Doing"]\nreview = ["Check", "doing"]')

    assert (error.key, error.line) == ("fields.status.review", 3)
    assert '"doing"' in error.message
    assert '"started"' in error.message


def test_inline_words_are_found_by_their_line_in_the_config_file() -> None:
    text = '[connections.jira]\nconnector = "jira"\n[connections.jira.map.fields.status]\nreviw = "x"\n'
    inline = tomllib.loads(text)["connections"]["jira"]["map"]

    with pytest.raises(ConfigError) as caught:
        load([Layer("config.toml", inline, text, ("connections", "jira", "map"))])

    assert caught.value.key == "connections.jira.map.fields.status.reviw"
    assert caught.value.line == 4


def test_a_key_that_is_missing_points_to_the_table_it_is_missing_from() -> None:
    text = "[a]\nb = 1\n[people.\"jane@acme.example\"]  # her\njira = 'x'\n"

    assert line_of(text, ("people", "jane@acme.example", "github")) == 3
    assert line_of(text, ("people", "jane@acme.example", "jira")) == 4
    assert line_of(text, ("nothing",)) is None


@pytest.mark.parametrize("name", ["jira", "github", "linear"])
def test_the_shipped_mapping_loads(name: str) -> None:
    source = shipped_mapping(name)

    assert source is not None
    assert load([source]).fields["status"].words


def test_jiras_shipped_mapping_has_a_word_for_every_status() -> None:
    source = shipped_mapping("jira")

    assert source is not None
    tables = load([source])
    assert set(tables.fields["status"].words) == set(STATUSES)
    assert set(tables.fields["priority"].words) == set(PRIORITIES)
    assert set(tables.fields["kind"].words) <= set(KINDS)


def test_a_strangers_plugin_may_ship_no_mapping() -> None:
    assert shipped_mapping("somebody-elses") is None
