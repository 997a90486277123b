"""Who wins when copies disagree: by time, by preference, or by asking a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from syncer.engine.state import Rules
from syncer.model import Value

_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Contender:
    """An edit, made at some time between `earliest` (None: unknown) and `latest`."""

    connection: str
    value: Value
    earliest: datetime | None
    latest: datetime | None
    who: str | None = None
    settled: bool = False
    """There is no history to ask: the value was agreed in an earlier run, and its time is known or its copy gone."""


@dataclass(frozen=True, slots=True)
class Won:
    winner: Contender
    because: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The histories of these connections would settle it."""

    ask: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Only a person can say."""


Verdict = Won | Unclear | Ask


def decide(
    contenders: Sequence[Contender],
    rules: Rules,
    policy: str,
    asked: Collection[tuple[str, str]],
    name: str,
) -> Verdict:
    """Return who wins field *name*. *asked* are the (connection, field) histories already fetched."""
    if len({c.value for c in contenders}) == 1:
        return Won(_latest(contenders), "the edits mean the same")
    if policy == "ask":
        return Ask()
    if policy.startswith("prefer:"):
        wanted = policy.removeprefix("prefer:")
        preferred = next((c for c in contenders if c.connection == wanted), None)
        if preferred is not None:
            return Won(preferred, f"{wanted} is preferred")
    return newest(contenders, rules, asked, name)


def newest(contenders: Sequence[Contender], rules: Rules, asked: Collection[tuple[str, str]], name: str) -> Verdict:
    for one in contenders:
        if all(_certainly_after(one, other) for other in contenders if other is not one):
            return Won(one, "the newest edit wins")
    unasked = tuple(c.connection for c in contenders if not c.settled and (c.connection, name) not in asked)
    if unasked:
        return Unclear(unasked)
    first_named = min(contenders, key=lambda c: rules.rank(c.connection))
    return Won(first_named, "the edits cannot be told apart in time; the order of `connections` decides")


def _certainly_after(one: Contender, other: Contender) -> bool:
    if one.value == other.value:
        return True
    return (one.earliest or _EVER) > (other.latest or _EVER)


def _latest(contenders: Sequence[Contender]) -> Contender:
    return max(contenders, key=lambda c: c.latest or _EVER)


def first(
    candidates: Sequence[tuple[str, Value, datetime]],
    owner: str | None,
    on_link: str,
    order: Sequence[str],
) -> tuple[str, str] | None:
    """Return (connection, reason) whose value an item starts with; None where a person must say.

    Candidates are (connection, value, when its record was created).
    """
    if len({value for _, value, _ in candidates}) == 1:
        return candidates[0][0], "all say the same"
    names = [connection for connection, _, _ in candidates]
    if owner in names and owner is not None:
        return owner, f"{owner} owns it"
    if on_link == "ask":
        return None
    if on_link.startswith("prefer:") and on_link.removeprefix("prefer:") in names:
        wanted = on_link.removeprefix("prefer:")
        return wanted, f"{wanted} is preferred"
    oldest = min(candidates, key=lambda c: (c[2], order.index(c[0])))
    return oldest[0], "the oldest record wins"
