"""The fifteen rules of DESIGN §4, a sentence at a time, where the machines of `test_promises` look least."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncer.engine.state import FieldRule, Limits
from syncer.model import FIELDS
from syncer.resolve import resolve_hold
from syncer.sdk.memory import Crash
from syncer.sdk.memory_tracker import Fault
from syncer.store.records import trail
from tests.properties.board import Board, board
from tests.properties.books import Books


def linked(
    *names: str, title: str = "One", native: dict[str, Any] | None = None, **more: Any
) -> tuple[Board, list[str]]:
    """Return a board with one item in step on all sides, and its records."""
    b = board(names or ("a", "b", "c"), **more)
    first, *rest = b.rules.connections
    one = b.trackers[first].add(title, **(native or {}))
    b.settle()
    return b, [one, *(b.counterpart(first, one, n) for n in rest)]


def shown(b: Board, records: list[str], native: str) -> list[object]:
    return [b.trackers[n].row(r).fields[native] for n, r in zip(b.rules.connections, records, strict=True)]


def edit(b: Board, at: str, record: str, **native: Any) -> None:
    b.clock.pass_(seconds=10)
    b.trackers[at].edit(record, **native)


def entries(b: Board, act: str) -> list[tuple[str, object, object, str]]:
    """Return (field, from, to, why) of the trail's entries of one kind, for every item."""
    with b.store.read() as tx:
        return [
            (e["field"], e["from"], e["to"], e["why"])
            for link in Books.read(b).links
            for e in trail(tx, link)
            if e["act"] == act
        ]


# -- 1 and 2: now, and what is an edit ------------------------------------------------------------


def test_two_edits_within_one_stamp_are_both_seen() -> None:
    b, (one, *rest) = linked(options={"a": {"resolution": timedelta(minutes=1)}})
    b.trackers["a"].edit(one, headline="First")
    b.sync()
    b.trackers["a"].edit(one, headline="Second")

    b.sync(full=True)

    assert shown(b, [one, *rest], "headline") == ["Second"] * 3


def test_a_field_a_tracker_does_not_have_is_no_clearing() -> None:
    poor = tuple(f for f in FIELDS if f != "estimate")
    b, (one, two) = linked("a", "b", native={"size": 3}, options={"b": {"fields": poor}})

    edit(b, "b", two, headline="Two")
    b.settle()

    assert b.trackers["a"].row(one).fields["size"] == 3


def test_a_reference_to_an_unlinked_item_is_no_clearing() -> None:
    b = board(("a", "b"))
    b.rules = replace(b.rules, create_from=frozenset({"a"}))
    parent, child = b.trackers["a"].add("Parent"), b.trackers["a"].add("Child")
    b.trackers["a"].edit(child, above=parent)
    b.settle()
    stranger = b.trackers["b"].add("Nobody's")
    there = b.counterpart("a", child, "b")

    edit(b, "b", there, above=stranger)
    b.settle()

    assert b.trackers["a"].row(child).fields["above"] == parent
    assert b.trackers["b"].row(there).fields["above"] == stranger


# -- 3: merge -------------------------------------------------------------------------------------


def test_edits_that_mean_the_same_are_taken_and_written_to_the_third_side_only() -> None:
    b, records = linked()
    edit(b, "a", records[0], headline="Same")
    edit(b, "b", records[1], headline="Same")
    before = {n: t.writes for n, t in b.trackers.items()}

    b.sync()

    assert shown(b, records, "headline") == ["Same"] * 3
    assert {n: t.writes - before[n] for n, t in b.trackers.items()} == {"a": 0, "b": 0, "c": 1}


def test_on_the_same_label_an_add_beats_a_remove_and_the_audit_says_so() -> None:
    b, records = linked("a", "b", native={"tags": ["x"]})
    b.trackers["b"].down = True
    edit(b, "a", records[0], tags=[])
    b.sync()
    b.trackers["b"].down = False
    edit(b, "b", records[1], tags=[])
    edit(b, "a", records[0], tags=["x"])

    b.settle()

    assert shown(b, records, "tags") == [["x"]] * 2
    assert [e[1] for e in entries(b, "overruled")] == ["-x"]


