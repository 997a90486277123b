"""What goes wrong: calls, whole connections, and the process itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, get_args

from hypothesis import strategies as st
from hypothesis.stateful import rule

from syncer.sdk.memory import Fault, FaultKind
from tests.properties.mortal import Doom, Moment
from tests.properties.world import World

KINDS: tuple[FaultKind, ...] = ("before", "sent", "after", "reject", "crash_before", "crash_after")
CALLS = ("open", "changes", "get", "find", "create", "update", "transition", "history", ".*")
DROPPED = ("headline", "text", "stage", "tags", "who", "deadline", "above")


class Mishaps(World):
    """Trackers fail before and after an effect, stay away for several runs, forget what they were
    told; the process dies at any call and between any two transactions.

    One rule, so that mishaps are no more frequent than the deeds they disturb. Two may meet in one run.
    """

    CALLS: ClassVar[Sequence[str]] = CALLS

    @rule(
        data=st.data(), what=st.sampled_from(["fault", "fault", "drop", "outage", "outage", "back", "death", "death"])
    )
    def mishap(self, data: st.DataObject, what: str) -> None:
        match what:
            case "fault":
                self.fault(data)
            case "drop":
                self.drop(data)
            case "outage":
                self.b.trackers[data.draw(st.sampled_from(self.names), "at")].down = True
            case "back":
                for tracker in self.b.trackers.values():
                    tracker.down = False
            case _:
                self.die(data)

    def fault(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from(self.names), "at")
        fault = Fault(
            kind=data.draw(st.sampled_from(KINDS), "kind"),
            call=data.draw(st.sampled_from(self.CALLS), "call"),
            times=data.draw(st.integers(1, 4), "times"),
            skip=data.draw(st.integers(0, 3), "skip"),
        )
        self.b.trackers[at].faults.append(fault)

    def drop(self, data: st.DataObject) -> None:
        """A tracker says yes, and leaves one field as it was."""
        at = data.draw(st.sampled_from(self.names), "at")
        call = data.draw(st.sampled_from(["create", "update"]), "call")
        self.b.trackers[at].faults.append(Fault("drop", call, field=data.draw(st.sampled_from(DROPPED), "native")))

    def die(self, data: st.DataObject) -> None:
        """The process dies some transactions from now."""
        left = data.draw(st.integers(0, 60), "transactions left")
        self.b.store.doom = Doom(left, data.draw(st.sampled_from(get_args(Moment)), "moment"))
