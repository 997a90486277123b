"""The Linear connector keeps what every connector promises, in this process and over a socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncer.sdk.sandbox import serve
from syncer.sdk.testing import Clock, Conformance, SandboxSubject, Subject
from syncer_linear import Linear
from syncer_linear.sandbox import LinearSandbox


class TestLinear(Conformance):
    @pytest.fixture(params=["within", "socket"])
    def subject(self, request: pytest.FixtureRequest) -> Iterator[Subject]:
        clock = Clock()
        sandbox = LinearSandbox(clock=clock)
        if request.param == "within":
            yield SandboxSubject(Linear(), sandbox, clock)
            return
        with serve(sandbox.wire) as url:
            yield SandboxSubject(Linear(), sandbox, clock, url=url)
