"""Plans too large to be meant, and listings too empty to be true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from syncer.engine.plan import Action
from syncer.engine.state import Limits

FLAGS: Mapping[str, str] = {"create": "creates", "update": "updates", "close": "closes", "archive": "archives"}


@dataclass(frozen=True, slots=True)
class Guard:
    """A refusal: `flag` is what `--allow` takes to let it through."""

    connection: str
    flag: str
    number: int
    limit: int
    message: str


def refusals(
    actions: Sequence[Action], limits: Limits, allowed: Collection[str], emptied: Mapping[str, int]
) -> list[Guard]:
    """Return why a plan must not be applied as it is.

    *emptied*: connections whose complete listing came back empty, and how many copies they had.
    """
    found: list[Guard] = []
    counts = Counter((a.connection, FLAGS[a.do]) for a in actions if a.do in FLAGS)
    for (connection, flag), number in sorted(counts.items()):
        limit = int(getattr(limits, flag))
        if number > limit and flag not in allowed:
            found.append(
                Guard(
                    connection,
                    flag,
                    number,
                    limit,
                    f"{number} {flag} on {connection} in one run, the limit is {limit}; "
                    f"if that is meant: --allow {flag}",
                )
            )
    for connection, had in sorted(emptied.items()):
        if "empty" not in allowed:
            found.append(
                Guard(
                    connection,
                    "empty",
                    had,
                    0,
                    f"{connection} suddenly lists nothing where {had} items were; if that is meant: --allow empty",
                )
            )
    return found
