"""Which records are probably one item: every piece of evidence, and what it is worth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from syncer.engine.adopt import Card, Proposal, proposals, speech
from syncer.engine.likeness import CROWD, MENTIONS, Titles, homes, keys_in, pages_in
from syncer.model import Ref

NAMES = ("jira", "github", "linear")
SITES = {
    "jira": "https://acme.example/browse/ROAD-{}",
    "github": "https://github.example/acme/web/issues/{}",
    "linear": "https://linear.example/acme/issue/ENG-{}/some-words-of-the-title",
}
KEYS = {"jira": "ROAD-{}", "github": "#{}", "linear": "ENG-{}"}


def card(connection: str, number: int, title: str, *, body: str = "", **more: Any) -> Card:
    known: dict[str, Any] = {
        "created": date(2026, 1, 1 + NAMES.index(connection)),
        "says": (speech("title", title), speech("description", body)),
        **more,
    }
    key, url = KEYS[connection].format(number), SITES[connection].format(number)
    return Card(Ref(connection, "issue", str(number)), key, url, title, **known)


def proposed(*cards: Card) -> list[Proposal]:
    return proposals(cards, NAMES)


def names(found: Sequence[Proposal]) -> list[list[str]]:
    return [[c.name for c in p.cards] for p in found]


def only(*cards: Card) -> Proposal:
    (found,) = proposed(*cards)
    return found


# -- evidence --------------------------------------------------------------------------------


def test_a_link_in_the_description_is_evidence_and_says_which_way_it_goes() -> None:
    found = only(
        card("jira", 12, "Checkout", body="Done in https://github.example/acme/web/issues/7."), card("github", 7, "Pay")
    )

    assert [c.name for c in found.cards] == ["jira:ROAD-12", "github:#7"]
    assert found.reason == "jira:ROAD-12 links to github:#7 in its description"
    assert found.confidence == 0.7


@pytest.mark.parametrize(
    "url",
    [
        "https://linear.example/acme/issue/ENG-3/some-words-of-the-title",
        "https://linear.example/acme/issue/ENG-3/words-it-had-before",
        "http://LINEAR.example/acme/issue/eng-3",
        "[here](https://linear.example/acme/issue/ENG-3?x=1#comment-2)",
    ],
)
def test_an_address_is_known_whatever_words_or_fragments_follow_it(url: str) -> None:
    assert names(proposed(card("jira", 1, "One", body=f"See {url}, please"), card("linear", 3, "Three"))) == [
        ["jira:ROAD-1", "linear:ENG-3"]
    ]


def test_a_link_to_a_longer_number_is_no_link_to_a_shorter_one() -> None:
    body = "https://github.example/acme/web/issues/70 and https://github.example/acme/web/pull/7"

    assert proposed(card("jira", 1, "One", body=body), card("github", 7, "Seven")) == []


def test_one_of_many_links_says_less_than_the_only_one() -> None:
    body = " ".join(SITES["github"].format(n) for n in (7, 8, 9))
    cards = [card("jira", 1, "One", body=body), *(card("github", n, f"Number {n}") for n in (7, 8, 9))]

    found = proposed(*cards)

    assert found[0].confidence < 0.7
    assert "and to 2 more there" in found[0].reason


def test_a_key_in_a_title_counts_for_more_than_one_in_a_description() -> None:
    in_title = only(card("jira", 12, "Checkout"), card("github", 7, "[ROAD-12] Pay at the till"))
    in_body = only(card("jira", 12, "Checkout"), card("github", 7, "Pay at the till", body="as in ROAD-12"))

    assert in_title.reason == "github:#7 names ROAD-12 in its title"
    assert in_title.confidence > in_body.confidence


def test_equal_titles_are_compared_without_case_and_space() -> None:
    found = only(card("jira", 1, "Fix the login"), card("github", 7, "  fix the  LOGIN"))

    assert (found.reason, found.confidence) == ("equal titles, unique on both sides", 0.8)


def test_a_title_that_is_not_unique_says_less_and_names_the_others() -> None:
    found = proposed(card("jira", 1, "Fix"), card("jira", 2, "Fix"), card("github", 7, "Fix"))

    assert names(found) == [["jira:ROAD-1", "github:#7"]]
    assert found[0].confidence == 0.45
    assert "not unique (also jira:ROAD-2)" in found[0].reason


def test_similar_titles_are_counted_word_by_word_and_circumstances_add() -> None:
    one = card("jira", 1, "Let guests pay at the checkout without an account", people=frozenset({"ann"}))
    two = card("github", 7, "Let guests pay in the checkout without any account", people=frozenset({"ann"}))

    found = only(one, two)

    assert found.reason == "titles differ in 2 of 9 words, same assignee"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Release 1.2 of the mobile app", "Release 1.3 of the mobile app"),
        ("Sprint planning", "Sprint review"),
        ("Login", "Logout"),
        ("", ""),
    ],
)
def test_titles_that_only_look_alike_say_nothing(one: str, other: str) -> None:
    assert proposed(card("jira", 1, one), card("github", 7, other)) == []


def test_a_slip_of_the_pen_does_not_part_two_titles() -> None:
    assert names(proposed(card("jira", 1, "Send the invoice late"), card("github", 7, "Send the invoices late"))) == [
        ["jira:ROAD-1", "github:#7"]
    ]


def test_circumstances_alone_are_no_evidence() -> None:
    same: dict[str, Any] = {
        "people": frozenset({"ann"}),
        "labels": frozenset({"x"}),
        "creator": "ann",
        "created": date(2026, 5, 5),
    }

    assert proposed(card("jira", 1, "Apples", **same), card("github", 7, "Pears", **same)) == []


def test_everything_at_once_is_still_not_certain() -> None:
    same: dict[str, Any] = {
        "people": frozenset({"ann"}),
        "labels": frozenset({"x"}),
        "creator": "ann",
        "created": date(2026, 5, 5),
    }
    one = card("jira", 1, "Checkout", body=SITES["github"].format(7), **same)
    two = card("github", 7, "Checkout", body=SITES["jira"].format(1), **same)

    assert only(one, two).confidence == 0.99


# -- whose word it is ------------------------------------------------------------------------

STRANGER = ("the author of github:#7 is not a member of github",)


def test_a_strangers_link_and_title_are_proposed_with_the_doubt_and_for_less() -> None:
    hostile = card("github", 7, "Checkout", body=SITES["jira"].format(1), doubts=STRANGER)
    friend = card("github", 7, "Checkout", body=SITES["jira"].format(1))

    found, trusted = only(card("jira", 1, "Checkout"), hostile), only(card("jira", 1, "Checkout"), friend)

    assert found.confidence <= trusted.confidence / 2 + 0.01
    assert found.reason.endswith("; but the author of github:#7 is not a member of github")


def test_a_members_link_to_a_strangers_record_keeps_its_worth() -> None:
    member = card("jira", 1, "Checkout", body=SITES["github"].format(7))

    assert only(member, card("github", 7, "Pay", doubts=STRANGER)).confidence == 0.7


def test_a_stranger_does_not_take_the_place_of_the_better_match() -> None:
    honest = card("github", 6, "Checkout for the guests of the shop")
    hostile = card("github", 7, "Buy my pills", body=SITES["jira"].format(1), doubts=STRANGER)

    found = proposed(card("jira", 1, "Checkout for guests of the shop"), honest, hostile)

    assert names(found) == [["jira:ROAD-1", "github:#6"]]


# -- groups ----------------------------------------------------------------------------------


def test_three_of_one_title_are_one_proposal_with_one_reason() -> None:
    found = only(card("linear", 3, "Fix"), card("github", 7, "Fix"), card("jira", 1, "Fix"))

    assert [c.name for c in found.cards] == ["jira:ROAD-1", "github:#7", "linear:ENG-3"]
    assert found.reason == "equal titles, unique on both sides"


def test_a_group_is_as_sure_as_its_weakest_pair_and_gives_each_reason() -> None:
    found = only(card("jira", 1, "Fix"), card("github", 7, "Fix"), card("linear", 3, "Other", body="ROAD-1"))

    assert found.confidence == 0.35
    assert found.reason == (
        "jira:ROAD-1 and github:#7: equal titles, unique on both sides; "
        "jira:ROAD-1 and linear:ENG-3: linear:ENG-3 names ROAD-1 in its description"
    )


def test_no_record_is_in_two_proposals() -> None:
    titles = ["Fix", "Fix", "Fix it", "Fix it now", "Fix it now please"]
    cards = [card(c, n, t) for c in NAMES for n, t in enumerate(titles)]

    members = [c.ref for p in proposed(*cards) for c in p.cards]

    assert len(members) == len(set(members))


def test_an_item_takes_in_a_record_only_where_it_lacks_a_copy() -> None:
    linked: dict[str, Any] = {"link": "L1", "lacks": frozenset({"linear"})}
    copies = [card("jira", 1, "Fix", **linked), card("github", 7, "Fix", **linked)]

    found = only(*copies, card("linear", 3, "Fix"), card("github", 8, "Fix"))

    assert ([c.name for c in found.cards], found.link) == (["jira:ROAD-1", "github:#7", "linear:ENG-3"], "L1")


def test_two_items_are_never_proposed_to_be_one() -> None:
    one = card("jira", 1, "Fix", link="L1", lacks=frozenset({"github", "linear"}))
    two = card("github", 7, "Fix", link="L2", lacks=frozenset({"jira", "linear"}))

    assert [len(p.cards) for p in proposed(one, two, card("linear", 3, "Fix"))] == [2]


def test_a_record_gets_into_an_item_by_no_side_door() -> None:
    taken_on_github = card("jira", 1, "Fix", link="L1", lacks=frozenset({"linear"}))

    found = proposed(taken_on_github, card("linear", 3, "Fix"), card("github", 8, "Other", body="ENG-3"))

    assert names(found) == [["jira:ROAD-1", "linear:ENG-3"]]


# -- bounds ----------------------------------------------------------------------------------


def test_a_title_that_everything_bears_says_nothing() -> None:
    assert proposed(*(card(c, n, "untitled") for c in NAMES for n in range(50))) == []


def test_a_text_is_followed_only_so_far() -> None:
    body = " ".join(f"https://x.example/{n} ROAD-{n}" for n in range(10 * MENTIONS))

    assert len(list(keys_in(body))) == MENTIONS
    assert len(list(pages_in(body))) == MENTIONS


@pytest.mark.parametrize("url", ["", "no address", "https://[broken/x", "https://"])
def test_what_is_no_address_is_nowhere(url: str) -> None:
    assert all("/" not in home or home == url for home in homes(url, "X-1"))


def test_a_word_that_everybody_uses_leads_nowhere() -> None:
    titles = Titles([f"login page word{n}" for n in range(CROWD + 1)])

    assert list(titles.pairs()) == []


def test_thousands_of_records_do_not_take_a_comparison_each_with_each() -> None:
    words = [f"{a}{b}{c}" for a in "bdfgkl" for b in "aeiou" for c in "mnprst"]
    count = 3000
    titles = [" ".join(words[(n * k * k + k) % len(words)] for k in range(2, 9)) for n in range(count)]
    cards = [card(c, n, f"{t} {c[0]}") for c in ("jira", "github") for n, t in enumerate(titles)]

    started = time.perf_counter()
    proposed(*cards)

    assert time.perf_counter() - started < 20  # each with each would be 9,000,000 comparisons: minutes