def test_lines_changed_on_different_sides_all_survive() -> None:
    b, records = linked(native={"text": "one\ntwo\nthree\nfour\nfive"})
    edit(b, "a", records[0], text="ONE\ntwo\nthree\nfour\nfive")
    edit(b, "b", records[1], text="one\ntwo\nTHREE\nfour\nfive")
    edit(b, "c", records[2], text="one\ntwo\nthree\nfour\nfive\nsix")

    b.sync()

    assert shown(b, records, "text") == ["ONE\ntwo\nTHREE\nfour\nfive\nsix"] * 3


def test_the_same_line_changed_on_two_sides_is_a_conflict_with_both_texts_in_the_audit() -> None:
    b, records = linked("a", "b", native={"text": "one"})
    edit(b, "a", records[0], text="uno")
    edit(b, "b", records[1], text="eins")

    b.sync()

    assert shown(b, records, "text") == ["eins"] * 2
    assert entries(b, "overruled") == [("body", "uno", "eins", "the newest edit wins")]


def test_without_history_the_order_of_connections_decides_and_the_audit_says_so() -> None:
    quiet = {"keeps_history": False}
    b, records = linked("a", "b", options={"a": quiet, "b": quiet})
    edit(b, "a", records[0], headline="Earlier")
    edit(b, "b", records[1], headline="Later")

    b.sync()

    assert shown(b, records, "headline") == ["Earlier"] * 2
    assert "order of `connections`" in entries(b, "overruled")[0][3]


def test_the_preferred_side_wins_though_its_edit_is_older() -> None:
    b, records = linked(conflicts="prefer:b")
    edit(b, "b", records[1], headline="Preferred")
    edit(b, "c", records[2], headline="Later")

    b.sync()

    assert shown(b, records, "headline") == ["Preferred"] * 3


def test_a_later_edit_that_comes_late_is_not_taken_for_older_because_another_field_moved_the_stamp() -> None:
    b, (one, two) = linked("a", "b")
    edit(b, "b", two, headline="Earlier")
    edit(b, "a", one, headline="Later")
    edit(b, "b", two, tags=["x"])
    b.trackers["a"].down = True
    b.sync()
    b.trackers["a"].down = False

    b.sync()

    assert shown(b, [one, two], "headline") == ["Later"] * 2


def test_of_two_edits_that_lagging_listings_hid_the_later_one_wins() -> None:
    slow = {"lag": timedelta(seconds=20)}
    b = board(("a", "b", "c"), options={"b": slow, "c": slow})
    b.lagging = frozenset({"b", "c"})
    one = b.trackers["a"].add("One", stage="Next")
    b.settle()
    records = [one, b.counterpart("a", one, "b"), b.counterpart("a", one, "c")]
    for at, record, stage in zip("abc", records, ("Inbox", "Checking", "Dropped"), strict=True):
        edit(b, at, record, stage=stage)

    b.settle()

    assert shown(b, records, "stage") == ["Dropped"] * 3


# -- 5 to 7: writes -------------------------------------------------------------------------------


def test_labels_nobody_touched_differ_in_peace() -> None:
    """A set is written element by element: what one side cannot say does not take it from the other."""
    b, records = linked("a", "b", native={"tags": ["two words"]}, options={"b": {"spaced_labels": False}})

    edit(b, "b", records[1], tags=["two_words", "new"])
    b.settle()

    assert shown(b, records, "tags") == [["two words", "new"], ["two_words", "new"]]


def test_agreed_keeps_the_exact_value_for_a_side_that_joins_after_a_poorer_one() -> None:
    b, records = linked(options={"b": {"statuses": {"Next": "new", "Shipped": "over"}}})
    edit(b, "a", records[0], stage="Checking")

    b.settle()

    assert shown(b, records, "stage") == ["Checking", "Next", "Checking"]


