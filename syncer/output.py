"""What a person or a program gets to read: tables on a terminal, plain text in a pipe, one JSON object."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from syncer.log import redact

SHOWN = 60


def say(text: str = "", *, out: TextIO | None = None) -> None:
    print(text, file=out or sys.stdout)


def say_json(document: object) -> None:
    """Print one object, nothing else."""
    say(redact(json.dumps(document, ensure_ascii=False, default=str)))


def clean(text: object) -> str:
    """Return *text* fit for a terminal: titles are hostile, so no control characters, no markup."""
    kept = (c if c != "\n" else " " for c in str(text))
    return "".join(c for c in kept if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"})


def short(value: Any, length: int = SHOWN) -> str:  # noqa: ANN401 -- any value
    """Return a value on one line, cut to *length*."""
    if value is None:
        return "-"
    text = ", ".join(str(v) for v in value) if isinstance(value, list | frozenset | tuple) else str(value)
    text = clean(" ".join(text.split()))
    return text if len(text) <= length else text[: length - 1] + "…"


def span(seconds: float) -> str:
    """Return a length of time as people say it: in its largest whole unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows: a Rich table on a terminal, tab-separated lines in a pipe."""
    lines = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        say("\t".join(headings))
        for line in lines:
            say("\t".join(line))
        return
    from rich.console import Console  # noqa: PLC0415 -- Rich only where it is seen
    from rich.table import Table  # noqa: PLC0415 -- the same
    from rich.text import Text  # noqa: PLC0415 -- the same

    shown = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for line in lines:
        shown.add_row(*(Text(cell) for cell in line))
    Console().print(shown)
