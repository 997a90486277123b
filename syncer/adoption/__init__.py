"""Adopt, link and unlink: what a person says about which records are one item."""

from syncer.adoption.joining import Joined, Wish, join
from syncer.adoption.offering import Offer, propose
from syncer.adoption.parting import Parted, part
from syncer.adoption.spots import Spot, located, named

__all__ = ["Joined", "Offer", "Parted", "Spot", "Wish", "join", "located", "named", "part", "propose"]
