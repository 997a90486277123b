"""The command line: one file per command group."""

from __future__ import annotations

import sys
from collections.abc import Sequence

GLOBALS = ("--config", "--log-format", "--log-level")


def main() -> None:
    """Run `syncer`; exits with the code DESIGN gives to what happened."""
    from syncer.cli.app import run

    sys.exit(run(hoisted(sys.argv[1:])))


def hoisted(words: Sequence[str]) -> list[str]:
    """Return the words with global options in front, wherever they were typed."""
    front: list[str] = []
    rest: list[str] = []
    todo = list(words)
    while todo:
        word = todo.pop(0)
        if word == "--":
            return [*front, *rest, word, *todo]
        if word in GLOBALS and todo:
            front += [word, todo.pop(0)]
        elif word.partition("=")[0] in GLOBALS:
            front.append(word)
        else:
            rest.append(word)
    return front + rest