def test_a_silent_drop_is_still_owed_and_parked() -> None:
    b, records = linked("a", "b")
    edit(b, "a", records[0], headline="New", rank="P1")
    b.trackers["b"].faults.append(Fault("drop", "update", field="headline"))

    report = b.sync()
    dropped = shown(b, records, "headline")
    b.settle()

    assert ([p.field for p in report.parked], dropped) == (["title"], ["New", "One"])
    assert shown(b, records, "headline") == ["New", "New"]


def test_a_status_dropped_by_a_create_answered_without_a_body_does_not_come_back_as_an_edit() -> None:
    b = board(("a", "b"), options={"b": {"bare": ("create",)}})
    b.trackers["a"].add("One", stage="Checking")
    b.trackers["b"].faults.append(Fault("drop", "create", field="stage"))

    b.settle()

    assert [[r["stage"] for r in t.records().values()] for t in b.trackers.values()] == [["Checking"]] * 2


def test_a_title_dropped_by_an_update_answered_without_a_body_does_not_come_back_as_an_edit() -> None:
    b, records = linked("a", "b", options={"b": {"bare": ("update",)}})
    edit(b, "a", records[0], headline="New")
    b.trackers["b"].faults.append(Fault("drop", "update", field="headline"))

    b.settle()

    assert shown(b, records, "headline") == ["New"] * 2


def one_seat(**options: Any) -> tuple[Board, list[str]]:
    """Ann and Cyd everywhere but on b, which has one seat, and Ann on it; then Ann is taken off."""
    b, records = linked(native={"who": ["u-ann"]}, options={"b": {"single_assignee": True, **options}})
    edit(b, "a", records[0], who=["u-ann", "u-cyd"])
    b.settle()
    edit(b, "a", records[0], who=["u-cyd"])
    return b, records


def test_who_is_left_takes_the_one_seat_there_is() -> None:
    b, records = one_seat()

    b.settle()

    assert shown(b, records, "who") == [["u-cyd"]] * 3


@pytest.mark.parametrize("bare", [(), ("update",)])
def test_taking_somebody_off_the_only_seat_is_written_once(bare: tuple[str, ...]) -> None:
    b, _ = one_seat(bare=bare)
    b.settle()
    before = b.writes()

    report = b.sync()

    assert (report.outcome, b.writes()) == ("in_step", before)


# -- 8: held --------------------------------------------------------------------------------------


@pytest.fixture
def held() -> tuple[Board, list[str], str]:
    """A title that two sides changed, where people want to be asked."""
    b, records = linked(conflicts="ask")
    edit(b, "a", records[0], headline="From a")
    edit(b, "b", records[1], headline="From b")
    return b, records, b.sync().held[0].id


def take(b: Board, hold: str, connection: str) -> None:
    asyncio.run(resolve_hold(b.store, hold, take=connection, value=None))


def test_later_edits_update_what_is_held(held: tuple[Board, list[str], str]) -> None:
    b, records, _ = held
    edit(b, "c", records[2], headline="From c")

    report = b.sync()

    assert dict(report.held[0].values) == {"a": "From a", "b": "From b", "c": "From c"}


def test_copies_that_come_to_mean_the_same_dissolve_what_is_held(held: tuple[Board, list[str], str]) -> None:
    b, records, _ = held
    edit(b, "a", records[0], headline="Both")
    edit(b, "b", records[1], headline="Both")
    edit(b, "c", records[2], headline="Both")

    report = b.sync()

    assert (report.held, b.writes(), next(iter(b.agreed().values()))["title"]) == ((), 2, "Both")


def test_a_copy_changed_after_the_question_was_shown_is_asked_about_again(held: tuple[Board, list[str], str]) -> None:
    b, records, hold = held
    edit(b, "c", records[2], headline="From c")
    take(b, hold, "a")

    report = b.sync()

    assert [h.field for h in report.held] == ["title"]
    assert shown(b, records, "headline") == ["From a", "From b", "From c"]


