"""How alike records say they are: titles word by word, and the pages and keys a text speaks of."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final
from urllib.parse import urlsplit

from syncer.model import normal_title

ALIKE: Final = 0.6
"""The share of words two titles must have in common to be taken for one."""
EXACT: Final = 0.5
"""The share that must be the very same words: slips of the pen only make up for the rest."""
TELLING: Final = 0.5
"""The share of what their words tell (rare words tell more) that must be in common as well."""
CROWD: Final = 100
"""Titles with one word in common past which that word leads nowhere: it bounds the work."""
MENTIONS: Final = 100
"""Links of one text that are looked at: nobody makes us follow a million."""
TYPO: Final = 0.8
STEM: Final = 3

_WORD = re.compile(r"\w+")
_LINK = re.compile(r"https?://[^\s\"'<>()\[\]{}|\\^`]+", re.IGNORECASE)
_KEY = re.compile(r"(?<![\w/-])[A-Z][A-Z0-9_]{0,19}-\d{1,9}(?![\w-])")


# -- what a text speaks of -------------------------------------------------------------------


def page(url: str) -> str:
    """Return the identity of a web page: host and path; scheme, query and fragment do not count."""
    try:
        parts = urlsplit(url.strip())
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return f"{host}{parts.path.rstrip('/')}".casefold()


def homes(url: str, key: str) -> frozenset[str]:
    """Return the pages by which a record is known: trackers append words of its title to its address."""
    full = page(url)
    if not full:
        return frozenset()
    head, found, _ = f"{full}/".rpartition(f"/{key.lstrip('#').casefold()}/")
    return frozenset({full, head + found.rstrip("/")} if found else {full})


def pages_in(text: str) -> Iterator[str]:
    """Yield, for every link in *text*, the pages it can mean: itself, then what it lies under."""
    for _, found in zip(range(MENTIONS), _LINK.finditer(text), strict=False):
        whole = page(found[0].rstrip(".,;:!?*_~"))
        while "/" in whole:
            yield whole
            whole = whole.rpartition("/")[0]


def keys_in(text: str) -> Iterator[str]:
    """Yield the keys (ROAD-12) that *text* names outside of a link."""
    for _, found in zip(range(MENTIONS), _KEY.finditer(_LINK.sub(" ", text)), strict=False):
        yield found[0]


# -- titles ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two titles differ in `differ` of `words` words; `share` (0..1) is what they have in common,
    each word weighed by how much it tells."""

    differ: int
    words: int
    share: float


class Titles:
    """All titles at hand, by word: finds those alike without comparing each with each.

    A title is looked up by its rarest words only: two titles with enough words in common must share
    one of them. A word in more than `CROWD` titles leads nowhere, so the work grows with the number
    of titles and not with its square.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        said = [frozenset(_WORD.findall(normal_title(t))) for t in titles]
        self._often = Counter(word for words in said for word in words)
        self._number = len(titles)
        self._sets = said
        self._said = [tuple(sorted(words, key=lambda w: (self._often[w], w))) for words in said]

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield (earlier, later) positions of titles worth a comparison."""
        leads: dict[str, list[int]] = {}
        for spot, words in enumerate(self._said):
            if len(words) < 2:  # noqa: PLR2004 -- one word alone says too little
                continue
            rare = words[: len(words) - math.ceil(ALIKE * len(words)) + 1]
            met: set[int] = set()
            for word in rare:
                if self._often[word] <= CROWD:
                    others = leads.setdefault(word, [])
                    met.update(others)
                    others.append(spot)
            for other in sorted(met):
                if min(len(self._said[other]), len(words)) >= ALIKE * max(len(self._said[other]), len(words)):
                    yield other, spot

    def likeness(self, one: int, other: int) -> Likeness | None:
        """Return how alike two titles are, None where they are not, or where their numbers differ."""
        ours, theirs = self._sets[one], self._sets[other]
        common, words = ours & theirs, max(len(ours), len(theirs))
        if len(common) < EXACT * words:
            return None
        left, right = ours - common, theirs - common
        if any(_numbered(w) for w in left) and any(_numbered(w) for w in right):
            return None
        near = _near(left, right)
        alike = len(common) + len(near)
        if not words or alike < ALIKE * words:
            return None
        told = sum(map(self._tells, common)) + sum(self._tells(w) * TYPO for w in near)
        share = told / max(sum(map(self._tells, ours)), sum(map(self._tells, theirs)))
        return Likeness(words - len(common), words, min(share, 1.0)) if share >= TELLING else None

    def _tells(self, word: str) -> float:
        return math.log(1 + self._number / self._often[word])


def _numbered(word: str) -> bool:
    return any(c.isdigit() for c in word)


def _near(ours: Iterable[str], theirs: Iterable[str]) -> list[str]:
    """Return those of *ours* that are one of *theirs* with a slip of the pen or another ending."""
    rest = sorted(theirs)
    near: list[str] = []
    for word in sorted(ours):
        like = next((w for w in rest if _slip(word, w)), None)
        if like is not None:
            rest.remove(like)
            near.append(word)
    return near


def _slip(one: str, other: str) -> bool:
    if one[:STEM] != other[:STEM] or _numbered(one) or _numbered(other):
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= TYPO
