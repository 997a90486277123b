"""Nobody is pinged, and no item linked, by a mirrored text."""

from __future__ import annotations

import pytest

from syncer.text import canonical, live, neutralise, revive

Z = "\u200b"


@pytest.mark.parametrize(
    ("text", "silent"),
    [
        ("hi @bob", f"hi @{Z}bob"),
        ("@org/team, please", f"@{Z}org/team, please"),
        ("(@bob) @bob's **@amy**", f"(@{Z}bob) @{Z}bob's **@{Z}amy**"),
        ("_@bob_", f"_@{Z}bob_"),
        ("&#64;bob &commat;amy", f"@{Z}bob @{Z}amy"),
        ("fixes #12", f"fixes #{Z}12"),
        ("#12 and owner/repo#3", f"#{Z}12 and owner/repo#{Z}3"),
        ("GH-4", f"GH-{Z}4"),
        ("- @bob\n- [ ] #1", f"- @{Z}bob\n- [ ] #{Z}1"),
        ("# @bob", f"# @{Z}bob"),
        ("> @bob", f"> @{Z}bob"),
        ("| @bob |\n| --- |\n| #1 |", f"| @{Z}bob |\n| --- |\n| #{Z}1 |"),
        ("<p>@bob</p>", f"<p>@{Z}bob</p>"),
        ("[@bob](https://a.example)", f"[@{Z}bob](https://a.example)"),
    ],
)
def test_what_would_ping_is_silenced(text: str, silent: str) -> None:
    assert neutralise(text) == silent
    assert live(neutralise(text)) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "bob@a.example",
        "<bob@a.example>",
        "`@bob #12`",
        "```\n@bob\n#12\n```",
        "https://a.example/@bob#12",
        "[x](https://a.example/@bob#12)",
        "<!-- @bob -->",
        "C# and #tag",
        "a @ b",
    ],
)
def test_what_pings_nobody_is_left_alone(text: str) -> None:
    assert neutralise(text) == text
    assert live(text) == frozenset()


def test_live_names_what_would_ping_as_it_is_written() -> None:
    assert live("@bob, @org/team: #12, acme/web#3 and GH-4. `@amy`") == {
        "@bob",
        "@org/team",
        "#12",
        "acme/web#3",
        "GH-4",
    }


def test_what_is_kept_still_pings() -> None:
    text = neutralise("@bob @amy acme/web#3 acme/api#3", frozenset({"@Bob", "acme/web#3"}))

    assert live(text) == {"@bob", "acme/web#3"}


def test_silencing_does_not_change_what_a_text_means() -> None:
    text = "Ask @bob about #12, acme/web#3 or gh-4."

    assert canonical(neutralise(text)) == canonical(text)
    assert revive(neutralise(text)) == text


def test_silencing_twice_is_silencing_once() -> None:
    once = neutralise("@bob #12")

    assert neutralise(once) == once


def test_other_zero_width_spaces_stay() -> None:
    assert revive(f"a{Z}b @{Z}c") == f"a{Z}b @c"


def test_a_text_too_deep_to_parse_is_silenced_all_the_same() -> None:
    assert live(neutralise(">" * 500 + " @bob")) == frozenset()


def test_a_text_with_nothing_to_silence_keeps_its_own_spelling() -> None:
    assert neutralise("# Title #\n\n* a & b") == "# Title #\n\n* a & b"
