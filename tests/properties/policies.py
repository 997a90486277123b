"""Who wins, who owns, what is left out, and what people decide about fields that are held."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from syncer.engine.state import FieldRule
from syncer.model import FIELDS, SET_FIELDS
from syncer.resolve import resolve_hold
from syncer.run import Report
from syncer.sdk.memory import NATIVES
from tests.properties.books import Look
from tests.properties.promises import Promises
from tests.properties.wishes import Spot, folded
from tests.properties.world import UNLIMITED, Thing

NAMELESS = {"twin", "maybe"}
WHY = {
    "newest": ("the newest edit wins", "the edits cannot be told apart in time"),
    "prefer": ("is preferred", "the newest edit wins", "the edits cannot be told apart in time"),
    "ask": (),
}
"""The rules that may overrule an edit, by policy."""


@st.composite
def policies(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, Any]:
    """Draw the rules of a sync over the connections *names*."""
    some = st.sampled_from(names)
    conflicts = st.one_of(st.just("newest"), st.just("ask"), some.map("prefer:{}".format))
    owned = st.builds(FieldRule, owner=some)
    once = st.builds(FieldRule, set_once=some)
    own = st.builds(FieldRule, conflicts=conflicts)
    skipped = st.just(FieldRule(skip=True))
    chosen = st.one_of(st.just(FieldRule(ignore=("ops/*",))), st.just(FieldRule(only=("red",))), owned)
    fields = {
        "labels": chosen,
        "assignees": st.one_of(owned, skipped),
        "title": st.one_of(owned, own),
        "body": st.one_of(owned, own, once, skipped),
        "kind": owned,
        **dict.fromkeys(("status", "priority", "due", "estimate"), st.one_of(owned, own, once, skipped)),
        "parent": st.one_of(owned, skipped),
    }
    return {
        "conflicts": draw(conflicts),
        "fields": draw(st.fixed_dictionaries({}, optional=fields)),
        "limits": replace(UNLIMITED, flaps=draw(st.sampled_from([10_000, 10_000, 1]))),
        "on_link": draw(st.one_of(st.just("oldest"), st.just("ask"), some.map("prefer:{}".format))),
    }


class Policies(Promises):
    """Held fields wait for people, who resolve them; what the rules leave out is nobody's business."""

    @precondition(lambda self: self.held())
    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        id_, values = data.draw(st.sampled_from(self.held()), "hold")
        self.decide(id_, data.draw(st.sampled_from(values), "take"))

    def held(self) -> list[tuple[str, list[str]]]:
        holds = self.books.holds
        return sorted((h.id, sorted(h.values)) for (_, name), h in holds.items() if name not in NAMELESS)

    def decide(self, id_: str, take: str) -> None:
        hold = next(h for h in self.books.holds.values() if h.id == id_)
        asyncio.run(resolve_hold(self.b.store, id_, take=take, value=None))
        self.books = replace(self.books, holds={k: h for k, h in self.books.holds.items() if h.id != id_})
        thing = next(t.name for t in self.things.values() if self.link(t) == hold.link)
        self.stirred |= {Spot(thing, hold.field, n) for n in self.names}
        chosen = hold.values[take]
        for one in [("+", e) for e in folded(chosen)] if hold.field in SET_FIELDS else [chosen]:
            self.wishes.voice(Spot(thing, hold.field, take), one)

    def quiet(self) -> Report | None:
        """People answer until nothing waits for them."""
        for _ in range(20):
            self.b.clock.pass_(hours=1)
            self.run_once()
            if not self.held():
                break
            for id_, values in self.held():
                self.decide(id_, values[0])
        return super().quiet()

    # -- what must hold ---------------------------------------------------------------------------

    def after_run(self, before: Look, after: Look, report: Report | None) -> None:
        super().after_run(before, after, report)
        for thing in self.things.values():
            for at, row in self.copies(thing).items():
                if (at, row.id) in before.natives:
                    self._left_out_stay(thing, at, before.natives[at, row.id], row.fields)

    def _left_out_stay(self, thing: Thing, at: str, before: Any, now: Any) -> None:
        """Elements that `only` and `ignore` leave out are neither added nor taken off."""
        for name in SET_FIELDS:
            rule_ = self.b.rules.rule(name)
            if self.has(name, at) and (rule_.only or rule_.ignore):
                was, will = ({e for e in folded(x[NATIVES[name]]) if not rule_.allows(e)} for x in (before, now))
                assert was == will, f"{thing.name} {name} on {at} had {was} of its own, now {will}"

    def by_which_rule(self, spot: Spot, wish: Any, fate: str) -> None:
        super().by_which_rule(spot, wish, fate)
        if fate in {"agreed", "taken"} or wish.joining:
            return
        rule_ = self.b.rules.rule(spot.field)
        if rule_.owner is not None:
            allowed: tuple[str, ...] = (f"{rule_.owner} owns {spot.field}",)
            if rule_.owner == spot.at or not self.has(spot.field, rule_.owner):
                allowed = WHY["prefer"]
        else:
            allowed = WHY[self.b.rules.policy(spot.field).partition(":")[0]]
        if fate == "a person resolved it":
            return
        assert any(a in fate for a in allowed), f"{spot} {wish}: no rule says {fate!r}, rules say {allowed}"

    def at_end(self) -> None:
        super().at_end()
        for thing in self.things.values():
            for name in FIELDS:
                self._skipped_stay_home(thing, name)

    def _skipped_stay_home(self, thing: Thing, name: str) -> None:
        """A field skipped is as people left it, and was never agreed on."""
        if not self.b.rules.rule(name).skip:
            return
        link = self.books.links[self.link(thing)]
        assert name not in link.agreed, f"{name} is skipped, and agreed: {link.agreed[name]!r}"