def test_the_values_that_lose_when_a_hold_is_resolved_are_in_the_audit_trail(
    held: tuple[Board, list[str], str],
) -> None:
    b, records, hold = held

    take(b, hold, "a")
    b.sync()

    assert [e[:3] for e in entries(b, "overruled")] == [("title", "From b", "From a")]
    assert shown(b, records, "headline") == ["From a"] * 3


def test_a_value_of_a_connection_that_went_down_is_still_shown_and_audited_when_it_loses(
    held: tuple[Board, list[str], str],
) -> None:
    b, records, hold = held
    b.trackers["b"].down = True

    report = b.sync(full=True)
    take(b, hold, "a")
    b.trackers["b"].down = False
    b.settle()

    assert dict(report.held[0].values) == {"a": "From a", "b": "From b", "c": "One"}
    assert [e[:3] for e in entries(b, "overruled")] == [("title", "From b", "From a")]
    assert shown(b, records, "headline") == ["From a"] * 3


def test_a_field_that_goes_to_and_fro_is_held() -> None:
    b, records = linked("a", "b", limits=Limits(flaps=1))
    for turn in range(6):
        at = "ab"[turn % 2]
        edit(b, at, records[turn % 2], headline=("This", "That")[turn % 2])
        report = b.sync()

    assert [(h.field, h.reason) for h in report.held] == [("title", "flapping")]


def test_resolving_held_labels_takes_off_what_was_not_chosen() -> None:
    b, records = linked("a", "b", native={"tags": ["keep"]}, limits=Limits(flaps=0))
    edit(b, "a", records[0], tags=["keep", "x"])
    b.sync()
    edit(b, "b", records[1], tags=["keep"])
    report = b.sync()
    assert [h.field for h in report.held] == ["labels"]

    take(b, report.held[0].id, "b")
    b.settle()

    assert shown(b, records, "tags") == [["keep"]] * 2


# -- 9 and 10: owner, set_once, skip, only, ignore ------------------------------------------------


def test_an_edit_of_what_another_side_owns_is_put_back_with_both_values_in_the_audit() -> None:
    b, records = linked(fields={"due": FieldRule(owner="b")})
    edit(b, "c", records[2], deadline="2027-01-01")

    b.settle()

    assert shown(b, records, "deadline") == [None] * 3
    assert entries(b, "overruled") == [("due", "2027-01-01", None, "b owns due")]


def test_the_values_an_item_is_born_with_seed_the_owners_copy() -> None:
    b, records = linked(native={"deadline": "2027-01-01"}, fields={"due": FieldRule(owner="b")})

    assert shown(b, records, "deadline") == ["2027-01-01"] * 3


def test_without_the_owners_copy_an_item_merges_as_if_there_were_no_owner() -> None:
    b, (one, two, three) = linked(fields={"due": FieldRule(owner="b")})
    b.trackers["a"].add("Other")
    b.settle()
    b.trackers["b"].remove(two)
    b.sync(full=True)
    edit(b, "c", three, deadline="2027-01-01")

    b.settle()

    assert b.trackers["a"].row(one).fields["deadline"] == "2027-01-01"


def test_a_label_added_where_another_side_owns_labels_is_taken_off_again() -> None:
    b, records = linked(native={"tags": ["x"]}, fields={"labels": FieldRule(owner="a")})
    edit(b, "b", records[1], tags=["x", "mine"])
    edit(b, "c", records[2], tags=[])

    b.settle()

    assert shown(b, records, "tags") == [["x"]] * 3
    assert sorted(str(e[1]) for e in entries(b, "overruled")) == ["+mine", "-x"]


