"""Mentions and references that would ping a person or link an item where a text is mirrored."""

from __future__ import annotations

import re

from syncer.text.spans import BARE

QUIET = "\u200b"
"""A zero-width space: after `@` or `#` it leaves the words as they look, and pings nobody."""

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_LIVE = re.compile(
    rf"""(?x)
      (?<![\w`/@\\.-]) @ {_NAME} (?:/[A-Za-z0-9][\w.-]*)? (?![\w@])
    | (?<![\w./-]) {_NAME}/[\w.-]+ \#\d+ (?!\w)
    | (?<![\w&/\#]) \#\d+ (?!\w)
    | (?<![\w-]) [Gg][Hh]-\d+ (?!\w)
    """
)
_HEAD = re.compile(r"@|\#|[Gg][Hh]-")
_SPOKEN = re.compile(rf"(?:(?<=[@#])|(?<=\b[Gg][Hh]-)){QUIET}+")
