"""How much strangers may cost us."""

from __future__ import annotations

import pytest

from syncer.web.limits import Addresses, Bucket, Rate, block


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    bucket = Bucket(Rate(2, 1), 0.0)

    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_waiting_as_long_as_told_is_enough() -> None:
    bucket = Bucket(Rate(1, 0.5), 0.0)
    bucket.take(0.0)

    assert bucket.take(bucket.wait(0.5) + 0.5) == 0.0


def test_addresses_are_forgotten() -> None:
    known = Addresses(Rate(60, 1), most=100)
    for n in range(5000):
        known.charge(f"10.0.{n // 250}.{n % 250}", 0.0)
        known.prove(f"10.1.{n // 250}.{n % 250}")

    assert len(known) <= 200


def test_the_address_heard_of_last_is_kept() -> None:
    known = Addresses(Rate(1, 1), most=2)
    for host in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"):
        known.charge(host, 0.0)

    assert [known.shut(h, 0.0) > 0 for h in ("10.0.0.1", "10.0.0.2", "10.0.0.3")] == [True, False, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8::1", "2001:db8::ffff:1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("fe80::1%eth0", "fe80::2")],
)
def test_addresses_that_one_stranger_has_count_as_one(one: str, other: str) -> None:
    assert block(one) == block(other)


@pytest.mark.parametrize(("one", "other"), [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8:0:1::1"), ("a", "b")])
def test_others_do_not(one: str, other: str) -> None:
    assert block(one) != block(other)
