"""What goes wrong: calls, whole connections, and the process itself."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st
from hypothesis.stateful import rule

from syncer.sdk.memory import Fault
from tests.properties.mortal import Doom, Moment
from tests.properties.world import World

KINDS = ("before", "sent", "after", "reject", "crash_before", "crash_after")
CALLS = ("open", "changes", "get", "find", "create", "update", "transition", "history", ".*")
DROPPED = ("headline", "text", "stage", "tags", "who", "deadline", "above")


class Mishaps(World):
    """Trackers fail before and after an effect, stay away for several runs, forget what they were
    told; the process dies at any call and between any two transactions."""

    CALLS = CALLS

    @rule(data=st.data(), kind=st.sampled_from(KINDS), skip=st.integers(0, 3), times=st.integers(1, 4))
    def fault(self, data: st.DataObject, kind: str, skip: int, times: int) -> None:
        at = data.draw(st.sampled_from(self.names), "at")
        call = data.draw(st.sampled_from(self.CALLS), "call")
        self.b.trackers[at].faults.append(Fault(kind, call, times=times, skip=skip))  # type: ignore[arg-type]  # drawn

    @rule(data=st.data(), name=st.sampled_from(DROPPED), call=st.sampled_from(["create", "update"]))
    def drop(self, data: st.DataObject, name: str, call: str) -> None:
        """A tracker says yes, and leaves one field as it was."""
        at = data.draw(st.sampled_from(self.names), "at")
        self.b.trackers[at].faults.append(Fault("drop", call, field=name))

    @rule(data=st.data())
    def outage(self, data: st.DataObject) -> None:
        tracker = self.b.trackers[data.draw(st.sampled_from(self.names), "at")]
        tracker.down = not tracker.down

    @rule(left=st.integers(0, 40), moment=st.sampled_from(get_args(Moment)))
    def die(self, left: int, moment: Moment) -> None:
        """The process dies *left* transactions from now."""
        self.b.store.doom = Doom(left, moment)
