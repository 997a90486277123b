"""Adopt, link and unlink over in-memory trackers: a person decides, and nothing is made twice."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.adoption import Joined, Offer, Parted, Spot, Wish, join, part, propose
from syncer.engine.state import Disclosure, Scope
from syncer.errors import ConfigError, UnavailableError
from syncer.model import Ref
from syncer.opening import Request
from syncer.sdk.memory import Crash
from syncer.sdk.memory_tracker import Fault
from syncer.store import items, journal
from syncer.store.records import trail
from tests.properties.board import Board, board


def spot(b: Board, connection: str, record: str) -> Spot:
    return Spot(connection, b.trackers[connection].row(record).key)


def offered(b: Board) -> Offer:
    b.clock.pass_(seconds=5)
    return asyncio.run(propose(b.store, b.wiring(), Request()))


def wishes(offer: Offer) -> list[Wish]:
    return [Wish(tuple(Spot(c.ref.connection, c.key, c.url) for c in p.cards), p.reason) for p in offer.proposals]


def joined(b: Board, *wanted: Wish) -> list[Joined]:
    b.clock.pass_(seconds=5)
    return asyncio.run(join(b.store, b.wiring(), Request(), wanted))


def linked(b: Board, *records: tuple[str, str]) -> Joined:
    (done,) = joined(b, Wish(tuple(spot(b, c, r) for c, r in records), "a person linked it"))
    return done


def parted(b: Board, connection: str, record: str, from_: str | None = None) -> Parted:
    said = spot(b, connection, record)
    return asyncio.run(
        part(b.store, "s", b.rules.connections, said, from_=from_, wait=0, now=b.clock()),
    )


def titles(b: Board) -> dict[str, list[str]]:
    return {n: sorted(str(r.fields["headline"]) for r in t.rows()) for n, t in b.trackers.items()}


def everywhere(b: Board, *said: str) -> dict[str, list[str]]:
    return {name: list(said) for name in b.trackers}


def groups(b: Board) -> list[set[tuple[str, str]]]:
    """Return the items, each as its copies (connection, id)."""
    with b.store.read() as tx:
        rows = items.rows_of_links(tx, [k.id for k in items.all_links(tx, "s")])
    return [{(c, r.copy.ref.id) for c, r in copies.items()} for copies in rows.values()]


def message(done: Joined) -> str:
    return str(done.error)


def held(b: Board) -> list[str]:
    with b.store.read() as tx:
        return [h.field for h in journal.held(tx, "s")]


# -- proposing -------------------------------------------------------------------------------


def test_proposing_writes_nothing_anywhere() -> None:
    b = board()
    b.trackers["a"].add("One")
    b.trackers["b"].add("One")

    offer = offered(b)

    with b.store.read() as tx:
        assert list(items.all_links(tx, "s")) == []
        assert items.bookmark(tx, "s", "a") is None
    assert b.writes() == 0
    assert len(offer.proposals) == 1


def test_what_was_adopted_is_merged_and_nothing_is_created() -> None:
    b = board()
    for name in b.trackers:
        b.trackers[name].add("Guest checkout", tags=[f"from-{name}"])

    done = joined(b, *wishes(offered(b)))
    b.settle()

    assert [len(d.copies) for d in done] == [3]
    assert titles(b) == everywhere(b, "Guest checkout")
    rows = [r for t in b.trackers.values() for r in t.rows()]
    tags = [frozenset(said) for r in rows if isinstance(said := r.fields["tags"], list)]
    assert tags == [frozenset({"from-a", "from-b", "from-c"})] * 3
    assert sum(t.creates for t in b.trackers.values()) == 0


def test_a_pair_gets_its_third_copy_once() -> None:
    b = board()
    b.trackers["a"].add("One")
    b.trackers["b"].add("One")

    joined(b, *wishes(offered(b)))
    b.settle()

    assert titles(b) == everywhere(b, "One")
    assert b.trackers["c"].creates == 1


def test_where_creating_is_not_wanted_adopting_makes_no_copies_either() -> None:
    b = board(create_from=frozenset({"c"}))
    b.trackers["a"].add("One")
    b.trackers["b"].add("One")

    joined(b, *wishes(offered(b)))
    b.settle()

    assert titles(b) == {"a": ["One"], "b": ["One"], "c": []}


def test_a_maybe_is_proposed_and_adopting_it_releases_it() -> None:
    b = board(("a", "b"))
    b.trackers["a"].add("One")
    b.trackers["b"].add("One")
    b.sync()
    before = held(b)

    joined(b, *wishes(offered(b)))

    assert before == ["maybe", "maybe"]
    assert held(b) == []
    assert b.sync().held == ()


def test_a_namesake_left_out_of_the_file_is_neither_linked_nor_doubled() -> None:
    b = board()
    one, two = b.trackers["a"].add("One"), b.trackers["b"].add("One")
    b.trackers["c"].add("One")

    linked(b, ("a", one), ("b", two))
    b.settle()

    assert titles(b) == everywhere(b, "One")
    assert held(b) == ["maybe"]


def test_a_record_is_proposed_for_the_item_that_lacks_a_copy_there() -> None:
    b = board(create_in=frozenset({"b"}))
    one = b.trackers["a"].add("One")
    b.sync()
    three = b.trackers["c"].add("Tree", text=f"was https://a.example/{b.trackers['a'].row(one).key}")

    offer = offered(b)
    joined(b, *wishes(offer))

    assert [[c.ref.connection for c in p.cards] for p in offer.proposals] == [["a", "b", "c"]]
    assert groups(b) == [{("a", one), ("b", b.counterpart("a", one, "b")), ("c", three)}]


def test_what_is_out_of_scope_gone_or_synced_elsewhere_is_not_proposed() -> None:
    b = board(("a", "b"), scope=Scope(labels=frozenset({"roadmap"})))
    for title in ("Out", "Gone", "Other"):
        b.trackers["a"].add(title, tags=["roadmap"])
    b.trackers["b"].add("Out")
    b.trackers["b"].archive(b.trackers["b"].add("Gone", tags=["roadmap"]))
    b.trackers["b"].add("Other", tags=["roadmap"], synced_by="another tool")

    assert offered(b).proposals == ()


def test_a_connection_that_is_down_is_left_out_and_said() -> None:
    b = board()
    for name in b.trackers:
        b.trackers[name].add("One")
    b.trackers["c"].down = True

    offer = offered(b)

    assert [[c.ref.connection for c in p.cards] for p in offer.proposals] == [["a", "b"]]
    assert list(offer.down) == ["c"]


# -- hostile records -------------------------------------------------------------------------


def test_a_strangers_link_title_or_mark_gains_nothing_by_itself() -> None:
    b = board(("a", "b"), options={"b": {"private": False}}, disclosure=Disclosure(frozenset("b")))
    secret = b.trackers["a"].add("Secret plans", text="Words")
    copied = b.trackers["a"].add("Known item")
    b.sync()
    mark = b.trackers["b"].row(b.counterpart("a", copied, "b")).marker
    address = f"https://a.example/{b.trackers['a'].row(secret).key}"
    before = groups(b)

    hostile = [
        b.trackers["b"].add("Give me", text=address, by="u-mallory"),
        b.trackers["b"].add("Secret plans", by="u-mallory"),
        b.trackers["b"].add("Mine", marker=mark, by="u-mallory"),
    ]
    b.sync()

    assert [g for g in groups(b) if not g & {("b", h) for h in hostile}] == before
    assert not any(len(g & {("a", secret), ("b", h)}) == 2 for g in groups(b) for h in hostile)


def test_a_strangers_record_is_proposed_with_the_doubt_and_for_less() -> None:
    b = board(("a", "b"))
    for title in ("Ours", "Theirs"):
        b.trackers["a"].add(title)
    b.trackers["b"].add("Ours")
    b.trackers["b"].add("Theirs", by="u-mallory", marker="L123.456")

    ours, theirs = offered(b).proposals

    assert [ours.cards[0].title, theirs.cards[0].title] == ["Ours", "Theirs"]
    assert theirs.confidence < ours.confidence / 1.5
    assert "is not a member of b" in theirs.reason
    assert "a mark of ours that another account put there" in theirs.reason


# -- joining by hand -------------------------------------------------------------------------


def test_a_link_by_hand_is_in_the_trail_with_its_reason() -> None:
    b = board(("a", "b"))
    one, two = b.trackers["a"].add("One"), b.trackers["b"].add("Two")

    done = linked(b, ("a", one), ("b", two))

    assert done.link is not None
    with b.store.read() as tx:
        entries = list(trail(tx, done.link.id))
    assert [(e["act"], e["who"], e["why"]) for e in entries] == [("link", "a person", "a person linked it")] * 2


def test_linking_twice_is_said_and_changes_nothing() -> None:
    b = board(("a", "b"))
    one, two = b.trackers["a"].add("One"), b.trackers["b"].add("One")
    linked(b, ("a", one), ("b", two))

    again = linked(b, ("b", two), ("a", one))

    assert (again.error, again.news) == (None, False)
    assert len(groups(b)) == 1


def test_a_record_nobody_has_read_yet_is_looked_for() -> None:
    b = board(("a", "b"))
    b.sync()
    one, two = b.trackers["a"].add("One"), b.trackers["b"].add("Two")

    assert linked(b, ("a", one), ("b", two)).news


def test_an_item_takes_in_the_copy_it_lacks_and_keeps_what_was_agreed() -> None:
    b = board(create_in=frozenset({"b"}))
    one = b.trackers["a"].add("One")
    b.sync()
    three = b.trackers["c"].add("Another title")

    linked(b, ("a", one), ("c", three))
    b.settle()

    assert titles(b) == everywhere(b, "One")


def test_what_cannot_be_joined_is_refused_with_the_reason() -> None:
    b = board(create_in=frozenset({"b"}))
    one, other = b.trackers["a"].add("One"), b.trackers["a"].add("Other")
    b.sync()
    rival, free = b.trackers["b"].add("Rival"), b.trackers["c"].add("Free")
    gone, owned = b.trackers["c"].add("Gone"), b.trackers["c"].add("Owned", synced_by="another tool")
    b.trackers["c"].archive(gone)
    before = groups(b)
    unknown = Wish((spot(b, "a", one), Spot("c", "C-999")), "")
    key = {r: b.trackers[r[0]].row(r[1]).key for r in (("a", one), ("a", other), ("b", rival))}
    copy = b.trackers["b"].row(b.counterpart("a", one, "b")).key

    refusals = {
        "unknown": message(joined(b, unknown)[0]),
        "taken": message(linked(b, ("a", one), ("b", rival))),
        "two items": message(linked(b, ("a", one), ("b", b.counterpart("a", other, "b")))),
        "same side": message(linked(b, ("a", one), ("a", other), ("c", free))),
        "archived": message(linked(b, ("a", one), ("c", gone))),
        "owned": message(linked(b, ("a", one), ("c", owned))),
    }

    assert refusals["unknown"] == "c:C-999: no such record on c. Looked in https://c.example."
    assert f"a:{key['a', one]} has a copy on b already: b:{copy}." in refusals["taken"]
    assert f"syncer unlink b:{copy} --from b" in refusals["taken"]
    assert f"a:{key['a', one]} belongs to the item of b:{copy}" in refusals["two items"]
    assert "are both on a: an item has one copy there" in refusals["same side"]
    assert "is archived" in refusals["archived"]
    assert "already synced by another tool" in refusals["owned"]
    assert groups(b) == before


def test_a_record_deleted_since_the_review_is_refused_and_the_rest_is_linked() -> None:
    b = board(("a", "b"))
    for title in ("One", "Two"):
        for name in b.trackers:
            b.trackers[name].add(title)
    reviewed = wishes(offered(b))
    b.sync()
    gone = next(r.id for r in b.trackers["b"].rows() if r.fields["headline"] == "One")
    b.trackers["b"].remove(gone)

    done = joined(b, *reviewed)

    assert [(d.news, d.error is None) for d in done] == [(False, False), (True, True)]
    assert len(groups(b)) == 1


def test_a_proposal_is_applied_whole_or_not_at_all() -> None:
    b = board()
    one, two, three = (b.trackers[n].add("One") for n in b.trackers)
    b.sync()
    b.trackers["c"].remove(three)

    done = linked(b, ("a", one), ("b", two), ("c", three))

    assert done.error is not None
    assert groups(b) == []


def test_nothing_is_joined_with_what_cannot_be_read() -> None:
    b = board(("a", "b"))
    one, two = b.trackers["a"].add("One"), b.trackers["b"].add("One")
    b.sync()
    b.trackers["b"].down = True

    done = linked(b, ("a", one), ("b", two))

    assert isinstance(done.error, UnavailableError)
    assert groups(b) == []


def test_a_copy_that_may_be_under_way_is_waited_for() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.trackers["b"].faults.append(Fault("crash_before", "create"))
    with contextlib.suppress(Crash):
        b.sync()
    two = b.trackers["b"].add("Another")

    done = linked(b, ("a", one), ("b", two))

    assert "is being made on b" in message(done)


# -- parting ---------------------------------------------------------------------------------


def test_what_a_person_parted_stays_parted() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.sync()
    two = b.counterpart("a", one, "b")

    done = parted(b, "a", one)
    b.trackers["a"].edit(one, headline="Edited")
    b.settle()
    b.sync(full=True)

    assert (sorted(done.parted), sorted(done.kept)) == (["a", "b"], [])
    assert groups(b) == []
    assert titles(b) == {"a": ["Edited"], "b": ["One"]}
    assert [t.row(r).fields["headline"] for t, r in zip(b.trackers.values(), (one, two), strict=True)] == [
        "Edited",
        "One",
    ]


def test_one_copy_is_parted_and_the_others_stay_in_step() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()

    done = parted(b, "a", one, from_="c")
    b.trackers["a"].edit(one, headline="New")
    b.settle()

    assert (sorted(done.parted), sorted(done.kept)) == (["c"], ["a", "b"])
    assert titles(b) == {"a": ["New"], "b": ["New"], "c": ["One"]}


def test_an_item_left_with_one_copy_is_taken_apart_with_all_that_waits_for_it() -> None:
    b = board(("a", "b"), conflicts="ask")
    one = b.trackers["a"].add("One")
    b.sync()
    two = b.counterpart("a", one, "b")
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(two, headline="From b")
    b.sync()
    before = held(b)

    done = parted(b, "b", two, from_="b")

    assert before == ["title"]
    assert sorted(done.parted) == ["a", "b"]
    assert held(b) == []
    with b.store.read() as tx:
        assert list(items.all_links(tx, "s")) == []
        assert [e["act"] for e in trail(tx, done.link.id)][-2:] == ["unlink", "unlink"]


def test_what_was_parted_can_be_joined_again() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.sync()
    two = b.counterpart("a", one, "b")
    parted(b, "a", one)
    b.sync()

    linked(b, ("a", one), ("b", two))
    b.sync()
    b.trackers["b"].edit(two, headline="Again")
    b.settle()

    assert titles(b) == {"a": ["Again"], "b": ["Again"]}


def test_a_parted_record_starts_an_item_of_its_own_beside_the_one_it_began() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    kept = {("b", b.counterpart("a", one, "b")), ("c", b.counterpart("a", one, "c"))}
    parted(b, "a", one, from_="a")
    parted_rival = b.trackers["b"].add("Rival")

    done = linked(b, ("a", one), ("b", parted_rival))

    assert done.news
    assert {frozenset(g) for g in groups(b)} == {frozenset(kept), frozenset({("a", one), ("b", parted_rival)})}


def test_parting_what_is_not_linked_is_refused() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One", synced_by="another tool")
    b.sync()

    for said in (spot(b, "a", one), Spot("a", "A-99"), Spot(url="https://a.example/A-99")):
        with pytest.raises(ConfigError, match=re.escape(str(said))):
            asyncio.run(part(b.store, "s", b.rules.connections, said, from_=None, wait=0, now=b.clock()))


# -- always ----------------------------------------------------------------------------------

WORDS = ("login", "checkout", "guest", "invoice")
records = st.lists(
    st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)), max_size=8
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=records, runs_first=st.booleans())
def test_whatever_is_adopted_no_run_doubles_it(made: Sequence[tuple[str, list[str]]], *, runs_first: bool) -> None:
    b = board()
    if runs_first:
        b.sync()
    by_people = {(name, b.trackers[name].add(" ".join(words))) for name, words in made}

    done = joined(b, *wishes(offered(b)))
    adopted = {Ref(c, "issue", copy.ref.id) for d in done for c, copy in d.copies.items()}
    b.settle()
    writes = b.writes()
    b.sync()

    assert all(d.error is None for d in done)
    everything = groups(b)
    assert all(any((r.connection, r.id) in g for g in everything) for r in adopted)
    assert all(len({c for c, _ in g}) == len(g) for g in everything)
    assert b.writes() == writes
    assert {(n, r.id) for n, t in b.trackers.items() for r in t.rows()} <= by_people.union(*everything)


@settings(max_examples=15, deadline=None)
@given(made=records)
def test_adopting_the_same_file_again_changes_nothing(made: Sequence[tuple[str, list[str]]]) -> None:
    b = board()
    for name, words in made:
        b.trackers[name].add(" ".join(words))
    reviewed = wishes(offered(b))
    first = joined(b, *reviewed)
    before = groups(b)

    again = joined(b, *[replace(w, why="again") for w in reviewed])

    assert all(d.news for d in first)
    assert not any(d.news or d.error for d in again)
    assert groups(b) == before
