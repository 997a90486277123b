"""Which records that already exist are probably one item: evidence, weighed and put into words.

Nothing here links anything. Whoever can write an issue can write a link, a title or a mark into
it, so all of this is for a person to judge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Final

from syncer.engine.likeness import Likeness, Titles, homes, keys_in, pages_in
from syncer.model import Ref, normal_title

LEAST: Final = 0.2
"""Below this a proposal is noise."""
MOST: Final = 0.99
"""Evidence that anybody can write never makes certain."""
NAMESAKES: Final = 5
"""Records of one title on one connection past which the title says nothing."""
DOUBT: Final = 0.5
"""What evidence is worth that rests on the word of a doubtful record."""

LINKED, LINKED_AMONG, KEYED_TITLE, KEYED_BODY = 0.7, 0.4, 0.7, 0.35
TITLE, TITLE_SHARED, TITLE_ALIKE = 0.8, 0.45, 0.7
PERSON, DAY, LABELS, CREATOR = 0.25, 0.2, 0.15, 0.15


@dataclass(frozen=True, slots=True)
class Speech:
    """What a record says of others in its `where` (title, description): pages linked to, keys named."""

    where: str
    pages: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()


def speech(where: str, text: str) -> Speech:
    """Return what *text* says of other records. Only so much of it is looked at."""
    return Speech(where, frozenset(pages_in(text)), frozenset(keys_in(text)))


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of one record. `people` and `creator` are persons, `labels` folded.

    `link` is the item it belongs to already, `lacks` the connections where that item has no copy.
    `doubts` say why its own word counts for less.
    """

    ref: Ref
    key: str
    url: str
    title: str
    created: date
    creator: str | None = None
    people: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    says: tuple[Speech, ...] = ()
    link: str | None = None
    lacks: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.ref.connection}:{self.key}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Records that are probably one item, at most one per connection; `confidence` is 0..1."""

    cards: tuple[Card, ...]
    confidence: float
    reason: str
    link: str | None = None


@dataclass(slots=True)
class _Case:
    """The evidence for one pair, as it is gathered: (weight, words), and who spoke."""

    found: list[tuple[float, str]] = field(default_factory=list)
    speakers: set[Ref] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Edge:
    one: int
    other: int
    confidence: float
    reason: str


def proposals(cards: Sequence[Card], connections: Sequence[str]) -> list[Proposal]:
    """Return the probable items among *cards*, surest first; no record is in two of them."""
    cases: dict[tuple[int, int], _Case] = defaultdict(_Case)
    _mentions(cards, cases)
    _titles(cards, cases)
    edges = [e for spot, case in cases.items() if (e := _edge(cards, spot, case)).confidence >= LEAST]
    edges.sort(key=lambda e: (-e.confidence, cards[e.one].ref, cards[e.other].ref))
    return _grouped(cards, edges, connections)


def fit(one: Card, other: Card) -> bool:
    """Say whether two records can be copies of one item at all."""
    if one.ref.connection == other.ref.connection or (one.link and other.link):
        return False
    linked, free = (one, other) if one.link else (other, one)
    return linked.link is None or free.ref.connection in linked.lacks


# -- evidence --------------------------------------------------------------------------------


def _mentions(cards: Sequence[Card], cases: dict[tuple[int, int], _Case]) -> None:
    """Find the records whose text speaks of another."""
    by_page: dict[str, int] = {}
    by_key: dict[str, list[int]] = {}
    for spot, card in enumerate(cards):
        by_page |= dict.fromkeys(homes(card.url, card.key), spot)
        by_key.setdefault(card.key, []).append(spot)
    for spot, card in enumerate(cards):
        for said in card.says:
            linked = _linked(cards, spot, said, by_page)
            for other in sorted(linked):
                among = sum(cards[o].ref.connection == cards[other].ref.connection for o in linked)
                words = f"{card.name} links to {cards[other].name} in its {said.where}"
                words += f", and to {among - 1} more there" if among > 1 else ""
                _say(cases, spot, other, cards, LINKED if among == 1 else LINKED_AMONG, words)
            named = {o for key in said.keys for o in by_key.get(key, ()) if fit(card, cards[o])}
            for other in sorted(named - linked):
                weight = KEYED_TITLE if said.where == "title" else KEYED_BODY
                _say(cases, spot, other, cards, weight, f"{card.name} names {cards[other].key} in its {said.where}")


def _linked(cards: Sequence[Card], spot: int, said: Speech, by_page: Mapping[str, int]) -> set[int]:
    found = (by_page.get(page) for page in said.pages)
    return {other for other in found if other is not None and fit(cards[spot], cards[other])}


def _say(
    cases: dict[tuple[int, int], _Case], spot: int, other: int, cards: Sequence[Card], weight: float, words: str
) -> None:
    case = cases[min(spot, other), max(spot, other)]
    case.found.append((weight, words))
    case.speakers.add(cards[spot].ref)


def _titles(cards: Sequence[Card], cases: dict[tuple[int, int], _Case]) -> None:
    """Compare titles: the equal ones by name, the others word by word."""
    same: dict[str, list[int]] = {}
    for spot, card in enumerate(cards):
        same.setdefault(normal_title(card.title), []).append(spot)
    for title, spots in same.items():
        for one, other in _namesakes(cards, spots) if title else ():
            rivals = _rivals(cards, spots, one, other)
            shown = ", ".join(cards[r].name for r in rivals)
            words = f"equal titles, not unique (also {shown})" if rivals else "equal titles, unique on both sides"
            cases[one, other].found.append((TITLE_SHARED if rivals else TITLE, words))
    titles = Titles([c.title for c in cards])
    for one, other in titles.pairs():
        if not fit(cards[one], cards[other]) or normal_title(cards[one].title) == normal_title(cards[other].title):
            continue
        like = titles.likeness(one, other)
        if like is not None:
            cases[one, other].found.append((TITLE_ALIKE * like.share, _alike(like)))


def _alike(like: Likeness) -> str:
    if not like.differ:
        return "titles with the same words"
    return f"titles differ in {like.differ} of {like.words} words"


def _namesakes(cards: Sequence[Card], spots: Sequence[int]) -> Iterator[tuple[int, int]]:
    crowd: dict[str, int] = defaultdict(int)
    for spot in spots:
        crowd[cards[spot].ref.connection] += 1
    few = [s for s in spots if crowd[cards[s].ref.connection] <= NAMESAKES]
    for one, other in combinations(few, 2):
        if fit(cards[one], cards[other]):
            yield one, other


def _rivals(cards: Sequence[Card], spots: Sequence[int], one: int, other: int) -> list[int]:
    sides = {cards[one].ref.connection, cards[other].ref.connection}
    return [s for s in spots if s not in {one, other} and cards[s].ref.connection in sides]


# -- weighing --------------------------------------------------------------------------------


def _edge(cards: Sequence[Card], spot: tuple[int, int], case: _Case) -> _Edge:
    """Weigh the evidence for one pair: each piece takes its share of what doubt is left."""
    one, other = cards[spot[0]], cards[spot[1]]
    found = [*case.found, *_circumstances(one, other)]
    left = 1.0
    for weight, _ in found:
        left *= 1 - weight
    confidence = 1 - left
    doubts = [d for card in (one, other) for d in card.doubts]
    trusted = any(not c.doubts and c.ref in case.speakers for c in (one, other))
    if doubts and not trusted:
        confidence *= DOUBT
    reason = ", ".join(words for _, words in found)
    if doubts:
        reason += f"; but {', and '.join(doubts)}"
    return _Edge(*spot, round(min(confidence, MOST), 2), reason)


def _circumstances(one: Card, other: Card) -> Iterator[tuple[float, str]]:
    """Yield what speaks for a pair, but never alone."""
    if one.people & other.people:
        yield PERSON, "same assignee"
    if one.creator is not None and one.creator == other.creator:
        yield CREATOR, "created by the same person"
    if one.created == other.created:
        yield DAY, "created on the same day"
    if one.labels and one.labels == other.labels:
        yield LABELS, "same labels"


# -- groups ----------------------------------------------------------------------------------


def _grouped(cards: Sequence[Card], edges: Sequence[_Edge], connections: Sequence[str]) -> list[Proposal]:
    """Join pairs into groups, the surest first, as long as no connection comes twice."""
    home = _homes(cards)
    members: dict[int, set[int]] = {}
    for spot, number in home.items():
        members.setdefault(number, set()).add(spot)
    bonds: dict[int, list[_Edge]] = {}
    for edge in edges:
        ours, theirs = home[edge.one], home[edge.other]
        if ours == theirs:
            continue
        if not _joinable([cards[s] for s in members[ours] | members[theirs]]):
            continue
        members[ours] |= members.pop(theirs)
        home |= dict.fromkeys(members[ours], ours)
        bonds[ours] = [*bonds.pop(ours, []), *bonds.pop(theirs, []), edge]
    found = [_proposal(cards, members[n], group, connections) for n, group in bonds.items()]
    return sorted(found, key=lambda p: (-p.confidence, p.cards[0].ref))


def _homes(cards: Sequence[Card]) -> dict[int, int]:
    """Return the group each record starts in: the copies of one item are together from the first."""
    first: dict[str, int] = {}
    return {spot: first.setdefault(card.link, spot) if card.link else spot for spot, card in enumerate(cards)}


def _joinable(group: Sequence[Card]) -> bool:
    """Say whether records fit into one item: one per connection, one link, and room for the free ones."""
    free = {c.ref.connection for c in group if not c.link}
    roomy = all(free <= c.lacks for c in group if c.link)
    return (
        roomy and len({c.link for c in group if c.link}) <= 1 and len({c.ref.connection for c in group}) == len(group)
    )


def _proposal(cards: Sequence[Card], spots: set[int], edges: Sequence[_Edge], connections: Sequence[str]) -> Proposal:
    """Return a group, as sure as the weakest pair that holds it together."""
    order = {name: rank for rank, name in enumerate(connections)}
    group = tuple(sorted((cards[s] for s in spots), key=lambda c: (order.get(c.ref.connection, 0), c.ref)))
    said = dict.fromkeys(e.reason for e in edges)
    reason = "; ".join(said)
    if len(said) > 1:
        pairs = ((sorted((cards[e.one], cards[e.other]), key=group.index), e) for e in edges)
        reason = "; ".join(f"{one.name} and {other.name}: {e.reason}" for (one, other), e in pairs)
    link = next((c.link for c in group if c.link), None)
    return Proposal(group, min(e.confidence for e in edges), reason, link)
