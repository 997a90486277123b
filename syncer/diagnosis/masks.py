"""What stands in a bug report for what must not be in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from syncer.log import redact

_EMAIL: Final = re.compile(r"[\w.!#$%&'*+=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(r"\b(?P<scheme>[a-z][a-z0-9+.-]*)://[^\s\"'<>]+", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|“[^”]*”|«[^»]*»|`[^`]*`")
_HOME: Final = re.compile(r"/(?:home|Users)/[^/\s\"']+")

SHORTEST_TITLE: Final = 4
SHORTEST_NAME: Final = 3
"""Characters: what is shorter is in every other word."""


class Mask:
    """Masks texts. *names* of people and *titles* of items are those known of this installation; *blind*: they
    could not be found out, so that no text can be trusted."""

    def __init__(self, names: Collection[str] = (), titles: Collection[str] = (), *, blind: bool = False) -> None:
        self._blind = blind
        known = sorted({n for n in names if len(n) >= SHORTEST_NAME}, key=len, reverse=True)
        self._names = (
            re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)", re.IGNORECASE) if known else None
        )
        self._titles = sorted({t.casefold() for t in titles if len(t) >= SHORTEST_TITLE}, key=len, reverse=True)

    def everywhere(self, value: Any) -> Any:  # noqa: ANN401 -- any JSON
        """Return a document without secrets, e-mails and home folders: the last pass over whatever goes out."""
        if isinstance(value, str):
            return _homeless(_EMAIL.sub("[email]", redact(value)))
        if isinstance(value, Mapping):
            return {self.everywhere(str(k)): self.everywhere(v) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.everywhere(v) for v in value]
        return value

    def told(self, text: object) -> str | None:
        """Return what a program said (an error, a reason) without what people said: nothing it quotes, no title, no
        name, no e-mail, no secret, and of addresses only the host."""
        if text is None:
            return None
        if self._blind:
            return "[...]"
        # Addresses first: what a later mask puts into one would hide its end.
        said = redact(_QUOTED.sub('"[...]"', _URL.sub(_host, str(text))))
        said = _EMAIL.sub("[email]", said)
        folded = said.casefold()
        for title in self._titles:
            if title in folded:
                said = re.sub(re.escape(title), "[title]", said, flags=re.IGNORECASE)
                folded = said.casefold()
        return self.named(said)

    def named(self, text: str) -> str:
        """Return *text* without the names of people."""
        return text if self._names is None else self._names.sub("[name]", text)


def _homeless(text: str) -> str:
    """Return *text* without home folders, whose names are people's."""
    home = str(Path.home())
    return _HOME.sub("~", text.replace(home, "~") if len(home) > 1 else text)


def bare(url: str) -> str:
    """Return an address of the config without credentials, query and fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "[not an address]"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _host(match: re.Match[str]) -> str:
    try:
        return f"{match['scheme']}://{urlsplit(match[0]).hostname or ''}/[...]"
    except ValueError:
        return f"{match['scheme']}://[...]"
