"""The conformance suite: what every connector promises, as tests its author runs.

Subclass `Conformance` in a test file and give it a `subject` fixture; `SandboxSubject` makes one from
a plugin and a sandbox:

    class TestAcme(Conformance):
        @pytest.fixture
        def subject(self) -> Subject:
            clock = Clock()
            return SandboxSubject(Acme(), AcmeSandbox(clock=clock), clock)

A claim is skipped where the tracker has no such thing, and that is read from what the plugin and its sandbox
say: a field without a codec in `Place.codecs`; "archive" or "hooks" missing among the abilities; an act of people
for which the sandbox raises TypeError (`archive`, `restore`, `move`, `hide`), a restricted comment for which it
raises ValueError. `pytest -rs` lists them: each should be a fact about the tracker.

The names exported here and those of the claims are stable. New claims may come with any version: they are promises
that the program relies on. `docs/connectors.md` walks through a whole connector that passes all of them.

Needs pytest; nothing of the program itself imports this.
"""

import pytest

# Before the modules below are imported, or their failures would not show the values compared.
pytest.register_assert_rewrite(
    "syncer.sdk.testing.comment_edits",
    "syncer.sdk.testing.comments",
    "syncer.sdk.testing.desk",
    "syncer.sdk.testing.echoes",
    "syncer.sdk.testing.fates",
    "syncer.sdk.testing.faults",
    "syncer.sdk.testing.hearing",
    "syncer.sdk.testing.limits",
    "syncer.sdk.testing.reading",
    "syncer.sdk.testing.texts",
    "syncer.sdk.testing.writing",
)

from syncer.sdk.testing.comment_edits import CommentEdits  # noqa: E402 -- see above
from syncer.sdk.testing.comments import Comments  # noqa: E402 -- see above
from syncer.sdk.testing.desk import Desk, at_work  # noqa: E402 -- see above
from syncer.sdk.testing.echoes import Echoes  # noqa: E402 -- see above
from syncer.sdk.testing.fates import Fates  # noqa: E402 -- see above
from syncer.sdk.testing.faults import Faults  # noqa: E402 -- see above
from syncer.sdk.testing.hearing import Hearing  # noqa: E402 -- see above
from syncer.sdk.testing.limits import Limits  # noqa: E402 -- see above
from syncer.sdk.testing.ports import Clock, Counter, MemoryCatalogue  # noqa: E402 -- see above
from syncer.sdk.testing.reading import Reading  # noqa: E402 -- see above
from syncer.sdk.testing.subject import Mishap, Posting, Samples, SandboxSubject, Subject  # noqa: E402 -- see above
from syncer.sdk.testing.texts import Texts  # noqa: E402 -- see above
from syncer.sdk.testing.writing import Writing  # noqa: E402 -- see above

__all__ = [
    "Clock",
    "CommentEdits",
    "Comments",
    "Conformance",
    "Counter",
    "Desk",
    "Echoes",
    "Fates",
    "Faults",
    "Hearing",
    "Limits",
    "MemoryCatalogue",
    "Mishap",
    "Posting",
    "Reading",
    "Samples",
    "SandboxSubject",
    "Subject",
    "Texts",
    "Writing",
    "at_work",
]


class Conformance(Reading, Echoes, Writing, Texts, Fates, Comments, CommentEdits, Faults, Limits, Hearing):
    """All claims: see each class for what it is about. pytest collects subclasses named Test..."""
