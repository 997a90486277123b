"""The connector keeps what every connector promises, and says what only an operator can put right."""
# ruff: noqa: INP001 -- a folder of tests is no package

from __future__ import annotations

import pytest
from syncer_pinboard import Pinboard
from syncer_pinboard.sandbox import PinboardSandbox

from syncer.sdk.testing import Clock, Conformance, SandboxSubject, at_work


class TestPinboard(Conformance):
    @pytest.fixture
    def subject(self) -> SandboxSubject:
        clock = Clock()
        return SandboxSubject(Pinboard(), PinboardSandbox(clock=clock), clock)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_token_that_only_reads_is_told_by_check() -> None:
    clock = Clock()
    subject = SandboxSubject(Pinboard(), PinboardSandbox(clock=clock, may_write=False), clock)

    async with at_work(subject) as desk:
        problems = await desk.connector.check()

    assert [(p.level, p.message) for p in problems] == [("error", "the token may only read.")]  # noqa: S101 -- a test
