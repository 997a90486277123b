"""How much strangers may cost us: deliveries at once, and so many a second.

Who may be turned away unread? An address that sent many deliveries nobody could believe, unless a
genuine one ever came from it. Behind a proxy a tracker and every stranger share one address, and GitHub
posts any stranger's webhooks from its own: were such an address shut, one forged delivery a second
would be enough to switch webhooks off. What comes from a proven address is therefore always read, and only
bounded by how many deliveries are in flight and how long they may take. We do not ask a header who the
client is (`X-Forwarded-For`): a client can write it. A proxy that faces the world should limit by address itself.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from syncer.errors import DeliveryError

V6_BLOCK = 64
"""Bits: whoever has one IPv6 address has this whole block of them."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, then so many a second."""

    burst: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Limits:
    """`bodies`: deliveries in flight at once; those with more than their share weigh at most `weight`
    times the largest one allowed together. `patience`: seconds a body may take to arrive, `fair`: those it surely has.
    `genuine` is per connection, `refused` per client address, of which `addresses` are remembered.
    `writers`: deliveries being noted at once."""

    bodies: int = 64
    weight: int = 4
    patience: float = 10.0
    fair: float = 1.0
    genuine: Rate = Rate(1000, 100)
    refused: Rate = Rate(60, 1)
    addresses: int = 4096
    writers: int = 4


class NotNowError(DeliveryError):
    """A delivery is turned away through no fault of its sender: it may come again after `after` seconds."""

    def __init__(self, reason: str, *, status: int, after: float, told: str = "") -> None:
        super().__init__(reason, status=status)
        self.after = after
        self.told = told


class Bucket:
    """Tokens that come back with time. *now* is in seconds of a clock that never goes back."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at = now

    def wait(self, now: float) -> float:
        """Return in how many seconds there is a token; 0 where there is one."""
        self._left = min(self._rate.burst, self._left + (now - self._at) * self._rate.per_second)
        self._at = now
        return max(0.0, (1.0 - self._left) / self._rate.per_second)

    def take(self, now: float) -> float:
        """Take a token and return 0, or return what `wait` does."""
        missing = self.wait(now)
        if not missing:
            self._left -= 1.0
        return missing


class Addresses:
    """Where deliveries came from that nobody believed; what a proven address sends is never turned away unread."""

    def __init__(self, rate: Rate, most: int) -> None:
        self._rate = rate
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._proven: OrderedDict[str, None] = OrderedDict()

    def shut(self, host: str, now: float) -> float:
        """Return for how many seconds deliveries from *host* are turned away unread."""
        address = block(host)
        bucket = self._buckets.get(address)
        return 0.0 if bucket is None or address in self._proven else bucket.wait(now)

    def charge(self, host: str, now: float) -> None:
        address = block(host)
        self._buckets.setdefault(address, Bucket(self._rate, now)).take(now)
        _freshen(self._buckets, address, self._most)

    def prove(self, host: str) -> None:
        address = block(host)
        self._proven[address] = None
        _freshen(self._proven, address, self._most)

    def __len__(self) -> int:
        return len(self._buckets) + len(self._proven)


def _freshen(known: OrderedDict[str, Bucket] | OrderedDict[str, None], address: str, most: int) -> None:
    """Make *address* the last to be forgotten, and forget the first if there are too many."""
    known.move_to_end(address)
    if len(known) > most:
        known.popitem(last=False)


def block(host: str) -> str:
    """Return what *host* is counted as: IPv6 by block, IPv4 alone."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> (128 - V6_BLOCK) << (128 - V6_BLOCK), V6_BLOCK)))
