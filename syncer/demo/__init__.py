"""Starts the sandboxes and drives them: a believable backlog, edits by people, and what came of it."""
