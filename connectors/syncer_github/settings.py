"""What [connections.<name>] may say for a GitHub repository."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/(?!\.{1,2}$)[A-Za-z0-9._-]+")


class GitHubSettings(BaseModel):
    """`url` is the REST root: `https://HOST/api/v3` for Enterprise Server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: str = "github"
    url: str = "https://api.github.com"
    repository: str
    token: SecretStr

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
