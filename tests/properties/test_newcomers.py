"""What comes late: connections, parents, namesakes, ends; and databases that were lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncer.connector import Place, Plain, Setting
from syncer.engine.state import FieldRule, Limits, Scope
from syncer.model import Native
from syncer.opening import Spoke
from syncer.sdk.memory import Crash, MemoryConnector, MemoryPlugin
from syncer.sdk.memory_tracker import Fault
from syncer.store import Store
from tests.properties.board import Board, board


def headlines(b: Board) -> dict[str, list[object]]:
    return {name: sorted(str(r["headline"]) for r in t.records().values()) for name, t in b.trackers.items()}


def everywhere(*titles: str) -> dict[str, list[object]]:
    return {name: list(titles) for name in "abc"}


# -- connections -------------------------------------------------------------------------------


def joined(b: Board, *names: str) -> None:
    everywhere = frozenset(names)
    b.rules = replace(b.rules, connections=names, create_from=everywhere, create_in=everywhere)


def test_a_connection_that_joins_later_gets_a_copy_of_every_item() -> None:
    b = board()
    joined(b, "a", "b")
    b.trackers["a"].add("One")
    b.trackers["b"].add("Two")
    b.sync()
    joined(b, "a", "b", "c")

    b.sync()
    before = b.writes()
    b.sync()

    assert headlines(b) == everywhere("One", "Two")
    assert b.writes() == before


def test_a_record_of_that_title_on_a_connection_that_joins_later_waits_for_a_person() -> None:
    b = board()
    joined(b, "a", "b")
    b.trackers["a"].add("One")
    b.sync()
    b.trackers["c"].add("one")
    joined(b, "a", "b", "c")

    report = b.sync()
    b.sync()

    assert [h.field for h in report.held] == ["maybe"]
    assert headlines(b) == {"a": ["One"], "b": ["One"], "c": ["one"]}


def test_a_namesake_filed_while_its_tracker_was_down_is_not_doubled() -> None:
    b = board()
    b.sync()
    b.trackers["c"].down = True
    b.trackers["a"].add("One")
    b.sync()
    b.trackers["c"].down = False
    b.trackers["c"].add("One")

    report = b.sync()
    allowed = b.sync(allow=frozenset({"creates"}))

    assert [h.field for h in report.held] == ["maybe"]
    assert report.count("create") == 0
    assert allowed.count("create") == 3


# -- parents -----------------------------------------------------------------------------------


def test_a_parent_that_is_linked_after_its_child_reaches_it() -> None:
    b = board(scope=Scope(labels=frozenset({"x"})))
    above = b.trackers["a"].add("Above")
    under = b.trackers["a"].add("Under", tags=["x"], above=above)
    b.sync()
    b.trackers["a"].edit(above, tags=["x"])

    b.sync()

    theirs = b.trackers["b"].row(b.counterpart("a", under, "b")).fields
    assert theirs["above"] == b.counterpart("a", above, "b")


# -- lost databases ----------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [False, True])
def test_a_lost_database_doubles_nothing(chosen: bool) -> None:  # noqa: FBT001 -- a parameter
    b = board(options={"b": {"client_ids": chosen}, "c": {"client_ids": chosen}})
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Renamed since")
    b.store = Store.memory(key=b.store.key)
    before = b.writes()

    report = b.sync(allow=frozenset({"creates"}))
    b.sync()

    assert b.writes() == before
    assert {h.field for h in report.held} == {"maybe"}
    assert any("rebuild" in h.reason for h in report.held)


# -- ends --------------------------------------------------------------------------------------


def stages(b: Board, *names: str) -> list[object]:
    return [r["stage"] for n in names for r in b.trackers[n].records().values()]


def ended(policy: str, **rules: Any) -> tuple[Board, str]:
    b = board(on_gone=policy, **rules)
    one = b.trackers["a"].add("One", stage="Doing")
    b.sync()
    b.trackers["a"].remove(one)
    return b, one


def test_the_end_of_a_copy_closes_the_others_once() -> None:
    b, _ = ended("close")
    b.sync(full=True)
    closed = stages(b, "b", "c")
    for name in ("b", "c"):
        tracker = b.trackers[name]
        tracker.edit(next(iter(tracker.records())), stage="Doing")

    b.sync()
    b.sync(full=True)

    assert closed == ["Dropped", "Dropped"]
    assert stages(b, "b", "c") == ["Doing", "Doing"]


def test_the_guard_on_closes_holds_until_it_is_let_through() -> None:
    b, _ = ended("close", limits=Limits(closes=0))

    refused = [b.sync(full=True), b.sync(), b.sync(full=True)]
    still = stages(b, "b", "c")
    report = b.sync(allow=frozenset({"closes"}))

    assert [{g.flag for g in r.guards} for r in refused] == [{"closes"}] * 3
    assert still == ["Doing", "Doing"]
    assert (report.count("close"), stages(b, "b", "c")) == (2, ["Dropped", "Dropped"])


class Filing(Board):
    """A board whose trackers can archive."""

    def _spoke(self, name: str) -> Spoke:
        return replace(super()._spoke(name), abilities=MemoryPlugin.abilities)


@pytest.mark.parametrize("mishap", [None, "sent", "after", "crash_before", "crash_after"])
def test_the_end_of_a_copy_archives_the_others_once(mishap: Any) -> None:
    plain = board(on_gone="archive")
    b = Filing(plain.trackers, plain.clock, plain.rules)
    one = b.trackers["a"].add("One", stage="Doing")
    b.sync()
    b.trackers["a"].remove(one)
    if mishap is not None:
        b.trackers["b"].faults.append(Fault(mishap, "archive"))
    try:
        b.sync(full=True)
    except Crash:
        assert mishap in {"crash_before", "crash_after"}
    b.settle()
    states = {n: str(b.trackers[n].row(b.counterpart("a", one, n)).state) for n in ("b", "c")}
    b.trackers["b"].restore(b.counterpart("a", one, "b"))

    b.sync(full=True)

    assert states == {"b": "archived", "c": "archived"}
    assert str(b.trackers["b"].row(b.counterpart("a", one, "b")).state) == "here"


def test_what_is_deleted_before_it_was_copied_is_not_copied() -> None:
    b = board(limits=Limits(creates=0))
    one = b.trackers["a"].add("One")
    b.sync()
    b.trackers["a"].remove(one)

    b.sync(full=True, allow=frozenset({"creates"}))
    b.sync(allow=frozenset({"creates"}))

    assert headlines(b) == {"a": [], "b": [], "c": []}


def test_what_is_owed_to_an_archived_copy_is_paid_when_it_comes_back() -> None:
    b = board()
    one = b.trackers["a"].add("One")
    b.sync()
    theirs = b.counterpart("a", one, "b")
    b.trackers["b"].archive(theirs)
    b.trackers["a"].edit(one, headline="New")
    b.sync()
    b.sync(full=True)
    b.trackers["b"].restore(theirs)

    b.sync()

    assert headlines(b) == everywhere("New")


# -- owners ------------------------------------------------------------------------------------


def test_an_owner_that_is_away_still_owns() -> None:
    b = board(fields={"title": FieldRule(owner="a"), "labels": FieldRule(owner="a")})
    one = b.trackers["a"].add("One", tags=["x"])
    b.sync()
    b.trackers["a"].down = True
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Mine", tags=["mine"])

    b.sync()
    b.trackers["a"].down = False
    b.sync()

    assert headlines(b) == everywhere("One")
    assert [r["tags"] for t in b.trackers.values() for r in t.records().values()] == [["x"]] * 3


# -- isolation ---------------------------------------------------------------------------------


class Stumbling(MemoryConnector):
    """A connector with mistakes in it, that one record's title brings out."""

    async def open(self) -> Place:
        place = await MemoryConnector.open(self)
        title = place.codecs["title"]
        assert isinstance(title, Plain)

        def read(native: Native) -> Any:
            if native["headline"] == "Bomb":
                raise ZeroDivisionError
            return ["no", "value"] if native["headline"] == "Mess" else title.read(native)

        return replace(place, codecs={**place.codecs, "title": replace(title, read=read)})


