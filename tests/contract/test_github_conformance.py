"""The GitHub connector keeps what every connector promises."""

from __future__ import annotations

import pytest

from syncer.sdk.testing import Clock, Conformance, Samples, SandboxSubject
from syncer_github import GitHub
from syncer_github.sandbox import GitHubSandbox

STATUSES = [
    {"state": "open"},
    {"state": "closed", "reason": "completed"},
    {"state": "closed", "reason": "not_planned"},
]


class TestGitHub(Conformance):
    @pytest.fixture
    def subject(self) -> SandboxSubject:
        clock = Clock()
        words = {"status": STATUSES, "kind": [{"type": "Bug"}, {"type": "Epic"}]}
        sandbox = GitHubSandbox(clock=clock, types=["Bug", "Epic"])
        return SandboxSubject(GitHub(), sandbox, clock, Samples(words=words, signs_time=False))
