"""A store in whose hands the process can die: before a transaction, inside it, or just after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from syncer.sdk.memory import Crash
from syncer.store import Store

Moment = Literal["before", "inside", "after"]


@dataclass(slots=True)
class Doom:
    """Die at the transaction *left* uses from now. Once dead, nothing more is kept."""

    left: int
    moment: Moment
    dead: bool = False


class MortalStore(Store):
    """Commits like any other store until its hour has come."""

    doom: Doom | None = None

    @classmethod
    def fresh(cls) -> MortalStore:
        store = cls.memory()
        assert isinstance(store, cls)
        return store

    def revive(self) -> None:
        """Start the next process: it finds the same database, and nothing else."""
        self.doom = None

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        moment = self._moment()
        if moment == "before":
            raise Crash("before a transaction")
        with super().write() as tx:
            yield tx
            if moment == "inside":
                raise Crash("inside a transaction")
        if moment == "after":
            raise Crash("after a transaction")

    def _moment(self) -> Moment | None:
        doom = self.doom
        if doom is None:
            return None
        if doom.dead:
            return "before"
        doom.left -= 1
        if doom.left >= 0:
            return None
        doom.dead = True
        return doom.moment
