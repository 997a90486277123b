"""What [connections.<name>] may say for Linear."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

ENDPOINT = "https://api.linear.app/graphql"


class LinearSettings(BaseModel):
    """One team, by its key ("ENG") or id, and the key or OAuth token that reaches it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: Literal["linear"] = "linear"
    url: str = ENDPOINT
    team: str = Field(min_length=1)
    token: SecretStr

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            message = "must be an http(s) address"
            raise ValueError(message)
        if parts.scheme == "http" and not _loopback(parts.hostname):
            message = "plain http is only for this machine; use https"
            raise ValueError(message)
        return url

    @field_validator("team")
    @classmethod
    def _trimmed(cls, team: str) -> str:
        return team.strip()

    @field_validator("token")
    @classmethod
    def _present(cls, token: SecretStr) -> SecretStr:
        if not token.get_secret_value().strip():
            message = "is empty"
            raise ValueError(message)
        return token


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
