"""What stands under what: an issue's parent, read with the lists and without a request per issue.

A sub-issue's JSON names its parent's URL, and there only (`parent_issue_url`); the document leaves open which
answers have that member. So where a kind of answer was never seen to have it, and the repository has sub-issues
at all, GraphQL is asked: once for a page. A link that comes or goes moves no stamp (the parent's surely, the
child's as far as known): webhooks tell of it at once, else the next complete listing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from syncer.connector import Catalogue
from syncer.errors import RejectedError
from syncer.model import JSON
from syncer_github.api import Api, Raw
from syncer_github.batch import Batch
from syncer_github.numbers import EVER, Numbers
from syncer_github.place import Repository

LISTED, SINGLE = "listed", "single"
"""Kinds of answers: what one of them is seen to say need not stand in the other."""
RECENT = "kin recent"
"""The last page that GraphQL was asked about: what stands last in a list comes again with every poll."""
UNTOLD: Mapping[str, JSON] = {"elsewhere": "?"}
"""GitHub would not say: neither a parent nor none."""
_ISSUE = re.compile(r"/repos/([^/]+/[^/]+)/issues/(\d+)$")
_HOME = re.compile(r"/repos/([^/]+/[^/]+)$")


class Kin:
    """The parents of one repository's issues."""

    def __init__(self, api: Api, batch: Batch, catalogue: Catalogue, repository: str) -> None:
        self._api = api
        self._batch = batch
        self._catalogue = catalogue
        self._repository = repository
        self._numbers = Numbers(catalogue, repository)
        self._facts: set[str] | None = None
        self._granted = False
        self.offered = True

    # -- what is known of the place ------------------------------------------------------------

    def _known(self) -> set[str]:
        if self._facts is None:
            kept = self._catalogue.get("kin", max_age=EVER)
            same = isinstance(kept, Mapping) and kept.get("repository") == self._repository
            facts = kept.get("facts") if same and isinstance(kept, Mapping) else None
            self._facts = {str(f) for f in facts} if isinstance(facts, Sequence) else set()
        return self._facts

    def _learn(self, facts: Collection[str]) -> None:
        if not set(facts) <= self._known():
            self._known().update(facts)
            self._catalogue.put("kin", {"repository": self._repository, "facts": sorted(self._known())})

    def used(self) -> None:
        """Hear that the repository has sub-issues."""
        self._learn({"used"})

    def learn(self, raw: Raw) -> None:
        """Remember the id and the number of an issue just made: others may soon stand under it."""
        self._numbers.learn(raw.get("id"), raw.get("number"))
        self._numbers.keep()

    def keep(self) -> None:
        """Put what was learned of issues into the catalogue."""
        self._numbers.keep()

    def again(self) -> bool:
        """Say, once, whether issues were read as standing under nothing before the first sub-issue showed."""
        doubted, self._granted = self._granted and "used" in self._known() and LISTED not in self._known(), False
        return doubted

    # -- reading -------------------------------------------------------------------------------

    async def placed(
        self, here: Repository, raws: Sequence[Raw], source: str = LISTED, *, polled: bool = False
    ) -> list[Raw]:
        """Return issues with `parent`: {"id", "number"}, None, or {"elsewhere"} for one we have no record of.

        *polled*: a version that a poll brings again is not asked about again.
        """
        if not self.offered:
            return list(raws)
        self._look(raws, source)
        unsure = {raw["number"] for raw in raws if self._is_unsure(raw, source)}
        self._granted |= bool(unsure) and "used" not in self._known()
        unsure = unsure if "used" in self._known() else set()
        named = {number for raw in raws if (number := _number_above(raw, here)) is not None}
        unknown = {number for number in named if self._numbers.id(number) is None}
        told = self._recalled(raws) if polled else {}
        ask = unsure - told.keys()
        told |= await self._told(here, ask | unknown, unknown)
        if ask:
            self._remember([raw for raw in raws if raw.get("number") in unsure & told.keys()], told)
        return [{**raw, "parent": self._parent(here, raw, unsure, told)} for raw in raws]

    def _recalled(self, raws: Iterable[Raw]) -> dict[int, JSON]:
        """Return the parents of those versions of issues that were asked about lately."""
        kept = self._catalogue.get(RECENT, max_age=EVER)
        if not isinstance(kept, Mapping) or kept.get("repository") != self._repository:
            return {}
        known = {raw["number"]: kept.get(_version(raw)) for raw in raws if isinstance(raw.get("number"), int)}
        return {number: entry["parent"] for number, entry in known.items() if isinstance(entry, Mapping)}

    def _remember(self, raws: Sequence[Raw], told: Mapping[int, JSON]) -> None:
        entries = {_version(raw): {"parent": told[raw["number"]]} for raw in raws}
        self._catalogue.put(RECENT, {"repository": self._repository, **entries})

    def _look(self, raws: Iterable[Raw], source: str) -> None:
        facts: set[str] = set()
        for raw in raws:
            self._numbers.learn(raw.get("id"), raw.get("number"))
            summary = raw.get("sub_issues_summary")
            if isinstance(summary, dict) and summary.get("total"):
                facts.add("used")
            if raw.get("parent_issue_url") is not None:
                facts |= {"used", source}
        self._learn(facts)

    def _is_unsure(self, raw: Raw, source: str) -> bool:
        said = "parent" in raw or "parent_issue_url" in raw or source in self._known()
        return not said and isinstance(raw.get("number"), int)

    async def _told(self, here: Repository, numbers: Collection[int], ids: Collection[int]) -> dict[int, JSON]:
        """Ask for the parents of issues, and for the *ids* of some."""
        told: dict[int, JSON] = {}
        if numbers:
            for number, (id_, above) in (await self._batch.parents(here.name, sorted(numbers))).items():
                self._numbers.learn(id_, number)
                told[number] = above
        for number in sorted(n for n in ids if self._numbers.id(n) is None):
            # No GraphQL here: each parent is asked for once and never again.
            response = await self._api.read(f"{here.path}/issues/{number}", ok=frozenset({404, 410}))
            if response.is_success:
                self._numbers.learn(self._api.single(response).get("id"), number)
        return told

    def _parent(self, here: Repository, raw: Raw, unsure: Collection[int], told: Mapping[int, JSON]) -> JSON:
        if "parent" in raw:
            known: JSON = raw["parent"]
            return known
        url = raw.get("parent_issue_url")
        if not isinstance(url, str):
            return told.get(raw["number"], dict(UNTOLD)) if raw.get("number") in unsure else None
        number = _number_above(raw, here)
        id_ = None if number is None else self._numbers.id(number)
        return {"id": id_, "number": number} if id_ else {"elsewhere": _spelled(url)}

    # -- finding -------------------------------------------------------------------------------

    async def number(self, here: Repository, id_: str) -> int:
        """Return an issue's number. Raises `RejectedError` where the repository has no such issue."""
        if self._numbers.number(id_) is None:
            # A database from before numbers were kept: what has one is listed once.
            params = {"state": "all", "sort": "created", "direction": "desc"}
            async for page in self._api.pages(f"{here.path}/issues", params):
                self._look([raw for raw in page if "pull_request" not in raw], LISTED)
                if self._numbers.number(id_) is not None:
                    break
            self._numbers.keep()
        number = self._numbers.number(id_)
        if number is None:
            raise RejectedError("the parent is no issue of this repository", connection=self._api.http.connection)
        return number


def _version(raw: Raw) -> str:
    return f"{raw.get('number')} {raw.get('updated_at')}"


def _number_above(raw: Raw, here: Repository) -> int | None:
    """Return the number of the parent an issue names, if it is in the same repository, whatever that is called."""
    found = _ISSUE.search(str(raw.get("parent_issue_url")))
    home = _HOME.search(str(raw.get("repository_url")))
    name = home[1] if home else here.name
    return int(found[2]) if found and found[1].casefold() == name.casefold() else None


def _spelled(url: str) -> str:
    found = _ISSUE.search(url)
    return f"{found[1]}#{found[2]}" if found else "?"
