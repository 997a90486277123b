"""One item's story: who, when, where, from, to, why, on every tracker."""

from __future__ import annotations

import asyncio

import pytest

from syncer.errors import ConfigError
from syncer.resolve import resolve_hold
from syncer.store import items, records
from syncer.story import Story, story_of, told
from tests.properties.board import Board, board


def story(b: Board, item: str) -> Story:
    return story_of(b.store, item)


def acts(found: Story, field: str | None = None) -> list[tuple[str, str, object]]:
    return [
        (e["act"], e["connection"], e["to"])
        for e in found.document()["entries"]
        if field is None or e["field"] == field
    ]


def key(b: Board, connection: str, record: str) -> str:
    return f"{connection}:{b.trackers[connection].row(record).key}"


def test_an_edit_is_told_with_where_it_was_made_and_where_it_was_written() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Two")
    run = b.sync().run

    found = story(b, key(b, "a", one))

    edit, *writes = [e for e in found.document()["entries"] if e["run"] == run and e["field"] == "title"]
    assert (edit["act"], edit["connection"], edit["from"], edit["to"]) == ("edit", "b", "One", "Two")
    assert {(w["act"], w["connection"], w["from"], w["to"], w["who"]) for w in writes} == {
        ("update", "a", "One", "Two", "syncer"),
        ("update", "c", "One", "Two", "syncer"),
    }
    assert found.title == "Two"


@pytest.mark.parametrize("named", ["key", "url", "link", "lower"])
def test_an_item_goes_by_key_address_or_link(named: str) -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.trackers["a"].add("Other")
    b.sync()
    said = key(b, "a", one)
    words = {
        "key": said,
        "lower": said.lower(),
        "url": f"https://a.example/{b.trackers['a'].row(one).key}",
        "link": story(b, said).link,
    }

    assert story(b, words[named]).title == "One"


def test_an_unknown_item_is_told_how_items_are_named() -> None:
    with pytest.raises(ConfigError, match=r"a:NOPE-1.*<connection>:<key>"):
        story(board(), "a:NOPE-1")


def test_an_overruled_value_is_told_beside_what_it_gave_way_to() -> None:
    b = board(conflicts="prefer:a")
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="From b")
    b.sync()

    found = story(b, key(b, "a", one))

    assert ("overruled", "b", "From a") in acts(found, "title")
    assert "    title: From b gave way to From a" in list(told(found))


def test_a_person_s_answer_to_a_held_field_is_told() -> None:
    b = board(conflicts="ask")
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="From b")
    (hold,) = b.sync().held
    asyncio.run(resolve_hold(b.store, hold.id, take="b", value=None))
    b.sync()

    found = story(b, key(b, "a", one))

    (resolved,) = [e for e in found.document()["entries"] if e["act"] == "resolved"]
    assert (resolved["field"], resolved["to"], resolved["who"]) == ("title", "From b", "a person")
    assert "settled what was held" in "\n".join(told(found))


def test_comments_are_told() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.trackers["a"].say(one, "Words")
    b.sync()

    found = story(b, key(b, "a", one))

    assert sorted(c for act, c, _ in acts(found) if act == "comment") == ["b", "c"]


def test_a_story_is_told_oldest_first_with_its_runs() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    first = b.sync().run
    b.trackers["a"].edit(one, headline="Two")
    second = b.sync().run

    found = story(b, key(b, "a", one)).document()["entries"]

    assert [e["at"] for e in found] == sorted(e["at"] for e in found)
    assert list(dict.fromkeys(e["run"] for e in found)) == [first, second]


def test_titles_and_names_cannot_drive_the_terminal() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].edit(one, headline="\x1b[31mRed\u202e")
    b.sync()

    lines = list(told(story(b, key(b, "a", one))))

    assert "Red" in "".join(lines)
    assert not [c for c in "".join(lines) if c in "\x1b\u202e"]


def test_a_long_text_is_shortened_and_an_erased_one_is_told_as_erased() -> None:
    b = board()
    one = b.trackers["a"].add("One", text="word " * 100)
    b.sync()
    with b.store.write() as tx:
        for line in list(records.export(tx)):
            for name in line.get("texts", {}):
                records.erase(tx, name)

    lines = "\n".join(told(story(b, key(b, "a", one))))

    assert "a text of 499 characters, erased" in lines
    assert "word word" not in lines


def test_the_story_survives_the_parting_of_the_item() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    name = key(b, "a", one)
    link = story(b, name).link
    with b.store.write() as tx:
        for row in items.rows_of_links(tx, [link])[link].values():
            items.join(tx, "s", row.copy.ref, None)
        items.drop_link(tx, link)

    assert story(b, name).link == link
    assert next(told(story(b, name))) == f"(no longer linked)  {link}"