def test_a_field_set_once_is_written_by_the_create_and_then_left_to_each_side() -> None:
    b, records = linked("a", "b", native={"rank": "P1"}, fields={"priority": FieldRule(set_once="b")})
    assert shown(b, records, "rank") == ["P1", "P1"]

    edit(b, "a", records[0], rank="P4")
    edit(b, "b", records[1], rank="P2")
    b.settle()

    assert shown(b, records, "rank") == ["P4", "P2"]


def test_a_skipped_field_is_not_even_carried_by_a_create() -> None:
    b, records = linked("a", "b", native={"text": "Ours"}, fields={"body": FieldRule(skip=True)})
    edit(b, "b", records[1], text="Theirs")

    b.settle()

    assert shown(b, records, "text") == ["Ours", "Theirs"]


@pytest.mark.parametrize("rule", [FieldRule(ignore=("infra/*",)), FieldRule(only=("road*",))])
def test_labels_left_out_stay_where_people_put_them(rule: FieldRule) -> None:
    b, records = linked("a", "b", native={"tags": ["infra/a", "roadmap"]}, fields={"labels": rule})
    edit(b, "b", records[1], tags=["roadmap", "infra/b", "roadworks"])

    b.settle()

    assert shown(b, records, "tags") == [["infra/a", "roadmap", "roadworks"], ["roadmap", "infra/b", "roadworks"]]


# -- 11: first link -------------------------------------------------------------------------------


def same_titles(**rules: Any) -> tuple[Board, list[str]]:
    """Return two records of one title that nobody linked, the first older and poorer."""
    b = board(("a", "b"), match="title", **rules)
    older = b.trackers["a"].add("One", stage="Doing", tags=["x"])
    b.clock.pass_(hours=1)
    newer = b.trackers["b"].add("One", stage="Next", tags=["y"], text="Words", rank="P2")
    return b, [older, newer]


def test_on_a_first_link_empty_gives_way_sets_unite_and_the_oldest_wins() -> None:
    b, records = same_titles()

    b.settle()

    assert shown(b, records, "text") == ["Words"] * 2
    assert [sorted(t) for t in shown(b, records, "tags")] == [["x", "y"]] * 2  # type: ignore[call-overload]  # lists
    assert shown(b, records, "stage") == ["Doing"] * 2
    assert entries(b, "overruled") == [("status", "planned", "started", "the oldest record wins")]


def test_on_a_first_link_the_preferred_side_may_win() -> None:
    b, records = same_titles(on_link="prefer:b")

    b.settle()

    assert shown(b, records, "stage") == ["Next"] * 2


def test_on_a_first_link_people_may_want_to_be_asked() -> None:
    b, records = same_titles(on_link="ask")

    report = b.sync()
    asked = [(h.field, h.reason) for h in report.held]
    take(b, report.held[0].id, "b")
    b.settle()

    assert asked == [("status", "first link")]
    assert shown(b, records, "stage") == ["Next"] * 2


# -- 12: mappings ---------------------------------------------------------------------------------


def test_a_word_that_means_something_else_now_is_read_again_where_the_value_came_from() -> None:
    b, records = linked("a", "b")
    edit(b, "a", records[0], stage="Checking")
    b.sync()
    b.mappings["a"] = {"fields": {"status": {"started": ["Checking"]}}}

    b.settle()

    assert shown(b, records, "stage") == ["Checking", "Doing"]


def test_a_word_that_means_something_else_on_another_side_moves_nothing() -> None:
    b, records = linked("a", "b")
    edit(b, "a", records[0], stage="Checking")
    b.sync()
    before = b.writes()
    b.mappings["b"] = {"fields": {"status": {"started": ["Checking"]}}}

    b.settle()

    assert (shown(b, records, "stage"), b.writes()) == (["Checking", "Checking"], before)


# -- 13: comments ---------------------------------------------------------------------------------


def test_a_restricted_comment_never_leaves() -> None:
    b, records = linked()
    b.trackers["a"].say(records[0], "Between us", restricted=True)

    b.settle()

    assert [len(t.comments()) for t in b.trackers.values()] == [1, 0, 0]


