"""What Linear holds of each field, for the table of docs/connectors.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncer.connector import Reach

REACH: Final[Mapping[str, Reach]] = {
    "title": Reach("title", "title, one line"),
    "body": Reach("description, Markdown", "description", "Linear rewrites it; the text it answers is the base"),
    "kind": Reach("labels the mapping names", "the same labels", "an issue has no type"),
    "status": Reach("workflow state and its type", "state by name, else the nearest type the team has"),
    "priority": Reach("priority 0 to 4", "priority"),
    "labels": Reach("labels of team and workspace", "one by one", "groups are never applied, only their members"),
    "assignees": Reach("assignee", "assignee, by user id", "one"),
    "due": Reach("due date", "due date", "days only"),
    "estimate": Reach("estimate", "nearest whole number", "absent where the team does not estimate"),
    "parent": Reach("parent issue", "parent issue"),
    "comments": Reach("comments of issues", "yes, under an id of ours", "threads come flat"),
    "stage": Reach(why="no field of its own"),
    "rank": Reach(why="not yet (sort order)"),
    "milestone": Reach(why="not yet (project milestones)"),
    "cycle": Reach(why="not yet (cycles)"),
    "start": Reach(why="an issue has none; not yet for projects"),
    "health": Reach(why="not yet (project updates)"),
    "relations": Reach(why="not yet (issue relations)"),
    "demand": Reach(why="not yet (customer needs)"),
    "attachments": Reach(why="not yet; links in texts stay links"),
    "custom": Reach(why="Linear has none"),
}
