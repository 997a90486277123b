"""The Jira connector keeps what every connector promises."""

from __future__ import annotations

import pytest

from syncer.sdk.testing import Clock, Conformance, Samples, SandboxSubject
from syncer_jira import Jira
from syncer_jira.sandbox import JiraSandbox


class TestJira(Conformance):
    @pytest.fixture
    def subject(self) -> SandboxSubject:
        clock = Clock()
        return SandboxSubject(Jira(), JiraSandbox(clock=clock), clock, Samples(above={"kind": "Epic"}))
