"""The machines that walk through a company's days: each leaves out what another looks at more closely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from syncer.sdk.memory import Fault, FaultKind
from tests.properties.lives import Lives
from tests.properties.mappings import Mappings
from tests.properties.mishaps import Mishaps
from tests.properties.people import Births, People
from tests.properties.policies import Policies, policies
from tests.properties.promises import Promises
from tests.properties.setups import HABITS, TALKATIVE, WORDY, companies, company
from tests.properties.talk import Talk
from tests.properties.vigil import Halts, Webhooks


class Runs(Births):
    """A board drawn from HABITS, some items in step, and runs now and then."""

    HABITS: ClassVar[Mapping[str, Mapping[str, Any]]] = HABITS

    @initialize(data=st.data(), known=st.sampled_from([2, 1, 0, 3]))
    def begin(self, data: st.DataObject, known: int) -> None:
        self.b = company(data.draw(companies(self.HABITS), "company"))
        self.b.rules = replace(self.b.rules, **self.policies(data))
        for _ in range(known):
            self.add(data)
        if known:
            self.run_once()

    def policies(self, data: st.DataObject) -> dict[str, Any]:
        """Return the rules of the sync that are not as usual."""
        return {}

    @precondition(lambda self: len(self.things) < self.ITEMS)
    @rule(data=st.data(), kind=st.sampled_from(["after", "crash_after", "sent", "crash_before"]))
    def add_and_lose_the_answer(self, data: st.DataObject, kind: FaultKind) -> None:
        """An item is new, and of its copy on one side nobody can say whether it arrived; people run again at once."""
        at = data.draw(st.sampled_from(self.names), "unsure")
        self.add(data)
        self.b.trackers[at].faults.append(Fault(kind, "create"))
        self.run_once()
        self.run_once()

    @rule()
    def run(self) -> None:
        self.run_once()

    @rule(full=st.booleans())
    def run_after_a_while(self, *, full: bool) -> None:
        self.b.clock.pass_(minutes=10)
        self.run_once(full=full)


class Fields(Runs, People, Mishaps, Promises):
    """Every field, every side, every mishap; one policy: the newest edit wins."""


class Rules(Runs, People, Mishaps, Policies):
    """Conflicts by newest, preference or asking; owners, fields written once, left out, held."""

    def policies(self, data: st.DataObject) -> dict[str, Any]:
        return data.draw(policies(tuple(self.names)), "rules")


class Comments(Runs, Mishaps, Talk):
    """What is said on any side, and every mishap of saying it again elsewhere."""

    HABITS = TALKATIVE
    CALLS = (
        "open",
        "changes",
        "get",
        "create",
        "comment",
        "find_comment",
        "comments",
        "edit_comment",
        "delete_comment",
    )

    def policies(self, data: st.DataObject) -> dict[str, Any]:
        return {
            "deletions": data.draw(st.sampled_from(["follow", "keep"]), "deletions"),
            "backfill": data.draw(st.booleans(), "backfill"),
        }


class Gone(Runs, People, Mishaps, Talk, Lives):
    """Records deleted, archived, hidden, moved out and brought back, while people edit and speak."""

    CALLS = (*Mishaps.CALLS, "archive", "comment")

    def policies(self, data: st.DataObject) -> dict[str, Any]:
        return {"on_gone": data.draw(st.sampled_from(["keep", "close", "archive"]), "on_gone")}


class Remapped(Runs, People, Mishaps, Mappings):
    """Mappings that change between runs."""

    HABITS = WORDY


class Watched(Webhooks, Halts, Runs, People, Mishaps, Talk):
    """A daemon keeps watch: runs that read only what webhooks name, runs told to stop, connections at rest."""

    CALLS = (*Mishaps.CALLS, "comment", "comments")
