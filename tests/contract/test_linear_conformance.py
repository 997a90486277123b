"""The Linear connector keeps what every connector promises; what is lost on the way, over a socket too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncer.sdk.sandbox import serve
from syncer.sdk.testing import Clock, CommentEdits, Comments, Conformance, Faults, SandboxSubject
from syncer_linear import Linear
from syncer_linear.sandbox import LinearSandbox
from syncer_linear.sandbox.rows import Ways


class TestLinear(Conformance):
    @pytest.fixture
    def subject(self) -> SandboxSubject:
        clock = Clock()
        return SandboxSubject(Linear(), LinearSandbox(clock=clock), clock)


class TestLinearThatKeepsWhatWasDeleted(Comments, CommentEdits):
    @pytest.fixture
    def subject(self) -> SandboxSubject:
        clock = Clock()
        return SandboxSubject(Linear(), LinearSandbox(clock=clock, ways=Ways(tombstones=True)), clock)


class TestLinearOverASocket(Faults):
    @pytest.fixture
    def subject(self) -> Iterator[SandboxSubject]:
        clock = Clock()
        sandbox = LinearSandbox(clock=clock)
        with serve(sandbox.wire) as url:
            yield SandboxSubject(Linear(), sandbox, clock, url=url)
