"""What GitHub holds of each field, for the table of docs/connectors.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncer.connector import Reach

REACH: Final[Mapping[str, Reach]] = {
    "title": Reach("title", "title, one line, cut at 256 characters"),
    "body": Reach("body, Markdown without our marker", "body, marker kept", "cut at GitHub's length, with a note"),
    "kind": Reach("issue type, or labels", "the same", "labels only where the mapping names them"),
    "status": Reach("state, reason, labels", "state with reason; labels the mapping names", "a create is born open"),
    "priority": Reach("labels the mapping names", "the same labels", "GitHub has none of its own"),
    "labels": Reach("labels", "one by one", "in the repository's spelling; dropped by GitHub without triage rights"),
    "assignees": Reach("assignees", "one by one, by login", "dropped by GitHub for who cannot be assigned"),
    "comments": Reach("issue comments", "yes", "all are as public as the issue"),
    "due": Reach(why="an issue has none; not yet (Projects date)"),
    "estimate": Reach(why="an issue has none; not yet (Projects number)"),
    "parent": Reach(
        "the issue it is a sub-issue of",
        "sub-issue of that one",
        "in the same repository; a move shows by webhook or with a complete listing",
    ),
    "stage": Reach(why="no field of its own"),
    "rank": Reach(why="not yet (order in a project)"),
    "milestone": Reach(why="not yet (milestones)"),
    "cycle": Reach(why="not yet (Projects iteration)"),
    "start": Reach(why="an issue has none; not yet (Projects date)"),
    "health": Reach(why="no field of its own"),
    "relations": Reach(why="not yet (dependencies; duplicates by state reason)"),
    "demand": Reach(why="not yet (reactions)"),
    "attachments": Reach(why="the API takes no uploads; links in texts stay links"),
    "custom": Reach(why="not yet (Projects fields)"),
}
