"""Runs that read only what webhooks name keep every promise that other runs keep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from syncer.connector import Lead
from syncer.errors import UnavailableError
from syncer.model import Address, Ref
from syncer.run import Report
from syncer.store import leads
from tests.properties.board import Board, board


def told(b: Board, *spots: tuple[str, str], comment: str | None = None) -> Report:
    """Have webhooks name these records, and run on that alone."""
    for at, record in spots:
        note(b, at, [Lead(Address(Ref(at, "issue", record), b.trackers[at].row(record).key), comment)])
    return b.sync(leads=True, trigger="webhook")


def note(b: Board, at: str, found: Sequence[Lead]) -> None:
    with b.store.write() as tx:
        leads.note(tx, [b.rules.sync], at, [str(b.clock())], found, b.clock())


def waiting(b: Board) -> int:
    with b.store.read() as tx:
        return len(leads.pending(tx, b.rules.sync))


def headlines(b: Board, one: str) -> dict[str, object]:
    spots = {"a": one, "b": b.counterpart("a", one, "b")}
    return {at: b.trackers[at].row(record).fields["headline"] for at, record in spots.items()}


def test_an_edit_elsewhere_that_no_webhook_named_is_seen_before_it_is_written_over() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.sync()
    b.sync()
    b.trackers["a"].edit(one, headline="From a")
    b.clock.pass_(seconds=1)
    b.trackers["b"].edit(b.counterpart("a", one, "b"), headline="From b, later")

    told(b, ("a", one))

    assert headlines(b, one) == {"a": "From b, later", "b": "From b, later"}


def test_a_run_on_leads_reads_nothing_else() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.trackers["a"].add("Two")
    b.sync()
    b.sync()
    b.clock.pass_(minutes=5)
    b.trackers["a"].edit(one, headline="One, edited")

    report = told(b, ("a", one))

    assert report.read == 1
    assert headlines(b, one) == {"a": "One, edited", "b": "One, edited"}
    assert waiting(b) == 0


def test_leads_to_what_a_connection_that_is_down_holds_wait_for_it() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.sync()
    b.sync()
    b.trackers["a"].edit(one, headline="One, edited")
    b.trackers["a"].down = True

    told(b, ("a", one))
    waited = waiting(b)
    b.trackers["a"].down = False
    b.sync(leads=True)

    assert waited == 1
    assert headlines(b, one) == {"a": "One, edited", "b": "One, edited"}


def test_what_is_new_is_made_elsewhere_only_once_every_connection_was_listed() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")

    told(b, ("a", one))
    before = len(b.trackers["b"].records())
    b.sync()

    assert before == 0
    assert headlines(b, one) == {"a": "One", "b": "One"}


def test_a_comment_taken_back_is_taken_back_elsewhere_by_its_lead() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.sync()
    said = b.trackers["a"].say(one, "Hasty words")
    b.sync()
    there = b.counterpart("a", one, "b")
    mirrored = b.trackers["b"].comments(there)
    b.trackers["a"].delete_comment(said)

    told(b, ("a", one), comment=said)

    assert len(mirrored) == 1
    assert b.trackers["b"].comments(there) == []


def test_a_lead_to_a_version_we_hold_leads_nowhere() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.sync()
    b.sync()
    note(b, "a", [Lead(Address(Ref("a", "issue", one), "A-1"), at=b.trackers["a"].row(one).updated)])

    with b.store.write() as tx:
        dropped = leads.drop_known(tx, b.rules.sync)

    assert (dropped, waiting(b)) == (1, 0)


def test_an_edit_in_the_second_that_was_read_is_no_echo_where_stamps_are_whole_seconds() -> None:
    b = board(("a", "b"), options={"a": {"resolution": timedelta(seconds=1)}})
    one = b.trackers["a"].add("One")
    b.sync()
    note(b, "a", [Lead(Address(Ref("a", "issue", one), "A-1"), at=b.trackers["a"].row(one).updated)])

    with b.store.write() as tx:
        dropped = leads.drop_known(tx, b.rules.sync)

    assert (dropped, waiting(b)) == (0, 1)


def test_a_lead_noted_anew_while_it_is_followed_stays() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    lead = Lead(Address(Ref("a", "issue", one), "A-1"))
    note(b, "a", [lead])
    with b.store.read() as tx:
        taken = leads.pending(tx, b.rules.sync)
    b.clock.pass_(seconds=1)
    note(b, "a", [lead])

    with b.store.write() as tx:
        leads.follow(tx, b.rules.sync, taken)

    assert waiting(b) == 1


def test_a_delivery_that_comes_again_is_noted_once() -> None:
    b = board(("a", "b"))
    lead = Lead(Address(Ref("a", "issue", "m1"), "A-1"))
    with b.store.write() as tx:
        first = leads.note(tx, ["s"], "a", ["id 1", "sha256:x"], [lead], b.clock())
        again = leads.note(tx, ["s"], "a", ["id 1", "sha256:y"], [lead], b.clock())
        replayed = leads.note(tx, ["s"], "a", ["id 2", "sha256:x"], [lead], b.clock())
        elsewhere = leads.note(tx, ["s"], "b", ["id 1", "sha256:x"], [lead], b.clock())

    assert (first, again, replayed, elsewhere) == (True, False, False, True)


def test_a_connection_at_rest_is_asked_nothing_and_loses_nothing() -> None:
    b = board(("a", "b"))
    one = b.trackers["a"].add("One")
    b.sync()
    b.sync()
    b.clock.pass_(minutes=5)
    b.trackers["a"].edit(one, headline="One, edited")

    report = b.sync(resting={"b": UnavailableError("resting", connection="b", sent=False)})
    asked = report.requests.get("b", 0)
    b.sync()

    assert (asked, report.outcome) == (0, "partial")
    assert headlines(b, one) == {"a": "One, edited", "b": "One, edited"}


def test_a_run_told_to_stop_stops_between_two_writes_and_the_next_goes_on() -> None:
    b = board(("a", "b"))
    for n in range(20):
        b.trackers["a"].add(f"Item {n}")
    b.clock.pass_(minutes=1)
    made: list[int] = []
    for patience in (12, 20, None):
        b.patience = patience
        report = b.sync()
        made.append(len(b.trackers["b"].records()))
        assert report.stopped is (patience is not None)

    assert 0 < made[0] < made[1] < made[2] == 20
