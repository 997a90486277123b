"""What people do to the fields of items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from syncer.model import FIELDS, JSON, SET_FIELDS, State, fold
from syncer.sdk.memory import NATIVES, Fault
from tests.properties.world import Thing, World

LABELS = ("red", "Blue sky", "ops/x")
PERSONS = ("u-ann", "u-bob", "u-cyd")
SCALARS = tuple(f for f in FIELDS if f not in SET_FIELDS)


@dataclass(slots=True)
class Meanwhile(Fault):
    """No fault: what somebody does in that very moment."""

    deed: Callable[[], object] = object

    def wants(self, call: str) -> bool:
        # In two steps: a class with slots is made twice, and `super()` would know the first.
        if Fault.wants(self, call):
            self.deed()
        return False


class Births(World):
    """People add items."""

    @precondition(lambda self: len(self.things) < self.ITEMS)
    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from(self.names), "at")
        native: dict[str, JSON] = {}
        if data.draw(st.booleans(), "with words"):
            native["text"] = self.words(4)
        if self.has("labels", at) and data.draw(st.booleans(), "with a label"):
            native["tags"] = [self.label_at(at, data.draw(st.sampled_from(LABELS), "label"))]
        if data.draw(st.booleans(), "under way"):
            native["stage"] = data.draw(st.sampled_from(sorted(self.b.trackers[at].statuses)), "stage")
        self.born(at, **native)

    def label_at(self, at: str, label: str) -> str:
        tracker = self.b.trackers[at]
        return label if tracker.spaced_labels else "_".join(label.split())

    def words(self, lines: int) -> str:
        return "\n".join(self.line() for _ in range(lines))

    def line(self) -> str:
        """Return a line nobody wrote before."""
        self.number += 1
        return f"line {self.number}"


class People(Births):
    """People change every field of every copy."""

    def change(self, data: st.DataObject) -> None:
        thing, at = self.some_copy(data)
        self.change_field(data, thing, at, data.draw(st.sampled_from(FIELDS), "field"))

    @precondition(lambda self: self.things)
    @rule(data=st.data(), times=st.integers(1, 6))
    def work(self, data: st.DataObject, times: int) -> None:
        """A busy day: some edits, here and there."""
        for _ in range(times):
            self.change(data)

    @precondition(lambda self: self.things)
    @rule(data=st.data())
    def collide(self, data: st.DataObject) -> None:
        """People change one field of one item on all sides before the next poll."""
        self.collision(data)

    def collision(self, data: st.DataObject) -> None:
        thing = self.things[data.draw(st.sampled_from(sorted(self.things)), "thing")]
        name = data.draw(st.sampled_from(FIELDS), "field")
        for at in data.draw(st.permutations(self.names), "order"):
            self.change_field(data, thing, at, name)

    @precondition(lambda self: self.things)
    @rule(data=st.data(), label=st.sampled_from(LABELS))
    def race(self, data: st.DataObject, label: str) -> None:
        """The same label is put on and taken off on several sides at once."""
        thing = self.things[data.draw(st.sampled_from(sorted(self.things)), "thing")]
        for at in data.draw(st.permutations(self.names), "order"):
            self.toggle(thing, at, "labels", self.label_at(at, label))

    @precondition(lambda self: self.things)
    @rule(data=st.data(), label=st.sampled_from(LABELS))
    def race_across_an_outage(self, data: st.DataObject, label: str) -> None:
        """A label is put on or taken off while another side is away; then both sides turn it again."""
        thing, at = self.some_copy(data)
        away = data.draw(st.sampled_from([n for n in self.names if n != at]), "away")
        self.toggle(thing, at, "labels", self.label_at(at, label))
        self.b.trackers[away].down = True
        self.run_once()
        self.b.trackers[away].down = False
        for side in (at, away):
            self.toggle(thing, side, "labels", self.label_at(side, label))

    @precondition(lambda self: self.things)
    @rule(
        data=st.data(), call=st.sampled_from(["update", "update", "create", "get", "changes"]), skip=st.integers(0, 2)
    )
    def meanwhile(self, data: st.DataObject, call: str, skip: int) -> None:
        """Somebody edits a copy just before some call of a run arrives there, maybe the one that writes it."""
        thing, at = self.some_copy(data)
        name = data.draw(st.sampled_from(["title", "status", "labels", "due", "assignees"]), "field")
        now = self.drawn(data, thing, at, name)
        deed = Meanwhile("before", call, skip=skip, deed=lambda: self.make(thing, at, name, now))
        self.b.trackers[at].faults.append(deed)
        for _ in range(data.draw(st.integers(0, 2), "reasons to write")):
            other = data.draw(st.sampled_from(sorted(self.copies(thing))), "other side")
            self.change_field(data, thing, other, data.draw(st.sampled_from(FIELDS), "other field"))
        self.run_once()

    # -- one field --------------------------------------------------------------------------------

    def some_copy(self, data: st.DataObject) -> tuple[Thing, str]:
        thing = self.things[data.draw(st.sampled_from(sorted(self.things)), "thing")]
        return thing, data.draw(st.sampled_from(sorted(self.copies(thing))), "at")

    def change_field(self, data: st.DataObject, thing: Thing, at: str, name: str) -> bool:
        row = self.copies(thing).get(at)
        if row is None or row.state is not State.HERE or not self.has(name, at):
            return False
        if name == "body":
            return self.edit(thing, at, name, self.reworded(data, str(row.fields[NATIVES[name]] or "")))
        return self.make(thing, at, name, self.drawn(data, thing, at, name))

    def drawn(self, data: st.DataObject, thing: Thing, at: str, name: str) -> JSON:
        """Draw a native value for a field, or an element to be put in or taken out."""
        match name:
            case "labels":
                return self.label_at(at, data.draw(st.sampled_from(LABELS), "label"))
            case "assignees":
                return data.draw(st.sampled_from(PERSONS), "person")
            case _:
                return data.draw(st.sampled_from(self.choices(thing, at, name)), name)

    def make(self, thing: Thing, at: str, name: str, now: JSON) -> bool:
        return self.toggle(thing, at, name, str(now)) if name in SET_FIELDS else self.edit(thing, at, name, now)

    def choices(self, thing: Thing, at: str, name: str) -> Sequence[JSON]:
        tracker = self.b.trackers[at]
        match name:
            case "title":
                return [f"{thing.name} {how}" for how in ("soon", "later", "never")]
            case "kind":
                return [k for k in tracker.kinds if k != "Part"]
            case "status":
                return sorted(tracker.statuses)
            case "priority":
                return list(tracker.priorities)
            case "due":
                return ["2032-01-01", "2032-02-02", None]
            case "estimate":
                return [0, 1, 2.5, None]
            case _:
                return [None, *self.above(thing, at)]

    def above(self, thing: Thing, at: str) -> list[JSON]:
        """Return the records an item may stand under: of older items, so that no circle closes."""
        older = [
            t for t in self.things.values() if list(self.things).index(t.name) < list(self.things).index(thing.name)
        ]
        rows = [self.copies(t).get(at) for t in older]
        return [r.id for r in rows if r is not None and r.state is State.HERE]

    def toggle(self, thing: Thing, at: str, name: str, element: str) -> bool:
        row = self.copies(thing).get(at)
        if row is None or row.state is not State.HERE or not self.has(name, at):
            return False
        have = [str(e) for e in row.fields[NATIVES[name]]]  # type: ignore[union-attr]  # a list of texts
        left = [e for e in have if fold(e) != fold(element)]
        if len(left) < len(have):
            return self.edit(thing, at, name, left)
        alone = name == "assignees" and self.b.trackers[at].single_assignee
        return self.edit(thing, at, name, [element] if alone else sorted([*have, element]))

    # -- texts ------------------------------------------------------------------------------------

    def reworded(self, data: st.DataObject, text: str) -> str | None:
        have = text.splitlines()
        at = data.draw(st.integers(0, len(have)), "line")
        match data.draw(st.sampled_from(["insert", "insert", "change", "remove", "clear"]), "how"):
            case "insert":
                have.insert(at, self.line())
            case "change" if have:
                have[at % len(have)] = self.line()
            case "remove" if have:
                del have[at % len(have)]
            case "clear":
                have = []
            case _:
                have.append(self.line())
        return "\n".join(have) or None
