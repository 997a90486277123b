"""What must not leave for a public place: hidden on the way out, and put back on the way in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

HIDDEN = "[redacted]"
_SHOWN = re.compile(r"\\?\[redacted\\?\]")


@dataclass(frozen=True, slots=True)
class Redaction:
    """`patterns` say what is secret in any text."""

    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, patterns: Sequence[str]) -> Redaction:
        return cls(tuple(re.compile(p) for p in patterns))

    def __call__(self, text: str) -> str:
        """Return *text* with every secret passage hidden."""
        out, done = "", 0
        for start, end in self._secret(text):
            out += text[done:start] + HIDDEN
            done = end
        return out + text[done:]

    def restored(self, text: str, known: str) -> str:
        """Return *text* as a public place shows it with its hidden passages as in *known*.

        Only where both have the same number of them; else *text* as it is, and `shows` says so.
        """
        secrets = [known[start:end] for start, end in self._secret(known)]
        if not secrets or len(_SHOWN.findall(text)) != len(secrets):
            return text
        passages = iter(secrets)
        return _SHOWN.sub(lambda _: next(passages), text)

    def shows(self, text: str) -> bool:
        """Say whether *text* still has a hidden passage in it."""
        return _SHOWN.search(text) is not None

    def _secret(self, text: str) -> list[tuple[int, int]]:
        """Return where the secret passages are, in order, those that overlap as one."""
        found = sorted(m.span() for p in self.patterns for m in p.finditer(text) if m.end() > m.start())
        merged: list[tuple[int, int]] = []
        for start, end in found:
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged
