"""The sandbox's one GitHub App: its key, its installation, and the tokens that were given out for it."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from syncer_github.sandbox.refusals import Refusal, not_found
from syncer_github.sandbox.state import BOT, World
from syncer_github.sandbox.things import Repo
from syncer_github.sandbox.views import Views, told

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Said = dict[str, Any]
APP = 421_337
OURS = 0
"""The number of the app's own key."""
CLIENT = "Iv23liSandboxSandbox"
INSTALLATION = 52_001_733
SLUG = "syncer"
LIFE = timedelta(hours=1)
LONGEST = timedelta(minutes=10)
LEVELS = ("read", "write")
GRANTED = {"issues": "write", "metadata": "read", "repository_hooks": "write"}
_JWT = re.compile(r"([\w-]+)\.([\w-]+)\.([\w-]+)")
_NEEDS = (
    (re.compile(r"/hooks(/|$)"), "repository_hooks"),
    (re.compile(r"/(issues|labels|issue-types)(/|$)"), "issues"),
)
"""What stands in a path under a repository -> the permission that it needs; else metadata."""


@functools.cache
def key(number: int) -> RSAPrivateKey:
    """Return the app's key; other numbers are other apps'."""
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 -- only apps need it

    del number
    return rsa.generate_private_key(65_537, 2_048)


def pem(number: int = OURS) -> str:
    """Return a key as GitHub has one download it: PKCS#1."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 -- only apps need it

    return (
        key(number)
        .private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())
        .decode()
    )


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token opens: repositories by id, permissions by level, until `ends`."""

    ends: datetime
    repositories: frozenset[int]
    permissions: Mapping[str, str]


