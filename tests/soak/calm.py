"""What must hold once people have stopped: nothing open, nothing to do, and every copy means the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from syncer.drift import Audit, audit
from syncer.engine.sets import as_set
from syncer.links import Link
from syncer.model import SET_FIELDS, Value
from tests.soak.ledger import said
from tests.soak.soak import Soak
from tests.soak.staff import Thing
from tests.soak.talk import misplaced
from tests.soak.words import SIMPLE, TRACKERS, meaning

NEAR: Mapping[tuple[str, str], frozenset[str]] = {
    ("jira", "backlog"): frozenset({"planned"}),
    ("jira", "canceled"): frozenset({"canceled", "done"}),
    ("github", "backlog"): frozenset({"planned"}),
    ("github", "review"): frozenset({"started"}),
}
"""By tracker and agreed status, what the tracker may say instead: it has no such word."""
PATIENCE = 7
"""Hours: longer than any pause before a parked write is tried again."""
A_DAY = 25
"""Hours after which every connection is listed completely."""
FIELDS = (*SIMPLE["jira"], "body", "labels")


def calm(soak: Soak) -> None:
    """Let two runs pass (three, where a tracker has to be asked twice about a lost answer), and check."""
    for hours in (A_DAY, *([PATIENCE] if soak.shelf.intents else []), PATIENCE):
        soak.company.clock.pass_(hours=hours)
        soak.run_in_quiet()
    wrong = [*_open(soak), *_news(soak, full=False), *_news(soak, full=True), *misplaced(soak.staff)]
    wrong += [*_drift(soak, _audited(soak)), *_unlike(soak), *soak.ledger.misruled()]
    for what in wrong:
        soak.found_wrong(what)


def _open(soak: Soak) -> Iterator[str]:
    shelf = soak.shelf
    for what in (*shelf.parked, *shelf.intents, *(h for h in shelf.holds if h.field in {"twin", "maybe"})):
        yield f"still open: {what}"
    held = {(h.link, h.field) for h in shelf.holds}
    for spot, edit in soak.ledger.pending.items():
        link = soak.link_of(spot.thing)
        if link is None or (link.id, spot.field) not in held:
            yield f"nobody answered for {edit}; {soak.told(link, spot.field)}"


def _news(soak: Soak, *, full: bool) -> Iterator[str]:
    report, wrote = soak.run_in_quiet(full=full)
    if report.outcome != "in_step" or wrote:
        yield f"nothing was new (full: {full}), but: {report.outcome} {wrote[:9]} {report.actions[:3]}"


def _audited(soak: Soak) -> Audit:
    with soak.opened() as store:
        found = asyncio.run(audit(store, soak.company.wiring))
    soak.company.forget()
    return found


def _drift(soak: Soak, found: Audit) -> Iterator[str]:
    """Yield what `syncer audit` finds; what people put away is known, and no drift."""
    ended = {k.id for t in soak.staff.things.values() if t.away.keys() >= t.keys.keys() and (k := soak.link_of(t.name))}
    strays = [s for s in found.strays if s.kind != "missing" or s.link not in ended]
    for one in (*found.divergences, *strays, *(a for a in found.away if not a.known), *found.down.items()):
        yield f"audit: {one}"


def _unlike(soak: Soak) -> Iterator[str]:
    """Yield where a copy, as a person reads it, is not what was agreed, or the agreement is not what people said."""
    links = {t.name: soak.link_of(t.name) for t in soak.staff.things.values()}
    soak.shelf.trail(soak.company.disk, [k.id for k in links.values() if k is not None])
    for thing in soak.staff.things.values():
        link = links[thing.name]
        if link is not None:
            yield from _differences(soak, thing, link)
            yield from _unheard(soak, thing, link)
            yield from soak.ledger.echoes(thing.name, soak.shelf.trails[link.id])
        elif not thing.away:
            yield f"{thing} was never linked"


def _differences(soak: Soak, thing: Thing, link: Link) -> Iterator[str]:
    if not thing.away and set(thing.keys) != set(TRACKERS):
        yield f"{thing} has no copy on {set(TRACKERS) - set(thing.keys)}"
    held = {h.field for h in soak.shelf.holds if h.link == link.id}
    for at in TRACKERS:
        if thing.on(at) is None:
            continue
        shown = soak.shown(thing, at)
        for name in link.agreed.keys() & {*SIMPLE[at], "body", "labels"} - held:
            agreed, now = said(name, link.agreed[name]), meaning(at, name, shown)
            if not _means(at, name, now, agreed):
                yield f"{thing.name} {name} on {at} is {now!r}, agreed is {agreed!r}; {soak.told(link, name)}"


def _unheard(soak: Soak, thing: Thing, link: Link) -> Iterator[str]:
    held = {h.field for h in soak.shelf.holds if h.link == link.id}
    for name in link.agreed.keys() & set(FIELDS) - held:
        for what in soak.ledger.unheard(thing.name, name, said(name, link.agreed[name]), soak.shelf.trails[link.id]):
            yield f"{what}; {soak.told(link, name)}"


def _means(at: str, name: str, now: Value, agreed: Value) -> bool:
    if name == "status":
        return now == agreed or now in NEAR.get((at, str(agreed)), ())
    if name == "priority":
        return now == agreed or (at == "jira" and agreed == "none")
    if name == "assignees" and at != "github":
        # One person at most: any of those agreed.
        return as_set(now) <= as_set(agreed) and bool(now) == bool(agreed)
    return now == agreed or (name in SET_FIELDS | {"body"} and not now and not agreed)
