"""What Linear's editor does to Markdown on its way in: another spelling, the same meaning."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_BULLET = re.compile(r"^(\s*)[-+](\s+)(?=\S)")
_TICKED = re.compile(r"^(\s*\*\s+)\[x\](?=\s)")
_RULE = re.compile(r"^ {0,3}([-*_])(?:\s*\1){2,}\s*$")
_CODE = re.compile(r"(`+[^`]*`+|<[^>]*>|\]\([^)]*\)|https?://\S+)")
_SNAKE = re.compile(r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])")
_IDLE = re.compile(r"(?<=[A-Za-z0-9])\\([-.#+!])(?=[A-Za-z0-9])")


def rewritten(markdown: str | None) -> str | None:
    """Return *markdown* as Linear gives it back: bullets `*`, boxes `[X]`, its own escapes, no trailing space."""
    if not markdown:
        return None
    lines: list[str] = []
    fence: str | None = None
    for line in markdown.replace("\r\n", "\n").split("\n"):
        mark = _FENCE.match(line)
        if fence is not None:
            fence = None if line.strip().startswith(fence) and line.strip(" `~") == "" else fence
            lines.append(line)
        elif mark:
            fence = mark[1]
            lines.append(line.rstrip())
        else:
            lines.append(_line(line))
    return "\n".join(lines).lstrip("\n").rstrip() or None


def _line(line: str) -> str:
    if _RULE.match(line) or line.startswith("    "):
        return line.rstrip()
    # Two spaces at the end are a line break, not dirt.
    told = line.rstrip() + ("  " if line.strip() and line.endswith("  ") else "")
    marked = _TICKED.sub(r"\1[X]", _BULLET.sub(r"\1*\2", told))
    parts = _CODE.split(marked)
    return "".join(part if n % 2 else _escaped(part) for n, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _SNAKE.sub(r"\\_", _IDLE.sub(r"\1", text))
