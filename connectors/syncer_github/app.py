"""As a GitHub App: one installation, reached by the app's key and by tokens of an hour.

Sources: facts/github.md 1; the OpenAPI of POST /app/installations/{id}/access_tokens. Nothing is assumed of a
token's form: GitHub changed it in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from pydantic import SecretStr

from syncer.connector import Setting
from syncer.errors import ConnectorError, CredentialsError, NotFoundError, ProtocolError, RejectedError
from syncer.model import JSON
from syncer.sdk.http import Http
from syncer.sdk.tokens import Shelf, Token, Tokens
from syncer_github.jwt import Signer
from syncer_github.limits import refusal
from syncer_github.settings import GitHubSettings

API_VERSION: Final = "2022-11-28"
APART: Final = timedelta(seconds=20)
"""By so much the clocks differ before a refused JWT is made anew with GitHub's time."""
USED: Final[Mapping[str, str]] = {"issues": "write", "metadata": "read", "repository_hooks": "write"}
"""The permissions that we have a use for. A token is given those of them that the installation was granted."""
FACTS: Final = "installation"
"""The catalogue's name for what is known of the installation; never a token."""
_HELD: Final = 30 * 86_400.0


class App:
    """One installation of an app, for one repository."""

    def __init__(self, setting: Setting, options: GitHubSettings, shelf: Shelf) -> None:
        self._setting = setting
        self._options = options
        self._http = Http(setting, options.url, headers=self._headers, classify=self._classify)
        self._signer = Signer(self.id, options.private_key or SecretStr(""))
        self.tokens = Tokens(self._fetch, setting.clock, (*self._whose(), options.private_key), shelf)

    @property
    def id(self) -> str:
        return str(self._options.app_id)

    @property
    def installation(self) -> int:
        return self._options.installation_id or 0

    async def may_write(self) -> bool:
        """Say whether the installation may write issues. An app has no push access, and needs none for labels."""
        known = self._recalled() or await self._looked_up()
        return bool(known["granted"].get("issues") == "write")

    async def slug(self) -> str:
        """Return the app's name in addresses; its account is called that, and "[bot]"."""
        known = self._recalled() or await self._looked_up()
        return str(known["slug"])

    async def close(self) -> None:
        await self._http.close()

    # -- tokens ------------------------------------------------------------------------------

    async def _fetch(self) -> Token:
        known = self._recalled()
        if known is not None:
            try:
                return await self._minted(known)
            except RejectedError:
                # What the installation may do or reach has changed since; or the repository was made anew.
                pass
        try:
            return await self._minted(await self._looked_up())
        except RejectedError as error:
            raise CredentialsError(self._no_access(error.message), status=error.status) from None

    async def _minted(self, known: Mapping[str, Any]) -> Token:
        name = self._options.repository.rpartition("/")[2]
        id_ = known.get("repository")
        where = {"repository_ids": [id_]} if isinstance(id_, int) else {"repositories": [name]}
        asked = {**where, "permissions": _wanted(known["granted"])}
        raw = await self._send("POST", f"/app/installations/{self.installation}/access_tokens", asked)
        text, ends = raw.get("token"), _moment(raw.get("expires_at"))
        if not isinstance(text, str) or not text or ends is None:
            raise ProtocolError("a token without a text or an end", connection=self._setting.connection)
        self._remember({**known, "repository": _only_id(raw.get("repositories")) or known.get("repository")})
        now = self._setting.clock()
        return Token(SecretStr(text), now, ends - (self._time() - now))

    # -- the installation --------------------------------------------------------------------

    def _recalled(self) -> Mapping[str, Any] | None:
        known: Any = self._setting.catalogue.get(FACTS, max_age=_HELD)
        if not isinstance(known, Mapping) or known.get("whose") != list(self._whose()):
            return None
        return known if isinstance(known.get("granted"), Mapping) and known.get("slug") else None

    def _remember(self, known: Mapping[str, Any]) -> None:
        facts: dict[str, JSON] = {**known, "whose": list(self._whose())}
        if facts != self._setting.catalogue.get(FACTS, max_age=_HELD):
            self._setting.catalogue.put(FACTS, facts)

    def _whose(self) -> tuple[str, str, int, str]:
        return self._options.url, self.id, self.installation, self._options.repository

    async def _looked_up(self) -> Mapping[str, Any]:
        raw = await self._send("GET", f"/app/installations/{self.installation}")
        if raw.get("suspended_at"):
            raise CredentialsError(_SUSPENDED)
        slug, granted = raw.get("app_slug"), raw.get("permissions")
        if not isinstance(slug, str) or not slug or not isinstance(granted, Mapping):
            # An account we cannot name writes what we would never know again as ours.
            raise ProtocolError("GitHub does not say whose installation this is", connection=self._setting.connection)
        if "issues" not in granted:
            raise CredentialsError(f'the app "{slug}" may not read issues. {_PERMISSION}')
        known = {"slug": slug, "granted": dict(granted)}
        self._remember(known)
        return known

    # -- as the app itself -------------------------------------------------------------------

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Ask as the app. A token that is asked for twice does no harm: it ends by itself."""
        used = self._time()
        try:
            response = await self._http.request(method, path, read=True, json=body)
        except CredentialsError as error:
            if error.status != httpx.codes.UNAUTHORIZED or abs(self._time() - used) < APART:
                raise self._advised(error) from None
            response = await self._once_more(method, path, body)
        except NotFoundError as error:
            raise self._advised(error) from None
        raw = self._http.parse(response)
        if not isinstance(raw, Mapping):
            raise ProtocolError("answered something other than an object", connection=self._setting.connection)
        return raw

    async def _once_more(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        """Ask again, by GitHub's clock, which its refusal told."""
        try:
            return await self._http.request(method, path, read=True, json=body)
        except (CredentialsError, NotFoundError) as error:
            raise self._advised(error) from None

    async def _headers(self) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {self._signer.jwt(self._time())}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
        }

    def _classify(self, response: httpx.Response) -> ConnectorError | None:
        return refusal(response, self._time())

    def _time(self) -> datetime:
        return self._http.server_time() or self._setting.clock()

    # -- advice ------------------------------------------------------------------------------

    def _advised(self, error: ConnectorError) -> CredentialsError:
        if "suspended" in error.message.casefold():
            said = _SUSPENDED
        elif error.status == httpx.codes.UNAUTHORIZED:
            said = f"{error.message}. private_key is none of the keys of app {self.id}: make one in the app's settings"
        elif "integration" in error.message.casefold():
            said = f"GitHub knows no app {self.id}: say its App ID, from the app's settings, in app_id"
        elif isinstance(error, NotFoundError):
            said = (
                f"app {self.id} has no installation {self.installation}: it was removed, or the number is another's. "
                "It stands at the end of the address of Settings > GitHub Apps > Configure"
            )
        else:
            said = error.message
        return CredentialsError(said, connection=self._setting.connection, status=error.status)

    def _no_access(self, said: str) -> str:
        if "permission" in said.casefold():
            return f"{said} {_PERMISSION}"
        return (
            f"installation {self.installation} does not reach {self._options.repository}: add it under Repository "
            f"access of the installation, or say its present name ({said})"
        )


_SUSPENDED: Final = (
    "the installation is suspended: an owner of it takes that back in Settings > GitHub Apps > Configure"
)
_PERMISSION: Final = (
    "Give it Issues: Read and write in the app's settings; then an owner accepts that for the installation."
)


def _wanted(granted: Mapping[str, Any]) -> dict[str, str]:
    return {name: "read" if granted[name] == "read" else level for name, level in USED.items() if name in granted}


def _only_id(repositories: object) -> int | None:
    match repositories:
        case [{"id": int(id_)}]:
            return id_
        case _:
            return None


def _moment(said: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
