"""Tokens that end are renewed before, once, and kept from every log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from syncer.errors import CredentialsError, ProtocolError, UnavailableError
from syncer.log import hide, redact
from syncer.sdk.http import PATIENCE
from syncer.sdk.tokens import Token, Tokens

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Mint:
    """Gives "token-1", "token-2" and so on, each for *life*; *wrong* is raised instead."""

    def __init__(self, life: timedelta = timedelta(hours=1)) -> None:
        self.now = START
        self.life = life
        self.given = 0
        self.wrong: Exception | None = None
        self.tokens = Tokens(self._fetch, lambda: self.now)

    async def _fetch(self) -> Token:
        await asyncio.sleep(0)
        if self.wrong is not None:
            raise self.wrong
        self.given += 1
        return Token(SecretStr(f"token-{self.given}"), self.now, self.now + self.life)

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def answer(token: str, status: int = 401) -> httpx.Response:
    request = httpx.Request("GET", "http://127.0.0.1:9/", headers={"authorization": f"Bearer {token}"})
    return httpx.Response(status, request=request)


async def test_a_token_is_used_until_five_minutes_before_its_end() -> None:
    mint = Mint()
    await mint.tokens.text()

    mint.forward(minutes=54, seconds=59)
    before = await mint.tokens.text()
    mint.forward(seconds=1)

    assert (before, await mint.tokens.text()) == ("token-1", "token-2")


async def test_a_short_token_is_used_for_half_its_life() -> None:
    mint = Mint(life=timedelta(minutes=4))
    await mint.tokens.text()

    mint.forward(seconds=119)
    before = await mint.tokens.text()
    mint.forward(seconds=1)

    assert (before, await mint.tokens.text()) == ("token-1", "token-2")


async def test_many_that_meet_an_ended_token_ask_for_one() -> None:
    mint = Mint()
    await mint.tokens.text()
    mint.forward(hours=1)

    found = await asyncio.gather(*(mint.tokens.text() for _ in range(20)))

    assert (set(found), mint.given) == ({"token-2"}, 2)


async def test_a_good_token_that_is_refused_is_renewed_at_once() -> None:
    mint = Mint()
    used = await mint.tokens.text()
    mint.tokens.accepted(answer(used, 200))
    mint.forward(minutes=1)

    error = mint.tokens.again(answer(used))

    assert error is not None
    assert (error.sent, error.retry_after) == (False, 0.0)
    assert await mint.tokens.text() == "token-2"


async def test_twenty_refusals_of_one_token_ask_for_one() -> None:
    mint = Mint()
    used = await mint.tokens.text()
    mint.tokens.accepted(answer(used, 200))
    mint.forward(minutes=1)

    async def refused() -> str:
        assert mint.tokens.again(answer(used)) is not None
        return await mint.tokens.text()

    assert set(await asyncio.gather(*(refused() for _ in range(20)))) == {"token-2"}


async def test_a_token_that_was_never_good_is_final() -> None:
    mint = Mint()
    used = await mint.tokens.text()
    mint.forward(seconds=6)

    assert mint.tokens.again(answer(used)) is None


async def test_a_new_token_may_take_seconds_to_be_known() -> None:
    mint = Mint()
    used = await mint.tokens.text()
    mint.forward(seconds=1)

    error = mint.tokens.again(answer(used))

    assert isinstance(error, UnavailableError)
    assert await mint.tokens.text() == used


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: UnavailableError("500"),
        lambda: UnavailableError("503", retry_after=5.0),
        lambda: ProtocolError("half a token"),
    ],
)
async def test_what_waits_for_a_token_was_not_sent_and_does_not_insist(wrong: Callable[[], Exception]) -> None:
    mint = Mint()
    mint.wrong = wrong()

    with pytest.raises(UnavailableError) as caught:
        await mint.tokens.text()

    assert caught.value.sent is False
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > PATIENCE


async def test_wrong_credentials_stay_wrong_credentials() -> None:
    mint = Mint()
    mint.wrong = CredentialsError("wrong key")

    with pytest.raises(CredentialsError, match="wrong key"):
        await mint.tokens.text()


async def test_a_token_shows_nowhere() -> None:
    mint = Mint()

    text = await mint.tokens.text()

    assert text not in redact(f"we sent {text} there")
    assert text not in repr(mint.tokens)


def test_passing_secrets_do_not_pile_up() -> None:
    for number in range(200):
        hide(f"passing-{number:03}", passing=True)

    assert redact("passing-199") == "[secret]"
    assert redact("passing-000") == "passing-000"
