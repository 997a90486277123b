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
        samples = Samples(words={"status": STATUSES}, signs_time=False)
        return SandboxSubject(GitHub(), GitHubSandbox(clock=clock), clock, samples)
