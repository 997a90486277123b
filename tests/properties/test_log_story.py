"""One item's story in the log: whatever the audit trail has of it is found by its link."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog

from syncer.adoption import Spot, Wish, join, part
from syncer.engine.state import Limits
from syncer.log import setup
from syncer.opening import Request
from syncer.rebuilding import rebuild
from syncer.resolve import resolve_hold
from syncer.run import sync
from syncer.sdk.memory import Crash
from syncer.sdk.memory_tracker import Fault, FaultKind
from syncer.store import records
from syncer.undoing import undo
from tests.properties.board import Board, board
from tests.properties.mortal import MortalStore

TOLD = {
    **dict.fromkeys(("create", "update", "close", "comment", "archive"), "action.applied"),
    "edit": "edit.taken",
    "overruled": "edit.overruled",
    "undo": "edit.undone",
    "gone": "copy.buried",
    "link": "copy.linked",
    "unlink": "copy.unlinked",
    "resolved": "field.resolved",
}


@dataclass
class Log:
    out: io.StringIO = field(default_factory=io.StringIO)

    def lines(self, name: str | None = None) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.out.getvalue().splitlines()]
        return [e for e in found if name in {None, e["event"]}]


@pytest.fixture
def log() -> Iterator[Log]:
    before = structlog.get_config()
    kept = Log()
    setup(form="json", level="debug", stream=kept.out)
    yield kept
    structlog.configure(**before)


def trail(b: Board) -> list[dict[str, Any]]:
    with b.store.read() as tx:
        links = dict.fromkeys(e["link"] for e in records.export(tx))
        return [e | {"link": link} for link in links for e in records.trail(tx, link)]


def linked(**rules: Any) -> tuple[Board, str]:
    b = board(**rules)
    one = b.trackers["a"].add("One")
    b.sync()
    return b, one


def also(b: Board, one: str, there: str) -> str:
    return b.counterpart("a", one, there)


# -- stories ---------------------------------------------------------------------------------


def edited() -> Board:
    b, one = linked()
    b.trackers["a"].edit(one, headline="Two", tags=["x"], stage="Doing")
    b.sync()
    return b


def edited_twice_at_once() -> Board:
    b, one = linked(conflicts="prefer:a")
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(also(b, one, "b"), headline="From b")
    b.sync()
    return b


def commented() -> Board:
    b, one = linked()
    said = b.trackers["a"].say(one, "Words")
    b.sync()
    b.trackers["a"].edit_comment(said, "Other words")
    b.sync()
    b.trackers["a"].delete_comment(said)
    b.settle()
    return b


def deleted(on_gone: str) -> Callable[[], Board]:
    def story() -> Board:
        b, one = linked(on_gone=on_gone)
        b.trackers["b"].remove(also(b, one, "b"))
        b.sync(full=True)
        return b

    return story


def resolved() -> Board:
    b, one = linked(conflicts="ask")
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(also(b, one, "b"), headline="From b")
    b.trackers["c"].edit(also(b, one, "c"), headline="From c")
    (hold,) = b.sync().held
    asyncio.run(resolve_hold(b.store, hold.id, take="b", value=None))
    b.sync()
    return b


def undone() -> Board:
    b, one = linked()
    b.trackers["a"].edit(one, headline="Two", tags=["x"])
    run = b.sync().run
    asyncio.run(undo(b.store, b.wiring(), run, Request()))
    return b


def parted() -> Board:
    b, one = linked()
    spot = Spot("a", b.trackers["a"].row(one).key)
    asyncio.run(part(b.store, "s", b.rules.connections, spot, from_=None, wait=0, now=b.clock()))
    return b


def joined() -> Board:
    b = board(create_in=frozenset())
    spots = [Spot(n, b.trackers[n].row(b.trackers[n].add("One")).key) for n in ("a", "b")]
    b.sync()
    asyncio.run(join(b.store, b.wiring(), Request(), [Wish(tuple(spots), "the same")]))
    b.sync()
    return b


def paired() -> Board:
    b = board(("a", "b"), match="title")
    b.trackers["a"].add("One")
    b.trackers["b"].add("One", tags=["x"])
    b.sync()
    return b


def rebuilt() -> Board:
    b, _ = linked()
    b.store = MortalStore.fresh()
    asyncio.run(rebuild(b.store, b.wiring(), Request()))
    return b


def answered_without_showing() -> Board:
    b, one = linked()
    b.split = frozenset({"b"})
    b.trackers["a"].edit(one, headline="Two", stage="Doing")
    b.sync()
    return b


def unanswered(kind: FaultKind, call: str) -> Callable[[], Board]:
    def story() -> Board:
        b = board(on_gone="archive")
        fault = Fault(kind, call)
        if call == "create":
            b.trackers["b"].faults.append(fault)
        one = b.trackers["a"].add("One")
        with contextlib.suppress(Crash):
            b.sync()
        b.settle()
        if call == "create":
            return b
        b.trackers["b"].faults.append(fault)
        if call == "update":
            b.trackers["a"].edit(one, headline="Two")
        elif call == "comment":
            b.trackers["a"].say(one, "Words")
        else:
            b.trackers["c"].remove(also(b, one, "c"))
        with contextlib.suppress(Crash):
            b.sync(full=True)
        b.settle()
        assert fault.times == 0
        return b

    return story


LOST: tuple[FaultKind, ...] = ("sent", "after", "crash_before", "crash_after")
STORIES: dict[str, Callable[[], Board]] = {
    **{f.__name__: f for f in (edited, edited_twice_at_once, commented, resolved, undone, parted, joined, paired)},
    **{f.__name__: f for f in (rebuilt, answered_without_showing)},
    **{f"gone_{rule}": deleted(rule) for rule in ("keep", "close", "archive")},
    **{f"{k}_{c}": unanswered(k, c) for k in LOST for c in ("create", "update", "comment", "archive")},
}


@pytest.mark.parametrize("story", STORIES)
def test_whatever_the_trail_has_of_an_item_the_log_has_under_its_link(story: str, log: Log) -> None:
    b = STORIES[story]()

    entries = trail(b)
    missing = [e for e in entries if not any(_tells(line, e) for line in log.lines())]
    assert entries
    assert not missing


def _tells(line: dict[str, Any], entry: dict[str, Any]) -> bool:
    return (
        (line["event"], line.get("link")) == (TOLD[entry["act"]], entry["link"])
        and line.get("ref", entry["ref"]) == entry["ref"]
        and line.get("do", entry["act"]) == entry["act"]
        and (not entry["field"] or entry["field"] in line.get("fields", [line.get("field")]))
    )


@pytest.mark.parametrize("story", sorted(STORIES.keys() - {"rebuilt"}))  # its trail was lost with the database
def test_the_log_tells_of_no_write_that_the_trail_does_not_have(story: str, log: Log) -> None:
    b = STORIES[story]()

    entries = trail(b)
    invented = [line for line in log.lines("action.applied") if not any(_is_of(line, e) for e in entries)]
    assert not invented


def _is_of(line: dict[str, Any], entry: dict[str, Any]) -> bool:
    return all(line[a] == entry[e] for a, e in (("link", "link"), ("do", "act"), ("ref", "ref")))


@pytest.mark.parametrize("story", STORIES)
def test_every_line_of_a_run_says_which(story: str, log: Log) -> None:
    STORIES[story]()

    by_person = {"copy.unlinked", "field.resolved"}
    nameless = [e for e in log.lines() if not e.get("run") or e.get("sync") != "s"]
    assert {e["event"] for e in nameless} <= by_person | ({"edit.overruled"} if story == "resolved" else set())


# -- what the trail does not have --------------------------------------------------------------


def test_a_run_with_nothing_to_do_tells_nothing_of_any_item(log: Log) -> None:
    b, _ = linked()
    b.settle()
    log.out.truncate(0)
    log.out.seek(0)

    b.sync(full=True)

    assert {e["event"] for e in log.lines()} == {"run.started", "connection.read", "run.finished"}


def test_a_refused_write_is_told_when_it_is_parked_and_when_it_is_over(log: Log) -> None:
    b, one = linked()
    b.trackers["b"].faults.append(Fault("reject", "update"))
    b.trackers["a"].edit(one, headline="Two")
    b.sync()
    b.trackers["a"].edit(one, headline="One")
    b.settle()

    (parked,) = log.lines("action.parked")
    (over,) = log.lines("action.unparked")
    assert parked["ref"] == f"b:issue:{also(b, one, 'b')}"
    assert (parked["fields"], parked["kind"], parked["attempts"]) == (["title"], "write", 1)
    assert (over["link"], over["ref"], over["fields"]) == (parked["link"], parked["ref"], ["title"])


def test_a_write_that_fails_with_its_connection_is_told(log: Log) -> None:
    b, one = linked()
    b.trackers["b"].faults.append(Fault("before", "update"))
    b.trackers["a"].edit(one, headline="Two")
    b.sync()

    (failed,) = log.lines("action.failed")
    (lost,) = log.lines("connection.lost")
    assert (failed["do"], failed["ref"]) == ("update", f"b:issue:{also(b, one, 'b')}")
    assert (lost["connection"], lost["run"]) == ("b", failed["run"])


def test_a_connection_that_does_not_open_is_lost_in_its_run(log: Log) -> None:
    b, _ = linked()
    b.trackers["b"].faults.append(Fault("before", "open"))
    run = b.sync().run

    (lost,) = log.lines("connection.lost")
    assert (lost["run"], lost["sync"]) == (run, "s")


def test_a_held_field_is_told_once_and_told_again_when_it_is_over(log: Log) -> None:
    b, one = linked(conflicts="ask")
    b.trackers["a"].edit(one, headline="From a")
    b.trackers["b"].edit(also(b, one, "b"), headline="From b")
    (hold,) = b.sync().held
    b.sync(full=True)
    for name in ("b", "c"):
        b.trackers[name].edit(also(b, one, name), headline="From a")
    b.settle()

    (held,) = log.lines("field.held")
    (released,) = log.lines("field.released")
    assert (held["link"], held["field"], held["hold"]) == (hold.link, "title", hold.id)
    assert (released["link"], released["field"], released["hold"]) == (hold.link, "title", hold.id)


def test_a_record_that_waits_for_a_person_is_told_once(log: Log) -> None:
    b = board(("a", "b"))
    b.trackers["a"].add("One")
    b.trackers["b"].add("One")
    b.settle()

    holds = b.sync().held
    assert holds
    assert {(e["hold"], e["kind"], e["ref"]) for e in log.lines("record.held")} == {
        (h.id, "maybe", str(h.ref)) for h in holds
    }
    assert len(log.lines("record.held")) == len(holds)


def test_a_copy_that_is_away_is_told_with_its_item(log: Log) -> None:
    b, one = linked()
    b.trackers["b"].hide(also(b, one, "b"))
    b.sync(full=True)

    (missed,) = log.lines("copy.missed")
    (link,) = {e["link"] for e in log.lines("copy.linked")}
    assert (missed["link"], missed["state"]) == (link, "unreachable")


def test_after_a_run_nothing_is_said_in_its_name(log: Log) -> None:
    b = board()

    async def serve() -> None:
        await sync(b.store, b.wiring(), Request())
        structlog.get_logger().info("daemon.idle")

    asyncio.run(serve())

    assert log.lines("daemon.idle")[0].keys() == {"timestamp", "level", "event"}


def test_a_field_that_did_not_stick_is_not_told_as_applied(log: Log) -> None:
    b, one = linked()
    b.trackers["b"].faults.append(Fault("drop", "update", field="stage"))
    b.trackers["a"].edit(one, headline="Two", stage="Doing")
    b.sync()

    ref = f"b:issue:{also(b, one, 'b')}"
    (applied,) = [e for e in log.lines("action.applied") if (e["do"], e["ref"]) == ("update", ref)]
    (parked,) = log.lines("action.parked")
    assert (applied["fields"], parked["fields"]) == (["title"], ["status"])


def test_what_a_limit_stopped_is_told(log: Log) -> None:
    b = board(("a", "b"), limits=Limits(creates=1))
    b.trackers["a"].add("One")
    b.trackers["a"].add("Two")
    b.sync()

    (told,) = log.lines("run.refused")
    assert (told["connection"], told["guard"], told["number"], told["limit"]) == ("b", "creates", 2, 1)
