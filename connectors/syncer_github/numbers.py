"""Issue numbers by id and back. Paths want the number, records are known by the id, and nothing of GitHub's
leads from an id to its number."""

from __future__ import annotations

from collections.abc import Mapping

from syncer.connector import Catalogue

EVER = 10 * 365 * 86_400.0
"""Seconds: neither changes within a repository, and a transferred issue has both anew."""
SHELF = 1_000
"""Numbers kept together, so that a new issue does not have all of them written again."""


class Numbers:
    """What was seen of one repository's issues, kept in the catalogue from one run to the next."""

    def __init__(self, catalogue: Catalogue, repository: str) -> None:
        self._catalogue = catalogue
        self._repository = repository
        self._shelves: dict[int, dict[int, str]] | None = None
        self._numbers: dict[str, int] = {}
        self._news: set[int] = set()

    def id(self, number: int) -> str | None:
        return self._known().get(number // SHELF, {}).get(number)

    def number(self, id_: str) -> int | None:
        self._known()
        return self._numbers.get(id_)

    def learn(self, id_: object, number: object) -> None:
        """Remember an issue until `keep`; what is no id or no number is passed over."""
        if type(id_) is not int or type(number) is not int or self.id(number) == str(id_):
            return
        self._known().setdefault(number // SHELF, {})[number] = str(id_)
        self._numbers[str(id_)] = number
        self._news.add(number // SHELF)

    def keep(self) -> None:
        """Put what is new into the catalogue."""
        if not self._news:
            return
        for shelf in sorted(self._news):
            ids = {str(number): id_ for number, id_ in self._known()[shelf].items()}
            self._catalogue.put(f"numbers {shelf}", {"repository": self._repository, "ids": ids})
        self._catalogue.put("numbers", max(self._known()))
        self._news.clear()

    def _known(self) -> dict[int, dict[int, str]]:
        if self._shelves is None:
            last = self._catalogue.get("numbers", max_age=EVER)
            shelves = range(last + 1) if isinstance(last, int) else ()
            self._shelves = {shelf: self._kept(shelf) for shelf in shelves}
            self._numbers = {id_: n for ids in self._shelves.values() for n, id_ in ids.items()}
        return self._shelves

    def _kept(self, shelf: int) -> dict[int, str]:
        kept = self._catalogue.get(f"numbers {shelf}", max_age=EVER)
        if not isinstance(kept, Mapping) or kept.get("repository") != self._repository:
            return {}
        ids = kept.get("ids")
        return {int(n): str(id_) for n, id_ in ids.items()} if isinstance(ids, Mapping) else {}
