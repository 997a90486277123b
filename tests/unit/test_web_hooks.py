"""The receiver of webhooks: what is believed, what is noted, what is answered, and what nobody gets to see."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from syncer.config import Daemon
from syncer.web.house import Post
from syncer.web.limits import Limits, Rate
from tests.unit.porch import SECRET, Porch, Tracker, porch, signed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Porch]:
    made = porch(tmp_path)
    yield made
    made.store.close()


# -- a genuine delivery ----------------------------------------------------------------------


async def test_a_genuine_delivery_is_noted_before_it_is_answered(house: Porch) -> None:
    answer = await house.tell({"issues": [7]})

    assert (answer.status_code, answer.json()) == (202, {"accepted": True})
    assert [str(n.lead.address.ref.id) for n in house.noted()] == ["7"]


async def test_every_sync_of_the_connection_is_asked_to_follow(house: Porch) -> None:
    house.posts["jira"] = Post(Tracker(), None, (SECRET,), ("roadmap", "support"))

    await house.tell({"issues": [7]})

    assert house.asked == [("roadmap", "webhook"), ("support", "webhook")]
    assert house.noted("support")


async def test_a_change_that_no_record_tells_asks_for_a_poll(house: Porch) -> None:
    await house.tell({"look": True})

    assert house.asked == [("roadmap", "poll")]


async def test_a_delivery_of_no_interest_is_welcome_and_changes_nothing(house: Porch) -> None:
    answer = await house.tell({"zen": "Keep it logically awesome."})

    assert (answer.status_code, house.asked, house.noted()) == (202, [], [])


async def test_any_of_the_secrets_may_have_signed(house: Porch) -> None:
    house.posts["jira"] = Post(Tracker(), None, ("the new one", SECRET), ("roadmap",))

    assert (await house.tell({"issues": [7]})).status_code == 202


async def test_a_reload_takes_effect_at_the_next_request(house: Porch) -> None:
    assert (await house.tell({"issues": [7]}, to="linear")).status_code == 404

    house.posts["linear"] = house.posts["jira"]

    assert (await house.tell({"issues": [7]}, to="linear")).status_code == 202


# -- what came before ------------------------------------------------------------------------


async def test_a_delivery_that_comes_again_is_known(house: Porch) -> None:
    await house.tell({"issues": [7]}, "1")
    again = await house.tell({"issues": [7]}, "1")

    assert (again.status_code, again.json()) == (200, {"accepted": False, "reason": "known"})
    assert house.asked == [("roadmap", "webhook")]


async def test_a_replay_under_a_new_id_is_known_by_its_body(house: Porch) -> None:
    await house.tell({"issues": [7]}, "1")
    replay = await house.tell({"issues": [7]}, "2")

    assert replay.json() == {"accepted": False, "reason": "known"}


async def test_an_id_comes_with_one_body_only(house: Porch) -> None:
    await house.tell({"issues": [7]}, "1")
    other = await house.tell({"issues": [8]}, "1")

    assert other.json() == {"accepted": False, "reason": "known"}


async def test_a_delivery_without_an_id_is_known_by_its_body_alone(house: Porch) -> None:
    first = await house.tell({"issues": [7]}, "")
    second = await house.tell({"issues": [8]}, "")

    assert (first.status_code, second.status_code) == (202, 202)


# -- strangers -------------------------------------------------------------------------------


async def test_a_forged_delivery_is_refused(house: Porch) -> None:
    answer = await house.post(*signed({"issues": [7]}, secret="guessed"))

    assert (answer.status_code, answer.json()) == (401, {"error": "forged"})
    assert (house.noted(), house.asked) == ([], [])


async def test_an_unsigned_delivery_is_refused(house: Porch) -> None:
    assert (await house.post(b'{"issues": [7]}', {})).json() == {"error": "unsigned"}


async def test_a_malformed_delivery_is_refused(house: Porch) -> None:
    answer = await house.post(*signed(b'{"issues": '))

    assert (answer.status_code, answer.json()) == (400, {"error": "malformed"})


async def test_an_unknown_connection_and_one_without_secrets_look_the_same(house: Porch) -> None:
    house.posts["github"] = Post(Tracker(), None, (), ("roadmap",))

    unknown = await house.tell({"issues": [7]}, to="nosuch")
    mute = await house.tell({"issues": [7]}, to="github")

    assert (unknown.status_code, unknown.content, unknown.headers) == (404, mute.content, mute.headers)


async def test_an_announced_body_that_is_too_large_is_refused_unread(house: Porch) -> None:
    house.settings = Daemon(largest_delivery=100)
    read: list[bytes] = []

    async def pieces() -> AsyncIterator[bytes]:
        read.append(b"x")
        yield b"x"

    answer = await house.post(pieces(), {"content-length": "101"})

    assert (answer.status_code, read) == (413, [])


async def test_a_streamed_body_is_cut_off_where_it_gets_too_large(house: Porch) -> None:
    house.settings = Daemon(largest_delivery=100)
    read: list[bytes] = []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1000):
            read.append(b"x" * 30)
            yield read[-1]

    answer = await house.post(pieces(), {})

    assert answer.status_code == 413
    assert sum(map(len, read)) <= 130


async def test_a_body_of_exactly_the_largest_size_is_read(house: Porch) -> None:
    body, headers = signed({"issues": [7]})
    house.settings = Daemon(largest_delivery=len(body))

    assert (await house.post(body, headers)).status_code == 202


async def test_a_slow_body_is_given_up(tmp_path: Path) -> None:
    house = porch(tmp_path, limits=Limits(patience=0.05))

    answer = await house.post(_slowly(b"{}"), {})

    assert (answer.status_code, answer.json()) == (408, {"error": "slow"})
    house.store.close()


# -- mishaps ---------------------------------------------------------------------------------


async def test_what_a_plugin_stumbles_over_is_answered_and_not_explained(house: Porch) -> None:
    with structlog.testing.capture_logs() as told:
        answer = await house.tell({"trip": "the salary of Jane"})

    assert (answer.status_code, answer.json()) == (500, {"error": "unforeseen"})
    assert told[0]["error"] == "KeyError"
    assert "salary" not in str(told)


@pytest.mark.parametrize("status", [200, 302, 500, 999])
async def test_a_plugin_cannot_make_a_refusal_look_like_something_else(house: Porch, status: int) -> None:
    answer = await house.tell({"refuse": "Dear Jane, your salary", "status": status})

    assert (answer.status_code, answer.json()) == (400, {"error": "refused"})


async def test_while_the_database_is_locked_nothing_is_marked_as_seen(house: Porch) -> None:
    assert house.store.path is not None
    other = sqlite3.connect(house.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    locked = await house.tell({"issues": [7]})
    other.execute("ROLLBACK")
    other.close()

    assert (locked.status_code, locked.json()) == (503, {"error": "store"})
    assert int(locked.headers["retry-after"]) > 0
    assert house.asked == []
    assert (await house.tell({"issues": [7]})).status_code == 202


async def test_a_text_that_no_database_takes_is_malformed(house: Porch) -> None:
    answer = await house.tell({"issues": ["\ud800"]})

    assert (answer.status_code, answer.json()) == (400, {"error": "malformed"})


async def test_the_loop_stays_free_while_the_database_is_waited_for(house: Porch) -> None:
    assert house.store.path is not None
    other = sqlite3.connect(house.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(house.tell({"issues": [7]}))
    await asyncio.sleep(0.02)
    healthy = await house.client.get("/healthz")

    assert (healthy.status_code, waiting.done()) == (200, False)
    other.execute("ROLLBACK")
    other.close()
    await waiting


# -- floods ----------------------------------------------------------------------------------


async def test_too_many_forged_ones_shut_their_address_out_unread(house: Porch) -> None:
    body, headers = signed({"issues": [7]}, secret="guessed")
    statuses = [(await house.post(body, headers)).status_code for _ in range(61)]

    assert statuses == [401] * 60 + [429]
    unread = await house.post(_slowly(body), headers)
    assert (unread.status_code, unread.json()) == (429, {"error": "shut"})


async def test_an_address_that_was_shut_out_is_heard_again_later(house: Porch) -> None:
    body, headers = signed({"issues": [7]}, secret="guessed")
    for _ in range(61):
        await house.post(body, headers)
    house.tick += 1.0

    assert (await house.tell({"issues": [7]})).status_code == 202


async def test_a_flood_does_not_shut_out_other_addresses(house: Porch) -> None:
    body, headers = signed({"issues": [7]}, secret="guessed")
    for _ in range(61):
        await house.post(body, headers)

    assert (await house.tell({"issues": [7]}, by=house.from_("198.51.100.1"))).status_code == 202


async def test_strangers_behind_a_trackers_proxy_cannot_shut_the_tracker_out(house: Porch) -> None:
    await house.tell({"issues": [7]})
    body, headers = signed({"issues": [7]}, secret="guessed")
    for _ in range(200):
        await house.post(body, headers)

    assert (await house.tell({"issues": [8]}, "2")).status_code == 202


async def test_unknown_connections_count_against_nobody(house: Porch) -> None:
    for _ in range(100):
        await house.tell({}, to="nosuch")

    assert (await house.tell({"issues": [7]})).status_code == 202


async def test_more_genuine_ones_than_anybody_needs_are_put_off(tmp_path: Path) -> None:
    house = porch(tmp_path, limits=Limits(genuine=Rate(3, 1)))
    statuses = [(await house.tell({"issues": [n]}, str(n))).status_code for n in range(4)]

    assert statuses == [202, 202, 202, 429]
    assert len(house.noted()) == 3
    house.store.close()


async def test_what_was_put_off_is_taken_later(tmp_path: Path) -> None:
    house = porch(tmp_path, limits=Limits(genuine=Rate(1, 1)))
    await house.tell({"issues": [1]}, "1")
    put_off = await house.tell({"issues": [2]}, "2")
    house.tick += float(put_off.headers["retry-after"])

    assert (await house.tell({"issues": [2]}, "2")).status_code == 202
    house.store.close()


async def test_more_at_once_than_there_is_room_for_are_put_off(tmp_path: Path) -> None:
    house = porch(tmp_path, limits=Limits(bodies=2, patience=0.3))
    slow = [asyncio.create_task(house.post(_slowly(b"{}"), {})) for _ in range(2)]
    await asyncio.sleep(0.05)
    answer = await house.tell({"issues": [7]})

    assert (answer.status_code, answer.json()) == (503, {"error": "crowded"})
    assert "retry-after" in answer.headers
    await asyncio.gather(*slow)
    house.store.close()


async def test_slow_bodies_give_way_to_a_delivery_that_is_here(tmp_path: Path) -> None:
    house = porch(tmp_path, limits=Limits(bodies=2, patience=30, fair=0.02))
    slow = [asyncio.create_task(house.post(_slowly(b"{}"), {})) for _ in range(2)]
    await asyncio.sleep(0.05)

    assert (await house.tell({"issues": [7]})).status_code == 202
    assert (await slow[0]).status_code == 408
    slow[1].cancel()
    house.store.close()


async def test_bodies_that_are_too_much_together_are_put_off(tmp_path: Path) -> None:
    house = porch(tmp_path, limits=Limits(weight=2, patience=0.3), settings=Daemon(largest_delivery=1000))
    slow = [asyncio.create_task(house.post(_slowly(b"x" * 990), {})) for _ in range(2)]
    await asyncio.sleep(0.05)
    answer = await house.tell({"issues": [7] * 30})

    assert (answer.status_code, answer.json()) == (503, {"error": "crowded"})
    await asyncio.gather(*slow)
    assert (await house.tell({"issues": [7] * 30})).status_code == 202
    house.store.close()


async def test_a_small_body_is_not_put_off_for_the_weight_of_others(tmp_path: Path) -> None:
    house = porch(tmp_path, limits=Limits(weight=2, bodies=10, patience=0.3), settings=Daemon(largest_delivery=1000))
    slow = [asyncio.create_task(house.post(_slowly(b"x" * 990), {})) for _ in range(2)]
    await asyncio.sleep(0.05)

    assert (await house.tell({"issues": [7] * 30})).status_code == 202
    await asyncio.gather(*slow)
    house.store.close()


# -- what is told ----------------------------------------------------------------------------


async def test_a_refusal_is_logged_without_its_content(house: Porch) -> None:
    body, headers = signed({"title": "the salary of Jane"}, secret="guessed")
    with structlog.testing.capture_logs() as told:
        await house.post(body, headers)

    expected = {"event": "hook.refused", "log_level": "warning", "connection": "jira", "reason": "forged", "more": 0}
    assert told == [{**expected, "size": len(body), "client": "203.0.113.7"}]


async def test_a_flood_is_logged_once_and_counted(house: Porch) -> None:
    with structlog.testing.capture_logs() as told:
        for _ in range(5):
            await house.post(b"{}", {})
        house.tick += 10
        await house.post(b"{}", {})

    assert [t["more"] for t in told] == [0, 4]


async def test_what_was_noted_is_logged_by_its_kind(house: Porch) -> None:
    with structlog.testing.capture_logs() as told:
        await house.tell({"issues": [7, 8], "title": "the salary of Jane"}, "d-1")

    expected = {"event": "hook.noted", "log_level": "debug", "connection": "jira"}
    assert told == [{**expected, "kind": "issue.changed", "leads": 2, "delivery": "d-1"}]


@pytest.mark.parametrize(
    ("body", "secret", "result"),
    [({"issues": [7]}, SECRET, "accepted"), ({}, SECRET, "ignored"), ({}, "guessed", "forged")],
)
async def test_deliveries_are_counted_by_what_came_of_them(house: Porch, body: Any, secret: str, result: str) -> None:
    await house.post(*signed(body, secret=secret))

    assert house.counted(result) == 1


async def test_connections_that_do_not_exist_are_counted_as_one(house: Porch) -> None:
    for n in range(5):
        await house.tell({}, to=f"made-up-{n}")

    assert house.counted("unknown", "(unknown)") == 5


async def _slowly(body: bytes) -> AsyncIterator[bytes]:
    yield body
    await asyncio.sleep(60)
    yield b""
