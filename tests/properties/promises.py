"""DESIGN §4's promises, as they must hold once people have stopped."""

from __future__ import annotations

from collections.abc import Mapping

from syncer.engine import sets
from syncer.links import Link
from syncer.model import ABSENT, FIELDS, SET_FIELDS, Native, State
from syncer.run import Report
from tests.properties.answers import Answers
from tests.properties.books import Books
from tests.properties.wishes import Spot, folded, lines
from tests.properties.world import Thing

PATIENCE = 25
"""Hours: longer than any pause before a parked write is tried again, and than the daily sweep is apart."""


class Promises(Answers):
    """Convergence, idempotence, no duplicate, no lost edit, no echo."""

    def at_end(self) -> None:
        last = self.quiet()
        books = Books.read(self.b)
        assert last is not None
        self.nothing_is_open(last, books)
        for thing in self.things.values():
            if self.link(thing) not in books.links:
                assert not self.all_there(thing), f"{thing.name} was never linked"
                continue
            self.converged(thing, books)
            self.no_edit_is_lost(thing, books)
            self.no_echo(thing, books)
        self.nothing_to_do(full=self.number % 2 == 0)

    def quiet(self) -> Report | None:
        """Wait until every doubt and pause is over; two runs later all is as promised."""
        last = None
        # A tracker is asked twice about a write whose answer was lost, `settle_wait` apart.
        for _ in range(3 if self.books.intents else 2):
            self.b.clock.pass_(hours=PATIENCE)
            last = self.run_once()
        return last

    def nothing_is_open(self, last: Report, books: Books) -> None:
        assert not last.down, last.down
        assert not books.parked, books.parked
        assert not books.holds, books.holds
        assert not books.intents, books.intents
        for link in books.links.values():
            assert not link.owes(), f"something is still owed: {link}"

    def nothing_to_do(self, *, full: bool) -> None:
        before = self.b.writes()
        report = self.run_once(full=full)
        assert report is not None
        assert (report.outcome, self.b.writes() - before) == ("in_step", 0), report.actions

    # -- convergence ----------------------------------------------------------------------------

    def converged(self, thing: Thing, books: Books) -> None:
        link = books.links[self.link(thing)]
        copies = self.copies(thing)
        missing = set(self.names) - set(copies)
        assert not (missing and self.all_there(thing)), f"{thing.name} has no copy on {missing}"
        for at, row in copies.items():
            if row.state is State.HERE:
                for name in FIELDS:
                    self.says_what_was_agreed(link, Spot(thing.name, name, at), row.fields)

    def all_there(self, thing: Thing) -> bool:
        """Say whether an item has to have a copy everywhere."""
        return True

    def answered(self, spot: Spot) -> bool:
        """Say whether a wish has to have been answered by now."""
        return not self.outside(spot)

    def says_what_was_agreed(self, link: Link, spot: Spot, native: Native) -> None:
        name, at = spot.field, spot.at
        if self.outside(spot) or not self.has(name, at):
            return
        mapper, rule = self.b.mapper(at), self.b.rules.rule(name)
        now, agreed = mapper.read(name, native), link.agreed.get(name)
        if now is ABSENT or now == agreed:
            return
        if name not in SET_FIELDS:
            said = f"{spot} says {now!r}, agreed is {agreed!r}"
            assert mapper.satisfied(name, agreed, native), said
            return
        have, want = (folded(sets.allowed(v, rule)) for v in (now, agreed))
        if mapper.single(name):
            # One seat: somebody agreed on has it, unless people here left it empty.
            assert have <= want, f"{spot} has {have}, agreed is {want}"
            left = any(at == spot.at and v[0] == "-" for _, at, v in self.signs(spot))
            assert have or not want or left, f"{spot} is empty, agreed is {want}"
            return
        assert have == want, f"{spot} has {have}, agreed is {want}"

    def signs(self, spot: Spot) -> list[tuple[int, str, tuple[str, str]]]:
        """Return what was ever said of the elements of a set."""
        said = self.wishes.voiced.get((spot.thing, spot.field), [])
        return [(seq, at, v) for seq, at, v in said if isinstance(v, tuple)]

    # -- no lost edit ---------------------------------------------------------------------------

    def no_edit_is_lost(self, thing: Thing, books: Books) -> None:
        wishes = self.wishes
        left = [s for s in wishes.pending if s.thing == thing.name and self.answered(s)]
        left = [s for s in left if self.meaning(s.field, s.at, wishes.pending[s].now) is not ABSENT]
        assert not left, f"nobody answered for {[(s, wishes.pending[s]) for s in left]}"
        over = [(s, e) for s, e in wishes.elements if s.thing == thing.name and self.answered(s)]
        assert not over, f"nobody answered for {over}"
        link = books.links[self.link(thing)]
        for name in FIELDS:
            said = wishes.voiced.get((thing.name, name), [])
            if name == "body":
                written = {line for _, _, v in said for line in lines(v)}
                assert lines(link.agreed.get(name)) <= written, "a line that nobody wrote"
            elif name not in SET_FIELDS:
                self.last_word_stands(thing, name, link)
            else:
                added = {v[1] for _, _, v in self.signs(Spot(thing.name, name, "")) if v[0] == "+"}
                assert folded(link.agreed.get(name)) <= added, f"{name} has an element that nobody added"

    def last_word_stands(self, thing: Thing, name: str, link: Link) -> None:
        said = self.wishes.voiced.get((thing.name, name), [])
        values = [v for _, _, v in said]
        if not said:
            return
        if name not in link.agreed:
            return
        agreed = link.agreed[name]
        assert agreed in values, f"{thing.name} {name} is {agreed!r}, which nobody wished: {said}"
        seq, _, value = said[-1]
        _, fate = self.wishes.fates.get(seq, (0, ""))
        if fate not in {"agreed", "taken"} or agreed == value:
            return
        lost = [e["why"] for e in self.books.trails[link.id] if e["field"] == name and e["from"] == value]
        why = [w for w in lost if w != "the newest edit wins" or not self.exact()]
        assert why, f"{thing.name} {name}: the last word {value!r} gave way to {agreed!r}: {lost}"

    # -- no echo --------------------------------------------------------------------------------

    def no_echo(self, thing: Thing, books: Books) -> None:
        """Every edit in the audit trail was somebody's."""
        entries = [e for e in books.trails[self.link(thing)] if e["act"] == "edit"]
        for name in FIELDS:
            said = [v for _, _, v in self.wishes.voiced.get((thing.name, name), [])]
            found = [e for e in entries if e["field"] == name and not self.by_rule(e["why"])]
            if name == "body":
                assert len(found) <= len(said), f"{name}: {found} of {said}"
            elif name in SET_FIELDS:
                for sign in "+-":
                    self.no_more_than_said(name, sign, found, said)
            else:
                for value in {e["to"] for e in found}:
                    turns = sum(1 for e in found if e["to"] == value)
                    wished = sum(1 for v in said if v == value)
                    assert turns <= wished, f"{name} became {value!r} {turns} times, wished {wished} times: {found}"

    def no_more_than_said(self, name: str, sign: str, found: list[Mapping[str, object]], said: list[object]) -> None:
        turns = [
            folded(e["to"]) - folded(e["from"]) if sign == "+" else folded(e["from"]) - folded(e["to"]) for e in found
        ]
        for element in set().union(*turns):
            wished = sum(1 for v in said if v == (sign, element))
            assert sum(1 for t in turns if element in t) <= wished, f"{name} {sign}{element}: {found}"

    def by_rule(self, why: str) -> bool:
        return why.startswith("the mapping changed")
