"""What a soak took, for people to read."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Mapping

from tests.soak.soak import Soak
from tests.soak.words import TRACKERS


def figures(soak: Soak) -> str:
    facts = {**_people(soak), **_work(soak), **_left(soak), **_cost(soak)}
    return "\n".join(f"{name:>20}  {value}" for name, value in facts.items())


def _people(soak: Soak) -> dict[str, object]:
    things = soak.staff.things.values()
    fates = Counter(soak.ledger.fates.values())
    born = fates.pop("born", 0)
    return {
        "seed": soak.seed,
        "items": f"{len(things)}, {soak.sizes.items} of them at first; {sum(len(t.keys) for t in things)} records",
        "put away by people": sum(len(t.away) for t in things),
        "comments": f"{len(soak.staff.remarks)} by people",
        "human edits": f"{soak.staff.deeds}, {soak.ledger.edits} of them of fields, besides {born} first values",
        "edits answered": "; ".join(f"{n} {fate}" for fate, n in fates.most_common()),
    }


def _work(soak: Soak) -> dict[str, object]:
    weather, wrote, asked = soak.weather, sum(soak.writes.values()), sum(soak.requests.values())
    mishaps = f"{weather.deaths} died, {weather.outages} outages, {weather.lags} with a search that lags"
    return {
        "runs": f"{soak.runs}: {mishaps}, {weather.faults} mishaps of calls",
        "writes": f"{wrote} ({_each(soak.writes)})",
        "requests": f"{asked} ({_each(soak.requests)})",
        "requests per write": f"{asked / max(1, wrote):.2f}",
    }


def _left(soak: Soak) -> dict[str, object]:
    acts = soak.shelf.tally(soak.company.disk)
    holds = Counter(h.field if h.field in {"twin", "maybe"} else "held" for h in soak.shelf.holds)
    size = soak.company.disk.stat().st_size / 1e6
    return {
        "edits overruled": acts["overruled"],
        "held at the end": holds["held"],
        "twins": holds["twin"],
        "parked at the end": len(soak.shelf.parked),
        "database": f"{size:.1f} MB, {sum(acts.values())} lines of audit trail",
        "promises broken": len(soak.wrong),
    }


def _cost(soak: Soak) -> dict[str, object]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each, wrote = soak.seconds / soak.runs, sum(soak.writes.values())
    return {
        "seconds per run": f"{each:.1f} for {len(soak.staff.things) / each:.0f} items a second",
        "writes per second": f"{wrote / soak.seconds:.1f}, sandboxes included",
        "peak memory": f"{peak:.0f} MB, sandboxes included",
        "wall time": f"{time.monotonic() - soak.began:.0f} s",
    }


def _each(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {counts[n]}" for n in TRACKERS)
