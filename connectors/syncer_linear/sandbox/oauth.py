"""The sandbox's one OAuth application, and the tokens it was given for its client credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs

from syncer_linear.sandbox.refusals import Body
from syncer_linear.sandbox.rows import Person
from syncer_linear.sandbox.workspace import Workspace

ID: Final = "a1f0c4e2sandboxclientid"
SECRET: Final = "sandbox-client-secret"  # noqa: S105 -- opens nothing but this sandbox
APP: Final = "syncer app"
MOST: Final = 1_000
SCOPES: Final = frozenset(
    {"read", "write", "issues:create", "comments:create", "initiative:read", "initiative:write", "customer:read"}
)
"""Those an app can have; `admin` is not among them."""


@dataclass(slots=True)
class Application:
    """Gives tokens of *life* to whoever knows the secret. `enabled`: client credentials are switched on.

    A token asked for with other scopes ends all before it; so does another secret.
    """

    space: Workspace
    life: timedelta
    me: Person
    secret: str = SECRET
    enabled: bool = True
    tokens: dict[str, tuple[datetime, frozenset[str]]] = field(default_factory=dict)
    given: int = 0

    @classmethod
    def of(cls, space: Workspace, life: timedelta) -> Application:
        me = space.add_person(APP, "a1f0c4e2@oauthapp.linear.app")
        me.app = True
        return cls(space, life, me)

    def rotate(self, secret: str) -> None:
        self.secret = secret
        self.tokens.clear()

    def scopes(self, credential: str | None) -> frozenset[str] | None:
        """Return what the header's token is good for, None for one that is none, or no more."""
        scheme, _, token = (credential or "").partition(" ")
        ends, scopes = self.tokens.get(token, (None, frozenset()))
        if scheme != "Bearer" or ends is None or self.space.clock() >= ends:
            return None
        return scopes

    def answer(self, media: str, raw: bytes) -> tuple[int, Body]:
        """Return status and body for a form sent to /oauth/token. The caller holds the workspace's lock."""
        if media.partition(";")[0].strip() != "application/x-www-form-urlencoded":
            return 400, _refused("invalid_request", "The body must be a form")
        said = {name: values[0] for name, values in parse_qs(raw.decode()).items()}
        if said.get("client_id") != ID or said.get("client_secret") != self.secret:
            return 401, _refused("invalid_client", "Client authentication failed")
        if said.get("grant_type") != "client_credentials":
            return 400, _refused("unsupported_grant_type", "Only client_credentials here")
        if not self.enabled:
            return 400, _refused("unauthorized_client", "Client credentials are not enabled for this application")
        scopes = frozenset(said.get("scope", "read").split(",")) | {"read"}
        if not scopes <= SCOPES:
            return 400, _refused("invalid_scope", f"Invalid scope: {', '.join(sorted(scopes - SCOPES))}")
        return 200, self._give(scopes)

    def _give(self, scopes: frozenset[str]) -> Body:
        now = self.space.clock()
        if any(other != scopes for _, other in self.tokens.values()):
            self.tokens.clear()
        while len(self.tokens) >= MOST:
            del self.tokens[next(iter(self.tokens))]
        self.given += 1
        # No form of a token is promised.
        token = f"lin_oauth_{self.given:040x}" if self.given % 2 else f"{self.given:032x}.opaque"
        self.tokens[token] = (now + self.life, scopes)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self.life.total_seconds()) - 1,
            "scope": " ".join(sorted(scopes)),
        }


def _refused(code: str, said: str) -> Body:
    return {"error": code, "error_description": said}
