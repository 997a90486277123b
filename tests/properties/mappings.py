"""Mappings that change under way: what a team's words mean today is not what they meant yesterday."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from syncer.errors import SyncerError
from syncer.links import Link
from syncer.model import ABSENT, Native
from syncer.sdk.memory import NATIVES
from tests.properties.promises import Promises
from tests.properties.wishes import Spot
from tests.properties.world import Thing

WORDED = ("status", "kind", "priority")


def saying(field: str, **words: Sequence[str]) -> Mapping[str, Any]:
    return {"fields": {field: {value: list(said) for value, said in words.items()}}}


VARIANTS: Sequence[Mapping[str, Any] | None] = (
    None,
    saying("status", started=["Doing", "Checking"]),
    saying("status", review=["Checking", "Doing"]),
    saying("status", done=["Shipped", "Dropped"]),
    saying("status", backlog=["Inbox", "Someday"]),
    saying("status", planned=["Next", "Odd"]),
    saying("priority", high=["P2", "P1"]),
    saying("priority", none=["-", "P4"]),
    saying("kind", story=["Small", "Capability", "Chore"]),
)


class Mappings(Promises):
    """Any side's mapping changes between any two runs."""

    def __init__(self) -> None:
        super().__init__()
        self.meant: dict[str, list[Mapping[str, Any] | None]] = {}
        """Every mapping a connection ever had."""

    @rule(data=st.data(), variant=st.sampled_from(range(len(VARIANTS))))
    def remap(self, data: st.DataObject, variant: int) -> None:
        self.change_mapping(data.draw(st.sampled_from(self.names), "at"), VARIANTS[variant])

    def change_mapping(self, at: str, variant: Mapping[str, Any] | None) -> None:
        self.meant.setdefault(at, [self.b.mappings.get(at)])
        before, unread = self._origins_at(at), self._unreadable_at(at)
        if variant is None:
            self.b.mappings.pop(at, None)
        else:
            self.b.mappings[at] = variant
        self.meant[at].append(variant)
        after = self._origins_at(at)
        for thing, name in before:
            # Only what an agreed value came from can change it (rule 12); then it is owed to the others.
            if before[thing, name] != after[thing, name]:
                self.stirred |= {Spot(thing, name, n) for n in self.names if n != at}
        for spot in unread - self._unreadable_at(at):
            # A first word, or an edit that nobody could read so far.
            self.stirred |= {spot._replace(at=n) for n in self.names}
        self._voice_again(at)

    def _unreadable_at(self, at: str) -> set[Spot]:
        things = [t.name for t in self.things.values() if at in self.copies(t)]
        spots = [Spot(t, name, at) for t in things for name in WORDED]
        return {s for s in spots if self.meaning(s.field, at, self.native(s)) is ABSENT}

    def _origins_at(self, at: str) -> dict[tuple[str, str], object]:
        """Return what the bases of agreed values that came from *at* mean."""
        found: dict[tuple[str, str], object] = {}
        for thing in self.things.values():
            link = self.books.links.get(self.link(thing))
            row = self.books.rows.get(self.link(thing), {}).get(at)
            for name in WORDED:
                origin = link.origin.get(name) if link is not None else None
                if origin is not None and origin.connection == at and row is not None and name in row.copy.base:
                    found[thing.name, name] = self.meaning(name, at, row.copy.base[name][NATIVES[name]])
        return found

    def _voice_again(self, at: str) -> None:
        """What people said on a side before means what it means today."""
        spots = [s for s in self.said_natively if s.at == at and s.field in WORDED]
        for spot in spots:
            for native in self.said_natively[spot]:
                value = self.meaning(spot.field, at, native)
                if value is not ABSENT:
                    self.wishes.voice(spot, value)

    # -- what must hold ---------------------------------------------------------------------------

    def calm_down(self) -> None:
        super().calm_down()
        for at in self.names:
            odd = any(r.fields.get("stage") == "Odd" for r in self.b.trackers[at].rows())
            if odd and self.b.mappings.get(at) is not VARIANTS[5]:
                self.change_mapping(at, VARIANTS[5])

    def says_what_was_agreed(self, link: Link, spot: Spot, native: Native) -> None:
        """A copy may say what was the nearest word when it was written: a mapping edit is no mass write."""
        now = self.b.mappings.get(spot.at)
        if spot.field not in WORDED or spot.at not in self.meant:
            super().says_what_was_agreed(link, spot, native)
            return
        agreed = link.agreed.get(spot.field)
        said = []
        for variant in self.meant[spot.at]:
            self._set(spot.at, variant)
            mapper = self.b.mapper(spot.at)
            try:
                value = mapper.read(spot.field, native)
            except SyncerError:
                continue
            said.append(value)
            if value in {agreed, ABSENT} or mapper.satisfied(spot.field, agreed, native):
                self._set(spot.at, now)
                return
        self._set(spot.at, now)
        raise AssertionError(f"{spot} says {native[NATIVES[spot.field]]!r} ({said}), agreed is {agreed!r}")

    def _set(self, at: str, variant: Mapping[str, Any] | None) -> None:
        if variant is None:
            self.b.mappings.pop(at, None)
        else:
            self.b.mappings[at] = variant

    def last_word_stands(self, thing: Thing, name: str, link: Link) -> None:
        if name not in WORDED:
            super().last_word_stands(thing, name, link)
