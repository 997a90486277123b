"""As an OAuth application itself: client credentials, and the tokens Linear gives for them.

Sources: facts/linear.md 1. Such a token is the app's own (`actor=app`), reaches the open teams, and has no refresh
token. It lasts a day or a month, by what is written in different places: its own `expires_in` counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from syncer.connector import Setting
from syncer.errors import ConnectorError, CredentialsError, ProtocolError, RejectedError
from syncer.sdk.http import Http, hide, redact
from syncer.sdk.tokens import Shelf, Token, Tokens
from syncer_linear.refusals import SHOWN, ForbiddenError, refusal

SCOPE: Final = "read,write"
"""Always the same: asking for others ends every token the app has. `admin` is none an app can have."""
DAY: Final = 86_400.0
"""Seconds a token lasts that does not say, or nothing that can be meant: not longer than LONGEST."""
LONGEST: Final = 3_660 * DAY

_ADVICE: Final[Mapping[str, str]] = {
    "invalid_client": "client_id or client_secret is wrong: both are in the application under Settings > API",
    "unauthorized_client": "turn client credentials on in the application under Settings > API",
    "unsupported_grant_type": "turn client credentials on in the application under Settings > API",
    "invalid_scope": f"the application may not have the scopes {SCOPE}",
}


class Client:
    """One application in its workspace. `tokens` are those of the connection."""

    def __init__(self, setting: Setting, shelf: Shelf) -> None:
        options = setting.options
        self._setting = setting
        self._http = Http(setting, endpoint(options.url), self._headers, classify=self._classify)
        self._said = {
            "grant_type": "client_credentials",
            "client_id": options.client_id.get_secret_value().strip(),
            "client_secret": options.client_secret.get_secret_value().strip(),
            "scope": SCOPE,
        }
        hide(self._said["client_secret"])
        whose = (options.url, options.client_id, options.client_secret)
        self.tokens = Tokens(self._fetch, setting.clock, whose, shelf)

    def judged(self, response: httpx.Response, error: ConnectorError | None) -> ConnectorError | None:
        """Return what *error*, Linear's refusal of a request with our token, comes to: a new token may help."""
        about_us = isinstance(error, CredentialsError) and not isinstance(error, ForbiddenError)
        if about_us or response.status_code == httpx.codes.UNAUTHORIZED:
            return self.tokens.again(response) or error
        if error is None and response.is_success:
            self.tokens.accepted(response)
        return error

    async def close(self) -> None:
        await self._http.close()

    async def _fetch(self) -> Token:
        try:
            response = await self._http.request("POST", "", read=True, form=self._said)
        except RejectedError as error:
            raise CredentialsError(error.message, connection=error.connection, status=error.status) from None
        raw = self._http.parse(response)
        text = raw.get("access_token") if isinstance(raw, Mapping) else None
        if not isinstance(text, str) or not text:
            raise ProtocolError("an answer without a token", connection=self._setting.connection)
        now = self._setting.clock()
        return Token(SecretStr(text), now, now + timedelta(seconds=_life(raw)))

    async def _headers(self) -> Mapping[str, str]:
        return {"Accept": "application/json"}

    def _classify(self, response: httpx.Response) -> ConnectorError | None:
        known = refusal(response, self._setting.clock())
        if known is not None or response.is_success or response.is_server_error:
            return known
        code, said = _refused(response)
        if not code:
            return None
        advice = _ADVICE.get(code)
        message = f"no token for client_id: {said or code}"
        return CredentialsError(redact(f"{message}: {advice}" if advice else message))


def endpoint(url: str) -> str:
    """Return where tokens are asked for, beside the GraphQL endpoint *url*: `/oauth/token` of the same host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/graphql')}/oauth/token"


def _life(raw: Mapping[str, Any]) -> float:
    said = raw.get("expires_in")
    if not isinstance(said, int | float) or isinstance(said, bool) or not 0 < said < LONGEST:
        return DAY
    return float(said)


def _refused(response: httpx.Response) -> tuple[str, str]:
    """Return the code and the words of an OAuth refusal, "" where it is none."""
    try:
        body = response.json()
    except ValueError:
        return "", ""
    facts = body if isinstance(body, Mapping) else {}
    return str(facts.get("error") or "")[:SHOWN], str(facts.get("error_description") or "")[:SHOWN]