class Apps:
    """Lets the app in by its signature, and its installation by tokens.

    `granted` are the installation's permissions, `reached` the repositories it may reach. `passes` are the tokens.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.granted: dict[str, str] = dict(GRANTED)
        self.reached: set[int] = {repo.id for repo in world.repos() if repo.visible}
        self.suspended = False
        self.installed = True
        self.passes: dict[str, Pass] = {}
        self.public = key(OURS).public_key()
        world.renamed[BOT] = f"{SLUG}[bot]"
        world.assignable.discard(BOT)

    def options(self) -> dict[str, Any]:
        return {"app_id": APP, "installation_id": INSTALLATION, "private_key": pem()}

    def revoke(self) -> None:
        """End every token at once."""
        self.passes.clear()

    # -- who asks ----------------------------------------------------------------------------

    def admit(self, request: Request, token: str) -> None:
        """Raise `Refusal` unless *token* opens what is asked for."""
        path = request.url.path
        if path.startswith("/app/"):
            self._signed(token)
            return
        found = self.passes.get(token)
        if found is None or self.world.clock() >= found.ends:
            raise Refusal(401, "Bad credentials")
        if self.suspended or not self.installed:
            raise (
                Refusal(403, "This installation has been suspended")
                if self.installed
                else Refusal(401, "Bad credentials")
            )
        if path == "/user":
            raise Refusal(403, "Resource not accessible by integration")
        if path.startswith(("/repos/", "/repositories/")):
            self._within(request, found)

    def _within(self, request: Request, held: Pass) -> None:
        repo = self._repo(request.url.path)
        if repo is None or repo.id not in held.repositories:
            raise not_found()
        rest = "/" + "/".join(request.url.path.split("/")[4 if request.url.path.startswith("/repos/") else 3 :])
        name = next((permission for shape, permission in _NEEDS if shape.match(rest)), "metadata")
        level = "read" if request.method == "GET" else "write"
        if level not in _up_to(held.permissions.get(name)):
            needs = {"x-accepted-github-permissions": f"{name}={level}"}
            raise Refusal(403, "Resource not accessible by integration", headers=needs)

    def _repo(self, path: str) -> Repo | None:
        parts = path.split("/")
        if parts[1] == "repositories":
            return next((r for r in self.world.repos() if str(r.id) == parts[2]), None)
        asked = "/".join(parts[2:4]).casefold()
        return next((r for r in self.world.repos() if asked in {r.full_name.casefold(), *r.old_names}), None)

    def _signed(self, jwt: str) -> None:
        """Raise `Refusal` unless *jwt* is the app's own, of now, and for ten minutes at most."""
        claims = self._claims(jwt)
        now = self.world.clock().timestamp()
        issued, ends = claims.get("iat"), claims.get("exp")
        if str(claims.get("iss")) not in {str(APP), CLIENT}:
            raise Refusal(404, "Integration not found")
        if not isinstance(issued, int) or issued > now:
            said = "must be an Integer representing the time that the assertion was issued"
            raise Refusal(401, f"'Issued at' claim ('iat') {said}")
        if not isinstance(ends, int) or ends <= now:
            said = "must be a numeric value representing the future time at which the assertion expires"
            raise Refusal(401, f"'Expiration time' claim ('exp') {said}")
        if ends > now + LONGEST.total_seconds():
            raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")

    def _claims(self, jwt: str) -> Mapping[str, Any]:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- only apps need it
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 -- as above
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 -- as above

        match = _JWT.fullmatch(jwt)
        parts = ("", "", "") if match is None else match.groups()
        try:
            head, claims = (json.loads(_bytes(part)) for part in parts[:2])
            self.public.verify(_bytes(parts[2]), ".".join(parts[:2]).encode(), PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature):
            raise Refusal(401, "A JSON web token could not be decoded") from None
        if not isinstance(head, dict) or head.get("alg") != "RS256" or not isinstance(claims, dict):
            raise Refusal(401, "A JSON web token could not be decoded")
        return claims

    # -- what it answers ---------------------------------------------------------------------

    def paths(self) -> list[tuple[str, str, Callable[[Request, Said], tuple[int, Said]]]]:
        one = "/app/installations/{installation:int}"
        return [
            ("GET", one, self.installation),
            ("POST", one + "/access_tokens", self.mint),
            ("GET", "/users/{login}", self.user),
        ]

    def user(self, request: Request, _: Said) -> tuple[int, Said]:
        login = self.world.shown(BOT)
        if request.path_params["login"].casefold() != login.casefold():
            raise not_found()
        return 200, {**Views(self.world, str(request.base_url)).me(BOT), "name": None}

    def installation(self, request: Request, _: Said) -> tuple[int, Said]:
        self._found(request)
        root = str(request.base_url).rstrip("/")
        views = Views(self.world, root)
        born = told(self.world.now())
        return 200, {
            "id": INSTALLATION,
            "client_id": CLIENT,
            "account": views.user(self.world.repo.owner, "Organization"),
            "repository_selection": "selected",
            "access_tokens_url": f"{root}/app/installations/{INSTALLATION}/access_tokens",
            "repositories_url": f"{root}/installation/repositories",
            "html_url": f"https://github.com/organizations/{self.world.repo.owner}/settings/installations/{INSTALLATION}",
            "app_id": APP,
            "app_slug": SLUG,
            "target_id": self.world.user_id(self.world.repo.owner),
            "target_type": "Organization",
            "permissions": self.granted,
            "events": [],
            "created_at": born,
            "updated_at": born,
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": views.user(self.world.people["jane"]) if self.suspended else None,
            "suspended_at": born if self.suspended else None,
        }

    def mint(self, request: Request, body: Said) -> tuple[int, Said]:
        self._found(request)
        if self.suspended:
            raise Refusal(403, "This installation has been suspended")
        repos = self._chosen(body)
        asked = body.get("permissions") or self.granted
        if any(level not in _up_to(self.granted.get(name)) for name, level in asked.items()):
            raise Refusal(422, "The permissions requested are not granted to this installation.")
        ends = self.world.now() + LIFE
        token = self._text(ends)
        self.passes[token] = Pass(ends, frozenset(r.id for r in repos), {"metadata": "read", **asked})
        views = Views(self.world, str(request.base_url))
        return 201, {
            "token": token,
            "expires_at": told(ends),
            "permissions": {"metadata": "read", **asked},
            "repository_selection": "selected",
            "repositories": [views.repository(repo) for repo in repos],
        }

    def _found(self, request: Request) -> None:
        if request.path_params["installation"] != INSTALLATION or not self.installed:
            raise not_found()

    def _chosen(self, body: Said) -> Sequence[Repo]:
        reached = [repo for repo in self.world.repos() if repo.id in self.reached]
        names, ids = body.get("repositories"), body.get("repository_ids")
        if names is None and ids is None:
            return reached
        chosen = [repo for repo in reached if repo.name in (names or ()) or repo.id in (ids or ())]
        if len(chosen) < len(names or ()) + len(ids or ()):
            said = (
                "There is at least one repository that does not exist or is not accessible to the parent installation."
            )
            raise Refusal(422, said)
        return chosen

    def _text(self, ends: datetime) -> str:
        """GitHub gives tokens of two forms at present; which of them, nobody knows before."""
        number = len(self.passes)
        if number % 2:
            return f"ghs_{number:036d}"
        claims = json.dumps({"app": APP, "exp": int(ends.timestamp()), "jti": number, "more": "-" * 200}).encode()
        parts = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", claims, b"seal" * 60))
        return f"ghs_{APP}_{'.'.join(parts)}"


def _up_to(level: str | None) -> Sequence[str]:
    return () if level is None else LEVELS[: LEVELS.index(level) + 1]


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