def test_what_is_said_after_the_link_is_mirrored_though_the_trackers_clock_is_behind() -> None:
    b, records = linked("a", "b", options={"a": {"skew": timedelta(minutes=-7)}}, backfill=False)
    b.trackers["a"].say(records[0], "Words")

    b.settle()

    assert len(b.trackers["b"].comments()) == 1


# -- 14: gone -------------------------------------------------------------------------------------


def test_no_access_is_not_gone() -> None:
    b, records = linked(on_gone="close")
    other = b.trackers["a"].add("Other")
    b.settle()
    b.trackers["b"].hide(records[1])

    b.sync(full=True)
    b.trackers["b"].restore(records[1])
    edit(b, "b", records[1], headline="Back again")
    b.settle()

    assert shown(b, records, "headline") == ["Back again"] * 3
    assert shown(b, records, "stage") == ["Inbox"] * 3
    assert other in b.trackers["a"].records()


def test_what_moves_out_and_back_under_another_key_is_the_same_item() -> None:
    b, records = linked(on_gone="close")
    b.trackers["a"].add("Other")
    b.settle()
    b.trackers["b"].move(records[1])
    edit(b, "a", records[0], headline="While away")
    b.sync(full=True)
    b.trackers["b"].restore(records[1])
    b.trackers["b"].rekey(records[1])

    b.settle()

    assert shown(b, records, "headline") == ["While away"] * 3
    assert [len(t.records()) for t in b.trackers.values()] == [2, 2, 2]


@pytest.mark.parametrize(("on_gone", "stage"), [("keep", "Inbox"), ("close", "Dropped")])
def test_a_copy_that_comes_back_out_of_the_bin_gets_what_it_missed(on_gone: str, stage: str) -> None:
    b, records = linked("a", "b", on_gone=on_gone)
    b.trackers["a"].add("Other")
    b.sync()
    b.trackers["b"].remove(records[1])
    b.sync(full=True)
    edit(b, "a", records[0], headline="New")
    b.sync()
    b.trackers["b"].restore(records[1])

    b.settle()

    assert (shown(b, records, "headline"), shown(b, records, "stage")) == (["New"] * 2, [stage] * 2)


@pytest.mark.parametrize("away", ["archive", "hide", "move"])
def test_a_label_added_while_a_copy_was_away_reaches_it_when_it_is_back(away: str) -> None:
    b, records = linked("a", "b", native={"tags": ["x"]})
    b.trackers["a"].add("Other")
    b.sync()
    getattr(b.trackers["b"], away)(records[1])
    b.sync(full=True)
    edit(b, "a", records[0], tags=["y"])
    b.sync()
    b.trackers["b"].restore(records[1])

    b.settle()

    assert shown(b, records, "tags") == [["y"]] * 2


def test_a_comment_for_a_copy_that_the_same_run_archives_parks_nothing() -> None:
    b, records = linked(on_gone="archive")
    b.trackers["a"].add("Other")
    b.sync()
    b.trackers["c"].say(records[2], "Words")
    b.trackers["a"].remove(records[0])

    b.sync(full=True)

    assert b.settle().parked == ()


# -- 15: settle -----------------------------------------------------------------------------------


def test_a_write_cut_off_by_a_crash_that_a_person_then_overrode_is_their_edit() -> None:
    b, records = linked("a", "b")
    edit(b, "a", records[0], headline="Ours")
    b.trackers["b"].faults.append(Fault("crash_after", "update"))
    with pytest.raises(Crash):
        b.sync()
    edit(b, "b", records[1], headline="Theirs")

    b.settle()

    assert shown(b, records, "headline") == ["Theirs"] * 2


def test_an_update_that_never_left_is_sent_again() -> None:
    b, records = linked("a", "b")
    edit(b, "a", records[0], headline="New")
    b.trackers["b"].faults.append(Fault("crash_before", "update"))
    with pytest.raises(Crash):
        b.sync()

    b.settle()

    assert shown(b, records, "headline") == ["New"] * 2
