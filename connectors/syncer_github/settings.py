"""What [connections.<name>] may say for a GitHub repository."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

_APP = ("app_id", "installation_id", "private_key")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/(?!\.{1,2}$)[A-Za-z0-9._-]+")


def _as_text(said: object) -> object:
    return str(said) if isinstance(said, int) and not isinstance(said, bool) else said


class GitHubSettings(BaseModel):
    """`url` is the REST root: `https://HOST/api/v3` for Enterprise Server.

    Who we are is said by `token`, or by an app: `app_id` (or its client id), `installation_id`, and `private_key`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: str = "github"
    url: str = "https://api.github.com"
    repository: str
    token: SecretStr | None = None
    app_id: Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^[A-Za-z0-9._-]+$")] | None = None
    installation_id: Annotated[int, Field(gt=0)] | None = None
    private_key: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        said = [name for name in _APP if getattr(self, name) is not None]
        missing = [name for name in _APP if name not in said]
        if self.token is not None and said:
            raise ValueError(f"says token and {said[0]}: a token, or an app ({', '.join(_APP)}), not both")
        if self.token is None and not said:
            raise ValueError(f"token is missing; or, for a GitHub App, {', '.join(_APP)}")
        if said and missing:
            raise ValueError(f"{' and '.join(missing)} missing: an app needs all of {', '.join(_APP)}")
        return self

    @field_validator("url")
    @classmethod
    def _reachable_safely(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("not an http(s) URL")
        if parts.username or parts.password:
            raise ValueError("credentials do not belong into the URL; use token")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("plain http only to loopback; use https")
        return url.rstrip("/")

    @field_validator("repository")
    @classmethod
    def _owner_and_name(cls, repository: str) -> str:
        if not _REPOSITORY.fullmatch(repository):
            raise ValueError('not a repository, such as "acme/web"')
        return repository


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
