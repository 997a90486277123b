"""What people say about items, take back and reword, and what must become of its mirrors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from syncer.model import Ref, State, marker_for, thread_id
from syncer.run import Report
from syncer.sdk.memory import BOT
from syncer.sdk.memory_dialect import canonical
from syncer.sdk.memory_values import Said
from tests.properties.books import Look
from tests.properties.promises import Promises
from tests.properties.world import Thing


@dataclass(slots=True)
class Remark:
    """What one person said: `texts` in order. `touched`: connections whose mirror a person edited or
    deleted, with the text they left (None: deleted)."""

    thing: str
    at: str
    id: str
    texts: list[str]
    hidden: bool = False
    gone: bool = False
    early: bool = False
    touched: dict[str, str | None] = field(default_factory=dict)

    @property
    def thread(self) -> str:
        return thread_id(Ref(self.at, "comment", self.id))


class Talk(Promises):
    """People speak, whisper, reword and take back; also in the mirrors that we wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.remarks: list[Remark] = []

    # -- what people do ---------------------------------------------------------------------------

    @precondition(lambda self: self.things and len(self.remarks) < 8)
    @rule(data=st.data(), often=st.integers(1, 3))
    def chat(self, data: st.DataObject, often: int) -> None:
        for _ in range(often):
            self.speak(data, hidden=data.draw(st.sampled_from([False, False, False, True]), "whispered"))

    def speak(self, data: st.DataObject, *, hidden: bool) -> None:
        thing = self.things[data.draw(st.sampled_from(sorted(self.things)), "thing")]
        at = data.draw(st.sampled_from(sorted(self.copies(thing))), "at")
        row = self.copies(thing)[at]
        if row.state is not State.HERE:
            return
        self.number += 1
        text = f"{'whisper' if hidden else 'words'}{self.number}"
        self.b.clock.pass_(seconds=2)
        id_ = self.b.trackers[at].say(row.id, text, restricted=hidden)
        early = self.link(thing) not in self.books.links
        self.remarks.append(Remark(thing.name, at, id_, [text], hidden=hidden, early=early))

    @precondition(lambda self: self.standing())
    @rule(data=st.data())
    def say_otherwise(self, data: st.DataObject) -> None:
        self.reword(data)

    def reword(self, data: st.DataObject) -> None:
        remark = data.draw(st.sampled_from(self.standing()), "remark")
        self.number += 1
        self.b.clock.pass_(seconds=2)
        remark.texts.append(f"words{self.number}")
        self.b.trackers[remark.at].edit_comment(remark.id, remark.texts[-1])

    @precondition(lambda self: self.standing())
    @rule(data=st.data(), quietly=st.booleans())
    def take_back(self, data: st.DataObject, *, quietly: bool) -> None:
        """Delete a comment, or hide it from us: what cannot be read is not said."""
        remark = data.draw(st.sampled_from(self.standing()), "remark")
        self.b.clock.pass_(seconds=2)
        remark.gone = True
        tracker = self.b.trackers[remark.at]
        (tracker.restrict if quietly else tracker.delete_comment)(remark.id)

    @precondition(lambda self: self.mirrored())
    @rule(data=st.data(), deleted=st.booleans(), answered=st.booleans())
    def touch_mirror(self, data: st.DataObject, *, deleted: bool, answered: bool) -> None:
        """A person edits or deletes a mirror; the author of what it mirrors may say something else then."""
        self._touch(data, deleted=deleted)
        if answered and self.standing():
            self.reword(data)

    def _touch(self, data: st.DataObject, *, deleted: bool) -> None:
        remark, at, mirror = data.draw(st.sampled_from(self.mirrored()), "mirror")
        self.b.clock.pass_(seconds=2)
        self.number += 1
        if deleted:
            self.b.trackers[at].delete_comment(mirror.id)
            remark.touched[at] = None
            return
        remark.touched[at] = f"mine{self.number}"
        self.b.trackers[at].edit_comment(mirror.id, f"mine{self.number}")

    def standing(self) -> list[Remark]:
        """Return what can be reworded: what is still there, on a record that is."""
        return [r for r in self.remarks if not r.gone and not r.hidden and self._is_here(r.thing, r.at)]

    def mirrored(self) -> list[tuple[Remark, str, Said]]:
        found = ((r, at, m) for r in self.remarks for at, m in self.mirrors(r))
        return [(r, at, m) for r, at, m in found if not m.deleted and self._is_here(r.thing, at)]

    def _is_here(self, thing: str, at: str) -> bool:
        row = self.copies(self.things[thing]).get(at)
        return row is not None and row.state is State.HERE

    # -- what must become of it -------------------------------------------------------------------

    def mirrors(self, remark: Remark) -> Iterator[tuple[str, Said]]:
        """Yield (connection, comment) of every mirror ever written of a remark, deleted ones too."""
        for name in self.names:
            mark = marker_for(self.b.store.key, remark.thread, name)
            for said in self.b.trackers[name]._said.present():
                if said.marker == mark:
                    yield name, said

    def after_run(self, before: Look, after: Look, report: Report | None) -> None:
        super().after_run(before, after, report)
        ours = 0
        for remark in self.remarks:
            mirrors = list(self.mirrors(remark))
            ours += len(mirrors)
            where = [at for at, _ in mirrors]
            assert len(set(where)) == len(where), f"{remark} is mirrored twice: {mirrors}"
            assert remark.at not in where, f"{remark} is mirrored where it was said"
            assert not (remark.hidden and mirrors), f"a restricted comment left: {remark} {mirrors}"
            for at, mirror in mirrors:
                self._mirror_is_theirs(remark, at, mirror)
        written = [s for t in self.b.trackers.values() for s in t._said.present() if s.author == BOT.id]
        assert len(written) == ours, "we wrote a comment that mirrors nothing anybody said"

    def _mirror_is_theirs(self, remark: Remark, at: str, mirror: Said) -> None:
        """A mirror that a person edited or deleted is left alone."""
        if at in remark.touched:
            left = remark.touched[at]
            assert mirror.deleted == (left is None), f"a person's mirror was not left alone: {remark} {mirror}"
            assert left is None or mirror.body == left, f"a person's mirror was not left alone: {remark} {mirror}"

    def at_end(self) -> None:
        super().at_end()
        for remark in self.remarks:
            self._told_everywhere(remark, self.things[remark.thing])

    def _told_everywhere(self, remark: Remark, thing: Thing) -> None:
        rules = self.b.rules
        mirrors = dict(self.mirrors(remark))
        if not rules.comments or remark.hidden:
            assert not mirrors, f"{remark} was not to be mirrored: {mirrors}"
            return
        for at, row in self.copies(thing).items():
            if at in {remark.at, *remark.touched} or row.state is not State.HERE:
                continue
            self._says(remark, at, mirrors.get(at))

    def _says(self, remark: Remark, at: str, mirror: Said | None) -> None:
        if remark.gone:
            follows = self.b.rules.deletions == "follow" and self._is_here(remark.thing, remark.at)
            assert not follows or mirror is None or mirror.deleted, f"{remark} is gone, its mirror on {at} is not"
            return
        if not self.b.rules.backfill and remark.early:
            return
        assert mirror is not None, f"{remark} has no mirror on {at}"
        assert not mirror.deleted, f"{remark} stands, its mirror on {at} does not"
        assert canonical(mirror.body).endswith(f"\n\n{remark.texts[-1]}"), f"{remark} is mirrored as {mirror.body!r}"