class Stumble(Board):
    def _spoke(self, name: str) -> Spoke:
        if name != "b":
            return super()._spoke(name)

        def connect(setting: Setting) -> MemoryConnector:
            return Stumbling(self.trackers[name], setting.connection, meter=setting.meter)

        return replace(super()._spoke(name), connect=connect)


@pytest.mark.parametrize(("said", "kind"), [("Bomb", "field"), ("Mess", "unforeseen")])
def test_an_item_that_makes_the_program_stumble_is_parked_and_the_rest_goes_on(said: str, kind: str) -> None:
    plain = board()
    b = Stumble(plain.trackers, plain.clock, plain.rules)
    one, two = b.trackers["a"].add("One"), b.trackers["a"].add("Two")
    b.sync()
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline=said)
    b.trackers["a"].edit(two, headline="Two, renamed")

    report = b.sync()
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="Harmless")
    after = b.sync()

    assert [(p.kind, "report it" in p.error) for p in report.parked] == [(kind, True)]
    assert "Two, renamed" in headlines(b)["c"]
    assert (after.parked, headlines(b)["c"]) == ((), ["Harmless", "Two, renamed"])


# -- settle ------------------------------------------------------------------------------------


def test_a_step_on_our_own_way_to_a_status_is_nobodys_edit() -> None:
    moves = {"Inbox": ["Next"], "Next": ["Doing"], "Doing": ["Shipped"], "Shipped": []}
    b = board(options={"b": {"moves": moves}})
    one = b.trackers["a"].add("One", stage="Inbox")
    b.sync()
    b.trackers["a"].edit(one, stage="Shipped")
    b.trackers["b"].faults.append(Fault("crash_before", "transition", skip=1))
    with pytest.raises(Crash):
        b.sync()
    midway = b.trackers["b"].row(b.counterpart("a", one, "b")).fields["stage"]

    b.settle()

    assert midway == "Doing"
    assert stages(b, "a", "b", "c") == ["Shipped"] * 3


# -- the first listing -------------------------------------------------------------------------


def test_nothing_is_created_before_every_connection_was_listed_once() -> None:
    b = board()
    b.trackers["c"].down = True
    b.trackers["a"].add("One")

    early = b.sync()
    b.trackers["c"].down = False
    b.trackers["c"].add("one")
    late = b.sync()

    assert (early.count("create"), [a.connection for a in late.actions]) == (0, ["b"])
    assert {h.field for h in late.held} == {"maybe"}
