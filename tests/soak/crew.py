"""People at work while a daemon keeps their trackers in step: nobody waits for it, and it waits for nobody."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncer.model import Value
from syncer.sdk.sandbox import Sandbox
from tests.properties.company import Clock
from tests.soak.calm import FIELDS, _means
from tests.soak.ledger import Ledger
from tests.soak.staff import Staff, Thing
from tests.soak.talk import duplicates, misplaced
from tests.soak.words import NAME, SIMPLE, TRACKERS, meaning

BUSY = 5
"""So many of the items are worked on from all sides at once. Of every other, each field is said on one tracker alone:
nobody overwrites it, so that it must arrive."""
SHARES = {"edit": 80, "talk": 16, "turnover": 4}


@dataclass(slots=True)
class Crew:
    """`said`: what people made of a field, newest last, as (tracker, meaning). `compared(tracker, key, field)`: has the
    daemon compared that field of that copy with the others yet? Until then nobody edits a copy that it made: what such
    an edit is worth is another story (DESIGN §4, rule 11).

    Each deed is done under its tracker's lock, as a person's click is: between the look and the edit nothing moves.
    """

    staff: Staff
    compared: Callable[[str, str, str], bool]
    said: dict[tuple[str, str], list[tuple[str, Value]]] = field(default_factory=dict)
    deeds: int = 0
    doubles: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, boxes: Mapping[str, Sandbox], seed: int, compared: Callable[[str, str, str], bool]) -> Crew:
        _let_all_transitions_be(boxes["jira"])
        return cls(Staff(boxes, Clock(), random.Random(seed), Ledger()), compared)  # noqa: S311 -- people, not secrets

    @property
    def things(self) -> Mapping[str, Thing]:
        return self.staff.things

    def file(self) -> None:
        at = self.staff.rng.choice(TRACKERS)
        with _held(self.staff.boxes[at]):
            self.staff.file(at)

    def work(self) -> None:
        """Do one thing, on an item and a tracker drawn at random."""
        self.deeds += 1
        match self.staff.rng.choices(list(SHARES), list(SHARES.values()))[0]:
            case "edit":
                self._edit()
            case "talk":
                self._talk()
            case _:
                self._turnover()

    def _edit(self) -> None:
        rng = self.staff.rng
        thing, at = self.staff._somewhere()
        name = rng.choice((*SIMPLE[at], "body", "body", "labels"))
        if not _busy(thing):
            at = _home(thing, name)
        if thing.on(at) is None or not (at == thing.home or self.compared(at, thing.keys[at], name)):
            return
        box, key = self.staff.boxes[at], thing.keys[at]
        with _held(box):
            shown = box.show(key)
            change = self.staff._drawn(thing, at, name, shown)
            if change is None:
                return
            box.edit(key, by=rng.choice(("jane", "omar", "mia", "ravi")), **change)
            now = meaning(at, name, box.show(key))
        if now != meaning(at, name, shown):
            self.said.setdefault((thing.name, name), []).append((at, now))

    def _talk(self) -> None:
        """Comment, or edit or delete one's own comment."""
        staff, rng = self.staff, self.staff.rng
        thing, at = staff._somewhere()
        with _held(staff.boxes[at]):
            theirs = [r for r in staff.remarks.values() if r.thing == thing.name and r.at == at and not r.gone]
            if not theirs or rng.random() < 0.4:
                staff._say(thing, at)
                return
            remark = rng.choice(theirs)
            if rng.random() < 0.3:
                staff.boxes[at].unsay(remark.id)
                remark.word, remark.gone = "", True
                return
            word = staff._word()
            staff.boxes[at].reword(remark.id, f"On second thought: {remark.name} {word}", by=None)
            remark.word = word

    def _turnover(self) -> None:
        with contextlib.ExitStack() as stack:
            for box in self.staff.boxes.values():
                stack.enter_context(_held(box))
            self.staff._turnover()

    def look(self) -> None:
        """Find the copies that were made meanwhile."""
        for at, box in self.staff.boxes.items():
            known = {t.keys[at] for t in self.things.values() if at in t.keys}
            with _held(box):
                fresh = {k: box.show(k)["title"] for k in box.keys() if k not in known}  # noqa: SIM118 -- no mapping
            for key, title in fresh.items():
                found = NAME.search(title)
                thing = self.things.get(found[0]) if found else None
                if thing is None or at in thing.keys:
                    self.doubles.append(f"{found and found[0]} is on {at} once more: {key}")
                else:
                    thing.keys[at] = key

    # -- what must hold once they have stopped ----------------------------------------------------

    def wrong(self) -> Iterator[str]:
        """Yield what is twice on a tracker, and what people said and is not everywhere."""
        yield from dict.fromkeys(self.doubles)
        yield from duplicates(self.staff)
        yield from misplaced(self.staff)
        for thing in self.things.values():
            if not thing.away and set(thing.keys) != set(TRACKERS):
                yield f"{thing} has no copy on {set(TRACKERS) - set(thing.keys)}"
            for name in FIELDS:
                yield from self._unlike(thing, name)

    def _unlike(self, thing: Thing, name: str) -> Iterator[str]:
        said = self.said.get((thing.name, name), [])
        if not said or (not _busy(thing) and thing.on(said[-1][0]) is None):
            return  # what was put away may have been put away unread
        there = [at for at in _holders(name) if thing.on(at) is not None]
        shown = {at: meaning(at, name, self.staff.boxes[at].show(thing.keys[at])) for at in there}
        wanted = [*shown.values(), *(v for _, v in said)] if _busy(thing) else [said[-1][1]]
        if not any(all(_means(at, name, now, value) for at, now in shown.items()) for value in wanted):
            yield f"{thing.name} {name}: people said {said[-4:]}; it is {shown}"

    def counted(self) -> str:
        away = sum(len(t.away) for t in self.things.values())
        edits = sum(len(s) for s in self.said.values())
        talk, items = len(self.staff.remarks), len(self.things)
        return f"{self.deeds} deeds, {edits} edits, {talk} comments, {items} items, {away} copies put away"


def _busy(thing: Thing) -> bool:
    return int(thing.name[1:]) <= BUSY


def _holders(name: str) -> list[str]:
    return [at for at in TRACKERS if name in {*SIMPLE[at], "body", "labels"}]


def _home(thing: Thing, name: str) -> str:
    """Return the one tracker on which people say that field of that item."""
    holders = _holders(name)
    return holders[(int(thing.name[1:]) + FIELDS.index(name)) % len(holders)]


def _held(box: Any) -> contextlib.AbstractContextManager[Any]:
    """Return the lock of a sandbox, by whatever name it has there."""
    world = next(getattr(box, n) for n in ("site", "world", "space") if hasattr(box, n))
    return world.lock  # type: ignore[no-any-return]  # the sandboxes are Any here


def _let_all_transitions_be(jira: Any) -> None:
    names = [s.name for s in jira.site.statuses]
    jira.site.edges = {name: [n for n in names if n != name] for name in names}
