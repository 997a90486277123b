"""Rich text between canonical Markdown and Jira's Atlassian Document Format (ADF)."""

from __future__ import annotations

from syncer_jira.adf_read import to_markdown
from syncer_jira.adf_writable import writable
from syncer_jira.adf_write import from_markdown

__all__ = ["from_markdown", "to_markdown", "writable"]
