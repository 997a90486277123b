"""What Jira holds of each field, for the table of docs/connectors.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncer.connector import Reach

REACH: Final[Mapping[str, Reach]] = {
    "title": Reach("summary", "summary, one line, cut at 254 characters"),
    "body": Reach(
        "description, ADF as Markdown",
        "description as ADF",
        "parked where longer than 32,767 characters, or where it holds what Markdown cannot say (panel, file, macro)",
    ),
    "kind": Reach("issue type", "issue type, where the project lets it change"),
    "status": Reach("status, its category, resolution", "one transition, with the resolution it takes"),
    "priority": Reach("priority", "priority", "none is read from an empty one"),
    "labels": Reach("labels", "one by one", "spaces become _"),
    "assignees": Reach("assignee", "assignee, by account id", "one"),
    "due": Reach("due date", "due date", "days only"),
    "estimate": Reach("story points field, found by name", "the same field", "where the project's screens have it"),
    "parent": Reach("parent", "parent", "which types may stand under which is Jira's"),
    "comments": Reach("those everybody may see", "yes", "restricted ones never leave, also when restricted later"),
    "stage": Reach(why="no field of its own"),
    "rank": Reach(why="not yet (Agile API)"),
    "milestone": Reach(why="not yet (fix versions)"),
    "cycle": Reach(why="not yet (sprints)"),
    "start": Reach(why="not yet (a custom field in most sites)"),
    "health": Reach(why="no field of its own"),
    "relations": Reach(why="not yet (issue links)"),
    "demand": Reach(why="not yet (votes)"),
    "attachments": Reach(why="not yet; texts that show one are read and not overwritten"),
    "custom": Reach(why="not yet"),
}
