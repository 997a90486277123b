"""The sandbox's comments: read, written, edited, deleted, as far as the sync's account may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncer_jira.sandbox.ask import Answer, Ask, Gate
from syncer_jira.sandbox.edits import RefusedError, document
from syncer_jira.sandbox.things import BOT, Issue, Note

PAGE_MAX = 100
NO_NOTE = "Can not find a comment for the id: {}."


@dataclass(slots=True)
class Talk:
    """The operations under /issue/{issue}/comment."""

    gate: Gate

    def listing(self, ask: Ask) -> Answer:
        most = max(1, min(PAGE_MAX, ask.number("maxResults", PAGE_MAX)))
        if ask.query.get("orderBy", "created").lstrip("+-") != "created":
            raise RefusedError(400, "orderBy takes created alone.")
        return 200, ask.shapes.notes(self.gate.issue(ask), ask.number("startAt", 0), most)

    def show(self, ask: Ask) -> Answer:
        issue = self.gate.issue(ask)
        return 200, ask.shapes.note(self._note(issue, ask), issue)

    def add(self, ask: Ask) -> Answer:
        issue, body = self.gate.writable(ask), ask.object()
        doc = self._document(body)
        site = self.gate.site
        note = site.say(issue, doc, site.account(BOT), restricted=_is_restricted(body))
        return 201, ask.shapes.note(note, issue)

    def edit(self, ask: Ask) -> Answer:
        """Replace a comment whole: what is not said of its visibility is lifted."""
        issue, body = self.gate.writable(ask), ask.object()
        note, site = self._note(issue, ask), self.gate.site
        if not self._may("EDIT", note):
            raise RefusedError(400, f"You do not have the permission to edit the comment with id: {note.id}.")
        doc = self._document(body)
        edited = site.reword(note.id, doc, site.account(BOT), restricted=_is_restricted(body))
        return 200, ask.shapes.note(edited, issue)

    def delete(self, ask: Ask) -> Answer:
        note = self._note(self.gate.writable(ask), ask)
        if not self._may("DELETE", note):
            raise RefusedError(400, f"You do not have the permission to delete the comment with id: {note.id}.")
        self.gate.site.unsay(note.id)
        return 204, None

    def _note(self, issue: Issue, ask: Ask) -> Note:
        found = next((n for n in self.gate.site.audible(issue) if n.id == ask.path["comment"]), None)
        if found is None:
            raise RefusedError(404, NO_NOTE.format(ask.path["comment"]))
        return found

    def _may(self, what: str, note: Note) -> bool:
        if self.gate.may(f"{what}_ALL_COMMENTS"):
            return True
        return note.author == self.gate.site.account(BOT) and self.gate.may(f"{what}_OWN_COMMENTS")

    def _document(self, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- any JSON
        try:
            doc = document(self.gate.site, body.get("body"))
        except ValueError as error:
            raise RefusedError(400, fields={"comment": str(error)}) from None
        if doc is None:
            raise RefusedError(400, fields={"comment": "Comment body can not be empty!"})
        return doc


def _is_restricted(body: Mapping[str, Any]) -> bool:
    return body.get("visibility") is not None
