"""Undo: what a run wrote is put back wherever nobody has edited since.

The rule, so that an undo is neither done again by the next run nor in the way of a later edit:

- A copy is put back field by field, where it still means what the run wrote (in a set: element by
  element). The write takes the path of every other write, so base follows it: it is no edit, and
  nobody is owed it.
- What was agreed goes back too, where the run's own edit or `on_gone` had moved it and nothing has
  moved it since: to the old value where a copy put back says that, else to what the first of them
  says. A copy whose person made the edit keeps it, and owes nothing and is owed nothing: it stands
  apart until its next edit, which flows to all. Would the agreed value stay, a person who later types
  it again on one copy would change nothing, and it would reach nobody.
- Where the run only paid an older debt (the others had the value already), agreed stays.
- Left as it is, and reported: a copy edited since, a field that is held, owed something newer, agreed
  anew since, no longer synced, or whose old text was erased; a copy that is away.
- What the run created (records, comments, with all it wrote into them) or put away is never deleted
  or fetched back: reported, with what to type.

An undo is a run: its writes are in the trail under its own id, and `undo` of that id brings them back.
"""

from syncer.undoing.leaving import Left
from syncer.undoing.undo import Undone, document, undo

__all__ = ["Left", "Undone", "document", "undo"]
