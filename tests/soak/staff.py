"""The people of three trackers, at work: they file, edit, talk, and put away, at random."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from syncer.model import fold
from syncer.sdk.sandbox import Sandbox
from tests.properties.company import Clock
from tests.soak.ledger import Ledger, Spot
from tests.soak.words import (
    KINDS,
    LABELS,
    PERSONS,
    PRIORITIES,
    REMARK,
    SIMPLE,
    STATUSES,
    TOKEN,
    TRACKERS,
    UNDER_WAY,
    meaning,
)

VERBS = ("Speed up", "Rework", "Document", "Retire", "Measure", "Translate", "Simplify", "Harden", "Ship")
NOUNS = ("search", "the checkout", "sign-in", "exports", "the mobile app", "invoices", "the API", "alerts")
POINTS = (1, 2, 3, 5, 8)
SHARES = {"field": 62, "body": 20, "labels": 10, "talk": 8}
"""Of a hundred edits, how many are of what sort; now and then an item is filed or put away instead."""
TURNOVER = 0.015
PAUSE = timedelta(seconds=1)


@dataclass(slots=True)
class Thing:
    """An item as people know it. `away`: how they put it away, by tracker."""

    name: str
    home: str
    kind: str
    keys: dict[str, str] = field(default_factory=dict)
    away: dict[str, str] = field(default_factory=dict)

    def on(self, tracker: str) -> str | None:
        """Return the key of its copy on *tracker* that people can work on."""
        return None if tracker in self.away else self.keys.get(tracker)


@dataclass(slots=True)
class Remark:
    """A comment a person wrote. `word` is that of its newest text. `theirs`: mirrors that people made their own,
    with the word they left in it, "" where they deleted it."""

    name: str
    thing: str
    at: str
    id: str
    word: str
    restricted: bool = False
    gone: bool = False
    theirs: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Staff:
    """`noted(thing, tracker, field)` tells how long the item's trail is, and whether that field of that
    copy is still to be joined."""

    boxes: Mapping[str, Sandbox]
    clock: Clock
    rng: random.Random
    ledger: Ledger
    noted: Callable[[Thing, str, str], tuple[int, bool]] = lambda *_: (0, False)
    things: dict[str, Thing] = field(default_factory=dict)
    remarks: dict[str, Remark] = field(default_factory=dict)
    words: int = 0
    deeds: int = 0

    # -- filing --------------------------------------------------------------------------------

    def file(self, at: str) -> Thing:
        """File an item on *at*, as people there do."""
        rng = self.rng
        kind = "Task" if at == "github" else rng.choices(KINDS, (1, 4, 4, 3))[0]
        thing = Thing(f"T{len(self.things) + 1}", at, kind)
        fields = dict(rng.choice(STATUSES[at])) if rng.random() < 0.6 else {}
        labels = rng.sample(LABELS, rng.choice((0, 1, 1, 2, 3)))
        if at == "github" and fields.get("status") == "open":
            labels.append(UNDER_WAY)
        fields |= {"labels": [kind, *labels] if at == "linear" else labels, "assignees": self._person()}
        if at == "jira":
            fields["kind"] = kind
        for name in SIMPLE[at]:
            if name in {"priority", "due", "estimate"} and rng.random() < 0.5:
                fields[name] = self._value(thing, at, name)
        above = self._epic(at) if at != "github" and kind != "Epic" and rng.random() < 0.3 else None
        if above is not None:
            fields["parent"] = above
        self.clock.now += PAUSE
        key = self.boxes[at].add(self._title(thing), by=rng.choice(PERSONS), body=self._text(), **fields)
        thing.keys[at] = key
        self.things[thing.name] = thing
        shown = self.boxes[at].show(key)
        for name in (*SIMPLE[at], "body", "labels"):
            self.ledger.born(thing.name, name, at, meaning(at, name, shown))
        if rng.random() < 0.25:
            self._say(thing, at)
        return thing

    def _epic(self, at: str) -> str | None:
        keys = [k for t in self.things.values() if t.kind == "Epic" and (k := t.on(at)) is not None]
        return self.rng.choice(keys) if keys else None

    def _title(self, thing: Thing) -> str:
        return f"{self.rng.choice(VERBS)} {self.rng.choice(NOUNS)} ({thing.name})"

    def _person(self) -> list[str]:
        return [self.rng.choice(PERSONS)] if self.rng.random() < 0.7 else []

    # -- a day's work --------------------------------------------------------------------------

    def work(self, deeds: int) -> None:
        """Do *deeds* things, each on an item and a tracker drawn at random."""
        done = 0
        while done < deeds:
            self.clock.now += PAUSE
            done += self._turnover() if self.rng.random() < TURNOVER else self._deed()
        self.deeds += deeds

    def _deed(self) -> bool:
        thing, at = self._somewhere()
        match self.rng.choices(list(SHARES), list(SHARES.values()))[0]:
            case "field":
                return self._change(thing, at, self.rng.choice(SIMPLE[at]))
            case "talk":
                return self._talk(thing, at)
            case name:
                return self._change(thing, at, name)

    def _somewhere(self) -> tuple[Thing, str]:
        """Return an item and a tracker that has a copy of it; every tenth time one of the few that all look at."""
        things = list(self.things.values())
        while True:
            thing = self.rng.choice(things[:10] if self.rng.random() < 0.1 else things)
            at = self.rng.choice(TRACKERS)
            if thing.on(at) is not None:
                return thing, at

    def _change(self, thing: Thing, at: str, name: str) -> bool:
        box, key = self.boxes[at], thing.keys[at]
        shown = box.show(key)
        change = self._drawn(thing, at, name, shown)
        if change is None:
            return False
        mark, joining = self.noted(thing, at, name)
        before, when = meaning(at, name, shown), self.clock.now
        box.edit(key, by=self.rng.choice(PERSONS), **change)
        now = meaning(at, name, box.show(key))
        return self.ledger.note(Spot(thing.name, name, at), before, now, when, mark, joining=joining)

    def _drawn(self, thing: Thing, at: str, name: str, shown: Mapping[str, Any]) -> dict[str, Any] | None:
        match name:
            case "body":
                return {"body": self._reworded(shown["body"] or "")}
            case "labels":
                return {"labels": self._relabelled(at, shown["labels"])}
            case "status":
                return self._moved_on(at, shown)
            case _:
                return {name: self._value(thing, at, name)}

    def _moved_on(self, at: str, shown: Mapping[str, Any]) -> dict[str, Any]:
        change = dict(self.rng.choice(STATUSES[at]))
        if at == "github":
            labels = [n for n in shown["labels"] if n.casefold() != UNDER_WAY]
            if change["status"] == "open" and self.rng.random() < 0.5:
                labels.append(UNDER_WAY)
            change["labels"] = labels
        return change

    def _value(self, thing: Thing, at: str, name: str) -> Any:
        match name:
            case "title":
                return self._title(thing)
            case "priority":
                return self.rng.choice(list(PRIORITIES[at]))
            case "assignees":
                return self._person()
            case "due":
                return None if self.rng.random() < 0.2 else str(date(2027, 1, 1) + timedelta(self.rng.randrange(300)))
            case _:
                return None if self.rng.random() < 0.2 else self.rng.choice(POINTS)

    def _relabelled(self, at: str, labels: Sequence[str]) -> list[str]:
        label = self.rng.choice(LABELS)
        rest = [n for n in labels if fold(n) != fold(label)]
        return rest if len(rest) < len(labels) else [*labels, label if at != "jira" else "_".join(label.split())]

    # -- texts ---------------------------------------------------------------------------------

    def _word(self) -> str:
        self.words += 1
        return f"w{self.words}"

    def _line(self) -> str:
        """Return a line nobody wrote before."""
        return f"{self.rng.choice(VERBS)} {self.rng.choice(NOUNS)}, says **{self._word()}**"

    def _text(self) -> str:
        points = "\n".join(f"- {self._line()}" for _ in range(self.rng.randint(2, 5)))
        return f"{self._line()}.\n\n## {self._line()}\n\n{points}\n\n{self._line()}."

    def _reworded(self, text: str) -> str:
        """Change one line of *text*: most people do no more at a time."""
        lines = text.split("\n")
        ours = [n for n, line in enumerate(lines) if TOKEN.search(line) and not line.startswith("<!--")]
        if not ours:
            return f"{self._line()}.\n\n{text}"
        at = self.rng.choice(ours)
        bullet = re.match(r"\s*(?:[-*] |#+ )?", lines[at])
        lead = bullet[0] if bullet else ""
        how = self.rng.choice(("insert", "insert", "change", "change", "remove"))
        if how == "insert":
            lines[at + 1 : at + 1] = [f"{lead}{self._line()}"] if lead.strip() in {"-", "*"} else ["", self._line(), ""]
        elif how == "change" or len(ours) == 1:
            lines[at] = f"{lead}{self._line()}"
        else:
            del lines[at]
        return "\n".join(lines)

    # -- talk ----------------------------------------------------------------------------------

    def _say(self, thing: Thing, at: str) -> None:
        name, word = f"C{len(self.remarks) + 1}", self._word()
        closed = at == "jira" and self.rng.random() < 0.1
        text = f"{self.rng.choice(VERBS)} {self.rng.choice(NOUNS)}? {name} {word}"
        id_ = self.boxes[at].say(thing.keys[at], text, by=self.rng.choice(PERSONS), restricted=closed)
        self.remarks[name] = Remark(name, thing.name, at, id_, word, restricted=closed)

    def _talk(self, thing: Thing, at: str) -> bool:
        """Comment, or edit or delete what stands there: one's own words, sometimes a mirror."""
        shown = self.boxes[at].show(thing.keys[at])["comments"]
        if not shown or self.rng.random() < 0.5:
            self._say(thing, at)
            return True
        comment = self.rng.choice(shown)
        found = REMARK.search(comment["body"])
        if found is None:
            return False
        remark, word = self.remarks[found[0]], self._word()
        mine = remark.at == at
        if not mine and self.rng.random() < 0.7:
            return False
        if self.rng.random() < 0.3:
            self.boxes[at].unsay(comment["id"])
            word = ""
        else:
            self.boxes[at].reword(
                comment["id"], f"On second thought: {remark.name} {word}", by=None if mine else "jane"
            )
        if not mine:
            remark.theirs[at] = word
        else:
            remark.word, remark.gone = word, not word
        return True

    # -- coming and going ----------------------------------------------------------------------

    def _turnover(self) -> bool:
        if self.rng.random() < 0.6:
            self.file(self.rng.choice(TRACKERS))
            return True
        filed = [(t, a) for t in self.things.values() for a, how in t.away.items() if how == "archived"]
        if filed and self.rng.random() < 0.2:
            thing, at = self.rng.choice(filed)
            self.boxes[at].restore(thing.keys[at])
            del thing.away[at]
            return True
        thing, at = self._somewhere()
        how = self.rng.choice(("removed", "archived", "moved"))
        if at == "github" and how == "archived":
            return False
        put = {"removed": self.boxes[at].remove, "archived": self.boxes[at].archive, "moved": self.boxes[at].move}[how]
        put(thing.keys[at])
        thing.away[at] = how
        self.ledger.put_away(thing.name, at)
        return True
